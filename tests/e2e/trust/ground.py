"""A root to be hurt: started cold and warm, killed, filled up, damaged; and what must be true of it after."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tests.support.harness import BUILT, Harness
from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WHEELS = ("one", "two", "three")
OTHERS = ("ash", "elm", "fir", "oak", "yew", "lime")
DAY = 24 * 3600
# Under these names things are made before they have their own, in any directory.
PASSING = (".new-", ".python-")


def make_repository(place: Path, names: Sequence[str] = WHEELS + OTHERS) -> Path:
    """Packages with a module, a package in it, some data and a script each."""
    wheels = [
        make_wheel(
            place / "wheels",
            name,
            files={
                f"{name}/__init__.py": f"NAME = {name!r}\n",
                f"{name}/deep/__init__.py": "",
                f"{name}/deep/data.txt": "data\n" * 2000,
            },
            scripts={f"{name}-command": f"{name}:main"},
        )
        for name in names
    ]
    return Harness(place).pack(place / "repository", *wheels)


def signal_all(leader: subprocess.Popen[str], number: int) -> None:
    """Send a signal to the group, and to children that leave it: one may be stopped just as it does."""
    children = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if path.read_text().rpartition(")")[2].split()[1] == str(leader.pid):
                children.append(int(path.parent.name))
    os.killpg(leader.pid, number)
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)


class Ground(Harness):
    """The built file with a root, a home, a PATH and a script `s.py` of its own."""

    def __init__(self, place: Path, repository: Path, *, file: Path = BUILT) -> None:
        place.mkdir(parents=True, exist_ok=True)
        super().__init__(place, file=file)
        self.commands = self.use_base_python()
        self.use_packages(repository)
        self.environ |= {"PWD": str(place), "TMPDIR": str(place / "temporary")}
        (place / "temporary").mkdir(exist_ok=True)
        self.script = self.put("s.py", *WHEELS)

    def put(self, name: str, *wheels: str, python: str = "") -> Path:
        """Write a script that imports `wheels` and prints where it runs and what they are called."""
        path = self.place / name
        imports = "".join(f"import {wheel}\n" for wheel in wheels)
        names = ", ".join(["sys.prefix", *(f"{wheel}.NAME" for wheel in wheels)])
        path.write_text(f"import sys\n{imports}print({names})\n")
        packages = [(f"infra/python/wheels/{wheel}-py3", "version:1.0") for wheel in wheels]
        path.with_name(f"{name}.vpython3").write_text(spec_text(*packages, python=python))
        return path

    def see(self, *words: str | Path) -> tuple[int, str, str]:
        """How a start ends: exit code, stdout, stderr."""
        done = self.run(*(words or (self.script,)))
        return done.returncode, done.stdout, done.stderr

    def good(self, *, said: str = "") -> Path:
        """Start `s.py`; it must do all it should, and say `said` on stderr. Returns its environment."""
        code, out, err = self.see()
        assert (code, err) == (0, said), f"{code}\n{out}\n{err}"
        environment, *names = out.split()
        assert names == list(WHEELS)
        return Path(environment)

    def begin(
        self, *words: str | Path, before: Sequence[str] = (), stderr: int | IO[str] = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        """Start in a process group of its own."""
        return subprocess.Popen(
            [*before, str(self.file), *map(str, words or (self.script,))],
            cwd=self.place,
            env=self.surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )

    def kill_after(self, seconds: float) -> float | None:
        """Start `s.py` and kill its whole group after so long; the seconds it took where it was quicker."""
        began = time.monotonic()
        with self.begin() as child:
            try:
                child.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.communicate()
                return None
        return time.monotonic() - began

    def traces(self) -> set[Path]:
        """All that tells how far a cold start came."""
        return {path for _, pattern in STAGES for path in self.root.glob(pattern)}

    def stage(self, before: set[Path]) -> str:
        """How far a cold start came that left these traces, beside those of `before`."""
        for name, pattern in STAGES:
            if not before.issuperset(self.root.glob(pattern)):
                return name
        return "door"

    def forget(self, *, own_code: bool = True, seeds: bool = True) -> None:
        """Make the next start a cold one: all that has its final name goes, leftovers and locks stay.

        Without `own_code` that of vpython itself, which takes half of a cold start, stays too; without
        `seeds` a Python's template, which has them.
        """
        kept = {"app-1": not own_code, "interpreters-1": not seeds}
        for room in self.root.glob("*-1"):
            if kept.get(room.name):
                continue
            for path in room.iterdir():
                if not path.name.startswith(PASSING):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def leftovers(self) -> list[str]:
        """What was being made and has no final name, or is on its way out; nothing is outside the root."""
        assert list((self.place / "temporary").iterdir()) == []
        return sorted(str(path.relative_to(self.root)) for path in self._leftovers())

    def _leftovers(self) -> Iterator[Path]:
        for room in ("staging", "trash"):
            if (self.root / room).is_dir():
                yield from (self.root / room).iterdir()
        for parent, directories, files in os.walk(self.root):
            directories[:] = [name for name in directories if Path(parent, name) != self.root / "staging"]
            yield from (Path(parent, name) for name in directories + files if is_passing(name))

    def age(self) -> None:
        """Let all leftovers be two days old."""
        for path in self._leftovers():
            os.utime(path, (time.time() - 2 * DAY,) * 2, follow_symlinks=False)

    def prune(self) -> None:
        code, _, err = self.see("-vpython-tool", "prune")
        assert (code, err) == (0, ""), err

    def doctor(self, *words: str) -> tuple[int, list[str]]:
        """The tool's exit code and lines, without those that say what to do."""
        code, out, err = self.see("-vpython-tool", "doctor", *words)
        assert err.startswith("vpython: checked "), err
        return code, out.partition("\nto do:\n")[0].splitlines()

    def locks(self) -> dict[str, int]:
        """Every lock file's inode."""
        return {path.name: path.stat().st_ino for path in (self.root / "locks").iterdir()}


def is_passing(name: str) -> bool:
    return name.startswith(PASSING) or ".dropped-" in name or name.endswith(".claim")


# What a cold start has made last comes first.
STAGES = (
    ("record", "records-1/**/@*"),
    ("environment", "environments-1/*"),
    ("linking", "staging/environment-*"),
    ("venv", "staging/template-*"),
    ("wheels", "wheels-1/*"),
    ("pip", "staging/wheels-*"),
    ("unpacking", "staging/packages-*"),
    ("packages", "packages-1/*"),
    ("probe", "interpreters-1/*/probe.json"),
    ("spec", "resolutions-1/*"),
    ("own code", "app-1/*/complete"),
    ("own code, half", "app-1/.new-*"),
)
