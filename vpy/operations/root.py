"""Root of the cache: checked, made where it is missing, and marked as a cache."""

from __future__ import annotations

import os

from vpy.operations import settle
from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.operations.context import Context

# https://bford.info/cachedir/: backup programs pass over a directory with this file.
CACHEDIR_TAG = b"Signature: 8a477f597d28d172789f06886806bc55\n# Made by vpython.\n"


def open_root(context: Context) -> None:
    """Check the root, make it where it is missing, and mark it as a cache."""
    from bootstrap.root import check

    check(context.layout.root)
    settle.recover(context)
    tag = context.layout.cachedir_tag
    if not os.path.exists(tag) or (files.is_file(tag) and files.read_bytes(tag) != CACHEDIR_TAG):
        with files.disk_errors("write", tag):
            files.write_bytes(tag, CACHEDIR_TAG)
