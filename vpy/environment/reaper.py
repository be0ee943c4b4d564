"""Taking things out of the root, and counting the disk that this frees; or saying what would be taken.

A directory leaves its place by one rename into the trash and is deleted there, when nobody waits for
it. Nothing is followed: a link is removed as a link.
"""

from __future__ import annotations

import os
import stat

from vpy.system import files
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpy.system.layout import Layout

BLOCK = 512  # the unit of st_blocks (POSIX <sys/stat.h>)


@value
class Removed:
    """What went, or would go: its kind, its path in the root, the bytes of disk that this frees."""

    kind: str
    path: str
    size: int


class Reaper:
    """Takes what it is given, at most `most` things, or with `dry_run` only counts it."""

    def __init__(self, layout: Layout, *, dry_run: bool = False, most: int | None = None) -> None:
        self.dry_run = dry_run
        self.removed: list[Removed] = []
        self._layout = layout
        self._most = most
        self._queue: list[tuple[str, str, str]] = []
        self._seen: set[str] = set()
        self._taken: dict[tuple[int, int], int] = {}

    @property
    def freed(self) -> int:
        return sum(one.size for one in self.removed)

    @property
    def is_spent(self) -> bool:
        return self._most is not None and len(self.removed) + len(self._queue) >= self._most

    def links(self, found: os.stat_result) -> int:
        """How many names the file still has; in a dry run, without those that would be gone."""
        return found.st_nlink - self._taken.get((found.st_dev, found.st_ino), 0)

    def take_tree(self, kind: str, path: str) -> None:
        """Move a directory (or anything) into the trash; it stays where it is if it cannot be moved."""
        if self.is_spent or path in self._seen:
            return
        if self.dry_run:
            self.discard(kind, path, path)
            return
        trash = self._layout.discarded(os.path.basename(path))
        try:
            os.makedirs(self._layout.trash, mode=0o700, exist_ok=True)
            files.rename(path, trash)
        except OSError:
            return
        self._queue.append((kind, path, trash))

    def take_file(self, kind: str, path: str) -> None:
        """Remove one file, or one link as such."""
        if self.is_spent or path in self._seen:
            return
        try:
            size = self._size_of(os.lstat(path))
            if not self.dry_run:
                files.unlink(path)
        except OSError:
            return
        self._note(kind, path, size)

    def take_empty(self, path: str) -> None:
        """Remove a directory that holds nothing, or nothing that would not be gone."""
        try:
            size = _disk(os.lstat(path))
            if not self.dry_run:
                os.rmdir(path)
            elif not all(entry.path in self._seen for entry in entries(path)):
                return
        except OSError:
            return
        self._note("directories", path, size)

    def discard(self, kind: str, path: str, trash: str) -> None:
        """Delete, with the next `empty`, what was at `path` and lies in the trash by now."""
        self._queue.append((kind, path, trash))
        if self.dry_run:
            self.empty()

    def empty(self) -> None:
        """Delete what was moved away; what cannot be deleted is left for another time."""
        queue, self._queue = self._queue, []
        for kind, path, trash in queue:
            size = sum(self._size_of(found) for _, found in walk(trash))
            if not self.dry_run:
                self._taken.clear()
                files.remove_tree(trash)
                if os.path.lexists(trash):
                    continue
            self._note(kind, path, size)

    def would_free(self, path: str) -> int:
        """The bytes of disk that taking the directory or file would free."""
        return sum(
            _disk(found) for _, found in walk(path) if stat.S_ISDIR(found.st_mode) or self.links(found) <= 1
        )

    def _note(self, kind: str, path: str, size: int) -> None:
        self._seen.add(path)
        self.removed.append(Removed(kind, os.path.relpath(path, self._layout.root), size))

    def _size_of(self, found: os.stat_result) -> int:
        """What taking this name frees: nothing while the file has another one."""
        if stat.S_ISDIR(found.st_mode):
            return _disk(found)
        left = self.links(found)
        if found.st_nlink > 1:
            name = found.st_dev, found.st_ino
            self._taken[name] = self._taken.get(name, 0) + 1
        return _disk(found) if left <= 1 else 0


def walk(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """`path` and all below it, with what `lstat` tells of each; what vanishes meanwhile is left out."""
    try:
        found = os.lstat(path)
    except OSError:
        return
    yield path, found
    directories = [path] if stat.S_ISDIR(found.st_mode) else []
    while directories:
        for entry in entries(directories.pop()):
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            yield entry.path, found
            if stat.S_ISDIR(found.st_mode):
                directories.append(entry.path)


def entries(path: str) -> list[os.DirEntry[str]]:
    """What a directory holds; nothing where it is none, a link to one, or cannot be read."""
    try:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            return []
        with os.scandir(path) as listing:
            return list(listing)
    except OSError:
        return []


def disk_use(path: str) -> int:
    """The bytes of disk under `path`, each file counted once however many names it has."""
    seen = {(found.st_dev, found.st_ino): _disk(found) for _, found in walk(path)}
    return sum(seen.values())


def _disk(found: os.stat_result) -> int:
    blocks: int | None = getattr(found, "st_blocks", None)
    return found.st_size if blocks is None else blocks * BLOCK
