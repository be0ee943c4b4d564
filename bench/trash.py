"""Where things go that a sample must not find: away by a rename, deleted when all is measured."""

from __future__ import annotations

import itertools
import os
import shutil
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

    def put_rooms(self, root: Path, prefixes: tuple[str, ...]) -> None:
        """Take away what lies in `root` under names that begin so."""
        for room in root.iterdir() if root.exists() else ():
            if room.name.startswith(prefixes):
                self.put(room)

    def empty(self) -> None:
        """Delete what is here, where the disk has no room for it until the end."""
        for path in self._place.iterdir():
            shutil.rmtree(path)
