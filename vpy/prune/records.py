"""Useless records of starts, and the copies of specs and scripts that records compare with."""

from __future__ import annotations

import os
import random

from vpy.model import Origin
from vpy.prune import incomplete
from vpy.prune.entries import entries, is_older, is_regular_file, is_temporary, modified
from vpy.prune.policy import CACHED_AGE, INCOMPLETE_AGE
from vpy.system import files
from vpy.system.lean import hashlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from vpy.model import OriginKind
    from vpy.prune.policy import Policy
    from vpy.prune.trash import Trash
    from vpy.system.layout import Layout

RECORD_PREFIXES = ("@script-", "@cwd-")
LARGEST_RECORD = 1 << 20  # bytes
HASHED = 26  # digits of a name that `bootstrap.request` hashes
LONGEST_HEAD = 8192  # bytes of its first line, a path


def remove_useless(
    layout: Layout,
    trash: Trash,
    removed: Collection[str],
    policy: Policy,
    *,
    now: float,
    build: str,
) -> None:
    """Remove the records that no start will use again, and the copies that no record names.

    `removed` are the keys of environments that this prune has removed. Of entries a limited number is
    looked at, others in each run; copies go only where all records were read.
    """
    walk = _Walk(layout, trash, removed, policy, now=now, build=build)
    if not walk.remove_below(layout.records):
        return

    for entry in entries(layout.copies):
        is_unnamed = len(entry.name) == 64 and entry.name not in walk.named
        if is_unnamed and is_regular_file(entry) and is_older(entry.path, now, policy.incomplete_age):
            trash.remove_file("copies", entry.path, "unreferenced")


def origins(layout: Layout) -> Iterator[tuple[str, Origin]]:
    """Yield the keys of environments, there or not, each with a script or directory whose starts use it.

    Windows hashes the names of records: there only `why.json` tells.
    """
    todo = [layout.records] if os.name == "posix" else []
    while todo:
        for entry in entries(todo.pop()):
            if entry.is_dir(follow_symlinks=False):
                todo.append(entry.path)
            elif entry.name.startswith(RECORD_PREFIXES) and is_regular_file(entry):
                try:
                    head = files.read_bytes(entry.path, LONGEST_HEAD).partition(b"\n")[0]
                except OSError:
                    continue
                path = os.path.dirname(entry.path)[len(layout.records) :] or "/"
                kind: OriginKind = "script" if entry.name.startswith(RECORD_PREFIXES[0]) else "directory"
                yield os.path.basename(os.fsdecode(head)), Origin(kind, path)


def keys_of_hashed(layout: Layout, path: str) -> Iterator[str]:
    """Yield the keys of a script's or directory's environments, where records have hashed names."""
    name = hashlib.sha256(os.path.normcase(path).encode("utf-8", "surrogatepass")).hexdigest()[:HASHED]
    for entry in entries(os.path.join(layout.records, name)):
        try:
            head = files.read_bytes(entry.path, LONGEST_HEAD).partition(b"\n")[0]
        except OSError:
            continue
        yield os.path.basename(os.fsdecode(head))


class _Walk:
    """Walk over all records; `named` are the copies that the records which stay compare with."""

    def __init__(
        self,
        layout: Layout,
        trash: Trash,
        removed: Collection[str],
        policy: Policy,
        *,
        now: float,
        build: str,
    ) -> None:
        self.named: set[str] = set()
        self._layout, self._trash, self._removed = layout, trash, removed
        self._policy, self._now, self._build = policy, now, build
        self._entries_left = policy.max_records

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
                self._trash.remove_file(incomplete.KIND, entry.path, incomplete.KIND)
        elif entry.name.startswith(RECORD_PREFIXES) and is_regular_file(entry):
            try:
                rows = files.read_bytes(entry.path, LARGEST_RECORD).split(b"\n")
            except OSError:
                return
            if self._is_useless(entry, os.fsdecode(rows[0])):
                self._trash.remove_file("records", entry.path, "unreferenced")
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
        return self._policy.is_old(self._now - stamp) and not self._is_script_there(entry.path)

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
