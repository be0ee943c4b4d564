"""vpython's own unpacked code is damaged: a warm start does not look, any other drops it and begins again."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.e2e.trust.ground import Ground
from tests.e2e.trust.test_many import finish, other_build
from tests.support.harness import DOORS, link_tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.harness import Door

TOLD = re.compile(r"vpython: its own code in `([^`]+)` was damaged: unpacked again\n")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Ground:
    """A root to copy: with all that a start needs, but no environment."""
    ground = Ground(tmp_path_factory.mktemp("own"), repository)
    ground.good()
    ground.forget(own_code=False)
    return ground


@pytest.fixture
def hurt(ground: Ground, filled: Ground) -> Ground:
    """A root that has vpython's own code, and the Python that runs it."""
    ground.root.mkdir(mode=0o700)
    for room in filled.root.iterdir():
        if room.name == "app-1":  # the room that is damaged
            shutil.copytree(room, ground.root / room.name, symlinks=True)
        elif room.is_dir():
            link_tree(room, ground.root / room.name)
        else:
            shutil.copy2(room, ground.root)
    kept = ground.root / "app-1" / "python"
    kept.write_text(kept.read_text().replace(str(filled.root), str(ground.root)))
    return ground


def app(ground: Ground) -> Path:
    (mark,) = (ground.root / "app-1").glob("*/complete")
    return mark.parent


def remove(*patterns: str) -> Callable[[Path], None]:
    def damage(place: Path) -> None:
        found = [path for pattern in patterns for path in place.glob(pattern)]
        assert found
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def cut(*patterns: str, keep: float = 0.5) -> Callable[[Path], None]:
    """Cut the files short, as a disk does that lost its power."""

    def damage(place: Path) -> None:
        found = [path for pattern in patterns for path in place.glob(pattern)]
        assert found
        for path in found:
            path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])

    return damage


DAMAGE = {
    "all but the mark": remove("v*", "bootstrap", "pip.zip"),
    "the door": remove("vpython.pyc"),
    "the door's code": cut("vpython.pyc"),
    "the door's files, empty": cut("*.pyc", keep=0),
    "what unpacks": cut("bootstrap/app.pyc"),
    "the long way": cut("bootstrap/cold_start.pyc"),
    "no vpy": remove("vpy"),
    "compiled code": cut("vpy/**/*.pyc"),
    "one late module": remove("vpy/environment/build.pyc"),
    "the settings": remove("vpy/_baked.pyc"),
    "no vendored code": remove("vendor"),
    "the text reader": cut("vendor/google/protobuf/**/*.py*"),
    "pip": cut("pip.zip"),
    "no pip": remove("pip.zip"),
    "pip's job": cut("vpy/wheels/pip_install.pyc", keep=0),
    "the hook": cut("vpy/environment/hook.py"),
    "the mark": cut("complete", keep=0),
}
ORDINARY = ("the door", "no vpy", "pip", "the mark")


@pytest.mark.parametrize(
    ("kind", "door"),
    [
        pytest.param(kind, door, marks=[] if kind in ORDINARY and door == "head" else [pytest.mark.thorough])
        for kind in DAMAGE
        for door in ("head", "python")
    ],
)
def test_a_long_start(hurt: Ground, kind: str, door: Door) -> None:
    place = app(hurt)
    before = {path.relative_to(place) for path in place.rglob("*")}
    DAMAGE[kind](place)
    done = hurt.run(hurt.script, door=door)
    assert (done.returncode, done.stdout.split()[1:]) == (0, ["one", "two", "three"]), done.stderr
    # The archive's own door may do without a part that only the head comes by.
    assert done.stderr == "" or TOLD.fullmatch(done.stderr), done.stderr
    if done.stderr:
        assert before <= {path.relative_to(place) for path in place.rglob("*")}
    else:
        assert door == "python"
    hurt.good()
    assert hurt.leftovers() == []


