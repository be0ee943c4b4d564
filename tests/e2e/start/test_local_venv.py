"""`-vpython-local-venv`: a `.venv` beside the spec that tools can use, and that changes no environment."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.start.stage import WHICH, Stage, spec
from tests.e2e.start.test_cost import shell_of, traced
from tests.support.harness import BASE, DOORS
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from tests.support.harness import Door

LOCAL = "-vpython-local-venv"
SITE = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
# What a start sees: its packages, and whether the hook ran.
SEEN = """
import atexit, importlib.metadata, sys
names = sorted(each.name for each in importlib.metadata.distributions())
print(names, [path.rpartition("/environments-1/")[2] for path in sys.path if "environments-1" in path])
"""


INLINE = f"'''\n[VPYTHON:BEGIN]\n{spec('one')}[VPYTHON:END]\n'''\n{WHICH}"


@pytest.fixture
def full(stage: Stage) -> Stage:
    """A script with a partner that wants one."""
    stage.put("s.py", WHICH)
    stage.put("s.py.vpython3", spec("one"))
    return stage


def type_in(stage: Stage, *words: str | Path, **env: str) -> tuple[int, str, str]:
    """Run another program than vpython in the working directory."""
    done = stage.run_command(*words, cwd=stage.work, env=env)
    return done.returncode, done.stdout, done.stderr


def contents(directory: Path) -> dict[str, tuple[int, int, int]]:
    """Every file below, and what a write to it would change; not `used`, which each start touches."""
    return {
        str(path.relative_to(directory)): (found.st_ino, found.st_size, found.st_mtime_ns)
        for path in directory.rglob("*")
        if path.name != "used"
        for found in [path.lstat()]
    }


def environment_of(stage: Stage) -> Path:
    return Path(json.loads((stage.work / ".venv" / "vpython.json").read_text())["environment"])


@pytest.mark.parametrize("door", DOORS)
def test_it_sees_what_a_start_sees(full: Stage, door: Door) -> None:
    assert full.see(LOCAL, "s.py", door=door) == (0, "one\n", "")
    venv, python = full.work / ".venv", full.work / ".venv/bin/python"
    assert full.see("-vpython-spec", "s.py.vpython3", "-c", SEEN) == type_in(full, python, "-c", SEEN)
    shown = "import sys; print(sys.prefix, sys.base_prefix, '_vpython_start' in sys.modules)"
    base = type_in(full, BASE, "-c", "import sys; print(sys.base_prefix)")[1].strip()
    assert type_in(full, python, "-c", shown) == (0, f"{venv} {base} False\n", "")
    assert (venv / ".gitignore").read_text() == "*\n"
    assert type_in(full, "git", "init", "-q")[0] == 0
    assert ".venv" not in type_in(full, "git", "status", "--porcelain")[1]
    names = {"python", "python3", f"python3.{sys.version_info[1]}", "activate", "pip", "pip3"}
    assert names <= {path.name for path in (venv / "bin").iterdir()}


@pytest.mark.parametrize(
    ("words", "files", "out"),
    [
        (("s.py",), {"s.py": WHICH, ".vpython3": spec("one")}, "one"),
        (("s.py",), {"s.py": INLINE}, "one"),
        (("-vpython-spec", "own.txt", "s.py"), {"s.py": WHICH, "own.txt": spec("one")}, "one"),
        (("s.py",), {"s.py": WHICH, "vpython.toml": 'requires-python = ">=3.8"\n'}, "bare"),
        (("s.py",), {"s.py": f"# /// script\n# dependencies = []\n# ///\n{WHICH}"}, "bare"),
        (("s.py",), {"s.py": WHICH}, "bare"),
        (("-c", "print('bare')"), {}, "bare"),
    ],
    ids=("common", "inline", "named", "project", "pep723", "none", "code"),
)  # fmt: skip
def test_every_kind_of_spec(stage: Stage, words: tuple[str, ...], files: dict[str, str], out: str) -> None:
    for name, text in files.items():
        stage.put(name, text)
    assert stage.see(LOCAL, *words) == (0, out + "\n", "")
    stage.put("show.py", WHICH)
    assert type_in(stage, stage.work / ".venv/bin/python", "show.py") == (0, out + "\n", "")


def test_writes_stay_in_it(full: Stage) -> None:
    """By pip, by the compiler; in the environment nothing changes."""
    full.must(LOCAL, "s.py")
    wheel = make_wheel(full.place / "wheels", "extra")
    venv, environment = full.work / ".venv", environment_of(full)
    python = venv / "bin/python"
    before = contents(environment)
    lines = [
        ["install", str(wheel)],
        ["install", "--ignore-installed", "--prefix", str(venv), str(wheel)],
        ["uninstall", "--yes", "one"],
    ]
    # In one process, since pip takes a second to load.
    code = f"from pip._internal.cli.main import main; print([main(line) for line in {lines}])"
    quiet = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1"}
    assert type_in(full, python, "-c", code, **quiet)[:2] == (0, "[0, 0, 0]\n")
    assert (venv / SITE / "extra.py").is_file()
    assert type_in(full, python, "-m", "compileall", "-q", venv)[0] == 0
    assert contents(environment) == before
    assert full.must("s.py") == "one\n"


def test_pip_says_how_to_add(full: Stage) -> None:
    full.must(LOCAL, "s.py")
    say = (
        "vpython: `.venv` is made from the spec: `vpython-tool add s.py.vpython3 NAME` adds a package to it\n"
    )
    for name in ("pip", "pip3", f"pip3.{sys.version_info[1]}"):
        assert type_in(full, full.work / ".venv/bin" / name, "install", "x") == (1, "", say)


def test_scripts_programs_and_data(stage: Stage) -> None:
    """Scripts run by its Python, programs by a small script; data is copied, since it could be written to."""
    files = {
        "tool.py": "import sys\ndef main() -> None: print(sys.prefix)\n",
        "tool-1.0.data/data/share/tool/words": "hello\n",
        "tool-1.0.data/scripts/program": "\x7fELF, as if",
    }
    wheel = make_wheel(stage.place / "wheels", "tool", files=files, scripts={"tool": "tool:main"})
    with zipfile.ZipFile(wheel) as opened:
        members = {member: opened.read(member) for member in opened.infolist()}
    with zipfile.ZipFile(wheel, "w") as made:
        for member, data in members.items():
            member.external_attr = (0o100755 if member.filename.endswith("/program") else 0o100644) << 16
            made.writestr(member, data)
    stage.pack(stage.place / "repository", wheel)
    stage.use_packages(stage.place / "repository")
    stage.put("s.py", "")
    stage.put("s.py.vpython3", spec("tool"))
    stage.must(LOCAL, "s.py")
    venv, environment = stage.work / ".venv", environment_of(stage)
    assert type_in(stage, venv / "bin/tool") == (0, f"{venv}\n", "")
    assert f"exec {environment}/bin/program" in (venv / "bin/program").read_text()
    words = venv / "share/tool/words"
    assert not words.samefile(environment / "share/tool/words")
    words.chmod(0o644)
    words.write_text("other\n")
    assert (environment / "share/tool/words").read_text() == "hello\n"


@pytest.mark.parametrize("name", ["plain", "two words", "it's $(exit)"])
def test_activation(full: Stage, name: str) -> None:
    """In whatever directory: where a shell could misread its path there is no `activate`."""
    place = full.work / name
    place.mkdir()
    for each in ("s.py", "s.py.vpython3"):
        (full.work / each).rename(place / each)
    full.must(LOCAL, place / "s.py")
    assert type_in(full, place / ".venv/bin/python", place / "s.py") == (0, "one\n", "")
    activate = place / ".venv/bin/activate"
    assert activate.exists() == (name != "it's $(exit)")
    if activate.exists():
        typed = f". {shlex.quote(str(activate))}; command -v python; echo $VIRTUAL_ENV"
        at = place / ".venv"
        assert type_in(full, "bash", "-c", typed) == (0, f"{at}/bin/python\n{at}\n", "")
        # vpython does not take it for a base Python then.
        path = f"{at}/bin{os.pathsep}{full.environ['PATH']}"
        assert full.see("-vpython-refresh", place / "s.py", env={"PATH": path}) == (0, "one\n", "")


@pytest.mark.parametrize("kind", ["directory", "venv", "link", "file"])
def test_what_vpython_has_not_made_stays(full: Stage, kind: str) -> None:
    venv = full.work / ".venv"
    if kind == "venv":
        assert type_in(full, BASE, "-m", "venv", "--without-pip", venv)[0] == 0
    elif kind == "link":
        full.put("mine/keep")
        venv.symlink_to("mine")
    else:
        full.put(".venv/keep" if kind == "directory" else ".venv")
    before = full.listing()
    code, out, err = full.see(LOCAL, "s.py")
    assert (code, out) == (2, "")
    say = f"vpython: `{venv}` already exists, and vpython did not make it"
    assert err == f"{say}\n\nhint: move it away or remove it, then run again\n"
    assert full.listing() == before
    assert full.see("s.py") == (0, "one\n", "")


def test_a_link_of_an_earlier_version_is_replaced(full: Stage) -> None:
    full.must("s.py")
    (environment,) = {Path(full.must("-vpython-tool", "which", "--environment", "s.py").strip())}
    (full.work / ".venv").symlink_to(environment)
    full.must(LOCAL, "s.py")
    assert not (full.work / ".venv").is_symlink()
    assert environment_of(full) == environment


def test_a_start_like_it_keeps_it_current(full: Stage) -> None:
    """Any start of the same spec with the same options, while a program runs in it; no other start."""
    full.must(LOCAL, "s.py")
    python = full.work / ".venv/bin/python"
    server = [
        *map(str, (python, "-c", "import sys; print(flush=True); input(); import one; print(one.VERSION)"))
    ]
    with subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        running.stdout.readline()
        before = environment_of(full)
        full.put("one.txt", spec("one"))
        full.put("s.py.vpython3", spec("one", "two"))
        assert full.see("-vpython-spec", "s.py.vpython3", "s.py") == (0, "one two\n", "")
        assert environment_of(full) == before
        assert ".venv" in full.must("-vpython-tool", "explain", "s.py")
        assert explained(full)["state"] == "stale"
        assert full.see("s.py") == (0, "one two\n", "")
        assert type_in(full, python, "s.py") == (0, "one two\n", "")
        assert explained(full)["state"] == "current"
        assert explained(full, "-vpython-spec", "one.txt")["state"] == "other"
        assert running.communicate("\n")[0] == "1.0\n"
    assert [path.name for path in full.work.iterdir() if path.name.startswith(".venv")] == [".venv"]


def explained(stage: Stage, *options: str) -> dict[str, str]:
    code, out, err = stage.see(*options, "-vpython-offline", "-vpython-tool", "explain", "--json", "s.py")
    assert code == 0, err
    venv: dict[str, str] = json.loads(out)["local_venv"]
    return venv


def test_it_is_replaced_in_one_step(full: Stage) -> None:
    """The kernel lets the new and the old change places: at no moment is there none, or half of one."""
    full.must(LOCAL, "s.py")
    full.put("s.py.vpython3", spec("two"))
    venv = str(full.work / ".venv")
    calls = traced(full, *shell_of(full), LOCAL, "s.py")
    changing = ("rename", "renameat", "renameat2", "rmdir", "unlink", "unlinkat", "mkdir")
    assert [name for name, path in calls if path == venv and name in changing] == []
    built = [path for name, path in calls if name == "renameat2" and path.endswith("/venv")]
    assert len(built) == 1
    assert built[0].startswith(f"{venv}.new-")


def test_starts_at_once(full: Stage) -> None:
    """Of two specs, which take turns in it: each finds one of ours there, or none yet."""
    full.put("t.py", WHICH)
    full.put("t.py.vpython3", spec("two"))
    words = [[BASE, "-I", full.file, LOCAL, name] for name in ("s.py", "t.py") * 3]
    starts = [
        subprocess.Popen(
            list(map(str, line)), cwd=full.work, env=full.environ, stdout=subprocess.PIPE, text=True
        )
        for line in words
    ]
    assert [start.communicate()[0] for start in starts] == ["one\n", "two\n"] * 3
    assert type_in(full, full.work / ".venv/bin/python", "s.py")[1] in ("one\n", "two\n")
    assert [path.name for path in full.work.glob(".venv*")] == [".venv"]


def test_what_a_killed_start_left_is_removed(full: Stage) -> None:
    for name in (".venv.new-1", ".venv.new-2"):
        full.put(f"{name}/venv/keep")
    os.utime(full.work / ".venv.new-1", (1, 1))
    full.must(LOCAL, "s.py")
    assert sorted(path.name for path in full.work.glob(".venv*")) == [".venv", ".venv.new-2"]


def test_an_unchanged_one_costs_a_look(full: Stage) -> None:
    full.must(LOCAL, "s.py")
    full.must(LOCAL, "s.py")
    venv = f"{full.work}/.venv"
    calls = traced(full, *shell_of(full), LOCAL, "s.py")
    looks = [(name, path[len(venv) :]) for name, path in calls if path.startswith(venv)]
    assert [path for _, path in looks] == ["", "/vpython.json", "/bin/python"]
    assert {name for name, _ in looks} <= {"lstat", "newfstatat", "stat", "openat", "readlink"}


def test_a_python_of_it_holds_the_environment(full: Stage) -> None:
    full.must(LOCAL, "s.py")
    used = environment_of(full) / "used"
    os.utime(used, (1, 1))
    server = [*map(str, (full.work / ".venv/bin/python", "-c", "print(flush=True); input()"))]
    with subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        running.stdout.readline()
        assert used.stat().st_mtime > 1
        code, _, err = full.see("-vpython-tool", "clean", "s.py")
        assert code == 1
        assert "is held by" in err
        running.communicate("\n")


def test_without_its_environment_it_says_how_to_make_it(full: Stage) -> None:
    """Its Python and its programs, in one line; the command that this names works."""
    full.must(LOCAL, "s.py")
    assert full.see("-vpython-tool", "clean", "s.py")[0] == 0
    assert not environment_of(full).exists()
    again = f"cd {full.work} && vpython-tool {LOCAL} install s.py"
    say = f"vpython: the environment of `{full.work}/.venv` has been removed: `{again}` makes it again\n"
    python = full.work / ".venv/bin/python"
    assert type_in(full, python, "s.py") == (1, "", say)
    assert explained(full)["state"] == "stale"
    (full.place / "vpython-tool").symlink_to(full.file)
    path = f"{full.place}{os.pathsep}{full.environ['PATH']}"
    assert type_in(full, "sh", "-c", again, PATH=path)[0] == 0
    assert type_in(full, python, "s.py") == (0, "one\n", "")


def test_a_temporary_cache_has_none(full: Stage) -> None:
    code, out, err = full.see(LOCAL, "s.py", env={"VPYTHON_VIRTUALENV_ROOT": ""})
    assert (code, out) == (2, "")
    assert err.startswith("vpython: `-vpython-local-venv` needs a root that stays\n")
    assert not (full.work / ".venv").exists()
