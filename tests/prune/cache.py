"""A root to be pruned: environments made by the built file, of wheels that a local repository holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.vpython import BUILT, Vpython
from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 24 * 3600
YEAR = 365 * DAY
BASE = Path(os.path.realpath(sys.executable))
SHARED_WHEEL = "shared"
OWN_WHEELS = 24
TELL_PREFIX = "import sys; print(sys.prefix)\n"


def make_repository(place: Path) -> Path:
    """Packages `shared` and `own0`, `own1` …, one small wheel each; `shared` has 40 files."""
    files = {f"shared/part{number}.py": f"{number} # {'x' * 5000}\n" for number in range(40)}
    wheels = [make_wheel(place / "wheels", SHARED_WHEEL, files={"shared/__init__.py": "", **files})]
    wheels += [make_wheel(place / "wheels", f"own{number}") for number in range(OWN_WHEELS)]
    packer = Vpython(place)
    done = packer.run("-vpython-tool", "pack", "-repo", place / "repository", *wheels)
    assert done.returncode == 0, done.stderr
    return place / "repository"


class Cache(Vpython):
    """The built file with a root of its own, and what tests of pruning ask about that root."""

    def __init__(self, place: Path, repository: Path, *, file: Path = BUILT) -> None:
        super().__init__(place, file=file)
        self.work = place / "work"
        commands = place / "commands"
        for directory in (self.work, commands):
            directory.mkdir()
        (commands / "python3").symlink_to(BASE)
        self.environ |= {
            "PATH": f"{commands}:/usr/bin:/bin",
            "VPYTHON_PACKAGE_SOURCE": f"directory:{repository}",
            "PWD": str(self.work),
        }

    def script(self, name: str, *wheels: str, text: str = TELL_PREFIX) -> Path:
        """Write a script whose environment holds `wheels`."""
        path = self.work / name
        path.write_text(text, encoding="utf-8")
        packages = ((f"infra/python/wheels/{wheel}-py3", "version:1.0") for wheel in wheels)
        Path(f"{path}.vpython3").write_text(spec_text(*packages), encoding="utf-8")
        return path

    def make(self, name: str, *wheels: str, text: str = TELL_PREFIX) -> Path:
        """Write a script, and have its environment made; return that."""
        path = self.script(name, *wheels, text=text)
        words: list[str | Path] = [path]
        if text != TELL_PREFIX:
            words = ["-vpython-spec", f"{path}.vpython3", "-c", TELL_PREFIX]
        done = self.run(*words, cwd=self.work)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        environment = Path(done.stdout.rstrip("\n"))
        assert environment.parent == self.root / "environments-1"
        return environment

    def start(self, path: Path) -> str:
        """Run a script that prints one line."""
        done = self.run(path, cwd=self.work)
        assert (done.returncode, complaints(done.stderr)) == (0, ""), done.stderr
        return done.stdout.rstrip("\n")

    def prune(self, *words: str) -> str:
        """Prune by hand, and return what that printed."""
        done = self.run("-vpython-tool", "prune", *words, cwd=self.work)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def disk_use(self) -> int:
        """Bytes of disk under the root as another program counts them."""
        told = subprocess.run(
            ["du", "-s", "--block-size=1", str(self.root)], capture_output=True, text=True, check=True
        )
        return int(told.stdout.split()[0])

    def why(self, environment: Path) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((environment / "why.json").read_text(encoding="utf-8"))
        return told

    def everything(self) -> set[str]:
        """Every path under the root but locks."""
        return {
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if path.relative_to(self.root).parts[0] != "locks"
        }


def complaints(said: str) -> str:
    """What a start wrote to stderr, but for that it waits for another; on a busy machine it may."""
    lines = said.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("vpython: waiting for process "))


def age(*paths: Path, seconds: float = YEAR) -> None:
    """Let paths have been written long ago."""
    stamp = time.time() - seconds
    for path in paths:
        os.utime(path, (stamp, stamp), follow_symlinks=False)


def age_tree(path: Path, seconds: float = YEAR) -> None:
    age(path, *path.rglob("*"), seconds=seconds)


def freed(told: str) -> int:
    """The last row of what prune printed, as a number."""
    number, *words = told.splitlines()[-1].split()
    assert words[0] == "bytes"
    assert words[-1] == "freed"
    return int(number.replace(",", ""))


def counts(told: str) -> dict[str, int]:
    """How many of each kind a prune says that it removed."""
    rows = [row.split() for row in told.splitlines()[:-1]]
    return {row[0]: int(row[1]) for row in rows if len(row) == 3}


def wait_for(is_so: Callable[[], bool]) -> None:
    """Come back when it is so; whoever waits for a minute has waited in vain."""
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)
