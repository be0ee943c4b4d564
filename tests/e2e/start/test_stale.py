"""A warm start never runs a stale environment: each thing a choice hangs on is changed, alone, while warm."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.e2e.start.stage import WHICH, Stage, spec
from tests.support.harness import BASE, DOORS, TOP, Door
from tests.support.wheelmaker import make_wheel, spec_text
from vpy.system import sealed

if TYPE_CHECKING:
    from pathlib import Path

Change = Callable[[Stage], None]
PEP_723 = "# /// script\n# dependencies = []\n# ///\n"


def block(*names: str) -> str:
    """A block of the older kind."""
    rows = "".join(f"# {line}\n" for line in spec(*names).splitlines())
    return f"# [VPYTHON:BEGIN]\n{rows}# [VPYTHON:END]\n"


def kept(path: Path, text: str) -> None:
    """Other bytes in the same file, its size and times as before."""
    before = path.stat()
    assert len(text.encode()) == before.st_size
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_ino == before.st_ino


def script(stage: Stage, name: str = "a/b/s.py") -> Path:
    return stage.put(name, WHICH)


def put(name: str, text: str) -> Change:
    return lambda stage: void(stage.put(name, text))


def rewrite(name: str, text: str) -> Change:
    return lambda stage: kept(stage.work / name, text)


def remove(name: str) -> Change:
    return lambda stage: (stage.work / name).unlink()


def void(_: object) -> None:
    return None


def nothing(_: Stage) -> None:
    return None


def both(*changes: Change) -> Change:
    return lambda stage: void([change(stage) for change in changes])


def point(link: str, target: str) -> Change:
    """A link set, or set anew."""

    def act(stage: Stage) -> None:
        path = stage.work / link
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            path.unlink()
        path.symlink_to(target)

    return act


def swap(one: str, other: str) -> Change:
    """A directory goes, and another one comes in its place."""

    def act(stage: Stage) -> None:
        (stage.work / one).rename(stage.work / "away")
        (stage.work / other).rename(stage.work / one)

    return act


def padded(text: str, length: int) -> str:
    return text + "#" * (length - len(text))


ONE, TWO = spec("one"), spec("two")
assert len(ONE) == len(TWO)

# what is tried: how it stands; what is run and what that finds; what changes; what it finds then
CASES: dict[str, tuple[Change, str, str, Change, str]] = {
    "a partner appears": (nothing, "a/b/s.py", "bare", put("a/b/s.py.vpython3", ONE), "one"),
    "a partner goes": (put("a/b/s.py.vpython3", ONE), "a/b/s.py", "one", remove("a/b/s.py.vpython3"), "bare"),
    "a partner changes, size and time kept": (
        put("a/b/s.py.vpython3", ONE), "a/b/s.py", "one", rewrite("a/b/s.py.vpython3", TWO), "two",
    ),
    "a partner becomes a directory": (
        put("a/b/s.py.vpython3", ONE), "a/b/s.py", "one",
        both(remove("a/b/s.py.vpython3"), put("a/b/s.py.vpython3/x", "")), "bare",
    ),
    "a partner that was a directory": (
        put("a/b/s.py.vpython3/x", ""), "a/b/s.py", "bare",
        both(lambda stage: shutil.rmtree(stage.work / "a/b/s.py.vpython3"), put("a/b/s.py.vpython3", ONE)),
        "one",
    ),
    "a partner's link is set anew": (
        both(put("one", ONE), put("two", TWO), point("a/b/s.py.vpython3", "../../one")), "a/b/s.py", "one",
        point("a/b/s.py.vpython3", "../../two"), "two",
    ),
    "a broken link becomes a partner": (
        point("a/b/s.py.vpython3", "../../later"), "a/b/s.py", "bare", put("later", ONE), "one",
    ),
    "a common file appears beside": (nothing, "a/b/s.py", "bare", put("a/b/.vpython3", ONE), "one"),
    "a common file appears above": (nothing, "a/b/s.py", "bare", put(".vpython3", ONE), "one"),
    "a nearer common file appears": (
        put(".vpython3", TWO), "a/b/s.py", "two", put("a/.vpython3", ONE), "one",
    ),
    "a common file goes": (put("a/.vpython3", ONE), "a/b/s.py", "one", remove("a/.vpython3"), "bare"),
    "a common file changes, size and time kept": (
        put(".vpython3", ONE), "a/b/s.py", "one", rewrite(".vpython3", TWO), "two",
    ),
    "a toml file appears before a common one": (
        put("a/.vpython3", ONE), "a/b/s.py", "one", put("a/vpython.toml", "dependencies = []\n"), "bare",
    ),
    "a block is added": (nothing, "a/b/s.py", "bare", put("a/b/s.py", WHICH + block("one")), "one"),
    "a block goes": (
        put("a/b/s.py", WHICH + block("one")), "a/b/s.py", "one", put("a/b/s.py", WHICH), "bare",
    ),
    "a block changes, size and time kept": (
        put("a/b/s.py", WHICH + block("one")), "a/b/s.py", "one",
        rewrite("a/b/s.py", WHICH + block("two")), "two",
    ),
    "a block is added, size and time kept": (
        put("a/b/s.py", padded(WHICH, 2000)), "a/b/s.py", "bare",
        rewrite("a/b/s.py", padded(WHICH + block("one"), 2000)), "one",
    ),
    "a newer block is added before an older one": (
        put("a/b/s.py", WHICH + block("one")), "a/b/s.py", "one",
        put("a/b/s.py", PEP_723 + WHICH + block("one")), "bare",
    ),
    "a block is added to a large script": (
        put("a/b/s.py", padded(WHICH, 300_000)), "a/b/s.py", "bare",
        put("a/b/s.py", padded(WHICH + block("one"), 300_000)), "one",
    ),
    "a block changes in a large script, size and time kept": (
        put("a/b/s.py", padded(WHICH + block("one"), 300_000)), "a/b/s.py", "one",
        rewrite("a/b/s.py", padded(WHICH + block("two"), 300_000)), "two",
    ),
    "the barrier comes": (put(".vpython3", ONE), "a/b/s.py", "one", put("a/.gclient", ""), "bare"),
    "the barrier goes": (
        both(put(".vpython3", ONE), put("a/.gclient", "")), "a/b/s.py", "bare", remove("a/.gclient"), "one",
    ),
    "the barrier comes as a directory": (
        put(".vpython3", ONE), "a/b/s.py", "one", put("a/.gclient/x", ""), "bare",
    ),
    "__init__.py goes": (
        both(put("a/b/__init__.py", ""), put("a/b.vpython3", ONE)), "a/b/s.py", "one",
        remove("a/b/__init__.py"), "bare",
    ),
    "__init__.py comes": (put("a/b.vpython3", ONE), "a/b/s.py", "bare", put("a/b/__init__.py", ""), "one"),
    "a package's partner appears further up": (
        both(put("a/b/__init__.py", ""), put("a/__init__.py", ""), put("a.vpython3", TWO)), "a/b/s.py", "two",
        put("a/b.vpython3", ONE), "one",
    ),
    "a directory's partner appears": (
        both(put("d/__init__.py", ""), put("d/__main__.py", WHICH)), "d", "bare",
        put("d.vpython3", ONE), "one",
    ),
    "a directory's program gets a block": (
        put("d/__main__.py", WHICH), "d", "bare", put("d/__main__.py", WHICH + block("one")), "one",
    ),
    "the script's link is set to an equal file elsewhere": (
        both(put("p/s.py", WHICH), put("q/s.py", WHICH), put("p/.vpython3", ONE), put("q/.vpython3", TWO),
             point("s.py", "p/s.py")),
        "s.py", "one", point("s.py", "q/s.py"), "two",
    ),
    "the script becomes a link to an equal file elsewhere": (
        both(put("p/s.py", WHICH), put("p/.vpython3", ONE)), "a/b/s.py", "bare",
        both(remove("a/b/s.py"), point("a/b/s.py", "../../p/s.py")), "one",
    ),
    "a link to the script becomes an equal file": (
        both(put("p/s.py", WHICH), put("p/.vpython3", ONE), point("s.py", "p/s.py")), "s.py", "one",
        both(remove("s.py"), put("s.py", WHICH)), "bare",
    ),
    "a link in the path is set to an equal tree": (
        both(put("p/c/s.py", WHICH), put("q/c/s.py", WHICH), put("p/.vpython3", ONE), put("q/.vpython3", TWO),
             point("l", "p")),
        "l/c/s.py", "one", point("l", "q"), "two",
    ),
    "a link in the middle of links is set anew": (
        both(put("p/s.py", WHICH), put("q/s.py", WHICH), put("p/.vpython3", ONE), put("q/.vpython3", TWO),
             point("m", "p"), point("l", "m"), point("s.py", "l/s.py")),
        "s.py", "one", point("m", "q"), "two",
    ),
    "a directory in the path becomes a link to an equal tree": (
        both(put("p/c/s.py", WHICH), put("p/.vpython3", ONE), put("d/c/s.py", WHICH)), "d/c/s.py", "bare",
        both(lambda stage: shutil.rmtree(stage.work / "d"), point("d", "p")), "one",
    ),
    "the directory behind a link is replaced": (
        both(put("p/s.py", WHICH), put("q/s.py", WHICH), put("p/.vpython3", ONE), put("q/.vpython3", TWO),
             point("l", "p")),
        "l/s.py", "one", swap("p", "q"), "two",
    ),
    "a partner appears beside the real file": (
        both(put("p/s.py", WHICH), point("s.py", "p/s.py")), "s.py", "bare",
        put("p/s.py.vpython3", ONE), "one",
    ),
    "a partner appears beside the link": (
        both(put("p/s.py", WHICH), put("p/s.py.vpython3", TWO), point("s.py", "p/s.py")), "s.py", "two",
        put("s.py.vpython3", ONE), "one",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.replace(" ", "-"))
def test_changed_while_warm(stage: Stage, case: str) -> None:
    """By one door and then by the other, in turns: it is one hook that looks."""
    before, run, first, change, then = CASES[case]
    door, other = DOORS if list(CASES).index(case) % 2 else DOORS[::-1]
    script(stage)
    before(stage)
    assert stage.warm(run, door=door) == (0, f"{first}\n", "")
    change(stage)
    assert stage.see(run, door=door) == (0, f"{then}\n", "")
    with stage.undecided():
        assert stage.see(run, door=other) == (0, f"{then}\n", "")


@pytest.mark.parametrize("door", DOORS)
def test_a_link_in_a_circle_as_a_partner(stage: Stage, door: Door) -> None:
    run = script(stage)
    assert stage.warm(run, door=door) == (0, "bare\n", "")
    point("a/b/s.py.vpython3", "s.py.vpython3")(stage)
    for _ in range(2):
        code, out, error = stage.see(run, door=door)
        assert (code, out) == (2, "")
        assert "s.py.vpython3`: Too many levels of symbolic links" in error
    both(put("one", ONE), point("a/b/s.py.vpython3", "../../one"))(stage)
    assert stage.see(run, door=door) == (0, "one\n", "")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("words", "change", "then"),
    [
        (("-c", WHICH), put(".vpython3", ONE), "one"),
        (("-m", "a.b.s"), put(".vpython3", ONE), "one"),
        (("-m", "a.b.s"), lambda stage: void((stage.place / "work.vpython3").write_text(TWO)), "two"),
        (("-c", WHICH), lambda stage: void((stage.place / ".vpython3").write_text(TWO)), "two"),
        ((), put(".vpython3", ONE), "one"),
        (("-",), put("vpython.toml", "dependencies = []"), "bare"),
    ],
    ids=["-c", "-m", "partner of the cwd", "above", "stdin", "toml"],
)
def test_changed_while_warm_without_a_script(
    stage: Stage, door: Door, words: tuple[str, ...], change: Change, then: str
) -> None:
    script(stage)
    program = "" if words and words != ("-",) else WHICH
    for result in ("bare", "bare"):
        assert stage.see(*words, door=door, stdin=program)[:2] == (0, f"{result}\n")
    change(stage)
    assert stage.see(*words, door=door, stdin=program)[:2] == (0, f"{then}\n")
    with stage.undecided():
        assert stage.see(*words, door=door, stdin=program)[:2] == (0, f"{then}\n")


@pytest.mark.parametrize("door", DOORS)
def test_the_default_variable(stage: Stage, door: Door) -> None:
    run = script(stage)
    one, two = stage.put("one.txt", ONE), stage.put("two.txt", TWO)
    for spec_file, found in [(None, "bare"), (one, "one"), (two, "two"), (None, "bare"), ("one.txt", "one")]:
        env = {"VPYTHON_DEFAULT_SPEC": str(spec_file) if spec_file else None}
        assert stage.see(run, door=door, env=env) == (0, f"{found}\n", "")
        with stage.undecided():
            assert stage.see(run, door=door, env=env) == (0, f"{found}\n", "")
    kept(one, TWO)
    assert stage.see(run, door=door, env={"VPYTHON_DEFAULT_SPEC": str(one)}) == (0, "two\n", "")
    # A relative name means another file elsewhere.
    stage.put("elsewhere/one.txt", ONE)
    env = {"VPYTHON_DEFAULT_SPEC": "one.txt"}
    assert stage.see(run, door=door, env=env) == (0, "two\n", "")
    assert stage.see(run, door=door, env=env, cwd=stage.work / "elsewhere") == (0, "one\n", "")


@pytest.mark.parametrize("door", DOORS)
def test_a_source_in_the_cwd(stage: Stage, door: Door) -> None:
    stage.put("s.py.vpython3", ONE)
    run = stage.put("s.py", WHICH)
    (stage.work / "repository").symlink_to(stage.yard.repository)
    (stage.work / "elsewhere").mkdir()
    by_variable = {"VPYTHON_PACKAGE_SOURCE": "directory:repository"}
    for words, env in [((run,), by_variable), (("-vpython-source", "directory:repository", run), None)]:
        for _ in range(2):
            assert stage.see(*words, door=door, env=env) == (0, "one\n", "")
        code, out, err = stage.see(*words, door=door, env=env, cwd=stage.work / "elsewhere")
        assert (code, out) != (0, "one\n"), err


@pytest.mark.parametrize("door", DOORS)
def test_options_are_other_starts(stage: Stage, door: Door) -> None:
    run = script(stage)
    one = stage.put("one.txt", ONE)
    stage.put("sub/one.txt", TWO)
    (stage.work / "link").symlink_to("sub")
    (stage.work / "sub" / "deep").mkdir()
    (stage.work / "deep").symlink_to("sub/deep")
    for _ in range(2):
        assert stage.see(run, door=door) == (0, "bare\n", "")
        assert stage.see("-vpython-spec", one, run, door=door) == (0, "one\n", "")
        assert stage.see("-vpython-spec=one.txt", run, door=door) == (0, "one\n", "")
        assert stage.see("-vpython-spec=one.txt", run, door=door, cwd=stage.work / "sub") == (0, "two\n", "")
        # `..` behind a link leads to another place than its name says.
        assert stage.see("-vpython-spec=deep/../one.txt", run, door=door) == (0, "two\n", "")
        at = stage.work / "deep"
        assert stage.see("-vpython-spec=../one.txt", run, door=door, cwd=at) == (0, "two\n", "")
    kept(one, TWO)
    assert stage.see("-vpython-spec", one, run, door=door) == (0, "two\n", "")


def test_the_script_changes_while_its_environment_is_made(stage: Stage) -> None:
    """The script is rewritten by the Python that is asked during the first start: midway, for sure."""
    for door in DOORS:
        run = stage.put("s.py", WHICH + block("one"))
        new = stage.put("new.py", WHICH + block("two"))
        wrapper = stage.put(
            "bin/python3",
            f'#!/bin/sh\n[ -f {new} ] && cp {new} {run} && rm {new}\nexec {BASE} "$@"\n',
            mode=0o755,
        )
        env = {"PATH": f"{wrapper.parent}:/usr/bin:/bin"}
        stage.forget()
        assert stage.see(run, door=door, env=env) == (0, "two\n", "")
        assert not new.exists()
        assert stage.see(run, door=door, env=env) == (0, "two\n", "")


def test_a_script_that_never_rests(stage: Stage) -> None:
    run = stage.put("s.py", WHICH)
    wrapper = stage.put("bin/python3", f'#!/bin/sh\necho "#" >>{run}\nexec {BASE} "$@"\n', mode=0o755)
    code, out, err = stage.see(run, env={"PATH": f"{wrapper.parent}:/usr/bin:/bin"}, door="python")
    assert (code, out) == (1, "")
    assert err == (
        "vpython: the script, its spec or its environment keeps changing while it is being started\n"
    )


def test_cold_starts_side_by_side(stage: Stage) -> None:
    """Eight cold starts of one script, half of them before and half after its spec is changed."""
    run = stage.put("s.py", WHICH)
    partner = stage.put("s.py.vpython3", ONE)
    started = []
    for number in range(8):
        if number == 4:
            kept(partner, TWO)
        command = [str(stage.file)] if number % 2 else [str(BASE), str(stage.file)]
        started.append(
            subprocess.Popen(
                [*command, str(run)],
                env=stage.surroundings(),
                cwd=stage.work,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    said = [process.communicate(timeout=60)[0] for process in started]
    assert set(said[:4]) <= {"one\n", "two\n"}
    assert said[4:] == ["two\n"] * 4
    for door in DOORS:
        assert stage.see(run, door=door) == (0, "two\n", "")


class BaseCopy:
    """A base Python that may be removed and replaced: its own binary, the library of the real one."""

    def __init__(self, stage: Stage, name: str = "base") -> None:
        self.place = stage.place / name
        self.version = "{}.{}".format(*sys.version_info[:2])
        self.binary = self.place / "bin" / f"python{self.version}"
        self.binary.parent.mkdir(parents=True)
        shutil.copy2(BASE, self.binary)
        (self.binary.parent / "python3").symlink_to(self.binary.name)
        library = self.place / "lib" / f"python{self.version}"
        library.parent.mkdir()
        library.symlink_to(os.path.dirname(os.__file__))


@pytest.fixture
def based(stage: Stage) -> tuple[Stage, BaseCopy]:
    base = BaseCopy(stage)
    stage.environ["PATH"] = f"{base.binary.parent}:{stage.environ['PATH']}"
    stage.put("s.py", "import sys; print(sys.base_prefix)")
    return stage, base


GONE = re.compile(r"vpython: the Python of `[^`]+/environments-1/\w+` no longer exists: choosing another\n")


def started_on(stage: Stage, door: Door, times: int = 1, *, after_loss: bool = False) -> list[str]:
    """The base Pythons of so many starts; the first of them may say that the one before has gone."""
    found = []
    for number in range(times):
        code, out, err = stage.see("s.py", door=door)
        assert code == 0, err
        assert GONE.fullmatch(err) if after_loss and number == 0 else err == ""
        found.append(out.strip())
    return found


@pytest.mark.parametrize("door", DOORS)
def test_the_base_python_goes(based: tuple[Stage, BaseCopy], door: Door) -> None:
    stage, base = based
    assert started_on(stage, door, 2) == [str(base.place)] * 2
    shutil.rmtree(base.place)
    real = stage.plain("-c", "import sys; print(sys.base_prefix)")[1].strip()
    assert started_on(stage, door, 2, after_loss=True) == [real] * 2


@pytest.mark.parametrize("door", DOORS)
def test_the_base_python_s_library_goes(based: tuple[Stage, BaseCopy], door: Door) -> None:
    """The binary alone cannot start: not even the hook would run."""
    stage, base = based
    assert started_on(stage, door) == [str(base.place)]
    (base.place / "lib" / f"python{base.version}").unlink()
    code, out, err = stage.see("s.py", door=door)
    assert str(base.place) not in out
    assert code == 0 or err.startswith("vpython: ")


@pytest.mark.parametrize("door", DOORS)
def test_the_base_python_is_replaced(based: tuple[Stage, BaseCopy], door: Door) -> None:
    stage, base = based
    assert started_on(stage, door) == [str(base.place)]
    records = stage.remembered()
    fresh = base.binary.with_suffix(".new")
    shutil.copy(BASE, fresh)
    fresh.replace(base.binary)
    assert started_on(stage, door) == [str(base.place)]
    assert stage.remembered() != records, "a new binary is another base"
    with stage.undecided():
        assert started_on(stage, door) == [str(base.place)]


@pytest.mark.parametrize("door", DOORS)
def test_another_python_comes_first_on_path(based: tuple[Stage, BaseCopy], door: Door) -> None:
    stage, base = based
    assert started_on(stage, door) == [str(base.place)]
    other = BaseCopy(stage, "other")
    stage.environ["PATH"] = f"{other.binary.parent}:{stage.environ['PATH']}"
    assert started_on(stage, door, 2) == [str(other.place)] * 2
    (other.binary.parent / "python3").unlink()
    other.binary.unlink()
    assert started_on(stage, door, 2, after_loss=True) == [str(base.place)] * 2


@pytest.mark.parametrize("door", DOORS)
def test_the_environment_is_gone_or_half_gone(stage: Stage, door: Door, tmp_path: Path) -> None:
    private = Stage(stage.yard, tmp_path / "private", root=tmp_path / "private" / "root")
    run = private.put("s.py", WHICH)
    for name in ("complete", "bin/python", "used", ""):
        assert private.warm(run, door=door) == (0, "bare\n", "")
        (environment,) = private.environments()
        if name:
            (environment / name).unlink()
        else:
            shutil.rmtree(environment)
        code, out, err = private.see(run, door=door)
        if name == "bin/python":
            # A start can see that it is damaged; what mends it is `doctor`.
            assert code in (0, 1), err
            shutil.rmtree(environment)
        else:
            assert (code, out, err) == (0, "bare\n", "")


@pytest.fixture(scope="session")
def other_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another build of vpython: the same code, another domain."""
    place = tmp_path_factory.mktemp("build")
    text = (TOP / "config.toml").read_text(encoding="utf-8")
    (place / "config.toml").write_text(text.replace('suffix = ".vpython3"', 'suffix = ".other3"'))
    command = [sys.executable, str(TOP / "build_zipapp.py"), "--config", str(place / "config.toml")]
    subprocess.run([*command, "--output", str(place / "vpython.pyz")], check=True, capture_output=True)
    return place / "vpython.pyz"


