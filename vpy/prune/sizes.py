"""Sizes of what is in the root, by kind: in bytes of disk, a file of several names counted once."""

from __future__ import annotations

import os
import stat

from vpy.prune.entries import blocks_of, entries, is_digest, is_digest_directory, walk
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.system.layout import Layout

REST = "other"


@value
class Part:
    """Part of the root: how many things it holds, and the bytes of disk that they take."""

    kind: str
    count: int
    size: int


def parts(layout: Layout) -> list[Part]:
    """Return the parts of the root, those that are not there too; their sizes add up to what `du` says.

    A file that is stored and linked into environments counts where it is stored.
    """
    seen: set[tuple[int, int]] = set()
    found = []
    rooms = _rooms(layout)
    for kind, paths in rooms.items():
        size = sum(_size(path, seen) for path in paths)
        found.append(Part(kind, sum(_count(kind, path) for path in paths), size))

    known = {path for paths in rooms.values() for path in paths}
    rest = [entry.path for entry in entries(layout.root) if entry.path not in known]
    own = _size_of_one(layout.root) + sum(_size(path, seen) for path in rest)
    return [*found, Part(REST, len(rest), own)]


def environment_size(path: str) -> tuple[int, int]:
    """Return the bytes of disk of an environment, and those of files that are nowhere else."""
    whole = own = 0
    seen: set[tuple[int, int]] = set()
    for _, found in walk(path):
        blocks = blocks_of(found)
        if stat.S_ISDIR(found.st_mode) or found.st_nlink == 1:
            whole += blocks
            own += blocks
        elif (file := (found.st_dev, found.st_ino)) not in seen:
            seen.add(file)
            whole += blocks
    return whole, own


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


def _size(path: str, seen: set[tuple[int, int]]) -> int:
    size = 0
    for _, found in walk(path):
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            file = found.st_dev, found.st_ino
            if file in seen:
                continue
            seen.add(file)
        size += blocks_of(found)
    return size


def _size_of_one(path: str) -> int:
    try:
        return blocks_of(os.lstat(path))
    except OSError:
        return 0
