"""Wheels as an index first resolved them, and the cached answers that hold them."""

from __future__ import annotations

import contextlib
import hashlib
import os

from bootstrap.shown import has_password, without_passwords
from vpy.errors import UserError
from vpy.packages.cipd import names as cipd_names
from vpy.packages.freshness import OUTAGE_SECONDS
from vpy.system import files, sealed
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vpy.packages.freshness import Freshness
    from vpy.system.layout import Layout


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

    @classmethod
    def of_row(cls, row: Mapping[str, str], *, is_built: bool = False) -> LockedWheel:
        """Return the wheel of a row that `pip_download` answers."""
        from packaging.utils import canonicalize_name

        return cls(
            project=canonicalize_name(row["name"]),
            version=row["version"],
            url=row["url"],
            filename=row["filename"],
            sha256=row["sha256"],
            is_built=is_built,
            directory=row.get("directory", ""),
        )

    @property
    def requirement(self) -> str:
        """PEP 508 requirement that means exactly this wheel's version."""
        return f"{self.project} @ {self.url}" if self.url else f"{self.project}=={self.version}"

    @property
    def instance_id(self) -> str:
        """CIPD's id of the wheel file's bytes."""
        return cipd_names.instance_id(bytes.fromhex(self.sha256))

    def check_size(self, path: str, expected: int) -> None:
        """Raise UserError where the file has another size than a lockfile says, 0 for nothing."""
        size = os.stat(path).st_size if expected else 0
        if size != expected:
            raise UserError(f"`{self.filename}` has {size} bytes, and {expected} in the lockfile")


@value
class Answer:
    """Wheels that a question came to, notes, and when it was asked (seconds since the epoch)."""

    wheels: tuple[LockedWheel, ...]
    notes: tuple[str, ...]
    asked: float


class Answers:
    """Answers of an index, each at the path that its question has in the root.

    An answer counts, as long as it is fresh, once a start has all its wheels. Until then it is only decided:
    it spares the next start the resolution, and is dropped where the index has other bytes by then.
    """

    def __init__(self, layout: Layout, freshness: Freshness) -> None:
        self._layout = layout
        self._freshness = freshness
        self._times: dict[str, float] = {}
        self._unproven: dict[str, Answer] = {}

    def get(self, path: str, *, however_old: bool = False) -> Answer | None:
        """Return what was answered before, or decided by a start that was interrupted; None for neither.

        An answer that no longer counts is none, unless it serves `however_old`.
        """
        known = self._load(path, however_old)
        if known is None and (known := self._load(self._decided_path(path), however_old)) is not None:
            self._unproven[path] = known
        self._times[path] = known.asked if known else self._freshness.now()
        return known

    def _load(self, path: str, however_old: bool) -> Answer | None:
        known = _load(path)
        return known if known and (however_old or self._freshness.holds(known.asked)) else None

    def is_old(self, path: str) -> bool:
        """Return whether what was got at a path no longer counts."""
        return not self._freshness.holds(self._times[path])

    def until(self, path: str) -> int:
        """Return until when the answer at a path counts, 0 for ever; an old one serves for a while."""
        if self.is_old(path):
            return int(self._freshness.now()) + OUTAGE_SECONDS
        return self._freshness.until(self._times[path])

    def decide(self, path: str, wheels: Sequence[LockedWheel], notes: Sequence[str] = ()) -> Answer:
        """Keep what is decided, until its wheels are here."""
        answer = Answer(tuple(wheels), tuple(notes), self._freshness.now())
        _keep(self._decided_path(path), answer)
        return answer

    def keep(self, path: str, wheels: Sequence[LockedWheel], notes: Sequence[str]) -> Answer:
        """Keep an answer, unless it has a secret, or does not say which bytes it means."""
        answer = Answer(tuple(wheels), tuple(notes), self._freshness.now())
        _drop(self._decided_path(path))
        _keep(path, answer)
        return answer

    def undecide(self, path: str) -> None:
        """Drop what was decided."""
        _drop(self._decided_path(path))

    def prove(self, *, holds: bool) -> None:
        """Keep what an interrupted start had decided where it `holds`, drop it where it does not."""
        for path, known in self._unproven.items():
            _drop(self._decided_path(path))
            if holds:
                _keep(path, known)
        self._unproven.clear()

    def forget(self) -> None:
        """Drop all that was asked for: the index may have something better by then."""
        for path in self._times:
            _drop(path)

    def _decided_path(self, path: str) -> str:
        return self._layout.resolution(
            hashlib.sha256(f"decided {os.path.basename(path)}".encode()).hexdigest()
        )


def _load(path: str) -> Answer | None:
    """Return the cached answer; None where there is none, or none that can be read."""
    try:
        data = sealed.read(path)
        wheels = tuple(LockedWheel(*row) for row in data["wheels"])
        return Answer(wheels, tuple(data["notes"]), float(data.get("asked", 0)))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(path: str, answer: Answer) -> None:
    if any(has_password(wheel.url) or not wheel.sha256 for wheel in answer.wheels):
        return
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
        for wheel in sorted(answer.wheels, key=lambda wheel: wheel.project)
    ]
    data = {"wheels": rows, "notes": list(answer.notes), "asked": answer.asked}
    files.write_bytes(path, sealed.dump(data))


def _drop(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        files.unlink(path)
