"""Store of verified package files in the root, by instance id: `layout.package(instance_id)`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat

from vpy.errors import ToolError
from vpy.packages.cipd import package_file
from vpy.packages.cipd.names import ALGORITHMS, reference_from_id
from vpy.system.files import disk_errors, temporary_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vpy.model import Pin
    from vpy.system.layout import Layout

    Stream = Callable[[], Iterable[bytes]]


class _BadFileError(Exception):
    hint = "the source holds a damaged file: put the right one there, or name another with -vpython-source S"


def ensure(
    pin: Pin, stream: Stream, layout: Layout, *, size: int | None = None, caches: Sequence[Stream] = ()
) -> str:
    """Return the path of the pin's verified package file, written from `stream` unless it is there.

    Each call of `stream` yields the bytes from the beginning; `size` is their number, where it is
    known. A file that does not match the id, or is another package's, is dropped and streamed once
    more; then it is refused. `caches` are tried first, and skipped where they fail. Raises ToolError,
    or whatever `stream` raises.
    """
    path = layout.package(pin.instance_id)
    if _is_sound(path, pin.instance_id, size):
        return path

    for cache in caches:
        with contextlib.suppress(_BadFileError, ToolError):
            return _write(pin, cache, path)
    try:
        return _write(pin, stream, path)
    except _BadFileError:
        try:
            return _write(pin, stream, path)
        except _BadFileError as error:
            raise ToolError(f"{error}; it was refused twice", hint=error.hint) from error


def _is_sound(path: str, instance_id: str, size: int | None) -> bool:
    """Return whether a verified file is unchanged: read-only, and with the same bytes."""
    algorithm, digest = reference_from_id(instance_id)
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o222:
            return False
        if size not in (None, status.st_size):
            return False
        with open(path, "rb") as file:
            return hashlib.file_digest(file, ALGORITHMS[algorithm]).hexdigest() == digest
    except OSError:
        return False


def _write(pin: Pin, stream: Stream, path: str) -> str:
    """Write a streamed package file beside `path`, verify it, and rename it to `path`."""
    directory = os.path.dirname(path)
    with disk_errors("write", path):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        temporary = temporary_name(directory, ".new-")
    try:
        _write_verified(pin, stream, temporary, path)
        with disk_errors("write", path):
            os.chmod(temporary, 0o444)
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return path


def _write_verified(pin: Pin, stream: Stream, temporary: str, path: str) -> None:
    algorithm, digest = reference_from_id(pin.instance_id)
    hasher = hashlib.new(ALGORITHMS[algorithm], usedforsecurity=False)
    with disk_errors("write", path), open(temporary, "xb") as file:
        for piece in stream():
            hasher.update(piece)
            file.write(piece)

    if hasher.hexdigest() != digest:
        size = os.path.getsize(temporary)
        raise _BadFileError(
            f"`{pin.instance_id}` from `{pin.origin}` is refused: its {size} bytes have another hash"
        )
    try:
        package_file.read_manifest(temporary, expected_name=pin.name)
    except ToolError as error:
        reason = error.message.replace(temporary, pin.instance_id)
        raise _BadFileError(f"{reason} (from `{pin.origin}`)") from error
