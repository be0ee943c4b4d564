"""Where it is measured: one scratch directory, one base Python, one environment of variables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shelf import Shelf, stock
from timing import BenchError, Contestant, Job, interleave
from trash import Trash

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_WHEELS = 152  # the longest row of a chart, and two to leave out in turn
SYSTEM_PATH = "/usr/bin:/bin"
CANDIDATES = ("python3", *(f"python3.{minor}" for minor in range(11, 16)))
LOOK = "import sys, venv; sys.version_info < (3, 11) or print(sys._base_executable)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to look: a quick run is for those who change the code, not for the page."""

    quick: bool
    fixed: int | None = None

    def rounds(self, full: int, quick: int) -> int:
        return self.fixed or (quick if self.quick else full)


@dataclass(frozen=True, slots=True, kw_only=True)
class Yard:
    """What all contestants share; `environ` is all that a child sees, `python` is its `python3`."""

    place: Path
    python: str
    uv: str
    pip: str
    vpython: Path
    shelf: Shelf
    trash: Trash
    environ: dict[str, str]
    outer: dict[str, str]
    specs: Path


def open_yard(work: Path, vpython: Path, specs: Path, uv: str = "") -> Yard:
    """Empty `work/scratch` and furnish it: everything a run needs, on one filesystem."""
    if not vpython.is_file():
        raise BenchError(f"there is no `{vpython}`: run `python3 build_zipapp.py`")
    path = work / "scratch"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    os.chdir(path)
    python = fastest(path, os.environ.get("PATH", os.defpath))
    (path / "bin").mkdir()
    (path / "bin" / "python3").symlink_to(python)
    environ = {
        "PATH": f"{path / 'bin'}:{SYSTEM_PATH}",
        "HOME": str(path / "home"),
        "PWD": str(path),
        "LANG": "C.UTF-8",
    }
    copied = path / "vpython.pyz"
    shutil.copy2(vpython, copied)
    shelf = stock(work / "wheels", path / "shelf", MOST_WHEELS, copied, environ)
    return Yard(
        place=path,
        python=python,
        uv=os.path.abspath(uv) if uv else _tool("uv"),
        pip=str(_copied_pip(path)),
        vpython=copied,
        shelf=shelf,
        trash=Trash(path / "trash"),
        environ=environ,
        outer=_outer(path),
        specs=specs,
    )


def _tool(name: str) -> str:
    """Return a program of the environment that this script runs in."""
    path = os.path.join(sysconfig.get_path("scripts"), name)
    if not os.path.exists(path):
        raise BenchError(f"no `{name}` in this environment: run me by vpython")
    return path


def _copied_pip(path: Path) -> Path:
    """Return pip as a directory that any Python can run, in the scratch directory."""
    pip = Path(sysconfig.get_path("purelib")) / "pip"
    if not pip.is_dir():
        raise BenchError("no pip in this environment: run me by vpython")
    return Path(shutil.copytree(pip, path / "pip", ignore=shutil.ignore_patterns("__pycache__")))


def _outer(path: Path) -> dict[str, str]:
    """Return the user's variables, without those that lead to other environments."""
    dropped = ("VPYTHON_", "CIPD_", "PYTHON", "VIRTUAL_ENV", "UV_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(dropped)}
    return kept | {"PWD": str(path)}


def fastest(directory: Path, path: str) -> str:
    """Return the Python 3.11 or newer whose bare start is the shortest: of PATH, and of pyenv's versions.

    What a Python's own `site` does at each start would blur every difference.
    """
    found = dict.fromkeys(filter(None, map(_executable, _candidates(path.split(os.pathsep)))))
    if not found:
        raise BenchError("no Python 3.11 or newer with a `venv` module found")
    environ = {"PATH": SYSTEM_PATH, "HOME": str(directory)}
    contestants = [
        Contestant(name=python, jobs=(Job(words=(python, "-c", "pass"), environ=environ),))
        for python in found
    ]
    series = interleave(contestants, 15)
    return min(found, key=lambda python: series[python].median)


def _candidates(directories: Iterable[str]) -> Iterable[Path]:
    for directory in map(Path, directories):
        if not (directory / "activate_this.py").exists():
            yield from (directory / name for name in CANDIDATES if os.access(directory / name, os.X_OK))
    yield from sorted(Path.home().glob(".pyenv/versions/*/bin/python3"))


def _executable(candidate: Path) -> str | None:
    """Return where the Python behind a name really lies; None where it is none for us."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    ended = subprocess.run(
        [str(candidate), "-I", "-c", LOOK], capture_output=True, text=True, check=False, env=environ
    )
    said = ended.stdout.strip()
    return os.path.realpath(said) if ended.returncode == 0 and said else None
