"""Us and the rivals: each with a home of its own, and the jobs that make and start environments."""

from __future__ import annotations

import itertools
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from timing import Job, told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shelf import Selection
    from yard import Yard

SPECS = 64  # more than a series has rounds
DEEP = "a/b/c/d/e/f/g/h"
SCRIPT = """\
import sys

if sys.argv[1:]:
    print(sys.prefix)
"""


class Vpython:
    """vpython, its root where it is by default: in the cache of `home`."""

    def __init__(self, yard: Yard, home: Path, selection: Selection, checkout: str = "checkout") -> None:
        self.file = str(yard.vpython)
        self.python = yard.python
        self._trash = yard.trash
        self.home = home
        self.root = home / ".cache" / f"vpython-root.{os.getuid()}"
        self.environ = yard.environ | {
            "HOME": str(home),
            "VPYTHON_PACKAGE_SOURCE": f"directory:{selection.repository}",
        }
        self.checkout = home / checkout
        self.script = plant(self.checkout, selection.spec)

    def start(self, *words: str) -> Job:
        """Return a start through the head of the archive; of the script where no words are given."""
        return Job(words=(self.file, *(words or (str(self.script),))), environ=self.environ)

    def start_by_python(self) -> Job:
        return Job(words=(self.python, self.file, str(self.script)), environ=self.environ)

    def environment(self) -> Path:
        """Return the script's environment, made where it is missing."""
        return Path(told(self.start(str(self.script), "print"))[0].strip())

    def forget_one(self, environment: Path) -> None:
        """Return the script's environment and the record of its start are gone, nothing else is."""
        self._trash.put(environment)
        self._trash.put(self.root / "records-1" / str(self.script).lstrip("/"))

    def forget_environments(self) -> None:
        """As after a prune: the environments and the records of starts are gone, the wheels are not."""
        self._trash.put_rooms(self.root, ("environments-", "records-"))

    def forget_specs(self) -> None:
        """As for a spec that was never seen: what specs and packages came to is gone too."""
        self._trash.put_rooms(self.root, ("environments-", "records-", "resolutions-"))

    def forget_all(self) -> None:
        self._trash.put(self.root)


class Novel(Vpython):
    """vpython with all wheels stored, and at each start a spec of `count` of them that was never seen."""

    def __init__(self, yard: Yard, home: Path, count: int) -> None:
        spare = next(number for number in itertools.count(1) if math.comb(count + number, number) >= SPECS)
        selection = yard.shelf.take(count + spare)
        super().__init__(yard, home, selection)
        self._packages = selection.packages
        self._left_out = itertools.combinations(selection.packages, spare)
        told(self.start())

    def begin_another(self) -> None:
        """Leave other wheels out than ever before."""
        without = next(self._left_out)
        spec = "".join(package.text for package in self._packages if package not in without)
        (self.checkout / ".vpython3").write_text(spec)
        self.forget_environments()


class Uv:
    """uv, without network and without anybody's configuration."""

    def __init__(self, yard: Yard, home: Path, selection: Selection, python: str = "") -> None:
        self.cache = home / "uv-cache"
        self._uv = yard.uv
        self._trash = yard.trash
        self._python = python or yard.python
        self._selection = selection
        self.venv = home / "uv-venv"
        self.environ = yard.environ | {
            "HOME": str(home),
            "UV_CACHE_DIR": str(self.cache),
            "UV_FIND_LINKS": str(selection.folder),
            "UV_NO_CONFIG": "1",
            "UV_OFFLINE": "1",
            "UV_PYTHON": self._python,
            "UV_PYTHON_DOWNLOADS": "never",
        }
        home.mkdir(parents=True, exist_ok=True)
        self.script = home / "inline.py"
        self.script.write_text(inline(selection.requirements))

    def run_script(self) -> Job:
        words = (self._uv, "run", "--no-index", "--script", str(self.script))
        return Job(words=words, environ=self.environ)

    def make(self, venv: Path | None = None) -> tuple[Job, Job]:
        """`uv venv` and `uv pip install`."""
        path = str(venv or self.venv)
        install = (self._uv, "pip", "install", "--python", path, "--no-index", "--no-deps")
        return (
            Job(words=(self._uv, "venv", "--python", self._python, path), environ=self.environ),
            Job(words=(*install, *self._selection.requirements), environ=self.environ),
        )

    def start(self) -> Job:
        """Return the script, by the environment's Python."""
        return Job(words=(str(self.venv / "bin" / "python"), str(self.script)), environ=self.environ)

    def forget_environments(self) -> None:
        self._trash.put(self.venv)

    def forget_scripts(self) -> None:
        """Return the environments that `uv run --script` keeps; the cache of wheels stays."""
        for room in self.cache.glob("environments-*"):
            self._trash.put(room)

    def forget_all(self) -> None:
        self._trash.put(self.venv)
        self._trash.put(self.cache)


class VenvPip:
    """Standard library's venv, filled by pip."""

    def __init__(self, yard: Yard, home: Path, selection: Selection) -> None:
        self.venv = home / "plain-venv"
        self._python = yard.python
        self._pip = yard.pip
        self._trash = yard.trash
        self._selection = selection
        self.environ = yard.environ | {"HOME": str(home), "PIP_CONFIG_FILE": os.devnull}

    def make(self, venv: Path | None = None) -> tuple[Job, Job]:
        """`python -m venv --without-pip` and `pip install --no-compile`."""
        path = venv or self.venv
        install = (
            str(path / "bin" / "python"),
            self._pip,
            "install",
            "--quiet",
            "--no-compile",
            "--no-deps",
        )
        more = ("--disable-pip-version-check", "--no-index", "--find-links", str(self._selection.folder))
        return (
            Job(words=(self._python, "-m", "venv", "--without-pip", str(path)), environ=self.environ),
            Job(words=(*install, *more, *self._selection.requirements), environ=self.environ),
        )

    def start(self, script: Path) -> Job:
        return Job(words=(str(self.venv / "bin" / "python"), str(script)), environ=self.environ)

    def forget(self) -> None:
        self._trash.put(self.venv)


def plant(checkout: Path, spec: str) -> Path:
    """Return a script eight directories below the common spec that counts for it."""
    script = checkout / DEEP / "script.py"
    script.parent.mkdir(parents=True)
    (checkout / ".vpython3").write_text(spec)
    script.write_text(SCRIPT)
    return script


def inline(requirements: Iterable[str]) -> str:
    """Return a script that does nothing and names its requirements in a PEP 723 block."""
    rows = "".join(f'#   "{requirement}",\n' for requirement in requirements)
    return f"# /// script\n# dependencies = [\n{rows}# ]\n# ///\n{SCRIPT}"
