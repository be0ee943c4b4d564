"""Incomplete things: half-made files and trash of processes that were killed, logs of builds that failed."""

from __future__ import annotations

from vpy.prune.entries import entries, is_digest, is_older, is_temporary
from vpy.prune.policy import INCOMPLETE_AGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpy.prune.trash import Trash
    from vpy.system.layout import Layout

KIND = "incomplete"


def delete_old_trash(layout: Layout, trash: Trash) -> None:
    """Delete what was moved into the trash by a process that did not come to delete it."""
    for entry in entries(layout.trash):
        trash.add(KIND, entry.path, entry.path)
    trash.empty()


def find(layout: Layout, now: float) -> Iterator[str]:
    """Yield the paths of what has been incomplete for longer than the age limit.

    Call it with the store's lock held exclusively: then no builder runs.
    """
    kept = [entry.path for directory in (layout.staging, layout.logs) for entry in entries(directory)]
    for path in (*kept, *_under_temporary_names(layout), *_without_last_file(layout)):
        if is_older(path, now, INCOMPLETE_AGE):
            yield path


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
