"""Blob as a file of the root: it has its name when it is whole, and its bytes those of its digest."""

from __future__ import annotations

import contextlib
import os

from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vpy.packages.oci.image import Images


def is_sound(path: str, sha256: str) -> bool:
    """Return whether a file is there and has a sha256 (hex)."""
    try:
        return files.sha256_of(path) == sha256
    except OSError:
        return False


def put(
    images: Images, sha256: str, size: int, path: str, check: Callable[[str], object] = lambda _: None
) -> bool:
    """Write the blob of a sha256 (hex) to `path`, read-only; return False where it is not there.

    A `size` of 0 is not known. `check` gets the path of the whole file before it has its name, and may raise.
    """
    directory = os.path.dirname(path)
    with files.disk_errors("write", path):
        os.makedirs(directory, mode=0o700, exist_ok=True)
    temporary = files.temporary_name(directory, ".new-")
    try:
        if not images.fetch_blob(f"sha256:{sha256}", size, temporary):
            return False
        check(temporary)
        with files.disk_errors("write", path):
            os.chmod(temporary, 0o444)
            os.replace(temporary, path)
        return True
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
