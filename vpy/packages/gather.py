"""All packages of a spec unpacked into one place, as the original does: only their wheels count."""

from __future__ import annotations

import os

from vpy.errors import UserError
from vpy.packages import packagefile
from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.model import Pin


def gather(pins: Sequence[Pin], paths: Sequence[str], directory: str) -> tuple[str, list[list[str]]]:
    """Unpack package files below `directory`; return the common place, and the wheels that each brought.

    The same path with the same bytes is one file. UserError names every path for which two packages
    have different bytes, and every package without a wheel.
    """
    common = os.path.join(directory, "wheels")
    os.mkdir(common)
    owners: dict[str, str] = {}
    brought = []
    mistakes = []
    for number, (pin, path) in enumerate(zip(pins, paths, strict=True)):
        place = os.path.join(directory, str(number))
        packagefile.unpack(path, place, expected_name=pin.name, instance_id=pin.instance_id)
        wheels = _wheels_of(place)
        brought.append(wheels)
        if not wheels:
            mistakes.append(f"package `{pin.name}` at `{pin.version}` holds no wheel")
        for wheel in wheels:
            other = owners.setdefault(wheel, pin.name)
            target = os.path.join(common, *wheel.split("/"))
            if other == pin.name:
                os.makedirs(os.path.dirname(target), exist_ok=True)
                files.link_or_copy(os.path.join(place, *wheel.split("/")), target)
            elif files.read_bytes(target) != files.read_bytes(os.path.join(place, *wheel.split("/"))):
                mistakes.append(
                    f"packages `{other}` and `{pin.name}` bring different files of one name: `{wheel}`"
                )
    if mistakes:
        raise UserError("\n".join(mistakes))
    return common, brought


def _wheels_of(place: str) -> list[str]:
    """Paths of the wheels below `place`, with `/`, sorted."""
    return sorted(
        os.path.relpath(os.path.join(parent, name), place).replace(os.sep, "/")
        for parent, _, names in os.walk(place)
        for name in names
        if name.lower().endswith(".whl")
    )
