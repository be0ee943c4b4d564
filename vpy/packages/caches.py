"""Package files that other tools keep: the CIPD client's caches, where a variable names one.

`<cache>/instances/<instance id>` is a package file. What lies there is checked like any other.
"""

from __future__ import annotations

import contextlib
import os

from vpy.errors import UserError
from vpy.system import files
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

PIECE = 1 << 20
WRITABLE = "CIPD_CACHE_DIR"
READ_ONLY = "CIPD_READ_ONLY_CACHE_DIR"


@value
class Caches:
    """Directories that are looked into, and the one of them that new files are added to ("": none)."""

    places: tuple[str, ...] = ()
    writable: str = ""

    def sources(self, instance_id: str) -> list[Callable[[], Iterable[bytes]]]:
        """What brings the bytes of the instance from each cache that has it."""
        paths = [os.path.join(place, "instances", instance_id) for place in self.places]
        return [lambda path=path: _pieces(path) for path in paths if files.is_file(path)]  # type: ignore[misc]

    def add(self, instance_id: str, path: str) -> None:
        """Keep the verified file at `path` there too; a cache that cannot be written is no reason to stop."""
        if not self.writable:
            return
        directory = os.path.join(self.writable, "instances")
        final = os.path.join(directory, instance_id)
        with contextlib.suppress(OSError):
            if os.path.lexists(final):
                return
            os.makedirs(directory, mode=0o777, exist_ok=True)
            passing = files.passing_name(directory, ".new-")
            try:
                _copy(path, passing)
                os.replace(passing, final)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(passing)
                raise


def from_environ(environ: Mapping[str, str]) -> Caches:
    """The caches that the CIPD client would use; UserError for a path that is not absolute."""
    places = []
    for variable in (WRITABLE, READ_ONLY):
        path = environ.get(variable, "")
        if path and not os.path.isabs(path):
            raise UserError(f"`{variable}` is no absolute path: `{path}`")
        if path:
            places.append(path)
    return Caches(tuple(places), environ.get(WRITABLE, ""))


def _pieces(path: str) -> Iterable[bytes]:
    with files.disk_errors("read", path), open(path, "rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _copy(source: str, target: str) -> None:
    with open(source, "rb") as there, open(target, "xb") as here:
        while piece := there.read(PIECE):
            here.write(piece)
