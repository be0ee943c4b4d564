"""Wheels that everyone installs: 27 real ones from the index, the others made here."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from timing import BenchError, Job, told

if TYPE_CHECKING:
    from collections.abc import Mapping

LISTED = Path(__file__).with_name("wheels.txt")
MADE_MODULES = 12
MODULE_LINES = 120
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Wheel, and the package that `pack` made of it."""

    wheel: Path
    name: str

    @property
    def project(self) -> str:
        return self.wheel.name.split("-")[0]

    @property
    def version(self) -> str:
        return self.wheel.name.split("-")[1]

    @property
    def text(self) -> str:
        """What a spec says to name it."""
        return f'wheel: <\n  name: "{self.name}"\n  version: "version:{self.version}"\n>\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Some packages: for us a spec and a repository, for the others a folder of their wheels."""

    packages: tuple[Package, ...]
    repository: Path
    folder: Path

    @property
    def requirements(self) -> tuple[str, ...]:
        return tuple(f"{package.project}=={package.version}" for package in self.packages)

    @property
    def spec(self) -> str:
        return "".join(package.text for package in self.packages)

    @property
    def files(self) -> int:
        return sum(len(zipfile.ZipFile(package.wheel).namelist()) for package in self.packages)


class Shelf:
    """All wheels, the real ones first, packed into one repository."""

    def __init__(self, packages: tuple[Package, ...], repository: Path, path: Path) -> None:
        self.packages = packages
        self.real = len(listed())
        self._repository = repository
        self._place = path

    def take(self, count: int) -> Selection:
        """Return the first `count` packages."""
        folder = self._place / f"first-{count}"
        packages = self.packages[:count]
        if not folder.exists():
            folder.mkdir(parents=True)
            for package in packages:
                os.link(package.wheel, folder / package.wheel.name)
        return Selection(packages=packages, repository=self._repository, folder=folder)


def listed() -> list[str]:
    """Return the lines of `wheels.txt` that name a wheel."""
    return [line for line in LISTED.read_text().splitlines() if not line.startswith("#")]


def fetch(cache: Path) -> list[Path]:
    """Return the real wheels, in the listed order: from the cache, else from the index, by their hashes."""
    cache.mkdir(parents=True, exist_ok=True)
    found = [_cached(line, cache) for line in listed()]
    if None in found:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
        ended = subprocess.run([*command, "-d", str(cache), "-r", str(LISTED)], check=False)
        if ended.returncode:
            raise BenchError("cannot get the wheels of `wheels.txt` from the index")
        found = [_cached(line, cache) for line in listed()]
    return [path for path in found if path is not None]


def _cached(line: str, cache: Path) -> Path | None:
    requirement, _, digest = line.partition(" --hash=sha256:")
    project, _, version = requirement.partition("==")
    for path in cache.glob(f"{project.replace('-', '_')}-{version}-*.whl"):
        if hashlib.sha256(path.read_bytes()).hexdigest() == digest:
            return path
    return None


def make(number: int, directory: Path) -> Path:
    """Return a wheel of the size of a small project: a package of a dozen modules; always the same bytes."""
    project = f"small_project_{number:03}"
    module = "".join(
        f"def number_{line}(value: int) -> int:\n    return value + {number * line}\n\n\n"
        for line in range(MODULE_LINES // 4)
    )
    info = f"{project}-1.0.dist-info"
    files = {f"{project}/__init__.py": '"""A small project."""\n'}
    files |= {f"{project}/module_{part}.py": module for part in range(MADE_MODULES - 1)}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {project.replace('_', '-')}\nVersion: 1.0\n"
    files[f"{info}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{info}/RECORD"] = (
        "".join(f"{name},sha256={_record_hash(text)},{len(text)}\n" for name, text in files.items())
        + f"{info}/RECORD,,\n"
    )
    path = directory / f"{project}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as result:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            result.writestr(entry, text)
    return path


def _record_hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def stock(cache: Path, directory: Path, most: int, vpython: Path, environ: Mapping[str, str]) -> Shelf:
    """Bring `most` wheels together under `directory`, and pack them."""
    real = fetch(cache)
    (directory / "made").mkdir(parents=True)
    result = [make(number, directory / "made") for number in range(most - len(real))]
    wheels = []
    for path in [*real, *result]:
        wheels.append(directory / path.name)
        wheels[-1].write_bytes(path.read_bytes())
    repository = directory / "repository"
    words = (str(vpython), "-vpython-tool", "pack", "-repo", str(repository), *map(str, wheels))
    names = [line.rpartition(":")[0] for line in told(Job(words=words, environ=environ))[0].splitlines()]
    packages = tuple(Package(wheel=wheel, name=name) for wheel, name in zip(wheels, names, strict=True))
    return Shelf(packages, repository, directory / "folders")
