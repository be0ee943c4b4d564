"""Sizes of what is in the root, by kind: in bytes of disk, a file of several names counted once."""

from __future__ import annotations

import os
import stat

from vpy.prune.entries import blocks_of, entries, is_digest, is_digest_directory, walk
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpy.system.layout import Layout

REST = "other"


@value
class Part:
    """Part of the root: how many things it holds, and the bytes of disk that they take."""

    kind: str
    count: int
    size: int


class Measure:
    """Measure of directories in one root: a file that has several names is looked at once only."""

    def __init__(self, root: str) -> None:
        self._device = _device_of(root)
        self._linked: dict[int, int] = {}  # bytes of disk of files with several names, by inode
        self._counted: set[int] = set()

    def environment(self, path: str) -> tuple[int, int]:
        """Return the bytes of disk of an environment, and those of files that have no other name."""
        own = 0
        linked: dict[int, int] = {}
        for inode, blocks in self._files(path):
            if inode is None:
                own += blocks
            else:
                linked[inode] = blocks
        return own + sum(linked.values()), own

    def uncounted(self, path: str) -> int:
        """Return the bytes of disk below a path, without the files that were counted by another name."""
        size = 0
        for inode, blocks in self._files(path):
            if inode is None or inode not in self._counted:
                size += blocks
            if inode is not None:
                self._counted.add(inode)
        return size

    def _files(self, path: str) -> Iterator[tuple[int | None, int]]:
        """Yield the bytes of disk of a path and of all below it, with the inode of what has several names.

        A directory tells the inodes of what is in it, so what is known needs no further look.
        """
        try:
            top = os.lstat(path)
        except OSError:
            return
        yield self._noted(top), blocks_of(top)

        directories = [(path, top.st_dev)] if stat.S_ISDIR(top.st_mode) else []
        while directories:
            directory, device = directories.pop()
            known = self._linked if device == self._device else {}
            for entry in entries(directory):
                inode = entry.inode()
                if inode in known:
                    yield inode, known[inode]
                    continue
                try:
                    found = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                yield self._noted(found), blocks_of(found)
                if stat.S_ISDIR(found.st_mode):
                    directories.append((entry.path, found.st_dev))

    def _noted(self, found: os.stat_result) -> int | None:
        """Return the inode of a file of this device that has several names, and note it; else None."""
        if found.st_nlink <= 1 or stat.S_ISDIR(found.st_mode) or found.st_dev != self._device:
            return None
        self._linked[found.st_ino] = blocks_of(found)
        return found.st_ino


def parts(layout: Layout) -> list[Part]:
    """Return the parts of the root, those that are not there too; their sizes add up to what `du` says.

    A file that is stored and linked into environments counts where it is stored.
    """
    measure = Measure(layout.root)
    rooms = _rooms(layout)
    found = [
        Part(kind, sum(_count(kind, path) for path in paths), sum(map(measure.uncounted, paths)))
        for kind, paths in rooms.items()
    ]
    known = {path for paths in rooms.values() for path in paths}
    rest = [entry.path for entry in entries(layout.root) if entry.path not in known]
    try:
        own = blocks_of(os.lstat(layout.root))
    except OSError:
        own = 0
    return [*found, Part(REST, len(rest), own + sum(map(measure.uncounted, rest)))]


def _rooms(layout: Layout) -> dict[str, list[str]]:
    """Return the directories of each kind, what is linked from elsewhere first."""
    return {
        "wheels": [layout.wheels],
        "interpreters": [layout.interpreters],
        "pythons": [layout.pythons],
        "environments": [layout.environments],
        "packages": [layout.packages],
        "pages": [layout.pages],
        "resolutions": [layout.resolutions],
        "records": [layout.records],
        "copies": [layout.copies],
        "scripts": [layout.scripts],
        "apps": [layout.apps],
        "formats": [path for path in layout.other_formats() if not os.path.islink(path)],
        "incomplete": [layout.staging, layout.logs],
        "trash": [layout.trash],
        "locks": [layout.locks],
    }


def _count(kind: str, path: str) -> int:
    listing = entries(path)
    if kind == "wheels":
        return sum(len(entries(entry.path)) for entry in listing if is_digest_directory(entry))
    if kind == "environments":
        return sum(is_digest(entry.name) for entry in listing)
    if kind == "records":
        return sum(os.path.basename(below).startswith("@") for below, _ in walk(path))
    return len(listing)


def _device_of(path: str) -> int | None:
    try:
        return os.lstat(path).st_dev
    except OSError:
        return None
