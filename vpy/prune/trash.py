"""Trash: removal from the root, counted in bytes of disk, or only reported in a dry run.

A directory is renamed into the trash first, while it is sure that no process uses it, and deleted there
later. Links are removed as links and never followed.
"""

from __future__ import annotations

import os
import stat

from vpy.prune.entries import blocks_of, entries, walk
from vpy.system import files, processes
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from vpy.system.layout import Layout

    # Not used for longer than the age limit; in the way of `--max-size`; half made; needed by no environment;
    # a directory with nothing in it; named by the user.
    Reason = Literal["unused", "max-size", "incomplete", "unreferenced", "empty", "asked"]


@value
class Removed:
    """Something that was removed, or would be: its kind, its path in the root, the bytes that this frees.

    `used` is when it was last used, or made, in seconds since the epoch; None where that is not known.
    """

    kind: str
    path: str
    size: int
    reason: Reason
    used: float | None = None


@value
class _Trashed:
    """Something that is to be deleted: its path in the root, and where it lies in the trash."""

    kind: str
    path: str
    trashed: str
    reason: Reason
    used: float | None


class Trash:
    """Removes at most `max_items` things from the root and counts them; only counts them with `dry_run`."""

    def __init__(self, layout: Layout, *, dry_run: bool = False, max_items: int | None = None) -> None:
        self.dry_run = dry_run
        self.removed: list[Removed] = []
        self._layout = layout
        self._max_items = max_items
        self.freed = 0  # bytes of disk that were freed, or would be
        self._trashed: list[_Trashed] = []
        self._removed_paths: set[str] = set()
        self._parents: set[str] = set()  # directories in the root that something was removed from
        self._removed_links: dict[tuple[int, int], int] = {}  # by device and inode
        self._in_use: frozenset[str] | None = None

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

    def is_gone(self, path: str) -> bool:
        """Return whether this run has removed the path, or a directory that it lies in."""
        while len(path) > len(self._layout.root):
            if path in self._removed_paths:
                return True
            path = os.path.dirname(path)
        return False

    def remove_tree(self, kind: str, path: str, reason: Reason, used: float | None = None) -> None:
        """Move a directory into the trash; it stays where it is in use or cannot be moved."""
        if self.is_full or self.is_gone(path) or self.is_in_use(path):
            return
        if self.dry_run:
            self.add(kind, path, path, reason, used)
            return

        trashed = self._layout.discarded(os.path.basename(path))
        try:
            os.makedirs(self._layout.trash, mode=0o700, exist_ok=True)
            files.make_writable(path)
            files.rename(path, trashed)
        except OSError:
            return
        self._trashed.append(_Trashed(kind, path, trashed, reason, used))

    def remove_file(self, kind: str, path: str, reason: Reason, used: float | None = None) -> None:
        """Remove one file, or one link as such."""
        if self.is_full or self.is_gone(path):
            return
        try:
            size = self._freed_by(os.lstat(path))
            if not self.dry_run:
                files.unlink(path)
        except OSError:
            return
        self._report(Removed(kind, path, size, reason, used))

    def remove_empty_directory(self, path: str) -> None:
        """Remove a directory if it is empty, or would be after this dry run."""
        if self.is_gone(path):
            return
        try:
            size = blocks_of(os.lstat(path))
            if not self.dry_run:
                os.rmdir(path)
            elif not all(entry.path in self._removed_paths for entry in entries(path)):
                return
        except OSError:
            return
        self._report(Removed("directories", path, size, "empty"))

    def add(self, kind: str, path: str, trashed: str, reason: Reason, used: float | None = None) -> None:
        """Let the next `empty` delete what was at `path` and has been moved to `trashed`."""
        self._trashed.append(_Trashed(kind, path, trashed, reason, used))
        if self.dry_run:
            self.empty()

    def empty(self) -> None:
        """Delete what was moved into the trash; what cannot be deleted is left for the next prune."""
        trashed_now, self._trashed = self._trashed, []
        for each in trashed_now:
            size = sum(self._freed_by(found) for found in self._left_below(each.trashed))
            if not self.dry_run:
                self._removed_links.clear()
                files.remove_tree(each.trashed)
                if os.path.lexists(each.trashed):
                    continue
            self._report(Removed(each.kind, each.path, size, each.reason, each.used))

    def would_free(self, path: str) -> int:
        """Return the bytes of disk that removing a directory or file would free."""
        return sum(
            blocks_of(found)
            for found in self._left_below(path)
            if stat.S_ISDIR(found.st_mode) or self.links_left(found) <= 1
        )

    def _left_below(self, path: str) -> Iterator[os.stat_result]:
        """Yield the `lstat` of a path and of all below it that this run has not removed already."""
        is_partly_gone = path in self._parents
        for below, found in walk(path):
            if not (is_partly_gone and self.is_gone(below)):
                yield found

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

    def _report(self, removed: Removed) -> None:
        """Note what was removed, each path once: `removed` still has the whole path."""
        self._removed_paths.add(removed.path)
        parent = os.path.dirname(removed.path)
        while len(parent) >= len(self._layout.root) and parent not in self._parents:
            self._parents.add(parent)
            parent = os.path.dirname(parent)
        self.freed += removed.size
        self.removed.append(replace(removed, path=os.path.relpath(removed.path, self._layout.root)))