@pytest.mark.parametrize("door", DOORS)
def test_another_build_of_vpython(stage: Stage, door: Door, other_build: Path) -> None:
    run = stage.put("s.py", WHICH)
    stage.put("s.py.vpython3", ONE)
    stage.put("s.py.other3", TWO)
    ours = stage.place / "vp"
    shutil.copy(stage.file, ours)
    first, stage.file = stage.file, ours
    assert stage.warm(run, door=door) == (0, "one\n", "")
    shutil.copy(other_build, ours)
    assert [stage.see(run, door=door) for _ in range(2)] == [(0, "two\n", "")] * 2
    shutil.copy(first, ours)
    assert [stage.see(run, door=door) for _ in range(2)] == [(0, "one\n", "")] * 2


def expire(stage: Stage) -> None:
    """Let the day be over after which a ref is asked again: in every record, and in what is remembered."""
    for path in (*stage.records(), *(stage.root / "resolutions-1").iterdir()):
        before = path.read_bytes()
        after = re.sub(rb'(until(?:\0|": \["))\d+', rb"\g<1>1000000000", before)
        if after != before:
            path.chmod(0o600)
            path.write_bytes(
                sealed.dump(json.loads(after.split(b"\n")[0]))
                if path.parent.name == "resolutions-1"
                else after
            )


