"""Looks at the file system on the way to a spec, and keeps what each look found."""

from __future__ import annotations

import errno
import os
import stat

from vpy.errors import UserError
from vpy.model import Observation, SpecSource
from vpy.spec.text import LIMIT, decode, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.model import ObservationKind, SpecFormat, SpecKind

# A script is searched for a block up to this size: what is larger is data, not a program.
MOST_SEARCHED = 4 * 1024 * 1024
# Up to this size a start compares a script's bytes; beyond it, size, time and inode.
MOST_COMPARED = 256 * 1024


class Look:
    """What has been looked at in one search: the places, and the facts that the choice hangs on."""

    def __init__(self) -> None:
        self.searched: list[str] = []
        self._rows: dict[Observation, None] = {}

    @property
    def observations(self) -> tuple[Observation, ...]:
        return tuple(self._rows)

    def saw(self, kind: ObservationKind, *fields: str) -> None:
        self._rows[Observation(kind=kind, fields=fields)] = None

    def same(self, one: str, other: str) -> None:
        """Two names that were taken for one file; nothing to keep where they are one name."""
        if one != other:
            self.saw("same", one, other)

    def real(self, given: str, real: str) -> None:
        """Where a name led: another link in it, or a link in its place, leads elsewhere."""
        self.saw("real", given, real)

    def exists(self, path: str) -> bool:
        """Whether anything is at `path`."""
        found = mode(path) is not None
        self.saw("exists" if found else "absent", path)
        return found

    def partner(self, path: str, form: SpecFormat = "text") -> SpecSource | None:
        """The spec in the partner file `path`; a directory of that name is passed over."""
        self.searched.append(path)
        found = mode(path)
        if found is None and leads_in_a_circle(path):
            raise UserError(f"cannot read the spec `{printable(path)}`: {os.strerror(errno.ELOOP)}")
        if found is None or stat.S_ISDIR(found):
            self.saw("no-file", path)
            return None
        return self.spec(path, "partner", form, found)

    def spec(self, path: str, kind: SpecKind, form: SpecFormat, found: int | None = None) -> SpecSource:
        """Read the spec file `path`; `found` is its mode, where only a plain file or `/dev/null` will do.

        Raises UserError where it cannot be read.
        """
        if found is not None and not (stat.S_ISREG(found) or stat.S_ISCHR(found)):
            raise UserError(f"the spec `{printable(path)}` is not a file")
        try:
            with open(path, "rb", 0) as file:
                data = _read(file.fileno(), LIMIT + 1)
        except (OSError, ValueError) as error:
            raise UserError(f"cannot read the spec `{printable(path)}`: {reason(error)}") from error
        self.saw("content", path, data.decode("latin-1"))
        return SpecSource(kind=kind, format=form, path=path, text=decode(data, path))

    def script(self, path: str) -> bytes:
        """The script's bytes, as many as are searched for a block; UserError where it cannot be read."""
        self.searched.append(path)
        try:
            with open(path, "rb", 0) as file:
                found = os.fstat(file.fileno())
                data = _read(file.fileno(), MOST_SEARCHED)
        except (OSError, ValueError) as error:
            raise cannot_open(path, error) from error
        if len(data) > MOST_COMPARED:
            size, time, inode = str(found.st_size), str(found.st_mtime_ns), str(found.st_ino)
            self.saw("signature", path, size, time, inode)
        else:
            self.saw("content", path, data.decode("latin-1"))
        return data


def _read(descriptor: int, limit: int) -> bytes:
    """At most `limit` bytes; a pipe may give them in pieces."""
    parts: list[bytes] = []
    while limit > 0 and (part := os.read(descriptor, min(limit, LIMIT + 1))):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def mode(path: str) -> int | None:
    """The mode of what is at `path`, links followed; None for nothing, or nothing that can be reached."""
    try:
        return os.stat(path).st_mode
    except (OSError, ValueError):
        return None


def leads_in_a_circle(path: str) -> bool:
    """Whether a link is there that leads to itself: somebody meant a file to be there."""
    if not os.path.islink(path):
        return False
    try:
        os.stat(path)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def reason(error: Exception) -> str:
    """What the system says of it."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number else "not a file name"


def cannot_open(path: str, error: Exception) -> UserError:
    """The error for a script that Python could not open either."""
    return UserError(f"cannot open script `{printable(path)}`: {reason(error)}")
