"""Incomplete things: half-made files and trash of processes that were killed, logs of builds that failed."""

from __future__ import annotations

import os

from vpy.prune.entries import entries, is_digest, is_older, is_temporary
from vpy.prune.policy import INCOMPLETE_AGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from vpy.prune.trash import Trash
    from vpy.system.layout import Layout

KIND: Literal["incomplete"] = "incomplete"


def delete_old_trash(layout: Layout, trash: Trash) -> None:
    """Delete what was moved into the trash by a process that did not come to delete it."""
    for entry in entries(layout.trash):
        trash.add(KIND, entry.path, entry.path, KIND)
    trash.empty()


def find(layout: Layout, now: float, *, age: float = INCOMPLETE_AGE) -> Iterator[str]:
    """Yield the paths of what has been incomplete for longer than the age limit.

    Call it with the store's lock held exclusively: then no builder runs, and `age` may be less than a day. It
    is a day for what may be made without that lock: under a temporary name, or by a process that is there.
    """
    logs = [entry.path for entry in entries(layout.logs)]
    staged = [(entry.path, _may_be_in_the_making(entry.name)) for entry in entries(layout.staging)]
    free = [*logs, *_without_last_file(layout), *(path for path, is_made in staged if not is_made)]
    for path in free:
        if is_older(path, now, age):
            yield path
    for path in (*_under_temporary_names(layout), *(path for path, is_made in staged if is_made)):
        if is_older(path, now, INCOMPLETE_AGE):
            yield path


def _may_be_in_the_making(name: str) -> bool:
    """Return whether the process that a name in the staging directory tells of is there, or unknown."""
    if os.name != "posix":
        return True
    try:
        os.kill(int(name.split("-")[1], 16), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError, IndexError, OverflowError):
        return True
    return True


def _under_temporary_names(layout: Layout) -> Iterator[str]:
    directories = [layout.root, layout.packages, layout.resolutions, layout.pages]
    directories += [layout.copies, layout.apps]
    directories += [entry.path for entry in entries(layout.interpreters)]
    for directory in directories:
        for entry in entries(directory):
            if is_temporary(entry.name):
                yield entry.path


def _without_last_file(layout: Layout) -> Iterator[str]:
    """Yield paths with a final name that lack the file that is written last."""
    for digest in entries(layout.wheels):
        for entry in entries(digest.path) if is_digest(digest.name) else ():
            names = {below.name for below in entries(entry.path)}
            if ".dropped-" in entry.name or ("tree" in names and "manifest" not in names):
                yield entry.path

    for entry in entries(layout.interpreters):
        names = {below.name for below in entries(entry.path)}
        incomplete = {"probe.json.claim", "tree"} | {name for name in names if is_temporary(name)}
        if is_digest(entry.name) and names <= incomplete and entry.is_dir(follow_symlinks=False):
            yield entry.path
