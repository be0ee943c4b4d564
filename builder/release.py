"""What a release has beside the file: its sha256, SBOM, manual page, wheels; and a directory of releases."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tomllib
from typing import TYPE_CHECKING, Any

from builder import package, sbom, wheel
from builder.vendor import TOP, BuildError, contents, fetch_wheels, requirements

if TYPE_CHECKING:
    from pathlib import Path

LIST = "releases.json"
SIDECAR = ".sha256"


def project() -> dict[str, str]:
    """Return the table `project` of this source tree: name, version, description."""
    with (TOP / "pyproject.toml").open("rb") as file:
        table: dict[str, str] = tomllib.load(file)["project"]
    return table


def release(built: Path, config: Path) -> list[Path]:
    """Write what a release has beside a built file; return the files, that one the first."""
    data, about = built.read_bytes(), project()
    listing = TOP / "vendor" / "requirements.txt"
    pins = requirements(listing)
    wheels = fetch_wheels(pins, listing, TOP / "build" / "wheels")
    bill = sbom.sbom(data, about["version"], pins, contents(wheels))
    name = _distribution(config)
    checked = f"{hashlib.sha256(data).hexdigest()}  {built.name}\n"
    parts = {
        built.name + SIDECAR: checked.encode(),
        f"{built.stem}.cdx.json": bill,
        f"{built.stem}.1": (TOP / "docs" / "vpython.1").read_bytes(),
    }
    for platforms in (wheel.ANY, wheel.WINDOWS):
        file_name = wheel.file_name(name, about["version"], platforms)
        parts[file_name] = wheel.wheel(data, name, about, platforms, bill)
    for file_name, content in parts.items():
        _write(built.with_name(file_name), content)
    return [built, *(built.with_name(file_name) for file_name in parts)]


def publish(files: list[Path], directory: Path) -> str:
    """Add a release to a directory that `vpython-tool self` reads, below its version; say in a line where.

    The list is written last: it never names what is not there. Raises BuildError where another file is
    there by that version, since what was released stays.
    """
    built, version = files[0], project()["version"]
    data = built.read_bytes()
    final = directory / version
    if final.exists():
        if not (final / built.name).is_file() or (final / built.name).read_bytes() != data:
            raise BuildError(f"{final}: there already, with another file: a new release has a new version")
    else:
        staged = directory / f".new-{os.getpid()}"
        try:
            staged.mkdir(parents=True)
            for path in files:
                shutil.copyfile(path, staged / path.name)
            staged.rename(final)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    row = {
        "version": version,
        "build": package.build_of(built),
        "file": f"{version}/{built.name}",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
    }
    kept = [each for each in _listed(directory / LIST) if each.get("version") != version]
    text = json.dumps({"releases": [row, *kept]}, indent=1)
    _write(directory / LIST, f"{text}\n".encode())
    return f"\n{directory / LIST}: {version}"


def _listed(path: Path) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_bytes())["releases"]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{path}: no list of releases") from error
    return rows


def _distribution(config: Path) -> str:
    with config.open("rb") as file:
        name: str = tomllib.load(file)["package"]["distribution"]
    return name


def _write(path: Path, data: bytes) -> None:
    """Write a file that has its name only when it is whole."""
    passing = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        passing.write_bytes(data)
        passing.replace(path)
    finally:
        passing.unlink(missing_ok=True)
