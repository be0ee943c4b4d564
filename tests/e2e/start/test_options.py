"""vpython's own words, through the built file: what they do, what they refuse, who calls it in the wild."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.start.stage import WHICH, Stage, spec
from tests.support.harness import BASE, DOORS
from vpy.commands.table import NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.harness import Door

BYPASS = "manually managed python not supported by chrome operations"
LISTS = "; `vpython -help` lists them"
LEVELS = "debug, info, warning, error"


@pytest.fixture
def full(stage: Stage) -> Stage:
    """A script with a partner that wants one, and `two.txt`, a spec that wants two."""
    stage.put("s.py", WHICH)
    stage.put("s.py.vpython3", spec("one"))
    stage.put("two.txt", spec("two"))
    return stage


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (("-vpython-spec", "two.txt", "s.py", "a"), "two a\n"),
        (("-vpython-spec", "two.txt", "--", "s.py", "--", "a"), "two -- a\n"),
        (("--vpython-spec=two.txt", "-u", "s.py"), "two\n"),
        (("-vpython-spec", "two.txt", "-u", "--", "s.py"), "two\n"),
        (("-vpython-spec", "two.txt", "-m", "s", "a"), "two a\n"),
        (("-vpython-spec", "two.txt", "--", "-m", "s"), "two\n"),
        (("-vpython-spec", "two.txt", "-c", WHICH, "x"), "two x\n"),
        (("-vpython-log-level", "error", "s.py"), "one\n"),
        (("-vpython-offline", "s.py"), "one\n"),
        (("-vpython-interpreter", str(BASE), "s.py"), "one\n"),
        (("-vpython-spec=", "s.py"), "one\n"),
        (("s.py", "-vpython-spec", "two.txt"), "one -vpython-spec two.txt\n"),
        (("-m", "s", "-vpython-tool"), "bare -vpython-tool\n"),
        (("--", "s.py", "-help"), "one -help\n"),
    ],
    ids=lambda item: " ".join(item)[:40].replace("\n", " ") if isinstance(item, tuple) else "",
)
def test_options(full: Stage, words: tuple[str, ...], out: str) -> None:
    assert full.everywhere(*words) == (0, out, "")


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (("-vpython-speck", "f", "s.py"), "unknown option `-vpython-speck`: did you mean `-vpython-spec`?"),
        (("--vpython-x=f", "s.py"), "unknown option `-vpython-x`" + LISTS),
        (("-vpython-spec", "two.txt", "-vpython-x"), "unknown option `-vpython-x`" + LISTS),
        (("-vpython-spec",), "option `-vpython-spec` lacks its value"),
        (("-vpython-log-level=loud", "s.py"), "unknown log level `loud`: it is one of " + LEVELS),
    ],
)  # fmt: skip
def test_wrong_options(full: Stage, words: tuple[str, ...], fact: str) -> None:
    assert full.everywhere(*words, recorded=False) == (2, "", f"vpython: {fact}\n")
    assert full.everywhere(*words, recorded=False, env={"VPYTHON_VIRTUALENV_ROOT": ""})[:2] == (2, "")


def test_an_unknown_tool(full: Stage) -> None:
    code, out, err = full.everywhere("-vpython-tool", "unheard-of", "s.py", recorded=False)
    assert (code, out) == (2, "")
    assert err == f"vpython: unknown command `unheard-of`: the commands are {', '.join(NAMES)}\n"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("word", ["-help", "--help", "-h"])
def test_help(full: Stage, door: Door, word: str) -> None:
    code, out, err = full.see(word, door=door)
    assert (code, err) == (0, "")
    assert str(full.root) in out
    assert all(f"-vpython-{name} " in out for name in ("spec", "root", "interpreter", "source", "tool"))
    assert "-m mod" not in out
    code, out, err = full.see("-vpython-tool", "help", "python", door=door)
    assert (code, err) == (0, "")
    assert out.startswith("usage: ")
    assert "-m mod" in out


@pytest.mark.parametrize("door", DOORS)
def test_where_what_is_told_goes(full: Stage, door: Door) -> None:
    """A reader that has seen enough, a full disk, no stdout at all: no traceback."""
    command = [str(full.file)] if door == "head" else [str(BASE), str(full.file)]
    line = " ".join(f"'{word}'" for word in command)

    def run(script: str) -> tuple[int, str]:
        ended = subprocess.run(
            ["/bin/sh", "-c", script], cwd=full.work, env=full.surroundings(), capture_output=True, text=True
        )
        return ended.returncode, ended.stderr

    assert run(f"{line} -help | head -n 1 >/dev/null") == (0, "")
    code, err = run(f"{line} -vpython-tool version >/dev/full")
    assert code == 1
    assert err.startswith("vpython: ")
    assert err.endswith(": No space left on device\n")
    assert err.count("\n") == 1
    assert run(f"{line} -vpython-tool version >&-") == (0, "")


@pytest.mark.parametrize("door", DOORS)
def test_version(full: Stage, door: Door) -> None:
    code, out, err = full.see("-vpython-tool", "version", door=door)
    first, *vendored = out.splitlines()
    assert (code, err) == (0, "")
    assert first.startswith("vpython 1.0.0 (build ")
    assert {row.split()[0] for row in vendored} >= {"packaging", "pip", "protobuf"}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (("s.py", "a"), "plain a\n"),
        (("-vpython-spec", "f", "--", "s.py", "--"), "plain --\n"),
        (("-vpython-unheard-of=1", "-u", "s.py"), "plain\n"),
        (("-vpython-offline", "-c", "print('plain')"), "plain\n"),
        (("-vpython-spec", "f", "-vpython-tool", "verify"), ""),
        (("-vpython-tool=install", "s.py"), ""),
    ],
)
def test_bypass(stage: Stage, door: Door, words: tuple[str, ...], seen: str) -> None:
    """The plain Python of PATH, no environment, nothing made; tools succeed and do nothing."""
    stage.put("s.py", "import sys; print('plain', *sys.argv[1:]); assert sys.prefix == sys.base_prefix")
    root = stage.place / "no root"
    env = {"VPYTHON_BYPASS": BYPASS, "VPYTHON_VIRTUALENV_ROOT": str(root)}
    assert stage.see(*words, door=door, env=env) == (0, seen, "")
    assert stage.see(*words, door=door, env={**env, "VPYTHON_VIRTUALENV_ROOT": ""}) == (0, seen, "")
    assert not root.exists()


@pytest.mark.parametrize("door", DOORS)
def test_bypass_takes_the_first_python3(stage: Stage, door: Door) -> None:
    """A `python` in front of it does not count, nor does vpython itself under that name."""
    for name in ("first/python", "third/python3"):
        stage.put(name, f'#!/bin/sh\necho {name} "$@"\n', mode=0o755)
    (stage.work / "second").mkdir()
    (stage.work / "second/python3").symlink_to(stage.file)
    path = ":".join(f"{stage.work}/{name}" for name in ("first", "second", "third"))
    env = {"VPYTHON_BYPASS": BYPASS, "PATH": f"{path}:{stage.environ['PATH']}"}
    assert stage.see("-c", "x", door=door, env=env) == (0, "third/python3 -c x\n", "")
    env["PATH"] = f"{stage.work}/nothing"
    if door == "python":
        fact = "vpython: `VPYTHON_BYPASS` is set, and PATH has no Python\n"
        assert stage.see("-c", "x", door=door, env=env) == (1, "", fact)


def test_another_sentence_does_not_bypass(full: Stage) -> None:
    for sentence in ("1", BYPASS + " ", ""):
        assert full.see("s.py", env={"VPYTHON_BYPASS": sentence}) == (0, "one\n", "")


@pytest.mark.parametrize("door", DOORS)
def test_the_log(full: Stage, door: Door) -> None:
    for env, words in (({"VPYTHON_LOG_TRACE": "1"}, ()), (None, ("-vpython-log-level", "debug"))):
        for _ in ("cold", "warm"):
            code, out, err = full.see(*words, "s.py", door=door, env=env)
            assert (code, out) == (0, "one\n")
            assert all(line.startswith("vpython: [") for line in err.splitlines())
        full.forget()
        code, out, err = full.see(*words, "s.py", door=door, env=env)
        assert f"spec: partner `{full.work}/s.py.vpython3`" in err


@pytest.mark.parametrize("door", DOORS)
def test_no_sentence_of_a_user_s_own_is_a_record(full: Stage, door: Door) -> None:
    """`VPYTHON_RECORD` is between the doors and the hook: whoever sets it has set nothing."""
    show = full.put("show.py", "import os; print('VPYTHON_RECORD' in os.environ)")
    for text in ("", "=", "+x\ny", "+/bin/echo\n/bin/echo\n/nonexistent"):
        env = {"VPYTHON_RECORD": text}
        assert full.see("s.py", door=door, env=env) == (0, "one\n", "")
        assert full.see(show, door=door, env=env) == (0, "False\n", "")


def test_no_python_for_vpython_itself(full: Stage, tmp_path: Path) -> None:
    """The head, with an empty root and a PATH that has none: one line, and nothing made."""
    (tmp_path / "bin").mkdir()
    env = {"PATH": str(tmp_path / "bin"), "VPYTHON_VIRTUALENV_ROOT": str(tmp_path / "root")}
    fact = "vpython: no Python 3.11 or newer on PATH: vpython itself needs one to make an environment\n"
    assert full.see("s.py", env=env, shell=("/bin/sh",)) == (1, "", fact)
    assert not (tmp_path / "root").exists()


def test_an_old_python_in_front(full: Stage, tmp_path: Path) -> None:
    """What is too old to run vpython is passed over, and so is a `python3` that fails."""
    private = Stage(full.yard, tmp_path / "private", root=tmp_path / "private" / "root")
    for number, text in enumerate(("exit 1", "exit 0", "echo /nonexistent")):
        private.put(f"bin{number}/python3", f"#!/bin/sh\n{text}\n", mode=0o755)
        (private.work / f"bin{number}/python3.11").symlink_to(BASE)
        path = f"{private.work}/bin{number}:/nonexistent"
        code, out, err = private.see(private.put("s.py", WHICH), env={"PATH": path}, shell=("/bin/sh",))
        assert (code, out) == (0, "bare\n"), err


def test_the_python_remembered_for_vpython_goes(full: Stage) -> None:
    """The head keeps the name of a Python that can run vpython; another takes its place when it goes."""
    kept = full.root / "app-1" / "python"
    before = kept.read_bytes()
    for lines in (b"/nonexistent\n/nonexistent\n", before.split(b"\n")[0] + b"\n/nonexistent\n", b"x\n", b""):
        kept.write_bytes(lines)
        full.forget()
        assert full.see("s.py") == (0, "one\n", "")
        assert kept.read_bytes() == before
