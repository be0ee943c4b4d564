"""Gathering of all packages of a spec in one directory, as the original does: only wheels count."""

from __future__ import annotations

import os
import threading

from vpy.errors import UserError
from vpy.packages.cipd import package_file
from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.model import Pin


class Gathering:
    """Package files that are unpacked below a directory, each as it comes, by whichever thread has it."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._lock = threading.Lock()
        self._unpacked: dict[Pin, str] = {}
        self._wheels: dict[Pin, list[str]] = {}

    def unpack(self, pin: Pin, path: str) -> list[str]:
        """Unpack a package file; return the paths of its wheels."""
        with self._lock:
            location = self._unpacked[pin] = os.path.join(self.directory, str(len(self._unpacked)))
        package_file.unpack(path, location, expected_name=pin.name, instance_id=pin.instance_id)
        self._wheels[pin] = _wheels_of(location)
        return [os.path.join(location, *wheel.split("/")) for wheel in self._wheels[pin]]

    def gather(self, pins: Sequence[Pin], paths: Sequence[str]) -> tuple[str, list[list[str]]]:
        """Unpack what is not yet unpacked; return the common directory, and each package's wheels.

        The same path with the same bytes is one file. UserError names every path for which two packages
        have different bytes, and every package without a wheel.
        """
        common = os.path.join(self.directory, "wheels")
        os.mkdir(common)
        owners: dict[str, str] = {}
        mistakes = []
        for pin, path in zip(pins, paths, strict=True):
            if pin not in self._wheels:
                self.unpack(pin, path)
            if not self._wheels[pin]:
                mistakes.append(f"package `{pin.name}` at `{pin.version}` holds no wheel")
            for wheel in self._wheels[pin]:
                other = owners.setdefault(wheel, pin.name)
                if not _put(os.path.join(self._unpacked[pin], *wheel.split("/")), common, wheel):
                    mistakes.append(
                        f"packages `{other}` and `{pin.name}` have different files of one name: `{wheel}`"
                    )
        if mistakes:
            raise UserError(mistakes)
        return common, [self._wheels[pin] for pin in pins]


def _put(path: str, common: str, wheel: str) -> bool:
    """Link a wheel into the common directory; return False where other bytes have its name there."""
    target = os.path.join(common, *wheel.split("/"))
    if os.path.exists(target):
        return files.read_bytes(target) == files.read_bytes(path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    files.link_or_copy(path, target)
    return True


def _wheels_of(path: str) -> list[str]:
    """Paths of the wheels below `path`, with `/`, sorted."""
    return sorted(
        os.path.relpath(os.path.join(parent, name), path).replace(os.sep, "/")
        for parent, _, names in os.walk(path)
        for name in names
        if name.lower().endswith(".whl")
    )
