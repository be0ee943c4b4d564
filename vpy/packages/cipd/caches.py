"""Caches of the CIPD client, where a variable names one: `<cache>/instances/<instance id>`.

A package file from there is verified like any other.
"""

from __future__ import annotations

import contextlib
import os

from vpy.errors import UserError
from vpy.system import files
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

PIECE = 1 << 20
WRITABLE = "CIPD_CACHE_DIR"
READ_ONLY = "CIPD_READ_ONLY_CACHE_DIR"


@value
class Caches:
    """Directories to read from, and the one of them that new files are added to, if any."""

    directories: tuple[str, ...] = ()
    writable: str | None = None

    def streams(self, instance_id: str) -> list[Callable[[], Iterable[bytes]]]:
        """Return for each cache that has the instance a function that yields its bytes."""
        paths = [os.path.join(directory, "instances", instance_id) for directory in self.directories]
        return [lambda path=path: _pieces(path) for path in paths if files.is_file(path)]  # type: ignore[misc]

    def add(self, instance_id: str, path: str) -> None:
        """Copy the verified file at `path` to the writable cache; failing to write it is no error."""
        if self.writable is None:
            return
        directory = os.path.join(self.writable, "instances")
        final = os.path.join(directory, instance_id)
        with contextlib.suppress(OSError):
            if os.path.lexists(final):
                return
            os.makedirs(directory, mode=0o777, exist_ok=True)
            _copy(path, directory, final)


def from_environ(environ: Mapping[str, str]) -> Caches:
    """Return the caches that the CIPD client would use; raise UserError for a path that is not absolute."""
    directories = []
    for variable in (WRITABLE, READ_ONLY):
        path = environ.get(variable, "")
        if path and not os.path.isabs(path):
            raise UserError(f"`{variable}` is not an absolute path: `{path}`")
        if path:
            directories.append(path)
    return Caches(tuple(directories), environ.get(WRITABLE) or None)


def _pieces(path: str) -> Iterable[bytes]:
    with files.disk_errors("read", path), open(path, "rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _copy(path: str, directory: str, final: str) -> None:
    """Copy a file to `final` in `directory`, which has this name only when it is whole."""
    import shutil

    temporary = files.temporary_name(directory, ".new-")
    try:
        with open(path, "rb") as source, open(temporary, "xb") as target:
            shutil.copyfileobj(source, target, PIECE)
        os.replace(temporary, final)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
