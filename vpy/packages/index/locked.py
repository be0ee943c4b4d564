"""Wheels as an index first resolved them, and the cached answers that hold them."""

from __future__ import annotations

import contextlib
import hashlib
import os

from bootstrap.shown import has_password, without_passwords
from vpy.packages.cipd import names as cipd_names
from vpy.system import files, sealed
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.system.layout import Layout

    Answer = tuple[tuple["LockedWheel", ...], tuple[str, ...]]


@value
class LockedWheel:
    """One wheel as it was first resolved; `url` is "" unless the requirement itself names one.

    `is_built`: no index has it, so it is here or must be built again. `directory` is where it lay beside the
    index, "" where it did not.
    """

    project: str
    version: str
    url: str
    filename: str
    sha256: str
    is_built: bool = False
    directory: str = ""

    @property
    def requirement(self) -> str:
        """PEP 508 requirement that means exactly this wheel's version."""
        return f"{self.project} @ {self.url}" if self.url else f"{self.project}=={self.version}"

    @property
    def instance_id(self) -> str:
        """CIPD's id of the wheel file's bytes."""
        return cipd_names.instance_id(bytes.fromhex(self.sha256))


class Answers:
    """Answers of an index, each at the path that its question has in the root.

    An answer counts for ever once a start has all its wheels. Until then it is only decided: it spares the
    next start the resolution, and is dropped where the index has other bytes by then.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._asked: set[str] = set()
        self._unproven: dict[str, Answer] = {}

    def get(self, path: str) -> Answer | None:
        """Return what was answered before, or decided by a start that was interrupted; None for neither."""
        self._asked.add(path)
        known = _load(path)
        if known is None and (known := _load(self._decided_path(path))) is not None:
            self._unproven[path] = known
        return known

    def decide(self, path: str, wheels: Sequence[LockedWheel], notes: Sequence[str] = ()) -> None:
        """Keep what is decided, until its wheels are here."""
        _keep(self._decided_path(path), wheels, notes)

    def keep(self, path: str, wheels: Sequence[LockedWheel], notes: Sequence[str]) -> None:
        """Keep an answer for ever, unless it has a secret, or does not say which bytes it means."""
        _drop(self._decided_path(path))
        _keep(path, wheels, notes)

    def undecide(self, path: str) -> None:
        """Drop what was decided."""
        _drop(self._decided_path(path))

    def prove(self, *, holds: bool) -> None:
        """Keep for ever what an interrupted start had decided where it `holds`, drop it where it does not."""
        for path, known in self._unproven.items():
            _drop(self._decided_path(path))
            if holds:
                _keep(path, *known)
        self._unproven.clear()

    def forget(self) -> None:
        """Drop all that was asked for: the index may have something better by then."""
        for path in self._asked:
            _drop(path)

    def _decided_path(self, path: str) -> str:
        return self._layout.resolution(
            hashlib.sha256(f"decided {os.path.basename(path)}".encode()).hexdigest()
        )


def _load(path: str) -> tuple[tuple[LockedWheel, ...], tuple[str, ...]] | None:
    """Return the cached wheels and notes; None where there are none, or none that can be read."""
    try:
        data = sealed.read(path)
        return tuple(LockedWheel(*row) for row in data["wheels"]), tuple(data["notes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _dump(wheels: Sequence[LockedWheel], notes: Sequence[str]) -> bytes:
    rows = [
        [
            wheel.project,
            wheel.version,
            wheel.url,
            wheel.filename,
            wheel.sha256,
            wheel.is_built,
            without_passwords(wheel.directory),
        ]
        for wheel in wheels
    ]
    return sealed.dump({"wheels": rows, "notes": list(notes)})


def _keep(path: str, wheels: Sequence[LockedWheel], notes: Sequence[str]) -> None:
    if not any(has_password(wheel.url) or not wheel.sha256 for wheel in wheels):
        files.write_bytes(path, _dump(sorted(wheels, key=lambda wheel: wheel.project), notes))


def _drop(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        files.unlink(path)
