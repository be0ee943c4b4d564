"""Records of starts, and the copies that they compare with: what is left of scripts that are gone."""

from __future__ import annotations

import os
import random

from vpy.environment.leftovers import DAY, is_older, is_passing, is_plain_file, modified
from vpy.environment.reaper import entries
from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from vpy.environment.reaper import Reaper
    from vpy.system.layout import Layout

KINDS = ("@script-", "@cwd-")
REMEMBERED = 90 * DAY
LARGEST = 1 << 20


def sweep(
    layout: Layout,
    reaper: Reaper,
    gone: Collection[str],
    *,
    aged: Callable[[float], bool],
    now: float,
    build: str,
    steps: int | None = None,
) -> None:
    """Remove records of environments that are gone, and copies that no record names.

    Looks at `steps` places at most, others each time; copies go only where all records were read.
    """
    walk = _Walk(layout, reaper, gone, aged=aged, now=now, build=build, steps=steps)
    if walk.directory(layout.records):
        for entry in entries(layout.copies):
            unnamed = len(entry.name) == 64 and entry.name not in walk.named
            if unnamed and is_plain_file(entry) and is_older(entry.path, now, DAY):
                reaper.take_file("copies", entry.path)


class _Walk:
    """One walk over all records; `named` are the copies that those which stay compare with."""

    def __init__(
        self,
        layout: Layout,
        reaper: Reaper,
        gone: Collection[str],
        *,
        aged: Callable[[float], bool],
        now: float,
        build: str,
        steps: int | None,
    ) -> None:
        self.named: set[str] = set()
        self._layout, self._reaper, self._gone = layout, reaper, gone
        self._aged, self._now, self._build = aged, now, build
        self._steps = steps

    def directory(self, path: str) -> bool:
        """Walk one directory and all below; False where something was not looked at."""
        todo, done, whole = [path], [path], True
        while todo:
            listing = entries(todo.pop())
            random.shuffle(listing)
            for entry in listing:
                if self._steps is not None:
                    self._steps -= 1
                    if self._steps < 0:
                        todo.clear()
                        whole = False
                        break
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
                    done.append(entry.path)
                else:
                    self._file(entry)
        for below in reversed(done[1:]):  # a start that has just made one does without a record
            self._reaper.take_empty(below)
        return whole

    def _file(self, entry: os.DirEntry[str]) -> None:
        if is_passing(entry.name):
            if is_older(entry.path, self._now, DAY):
                self._reaper.take_file("leftovers", entry.path)
        elif entry.name.startswith(KINDS) and is_plain_file(entry):
            try:
                rows = files.read_bytes(entry.path, LARGEST).split(b"\n")
            except OSError:
                return
            if self._is_useless(entry, os.fsdecode(rows[0])):
                self._reaper.take_file("records", entry.path)
            else:
                self.named.update(_copies(rows))

    def _is_useless(self, entry: os.DirEntry[str], environment: str) -> bool:
        key = os.path.basename(environment)
        here = self._layout.environment(key)
        if key in self._gone or not (os.path.isdir(environment) or os.path.isdir(here)):
            return True
        stamp = modified(entry.path)
        if stamp is None:
            return False
        if f"-{self._build}-" not in entry.name and self._now - stamp >= REMEMBERED:
            return True
        return self._aged(stamp) and not self._is_there(entry.path)

    def _is_there(self, record: str) -> bool:
        """Whether the script or directory that a record is for still exists; Windows does not tell."""
        if os.name == "nt":
            return True
        return os.path.lexists(os.path.dirname(record)[len(self._layout.records) :] or "/")


def _copies(rows: list[bytes]) -> set[str]:
    return {
        os.path.basename(os.fsdecode(row.rpartition(b"\0")[2]))
        for row in rows
        if row.startswith(b"content\0")
    }
