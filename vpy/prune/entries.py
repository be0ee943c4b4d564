"""Entries of directories in the root: what is there, how old and how big it is, by whose name.

Links are never followed. An entry that another process removes meanwhile counts as not there.
"""

from __future__ import annotations

import os
import stat

from vpy.system.layout import DIGEST, KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 512  # the unit of st_blocks (POSIX <sys/stat.h>)
_TEMPORARY_PREFIXES = (".new-", ".python-")
_HEX_DIGITS = "0123456789abcdef"


def entries(path: str) -> list[os.DirEntry[str]]:
    """Return the entries of a directory; none for a link to one, or one that cannot be read."""
    try:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            return []
        with os.scandir(path) as listing:
            return list(listing)
    except OSError:
        return []


def walk(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield `path` and everything below it, each with its `lstat`."""
    try:
        found = os.lstat(path)
    except OSError:
        return
    yield path, found

    directories = [path] if stat.S_ISDIR(found.st_mode) else []
    while directories:
        for entry in entries(directories.pop()):
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            yield entry.path, found
            if stat.S_ISDIR(found.st_mode):
                directories.append(entry.path)


def disk_use(path: str) -> int:
    """Return the bytes of disk under `path`, each file counted once however many names it has."""
    seen = {(found.st_dev, found.st_ino): blocks_of(found) for _, found in walk(path)}
    return sum(seen.values())


def blocks_of(found: os.stat_result) -> int:
    """Return the bytes of disk that a file or directory takes; its size where the system does not say."""
    blocks: int | None = getattr(found, "st_blocks", None)
    return found.st_size if blocks is None else blocks * BLOCK


def modified(path: str) -> float | None:
    """Return the mtime in seconds, of a link itself; None where nothing is there."""
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return None


def is_older(path: str, now: float, seconds: float) -> bool:
    """Return whether `path` was last written `seconds` ago or earlier; False where nothing is there."""
    stamp = modified(path)
    return stamp is not None and now - stamp >= seconds


def is_regular_file(entry: os.DirEntry[str]) -> bool:
    """Return whether the entry is a regular file, not a link."""
    try:
        return stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)
    except OSError:
        return False


def is_digest(name: str, *lengths: int) -> bool:
    """Return whether a name is a digest of one of these lengths, by default of any that the root has."""
    return len(name) in (lengths or (32, 40, KEY, DIGEST)) and not name.strip(_HEX_DIGITS)


def is_digest_directory(entry: os.DirEntry[str]) -> bool:
    """Return whether the entry is a directory named by a digest."""
    return is_digest(entry.name) and entry.is_dir(follow_symlinks=False)


def is_temporary(name: str) -> bool:
    """Return whether a name is one under which files are made, before they are renamed."""
    return name.startswith(_TEMPORARY_PREFIXES)
