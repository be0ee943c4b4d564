"""Locks of Windows, shared or exclusive: byte ranges of a file, which the system releases with the handle.

The C library there has exclusive locks only. So a sharer locks one byte of a wide range, chosen at
random, and an exclusive holder the whole range. It lies behind all that is written in the file,
because what is locked cannot be read either. The start hook, which imports nothing of this
project, does the same by itself.
"""

from __future__ import annotations

import errno
import os
import time

FIRST = 4096
SLOTS = 1 << 30
TRIES = 4  # two sharers may come to the same byte, but not four times in turn
PAUSE = 0.02  # seconds


def take(descriptor: int, *, alone: bool, wait: bool) -> bool:
    """Lock the open file until its descriptor closes; return False where another lock is in the way."""
    while not (_take_all(descriptor) if alone else _take_one(descriptor)):
        if not wait:
            return False
        time.sleep(PAUSE)
    return True


def _take_all(descriptor: int) -> bool:
    return _lock(descriptor, FIRST, SLOTS)


def _take_one(descriptor: int) -> bool:
    return any(
        _lock(descriptor, FIRST + int.from_bytes(os.urandom(4), "little") % SLOTS, 1) for _ in range(TRIES)
    )


def _lock(descriptor: int, start: int, count: int) -> bool:
    system = __import__("msvcrt")
    os.lseek(descriptor, start, os.SEEK_SET)
    try:
        system.locking(descriptor, system.LK_NBLCK, count)
    except OSError as error:
        if error.errno in (errno.EBADF, errno.EINVAL):  # a filesystem that has no locks
            raise
        return False  # EACCES says that somebody is in the way; Wine says nothing, and any number stands
    return True
