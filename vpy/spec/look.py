"""Observing reader of the file system: what a search for a spec reads, and the facts it then depends on."""

from __future__ import annotations

import errno
import os
import stat

from bootstrap.shown import printable
from vpy.errors import UserError
from vpy.model import Observation, SpecSource
from vpy.spec.text import MAX_SIZE, decode
from vpy.system.files import signature_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.model import ObservationKind, SpecFormat, SpecKind

# Bytes of a script that are searched for a block; a larger file is data, not a program.
MAX_SEARCHED = 4 * 1024 * 1024
# Scripts and lockfiles up to this size are compared by their bytes at the next start; larger ones by size,
# times and inode.
MAX_COMPARED = 256 * 1024


# Formats that hold what is locked, thousands of hashes.
LOCKABLE = ("requirements", "pylock")
# Bytes; the largest real lockfiles take a tenth of it.
MAX_LOCKED = 16 << 20


class FileObserver:
    """Reads files for one search; collects the paths searched and the observations.

    `searched` are the paths at which a spec could have been, in order; `warnings` are lines for stderr.
    """

    def __init__(self) -> None:
        self.searched: list[str] = []
        self.warnings: list[str] = []
        self._observations: dict[Observation, None] = {}

    @property
    def observations(self) -> tuple[Observation, ...]:
        """Observations so far, each once."""
        return tuple(self._observations)

    def observe(self, kind: ObservationKind, *fields: str) -> None:
        """Add an observation."""
        self._observations[Observation(kind=kind, fields=fields)] = None

    def observe_same(self, path: str, other: str) -> None:
        """Observe that two paths name one file; nothing where they are equal."""
        if path != other:
            self.observe("same", path, other)

    def observe_real(self, path: str, real: str) -> None:
        """Observe the real path of a path, which another link on the way would change."""
        self.observe("real", path, real)

    def observe_data(self, path: str, data: bytes, status: os.stat_result) -> None:
        """Observe what was read from a file: its bytes, or of a large one what tells that it was changed."""
        if len(data) > MAX_COMPARED:
            self.observe("signature", path, *signature_fields(status))
        else:
            self.observe("content", path, data.decode("latin-1"))

    def exists(self, path: str) -> bool:
        """Return whether anything is at `path`, and observe it."""
        found = mode(path) is not None
        self.observe("exists" if found else "absent", path)
        return found

    def read_partner(self, path: str) -> SpecSource | None:
        """Return the spec in the partner file `path`, or None; a directory of that name does not count."""
        self.searched.append(path)
        found = mode(path)
        if found is None and is_link_loop(path):
            raise UserError(f"cannot read the spec `{printable(path)}`: {os.strerror(errno.ELOOP)}")
        if found is None or stat.S_ISDIR(found):
            self.observe("no-file", path)
            return None
        return self.read_spec(path, "partner", "text", found)

    def read_spec(
        self, path: str, kind: SpecKind, spec_format: SpecFormat, found: int | None = None
    ) -> SpecSource:
        """Read the spec file `path`; raise UserError where it cannot be read.

        `found` is its mode where only a plain file or `/dev/null` will do; an option or a variable may
        also name a pipe.
        """
        most = MAX_LOCKED if spec_format in LOCKABLE else MAX_SIZE
        if found is not None and not (stat.S_ISREG(found) or stat.S_ISCHR(found)):
            raise UserError(f"the spec `{printable(path)}` is not a file")

        try:
            with open(path, "rb", 0) as file:
                status = os.fstat(file.fileno())
                data = _read(file.fileno(), most + 1)
        except (OSError, ValueError) as error:
            raise UserError(f"cannot read the spec `{printable(path)}`: {_reason(error)}") from error

        self.observe_data(path, data, status)
        return SpecSource(kind=kind, format=spec_format, path=path, text=decode(data, path, most))

    def read_script(self, path: str) -> bytes:
        """Return the first `MAX_SEARCHED` bytes of a script; raise UserError where it cannot be read."""
        self.searched.append(path)
        try:
            with open(path, "rb", 0) as file:
                status = os.fstat(file.fileno())
                data = _read(file.fileno(), MAX_SEARCHED)
        except (OSError, ValueError) as error:
            raise cannot_open(path, error) from error

        self.observe_data(path, data, status)
        return data


def _read(descriptor: int, limit: int) -> bytes:
    """Read at most `limit` bytes; a pipe may give them in pieces."""
    parts: list[bytes] = []
    while limit > 0 and (part := os.read(descriptor, min(limit, MAX_SIZE + 1))):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def mode(path: str) -> int | None:
    """Return the mode of what is at `path`, links followed; None where nothing can be reached."""
    try:
        return os.stat(path).st_mode
    except (OSError, ValueError):
        return None


def is_link_loop(path: str) -> bool:
    """Return whether a link at `path` leads to itself, which is a mistake and no missing file."""
    if not os.path.islink(path):
        return False
    try:
        os.stat(path)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def cannot_open(path: str, error: Exception) -> UserError:
    """Return the error for a script that Python could not open either."""
    return UserError(f"cannot open script `{printable(path)}`: {_reason(error)}")


def _reason(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number else "not a file name"
