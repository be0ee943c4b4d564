"""Useless records of starts, and the copies of specs and scripts that records compare with."""

from __future__ import annotations

import os
import random

from vpy.prune import incomplete
from vpy.prune.entries import entries, is_older, is_regular_file, is_temporary, modified
from vpy.prune.policy import CACHED_AGE, INCOMPLETE_AGE
from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from vpy.prune.trash import Trash
    from vpy.system.layout import Layout

RECORD_PREFIXES = ("@script-", "@cwd-")
LARGEST_RECORD = 1 << 20  # bytes


def remove_useless(
    layout: Layout,
    trash: Trash,
    removed: Collection[str],
    *,
    is_old: Callable[[float], bool],
    now: float,
    build: str,
    max_entries: int | None = None,
) -> None:
    """Remove the records that no start will use again, and the copies that no record names.

    `removed` are the keys of environments that this prune has removed. At most `max_entries` entries are
    looked at, others in each run; copies go only where all records were read.
    """
    walk = _Walk(layout, trash, removed, is_old=is_old, now=now, build=build, max_entries=max_entries)
    if not walk.remove_below(layout.records):
        return

    for entry in entries(layout.copies):
        is_unnamed = len(entry.name) == 64 and entry.name not in walk.named
        if is_unnamed and is_regular_file(entry) and is_older(entry.path, now, INCOMPLETE_AGE):
            trash.remove_file("copies", entry.path)


class _Walk:
    """Walk over all records; `named` are the copies that the records which stay compare with."""

    def __init__(
        self,
        layout: Layout,
        trash: Trash,
        removed: Collection[str],
        *,
        is_old: Callable[[float], bool],
        now: float,
        build: str,
        max_entries: int | None,
    ) -> None:
        self.named: set[str] = set()
        self._layout, self._trash, self._removed = layout, trash, removed
        self._is_old, self._now, self._build = is_old, now, build
        self._entries_left = max_entries

    def remove_below(self, path: str) -> bool:
        """Remove the useless records below `path`; return whether all entries were looked at."""
        todo, directories = [path], []
        while todo:
            listing = entries(todo.pop())
            random.shuffle(listing)
            for entry in listing:
                if not self._may_go_on():
                    todo.clear()
                    break
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
                    directories.append(entry.path)
                else:
                    self._remove_if_useless(entry)

        # A start that has just made one of them does without a record.
        for directory in reversed(directories):
            self._trash.remove_empty_directory(directory)
        return self._entries_left is None or self._entries_left >= 0

    def _may_go_on(self) -> bool:
        if self._entries_left is not None:
            self._entries_left -= 1
        return self._entries_left is None or self._entries_left >= 0

    def _remove_if_useless(self, entry: os.DirEntry[str]) -> None:
        if is_temporary(entry.name):
            if is_older(entry.path, self._now, INCOMPLETE_AGE):
                self._trash.remove_file(incomplete.KIND, entry.path)
        elif entry.name.startswith(RECORD_PREFIXES) and is_regular_file(entry):
            try:
                rows = files.read_bytes(entry.path, LARGEST_RECORD).split(b"\n")
            except OSError:
                return
            if self._is_useless(entry, os.fsdecode(rows[0])):
                self._trash.remove_file("records", entry.path)
            else:
                self.named.update(copies_of(rows))

    def _is_useless(self, entry: os.DirEntry[str], environment: str) -> bool:
        """Return whether a record's environment, its build of vpython or its script has gone."""
        key = os.path.basename(environment)
        in_this_root = self._layout.environment(key)
        if key in self._removed or not (os.path.isdir(environment) or os.path.isdir(in_this_root)):
            return True

        stamp = modified(entry.path)
        if stamp is None:
            return False
        if f"-{self._build}-" not in entry.name and self._now - stamp >= CACHED_AGE:
            return True
        return self._is_old(stamp) and not self._is_script_there(entry.path)

    def _is_script_there(self, record: str) -> bool:
        """Return whether the script or directory of a record exists; True on Windows, which hashes names."""
        if os.name == "nt":
            return True
        return os.path.lexists(os.path.dirname(record)[len(self._layout.records) :] or "/")


def copies_of(rows: list[bytes]) -> set[str]:
    """Return the names of the copies that the rows of a record compare with."""
    return {
        os.path.basename(os.fsdecode(row.rpartition(b"\0")[2]))
        for row in rows
        if row.startswith(b"content\0")
    }
