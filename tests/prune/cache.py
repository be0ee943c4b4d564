"""Root to be pruned: environments that the built file makes of wheels in a local repository."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.harness import BUILT, Harness, settled
from tests.support.wheelmaker import make_wheel, spec_text

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 24 * 3600
YEAR = 365 * DAY
SHARED_WHEEL = "shared"
OWN_WHEELS = 24
TELL_PREFIX = "import sys; print(sys.prefix)\n"


def make_repository(directory: Path) -> Path:
    """Make the packages `shared` and `own0`, `own1` …, one small wheel each; `shared` has 40 files."""
    files = {f"shared/part{number}.py": f"{number} # {'x' * 5000}\n" for number in range(40)}
    wheels = [make_wheel(directory / "wheels", SHARED_WHEEL, files={"shared/__init__.py": "", **files})]
    wheels += [make_wheel(directory / "wheels", f"own{number}") for number in range(OWN_WHEELS)]
    return Harness(directory).pack(directory / "repository", *wheels)


class Cache(Harness):
    """Built file with a root of its own, and questions about that root."""

    def __init__(self, directory: Path, repository: Path, *, file: Path = BUILT) -> None:
        super().__init__(directory, file=file)
        self.work = directory / "work"
        self.work.mkdir()
        self.use_base_python()
        self.use_packages(repository)
        self.environ["PWD"] = str(self.work)

    def script(self, name: str, *wheels: str, text: str = TELL_PREFIX) -> Path:
        """Write a script whose environment holds `wheels`."""
        path = self.work / name
        path.write_text(text, encoding="utf-8")
        packages = ((f"infra/python/wheels/{wheel}-py3", "version:1.0") for wheel in wheels)
        Path(f"{path}.vpython3").write_text(spec_text(*packages), encoding="utf-8")
        return path

    def make(self, name: str, *wheels: str, text: str = TELL_PREFIX) -> Path:
        """Write a script, run it once, and return its environment."""
        path = self.script(name, *wheels, text=text)
        arguments: list[str | Path] = [path]
        if text != TELL_PREFIX:
            arguments = ["-vpython-spec", f"{path}.vpython3", "-c", TELL_PREFIX]
        done = self.run(*arguments, cwd=self.work)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        environment = Path(done.stdout.rstrip("\n"))
        assert environment.parent == self.root / "environments-1"
        return environment

    def start(self, path: Path) -> str:
        """Run a script and return the one line that it prints."""
        done = self.run(path, cwd=self.work)
        assert (done.returncode, complaints(done.stderr)) == (0, ""), done.stderr
        return done.stdout.rstrip("\n")

    def prune(self, *arguments: str) -> str:
        """Prune by the command and return its output as JSON."""
        done = self.run("-vpython-tool", "prune", "--json", *arguments, cwd=self.work)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def disk_use(self) -> int:
        """Return the bytes of disk under the root as `du` counts them."""
        settled(self.root)
        finished = subprocess.run(
            ["du", "-s", "--block-size=1", str(self.root)], capture_output=True, text=True, check=True
        )
        return int(finished.stdout.split()[0])

    def why(self, environment: Path) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((environment / "why.json").read_text(encoding="utf-8"))
        return data

    def everything(self) -> set[str]:
        """Return every path under the root but locks."""
        settled(self.root)
        return {
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if path.relative_to(self.root).parts[0] != "locks"
        }


def complaints(said: str) -> str:
    """Return the stderr of a start without the lines that it waits, which it may on a busy machine."""
    lines = said.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("vpython: waiting for process "))


def age(*paths: Path, seconds: float = YEAR) -> None:
    """Set the times of paths as if they had been written `seconds` ago."""
    stamp = time.time() - seconds
    for path in paths:
        os.utime(path, (stamp, stamp), follow_symlinks=False)


def age_tree(path: Path, seconds: float = YEAR) -> None:
    age(path, *path.rglob("*"), seconds=seconds)


def freed(output: str) -> int:
    """Return how many bytes a prune's output says that it freed."""
    freed: int = json.loads(output)["freed"]
    return freed


def counts(output: str) -> dict[str, int]:
    """Return how many things of each kind a prune's output reports."""
    return dict(Counter(row["kind"] for row in json.loads(output)["removed"]))


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until a condition holds, at most a minute."""
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)
