"""Nothing of a root is read or run before it is known to be this user's alone."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.e2e.hostile.yard import Yard
from tests.support.harness import settled

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.harness import Door

DOORS: tuple[Door, ...] = ("head", "python")
STRANGER = 54321
TOOLS = (("-help",), ("-vpython-tool", "doctor"), ("-vpython-tool", "version"), ("good.py",))


@pytest.fixture
def own(shared_yard: Yard, tmp_path: Path) -> Yard:
    """A yard with a root of its own that has started `good.py`, and so has a record and an environment."""
    yard = Yard(tmp_path, repository=shared_yard.repository)
    yard.good()
    return yard


@pytest.fixture
def stranger() -> int:
    """Another user's number."""
    if os.geteuid():
        pytest.skip("only root can make what another user would have planted")
    return STRANGER


def give(path: Path, user: int) -> None:
    for each in [path, *path.rglob("*")]:
        os.chown(each, user, user, follow_symlinks=False)


def plant_environment(yard: Yard, user: int) -> Path:
    """Put another directory in the environment's place; return the file that shows that it ran."""
    (environment,) = (yard.root / "environments-1").iterdir()
    shutil.copytree(environment, environment.with_name("copy"), symlinks=True)
    environment.rename(yard.place / "moved away")
    environment.with_name("copy").rename(environment)
    marker = yard.place / "ran"
    python = environment / "bin" / "python"
    python.unlink()
    python.write_text(f"#!/bin/sh\n>{marker}\n")
    python.chmod(0o755)
    give(environment, user)
    return marker


def plant_app(yard: Yard, user: int) -> Path:
    """Put other code in the place of vpython's own; return the file that shows that it ran."""
    marker = yard.place / "ran"
    (app,) = (each for each in (yard.root / "app-1").iterdir() if each.is_dir())
    for name in ("vpython.py", "vpython.pyc", "vpy/cli.pyc", "bootstrap/app.pyc"):
        (app / name).unlink(missing_ok=True)
    (app / "vpython.py").write_text(f"open({str(marker)!r}, 'w')\ndef main(): raise SystemExit(0)\n")
    (app / "vpy" / "cli.py").write_text(f"open({str(marker)!r}, 'w')\n")
    give(app, user)
    return marker


@pytest.mark.parametrize("door", DOORS)
def test_a_root_of_another_user(own: Yard, stranger: int, door: Door) -> None:
    markers = [plant_environment(own, stranger), plant_app(own, stranger)]
    settled(own.root)
    give(own.root, stranger)
    for words in TOOLS:
        done = own.run(*words, door=door, cwd=own.work)
        assert (done.returncode, done.stdout) == (1, ""), words
        assert done.stderr == (
            f"vpython: the root `{own.root}` belongs to another user\n\n"
            "hint: name another with -vpython-root DIR\n"
        )
    assert not any(marker.exists() for marker in markers)


@pytest.mark.parametrize("door", DOORS)
def test_an_environment_of_another_user_in_a_root_that_is_right_again(
    own: Yard, stranger: int, door: Door
) -> None:
    """Others could write to the root once, and it was mended: what they left there is not run."""
    marker = plant_environment(own, stranger)
    own.run("good.py", door=door, cwd=own.work)
    assert not marker.exists()


@pytest.mark.parametrize("door", DOORS)
def test_a_record_of_another_user_in_a_root_that_is_right_again(own: Yard, stranger: int, door: Door) -> None:
    trap = own.place / "trap"
    marker = own.place / "ran"
    (trap / "bin").mkdir(parents=True)
    for name in ("complete", "pyvenv.cfg", "used", "landmark"):
        (trap / name).touch()
    python = trap / "bin" / "python"
    python.write_text(f"#!/bin/sh\n>{marker}\n")
    python.chmod(0o755)
    for record in (own.root / "records-1").rglob("@script-*"):
        record.write_text(f"{trap}\n{trap}/landmark\nend\n")
        os.chown(record, stranger, stranger)
    done = own.run("good.py", door=door, cwd=own.work)
    assert done.returncode == 0, done.stderr
    assert not marker.exists()


@pytest.mark.parametrize("door", DOORS)
def test_own_code_of_another_user(own: Yard, stranger: int, door: Door) -> None:
    marker = plant_app(own, stranger)
    for record in (own.root / "records-1").rglob("@script-*"):
        record.unlink()
    for words in TOOLS:
        done = own.run(*words, door=door, cwd=own.work)
        assert (done.returncode, done.stdout) == (1, ""), words
        assert "vpython's own code in `" in done.stderr
        assert "can be written by others" in done.stderr
    assert not marker.exists()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_root_that_others_may_write_to(own: Yard, door: Door, mode: int) -> None:
    own.root.chmod(mode)
    for words in TOOLS:
        done = own.run(*words, door=door, cwd=own.work)
        assert (done.returncode, done.stdout) == (1, ""), words
        assert done.stderr == (
            f"vpython: the root `{own.root}` can be written by others\n\nhint: chmod go-w '{own.root}'\n"
        )
    own.root.chmod(0o700)
    own.good()


@pytest.mark.parametrize("door", DOORS)
def test_planted_at_the_default_place(own: Yard, stranger: int, door: Door) -> None:
    """As `sudo` that keeps HOME, or a shared XDG_CACHE_HOME, would find it."""
    cache = own.place / "cache"
    cache.mkdir()
    os.chown(cache, stranger, stranger)
    marker = plant_environment(own, stranger)
    own.root.rename(cache / f"vpython-root.{os.getuid()}")
    give(cache, stranger)
    env = {"VPYTHON_VIRTUALENV_ROOT": None, "XDG_CACHE_HOME": str(cache)}
    for words in TOOLS:
        done = own.run(*words, door=door, cwd=own.work, env=env)
        assert (done.returncode, done.stdout) == (1, ""), words
        assert "belongs to another user" in done.stderr
    assert not marker.exists()


@pytest.mark.parametrize("door", DOORS)
def test_a_room_of_another_user(own: Yard, stranger: int, door: Door) -> None:
    """Whoever could write to the root could put a directory in the place of one of ours."""
    for record in (own.root / "records-1").rglob("@script-*"):
        record.unlink()
    for room in ("wheels-1", "resolutions-1", "interpreters-1", "app-1", "staging", "mine"):
        path = own.root / room
        path.mkdir(exist_ok=True)
        os.chown(path, stranger, stranger)
        done = own.run("good.py", door=door, cwd=own.work)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"vpython: `{path}` belongs to another user\n\nhint: remove '{path}'\n"
        os.chown(path, os.getuid(), os.getgid())
    own.good()