@pytest.mark.parametrize("damage", [remove("pip-more.zip"), cut("pip-more.zip")], ids=["none", "cut"])
def test_the_rest_of_pip(hurt: Ground, repository: Path, damage: Callable[[Path], None]) -> None:
    """Only a download comes by it."""
    place = hurt.place / "simple" / "one"
    place.mkdir(parents=True)
    (wheel,) = repository.parent.glob("wheels/one-*.whl")
    place.joinpath("index.html").write_text(f'<!DOCTYPE html><a href="{wheel.as_uri()}">{wheel.name}</a>')
    script = hurt.place / "inline.py"
    script.write_text("# /// script\n# dependencies = ['one']\n# ///\nimport one\nprint(one.NAME)\n")
    damage(app(hurt))
    hurt.good()
    done = hurt.run("-vpython-source", f"index:{place.parent.as_uri()}", script)
    assert (done.returncode, done.stdout) == (0, "one\n"), done.stderr
    assert TOLD.fullmatch(done.stderr)


@pytest.mark.parametrize("kind", ["all but the mark", "the door's code", "the hook"])
def test_a_warm_start_does_not_look(hurt: Ground, kind: str) -> None:
    environment = hurt.good()
    DAMAGE[kind](app(hurt))
    assert hurt.good() == environment
    assert not TOLD.search(hurt.run(hurt.script, door="python").stderr)


@pytest.mark.parametrize("door", ["head", "python"])
def test_a_warm_start_under_dash_s(hurt: Ground, door: Door) -> None:
    """The doors check the record then, with our own code."""
    hurt.good()
    script = hurt.put("bare.py")
    script.write_text("print('started')\n")
    assert hurt.see("-S", script) == (0, "started\n", "")
    DAMAGE["no vpy"](app(hurt))
    done = hurt.run("-S", script, door=door)
    assert (done.returncode, done.stdout) == (0, "started\n"), done.stderr
    assert TOLD.fullmatch(done.stderr), done.stderr
    assert hurt.see("-S", script) == (0, "started\n", "")


def test_what_the_user_set_stays(hurt: Ground) -> None:
    """The words, the umask and the variables come through the second beginning as they were given."""
    script = hurt.put("tell.py")
    script.write_text(
        "import os, sys\n"
        "print(sys.argv[1:], oct(os.umask(0)), [k for k in os.environ if k.startswith('VPYTHON_REC')])\n"
    )
    DAMAGE["pip"](app(hurt))
    DAMAGE["one late module"](app(hurt))
    words = ["sh", "-c", 'umask 027; exec "$@"', "sh"]
    done = hurt.run(script, "a b", "", "-c", shell=words)
    assert (done.returncode, done.stdout) == (0, "['a b', '', '-c'] 0o27 []\n"), done.stderr
    assert TOLD.fullmatch(done.stderr)


def test_a_failure_of_another_kind_is_told_as_ever(hurt: Ground) -> None:
    (hurt.root / "staging").rmdir()
    (hurt.root / "staging").write_text("")
    code, out, err = hurt.see()
    assert (code, out) == (1, "")
    assert err.startswith("vpython: ")
    assert not TOLD.search(err)


def test_code_that_fails_anew_is_not_begun_for_ever(tmp_path: Path, repository: Path) -> None:
    """A build whose own code cannot be imported ends in one line."""
    broken = other_build(tmp_path, "vpy/cli.py", "import nothing_of_the_kind\n")
    fact = "internal error: ModuleNotFoundError: No module named 'nothing_of_the_kind'"
    for door in DOORS:
        done = Ground(tmp_path / door, repository, file=broken).run("-vpython-tool", "version", door=door)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"vpython: {fact}\n"), door


@pytest.mark.parametrize(
    "kind", ["all but the mark", pytest.param("compiled code", marks=pytest.mark.thorough)]
)
def test_many_at_once(hurt: Ground, kind: str) -> None:
    """One of them replaces the copy, none fails."""
    DAMAGE[kind](app(hurt))
    ended = finish([hurt.begin() for _ in range(8)])
    assert {(code, *out.split()[1:]) for code, out, _ in ended} == {(0, "one", "two", "three")}, ended
    assert len(TOLD.findall("".join(err for _, _, err in ended))) == 1, ended
    hurt.good()
    assert hurt.leftovers() == []
