"""Where things go that a sample must not find: away by a rename, deleted when all is measured."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Trash:
    """Directory beside what is measured, on the same filesystem.

    Deleting thousands of files before a sample would be felt in it: ext4 passes over inodes that
    were freed in the last minutes, one by one, whenever it needs a new one.
    """

    def __init__(self, path: Path) -> None:
        self._place = path
        self._numbers = itertools.count()
        path.mkdir()

    def put(self, path: Path) -> None:
        """Take `path` away, if it is there."""
        if os.path.lexists(path):
            path.rename(self._place / str(next(self._numbers)))
