"""What a killed process left behind: half-made things under passing names, and things on their way out."""

from __future__ import annotations

import os
import stat

from vpy.environment.reaper import entries
from vpy.system.layout import DIGEST, KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpy.environment.reaper import Reaper
    from vpy.system.layout import Layout

PASSING = (".new-", ".python-")
DAY = 24 * 3600.0


def empty_trash(layout: Layout, reaper: Reaper) -> None:
    """Delete what was moved away by whoever could not delete it."""
    for entry in entries(layout.trash):
        reaper.discard("leftovers", entry.path, entry.path)
    reaper.empty()


def find(layout: Layout, now: float) -> Iterator[str]:
    """Whatever is being made since more than a day; only for who knows that nobody is making anything."""
    for entry in entries(layout.staging):
        if is_older(entry.path, now, DAY):
            yield entry.path
    rooms = [layout.root, layout.packages, layout.resolutions, layout.copies, layout.apps]
    rooms += [entry.path for entry in entries(layout.interpreters)]
    for room in rooms:
        for entry in entries(room):
            if is_passing(entry.name) and is_older(entry.path, now, DAY):
                yield entry.path
    for path in _halves(layout):
        if is_older(path, now, DAY):
            yield path


def _halves(layout: Layout) -> Iterator[str]:
    """What lies under a final name, or beside it, without the file that is written last or read first."""
    for digest in entries(layout.wheels):
        for entry in entries(digest.path) if is_hex(digest.name) else ():
            files = {below.name for below in entries(entry.path)}
            if ".dropped-" in entry.name or ("tree" in files and "manifest" not in files):
                yield entry.path
    for entry in entries(layout.interpreters):
        files = {below.name for below in entries(entry.path)}
        known = {"probe.json.claim", "tree"} | {name for name in files if is_passing(name)}
        if is_hex(entry.name) and files <= known and entry.is_dir(follow_symlinks=False):
            yield entry.path


def is_hex(name: str, *lengths: int) -> bool:
    """Whether it is a digest, of one of these lengths (by default any that we use)."""
    return len(name) in (lengths or (32, 40, KEY, DIGEST)) and not name.strip("0123456789abcdef")


def is_passing(name: str) -> bool:
    """Whether it is a name under which things are made before they have their final one."""
    return name.startswith(PASSING)


def is_older(path: str, now: float, seconds: float) -> bool:
    """Whether it was last written `seconds` ago or earlier; False where there is nothing."""
    stamp = modified(path)
    return stamp is not None and now - stamp >= seconds


def modified(path: str) -> float | None:
    """The mtime, in seconds, of what is there, be it a link; None where there is nothing."""
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return None


def is_plain_file(entry: os.DirEntry[str]) -> bool:
    try:
        return stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)
    except OSError:
        return False
