"""Gathering of all packages of a spec in one directory, as the original does: only wheels count."""

from __future__ import annotations

import os

from vpy.errors import UserError
from vpy.packages.cipd import package_file
from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.model import Pin


def gather(pins: Sequence[Pin], paths: Sequence[str], directory: str) -> tuple[str, list[list[str]]]:
    """Unpack package files below `directory`; return the common directory, and each package's wheels.

    The same path with the same bytes is one file. UserError names every path for which two packages
    have different bytes, and every package without a wheel.
    """
    common = os.path.join(directory, "wheels")
    os.mkdir(common)
    owners: dict[str, str] = {}
    brought = []
    mistakes = []
    for number, (pin, path) in enumerate(zip(pins, paths, strict=True)):
        location = os.path.join(directory, str(number))
        package_file.unpack(path, location, expected_name=pin.name, instance_id=pin.instance_id)
        wheels = _wheels_of(location)
        brought.append(wheels)
        if not wheels:
            mistakes.append(f"package `{pin.name}` at `{pin.version}` holds no wheel")
        for wheel in wheels:
            other = owners.setdefault(wheel, pin.name)
            target = os.path.join(common, *wheel.split("/"))
            if other == pin.name:
                os.makedirs(os.path.dirname(target), exist_ok=True)
                files.link_or_copy(os.path.join(location, *wheel.split("/")), target)
            elif files.read_bytes(target) != files.read_bytes(os.path.join(location, *wheel.split("/"))):
                mistakes.append(
                    f"packages `{other}` and `{pin.name}` bring different files of one name: `{wheel}`"
                )
    if mistakes:
        raise UserError(mistakes)
    return common, brought


def _wheels_of(path: str) -> list[str]:
    """Paths of the wheels below `path`, with `/`, sorted."""
    return sorted(
        os.path.relpath(os.path.join(parent, name), path).replace(os.sep, "/")
        for parent, _, names in os.walk(path)
        for name in names
        if name.lower().endswith(".whl")
    )
