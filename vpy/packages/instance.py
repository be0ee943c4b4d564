"""Instances in the root: bytes come in, are hashed on the way, and get their name when they are right."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat

from vpy.errors import ToolError
from vpy.packages import packagefile
from vpy.packages.cipd import ALGORITHMS, reference_from_id
from vpy.system.files import disk_errors, passing_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vpy.model import Pin
    from vpy.system.layout import Layout

    Source = Callable[[], Iterable[bytes]]


def store(
    pin: Pin, source: Source, layout: Layout, *, size: int | None = None, nearby: Sequence[Source] = ()
) -> str:
    """The path of the pin's verified package file, brought by `source` unless it is there.

    `source` starts to bring the bytes each time it is called; `size` is how many there are, where
    that is known. A file that is not what the id says, or is another package's, is dropped and
    brought once more; then it is refused. What is `nearby` is tried first, and passed over where it
    is not there or not right. Raises ToolError, or whatever `source` raises.
    """
    path = layout.package(pin.instance_id)
    if _is_sound(path, pin.instance_id, size):
        return path
    for each in nearby:
        with contextlib.suppress(_BadFileError, ToolError):
            return _bring(pin, each, path)
    try:
        return _bring(pin, source, path)
    except _BadFileError:
        try:
            return _bring(pin, source, path)
        except _BadFileError as error:
            raise ToolError(f"{error}; it was refused twice", hint=error.hint) from error


class _BadFileError(Exception):
    hint = "the source holds a damaged file: put the right one there, or name another with -vpython-source S"


def _is_sound(path: str, instance_id: str, size: int | None) -> bool:
    """Whether a file that was verified before is still as it was left: read-only, and the same bytes."""
    algorithm, digest = reference_from_id(instance_id)
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o222 or size not in (None, found.st_size):
            return False
        with open(path, "rb") as file:
            return hashlib.file_digest(file, ALGORITHMS[algorithm]).hexdigest() == digest
    except OSError:
        return False


def _bring(pin: Pin, source: Source, path: str) -> str:
    algorithm, digest = reference_from_id(pin.instance_id)
    hasher = hashlib.new(ALGORITHMS[algorithm], usedforsecurity=False)
    directory = os.path.dirname(path)
    with disk_errors("write", path):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        passing = passing_name(directory, ".new-")
    try:
        with disk_errors("write", path), open(passing, "xb") as file:
            for piece in source():
                hasher.update(piece)
                file.write(piece)
        if hasher.hexdigest() != digest:
            size = os.path.getsize(passing)
            raise _BadFileError(
                f"`{pin.instance_id}` from `{pin.origin}` is refused: its {size} bytes have another hash"
            )
        _check_manifest(pin, passing)
        with disk_errors("write", path):
            os.chmod(passing, 0o444)
            os.replace(passing, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(passing)
        raise
    return path


def _check_manifest(pin: Pin, path: str) -> None:
    try:
        packagefile.read_manifest(path, expected_name=pin.name)
    except ToolError as error:
        reason = error.message.replace(path, pin.instance_id)
        raise _BadFileError(f"{reason} (from `{pin.origin}`)") from error
