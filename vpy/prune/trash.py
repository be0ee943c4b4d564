"""Trash: removal from the root, counted in bytes of disk, or only reported in a dry run.

A directory is renamed into the trash first, while it is sure that no process uses it, and deleted there
later. Links are removed as links and never followed.
"""

from __future__ import annotations

import os
import stat

from vpy.prune.entries import blocks_of, entries, walk
from vpy.system import files, processes
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.system.layout import Layout


@value
class Removed:
    """Something that was removed, or would be: its kind, its path in the root, the bytes that this frees."""

    kind: str
    path: str
    size: int


class Trash:
    """Removes at most `max_items` things from the root and counts them; only counts them with `dry_run`."""

    def __init__(self, layout: Layout, *, dry_run: bool = False, max_items: int | None = None) -> None:
        self.dry_run = dry_run
        self.removed: list[Removed] = []
        self._layout = layout
        self._max_items = max_items
        self._trashed: list[tuple[str, str, str]] = []  # kind, path, path in the trash
        self._removed_paths: set[str] = set()
        self._removed_links: dict[tuple[int, int], int] = {}  # by device and inode
        self._in_use: frozenset[str] | None = None

    @property
    def freed(self) -> int:
        """Bytes of disk that were freed, or would be."""
        return sum(removed.size for removed in self.removed)

    @property
    def is_full(self) -> bool:
        """Whether this run has removed as much as it may."""
        return self._max_items is not None and len(self.removed) + len(self._trashed) >= self._max_items

    def is_in_use(self, path: str) -> bool:
        """Return whether a process uses a directory of the root, whatever lock it holds.

        The processes are listed once in a prune: whoever comes later by a start is seen by its lock.
        """
        if self._in_use is None:
            self._in_use = processes.entries_in_use(self._layout.root, {"PATH": os.defpath})
        entry = os.path.relpath(path, self._layout.root).replace(os.sep, "/") + "/"
        return any((used + "/").startswith(entry) or entry.startswith(used + "/") for used in self._in_use)

    def remove_tree(self, kind: str, path: str) -> None:
        """Move a directory into the trash; it stays where it is in use or cannot be moved."""
        if self.is_full or path in self._removed_paths or self.is_in_use(path):
            return
        if self.dry_run:
            self.add(kind, path, path)
            return

        trashed = self._layout.discarded(os.path.basename(path))
        try:
            os.makedirs(self._layout.trash, mode=0o700, exist_ok=True)
            files.make_writable(path)
            files.rename(path, trashed)
        except OSError:
            return
        self._trashed.append((kind, path, trashed))

    def remove_file(self, kind: str, path: str) -> None:
        """Remove one file, or one link as such."""
        if self.is_full or path in self._removed_paths:
            return
        try:
            size = self._freed_by(os.lstat(path))
            if not self.dry_run:
                files.unlink(path)
        except OSError:
            return
        self._report(kind, path, size)

    def remove_empty_directory(self, path: str) -> None:
        """Remove a directory if it is empty, or would be after this dry run."""
        try:
            size = blocks_of(os.lstat(path))
            if not self.dry_run:
                os.rmdir(path)
            elif not all(entry.path in self._removed_paths for entry in entries(path)):
                return
        except OSError:
            return
        self._report("directories", path, size)

    def add(self, kind: str, path: str, trashed: str) -> None:
        """Let the next `empty` delete what was at `path` and has been moved to `trashed`."""
        self._trashed.append((kind, path, trashed))
        if self.dry_run:
            self.empty()

    def empty(self) -> None:
        """Delete what was moved into the trash; what cannot be deleted is left for the next prune."""
        trashed_now, self._trashed = self._trashed, []
        for kind, path, trashed in trashed_now:
            size = sum(self._freed_by(found) for _, found in walk(trashed))
            if not self.dry_run:
                self._removed_links.clear()
                files.remove_tree(trashed)
                if os.path.lexists(trashed):
                    continue
            self._report(kind, path, size)

    def would_free(self, path: str) -> int:
        """Return the bytes of disk that removing a directory or file would free."""
        return sum(
            blocks_of(found)
            for _, found in walk(path)
            if stat.S_ISDIR(found.st_mode) or self.links_left(found) <= 1
        )

    def links_left(self, found: os.stat_result) -> int:
        """Return how many names the file has; in a dry run, without those that would be removed."""
        return found.st_nlink - self._removed_links.get((found.st_dev, found.st_ino), 0)

    def _freed_by(self, found: os.stat_result) -> int:
        """Return what removing one name frees: nothing while the file has another name."""
        if stat.S_ISDIR(found.st_mode):
            return blocks_of(found)
        left = self.links_left(found)
        if found.st_nlink > 1:
            file = found.st_dev, found.st_ino
            self._removed_links[file] = self._removed_links.get(file, 0) + 1
        return blocks_of(found) if left <= 1 else 0

    def _report(self, kind: str, path: str, size: int) -> None:
        self._removed_paths.add(path)
        self.removed.append(Removed(kind, os.path.relpath(path, self._layout.root), size))
