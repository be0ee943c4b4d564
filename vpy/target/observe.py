"""Rows of what was seen, each true at this moment: one that is not would send every start the long way."""

from __future__ import annotations

import os
import stat

from vpy.model import Observation


def passed(path: str) -> tuple[Observation, ...]:
    """That no program was found at `path`: nothing there, no regular file, or one that is of no use.

    Nothing is said of a place that this user may not look into.
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return (Observation("no-file", (path,)),)
    except OSError:
        return ()
    return signature(path) if stat.S_ISREG(found.st_mode) else (Observation("no-file", (path,)),)


def signature(path: str) -> tuple[Observation, ...]:
    """The file behind `path` as it is; links are followed, so one that is set anew is a change too."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return (Observation("signature", (path, *map(str, (found.st_size, found.st_mtime_ns, found.st_ino)))),)


def directory(path: str) -> tuple[Observation, ...]:
    """The directory with the entries it has now, or that there is none."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return (Observation("absent", (path,)),)
    except OSError:
        return ()
    return (Observation("listing", (path, str(found.st_mtime_ns))),)
