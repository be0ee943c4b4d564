"""Roots that are none, and what somebody planted in one."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from bootstrap import shown
from tests.e2e.hostile.yard import Yard
from tests.support.harness import settled

if TYPE_CHECKING:
    from pathlib import Path

HINT = "\n\nhint: name another with -vpython-root DIR"


@pytest.fixture
def own(shared_yard: Yard, tmp_path: Path) -> Yard:
    """A yard with a root of its own, not made yet."""
    return Yard(tmp_path, repository=shared_yard.repository)


def test_link_to_nowhere(own: Yard) -> None:
    own.root.symlink_to(own.place / "nowhere")
    assert own.refuse("good.py", code=1) == f"the root `{own.root}` is a broken link{HINT}"
    assert not (own.place / "nowhere").exists()


def test_link_to_itself(own: Yard) -> None:
    own.root.symlink_to(own.root)
    said = f"cannot read the root `{own.root}`: Too many levels of symbolic links{HINT}"
    assert own.refuse("good.py", code=1) == said


def test_link_to_a_directory(own: Yard) -> None:
    (own.place / "elsewhere").mkdir(mode=0o700)
    own.root.symlink_to(own.place / "elsewhere")
    own.good()
    own.good()


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("{place}/work/good.py", "the root `{root}` is not a directory"),
        ("{place}/work/good.py/x", "cannot read the root `{root}`: Not a directory"),
        ("/dev/null", "the root `{root}` is not a directory"),
        ("/dev/null/x", "cannot read the root `{root}`: Not a directory"),
        ("/proc/vpython", "cannot make the root `{root}`: No such file or directory"),
        ("{place}/" + "x" * 256, "cannot read the root `{root}`: File name too long"),
        ("{place}" + "/xxxxxxxxx" * 500, "cannot read the root `{root}`: File name too long"),
    ],
    ids=["file", "below-a-file", "device", "below-a-device", "proc", "long-name", "long-path"],
)
def test_no_root(own: Yard, root: str, said: str) -> None:
    root = root.format(place=own.place)
    expected = shown.line(said.format(root=root)) + HINT
    assert own.refuse("good.py", code=1, env={"VPYTHON_VIRTUALENV_ROOT": root}) == expected
    assert own.refuse("-vpython-root", root, "good.py", code=1) == expected
    assert not own.root.exists()


def test_planted_lock(own: Yard) -> None:
    """A lock is made where a link stands, to somebody's file or to nothing: both are as they were."""
    own.good()
    victim, nothing = own.place / "victim", own.place / "nothing"
    victim.write_text("precious")
    planted = 0
    for number, lock in enumerate(sorted((own.root / "locks").iterdir())):
        settled(own.root)
        for kind in ("environments-1", "records-1", "resolutions-1"):
            shutil.rmtree(own.root / kind)
        lock.unlink()
        lock.symlink_to((victim, nothing)[number % 2])
        ran = own.run("good.py", cwd=own.work)
        if ran.returncode:
            planted += 1
            assert (ran.returncode, ran.stdout) == (1, "")
            assert ran.stderr == f"vpython: the lock `{lock}` is a link, not a file\n\nhint: remove it\n"
        lock.unlink(missing_ok=True)
        own.good()
        assert victim.read_text() == "precious"
        assert not nothing.exists()
    assert planted > 2


@pytest.mark.parametrize(
    "kind", ["environments-1", "records-1", "wheels-1", "app-1", "locks", "staging", "CACHEDIR.TAG"]
)
def test_something_else_stands_there(own: Yard, kind: str) -> None:
    """A file where a directory belongs, or the other way round: told, or gone round; never a traceback."""
    own.root.mkdir(mode=0o700)
    if kind == "CACHEDIR.TAG":
        (own.root / kind).mkdir()
    else:
        (own.root / kind).write_text("in the way")
    ran = own.run("good.py", cwd=own.work)
    if ran.returncode:
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.startswith("vpython: ")
        assert f"{own.root}/{kind}" in ran.stderr
        assert "Traceback" not in ran.stderr
        assert "internal error" not in ran.stderr
        (own.root / kind).unlink()
        own.good()
    else:
        assert (ran.stdout, ran.stderr) == ("good 1.0\n", "")
