"""Wheels as an index first resolved them, and the cached answers that hold them."""

from __future__ import annotations

from vpy.packages.cipd import names as cipd_names
from vpy.system import sealed
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


@value
class LockedWheel:
    """One wheel as it was first resolved; `url` is "" unless the requirement itself names one.

    `is_built`: no index has it, so it is here or must be built again.
    """

    project: str
    version: str
    url: str
    filename: str
    sha256: str
    is_built: bool = False

    @property
    def requirement(self) -> str:
        """PEP 508 requirement that means exactly this wheel's version."""
        return f"{self.project} @ {self.url}" if self.url else f"{self.project}=={self.version}"

    @property
    def instance_id(self) -> str:
        """CIPD's id of the wheel file's bytes."""
        return cipd_names.instance_id(bytes.fromhex(self.sha256))


def load(path: str) -> tuple[tuple[LockedWheel, ...], tuple[str, ...]] | None:
    """Return the cached wheels and notes; None where there are none, or none that can be read."""
    try:
        data = sealed.read(path)
        return tuple(LockedWheel(*row) for row in data["wheels"]), tuple(data["notes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def dump(wheels: Sequence[LockedWheel], notes: Sequence[str]) -> bytes:
    """Return an answer as it is cached."""
    rows = [
        (wheel.project, wheel.version, wheel.url, wheel.filename, wheel.sha256, wheel.is_built)
        for wheel in wheels
    ]
    return sealed.dump({"wheels": rows, "notes": list(notes)})