@pytest.mark.parametrize("door", DOORS)
def test_a_ref_is_asked_again(stage: Stage, door: Door, tmp_path: Path) -> None:
    """After a day; offline, the last answer serves, though no record can say for how long."""
    repository = tmp_path / "repository"

    def publish(version: str) -> None:
        wheel = make_wheel(tmp_path / version, "three", version)
        stage.must("-vpython-tool", "pack", "-repo", repository, "-ref", "latest", wheel)

    stage.environ["VPYTHON_PACKAGE_SOURCE"] = f"directory:{repository}"
    run = stage.put("s.py", "import three; print(three.VERSION)")
    stage.put("s.py.vpython3", spec_text(("infra/python/wheels/three-py3", "latest")))
    publish("1.0")
    assert stage.warm(run, door=door) == (0, "1.0\n", "")
    publish("2.0")
    assert stage.warm(run, door=door) == (0, "1.0\n", "")
    expire(stage)
    assert [stage.see(run, door=door) for _ in range(2)] == [(0, "2.0\n", "")] * 2
    publish("3.0")
    expire(stage)
    for _ in range(2):
        assert stage.see("-vpython-offline", run, door=door) == (0, "2.0\n", "")
        assert stage.see(run, door=door, env={"VPYTHON_OFFLINE": "1"}) == (0, "2.0\n", "")
    assert [stage.see(run, door=door) for _ in range(2)] == [(0, "3.0\n", "")] * 2
