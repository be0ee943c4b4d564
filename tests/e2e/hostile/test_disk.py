"""A disk that is full, at every stage; one that is read-only; one where nothing can be executed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.builder.readonly import mount, read_only
from tests.e2e.hostile.yard import PREFIX, Yard
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
BULK = 200


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    place.mkdir(exist_ok=True)
    mount(["-t", "tmpfs", "-o", f"mode=700,nr_inodes=100k,{options}", "tmpfs", str(place)])
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def disk(shared_yard: Yard, tmp_path: Path) -> Yard:
    """A yard of its own, whose root is a place to mount at, and a script with a bulky package."""
    made = Yard(tmp_path, repository=shared_yard.repository)
    if not (made.repository / PREFIX / "bulky-py3").exists():
        files = {
            "bulky/__init__.py": "",
            **{f"bulky/m{number}.py": f"# {number}\n" * 500 for number in range(BULK)},
        }
        wheel = make_wheel(tmp_path / "wheels", "bulky", files=files)
        packed = shared_yard.run("-vpython-tool", "pack", "-repo", made.repository, wheel)
        assert packed.returncode == 0, packed.stderr
    made.script("s.py", "import bulky.m7; print('bulky')", ("bulky-py3", "version:1.0"))
    return made


def used(path: Path) -> int:
    found = os.statvfs(path)
    return (found.f_blocks - found.f_bfree) * found.f_bsize // 1024


def lines(said: str) -> None:
    fact, _, hint = said.partition("\n\nhint: ")
    assert "No space left on device" in fact
    assert "\n" not in fact
    assert "-vpython-root DIR" in hint


def test_full_before_vpython_is_unpacked(disk: Yard) -> None:
    for size in (64, 4096):
        with mounted(disk.root, f"size={size}k"):
            said = disk.refuse("s.py", code=1, doors=("head",))
            lines(said)
            assert said.startswith(f"cannot unpack itself to `{disk.root}/app-1/")
            mount(["-o", "remount,size=100m", str(disk.root)])
            assert disk.run("s.py", cwd=disk.work).stdout == "bulky\n"


def emptied(disk: Yard) -> None:
    """A root with nothing in it but vpython's own code, and room enough."""
    mount(["-o", "remount,size=100m,nr_inodes=100k", str(disk.root)])
    for path in disk.root.iterdir():
        if path.name != "app-1":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    "tenths", [(0, 4), pytest.param((0, 1, 2, 4, 6, 8), marks=pytest.mark.thorough)], ids=len
)
def test_full_at_every_stage(disk: Yard, tenths: tuple[int, ...]) -> None:
    """The code is unpacked; of what the rest needs, some tenths are there."""
    stages = set()
    with mounted(disk.root, "size=100m"):
        assert disk.run("-vpython-tool", "version", cwd=disk.work).returncode == 0
        before = used(disk.root)
        assert disk.run("s.py", cwd=disk.work).returncode == 0
        needs = used(disk.root) - before
        for share in tenths:
            emptied(disk)
            mount(["-o", f"remount,size={used(disk.root) + needs * share // 10}k", str(disk.root)])
            # The wheel may be stored, whole, when what the base Python brings no longer fits.
            said = disk.refuse("s.py", code=1, doors=("head",), allowed=("packages-1/", "wheels-1/"))
            lines(said)
            stages.add(said.partition("`")[0])
            mount(["-o", "remount,size=100m", str(disk.root)])
            assert disk.run("s.py", cwd=disk.work).stdout == "bulky\n"
    assert len(stages) > 1


@pytest.mark.parametrize(
    "numbers", [(4, 150), pytest.param((0, 4, 40, 150, 250, 400), marks=pytest.mark.thorough)], ids=len
)
def test_no_more_files(disk: Yard, numbers: tuple[int, ...]) -> None:
    with mounted(disk.root, "size=100m"):
        assert disk.run("-vpython-tool", "version", cwd=disk.work).returncode == 0
        for more in numbers:
            emptied(disk)
            found = os.statvfs(disk.root)
            inodes = found.f_files - found.f_ffree + more
            mount(["-o", f"remount,nr_inodes={inodes}", str(disk.root)])
            lines(disk.refuse("s.py", code=1, doors=("head",), allowed=("packages-1/", "wheels-1/")))
            mount(["-o", "remount,nr_inodes=100k", str(disk.root)])
            assert disk.run("s.py", cwd=disk.work).stdout == "bulky\n"


def test_read_only(disk: Yard) -> None:
    """What is there is used; what is not there cannot be made, and nothing is left elsewhere."""
    aside = disk.place / "tmp"
    aside.mkdir()
    disk.environ["TMPDIR"] = str(aside)
    disk.root.mkdir(mode=0o700)
    with read_only(disk.root):
        said = disk.refuse("s.py", code=1)
        assert said.endswith(
            "Read-only file system\n\nhint: name a root that can be written with -vpython-root DIR"
        )
        assert os.listdir(aside) == []
    disk.good()
    disk.script("other.py", "import gadget; print('good', gadget.VERSION)", ("gadget-py3", "version:1.0"))
    with read_only(disk.root):
        for _ in range(2):
            disk.good()
        ran = disk.run("other.py", cwd=disk.work)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "good 1.0\n", "")
        said = disk.refuse("s.py", code=1)
        assert "Read-only file system" in said.partition("\n\nhint: ")[0]
        assert "-vpython-root DIR" in said
        assert os.listdir(aside) == []


def test_read_only_without_our_code(disk: Yard) -> None:
    """An environment is there, vpython's own code is not: it is unpacked aside, and goes with the start."""
    aside = disk.place / "tmp"
    aside.mkdir()
    disk.environ["TMPDIR"] = str(aside)
    disk.good()
    shutil.rmtree(disk.root / "app-1")
    shutil.rmtree(disk.root / "records-1")
    with read_only(disk.root):
        disk.good()
        assert os.listdir(aside) == []


def test_root_below_what_cannot_be_written(disk: Yard) -> None:
    outer = disk.place / "outer"
    outer.mkdir()
    with read_only(outer):
        said = disk.refuse("s.py", code=1, env={"VPYTHON_VIRTUALENV_ROOT": f"{outer}/a/b"})
        fact, _, hint = said.partition("\n\nhint: ")
        assert fact == f"cannot make the root `{outer}/a/b`: Read-only file system"
        assert hint == "name another with -vpython-root DIR"
    assert os.listdir(outer) == []


def test_noexec(disk: Yard) -> None:
    """Nothing of ours is executed from the root or the place for passing files, but by a Python elsewhere."""
    aside = disk.place / "tmp"
    with mounted(aside, "noexec,size=100m"), mounted(disk.root, "noexec,size=100m"):
        disk.environ["TMPDIR"] = str(aside)
        for _ in range(2):
            disk.good()
        ran = disk.run("good.py", cwd=disk.work, env={"VPYTHON_VIRTUALENV_ROOT": ""})
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "good 1.0\n", "")
        assert os.listdir(aside) == []


def test_no_place_for_passing_files(disk: Yard) -> None:
    ran = disk.run("good.py", cwd=disk.work, env={"TMPDIR": "/nonexistent"})
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "good 1.0\n", "")
    assert tempfile.gettempdir() != "/nonexistent"
