"""Of many starts of one kind that have to be decided, one decides: the others wait here and find its record.

They have loaded next to nothing by then. It saves work and no more: what must be made once has a turn
of its own, and who comes to the end of its patience goes the long way, which says for whom it waits.
"""

from __future__ import annotations

import os

from vpython_root import check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from vpython import Request

PATIENCE = 2.0  # seconds
LOCKS = 0x1000  # a start's lock is one of so many, by a sum over the path of its record


def enter(request: Request) -> bool:
    """Pass, or wait for who passed before; return whether that one has left a new record.

    Who passes keeps the lock until it ends or becomes another program.
    """
    if os.name != "posix":
        return False
    import fcntl

    descriptor = _open_lock(request)
    if descriptor is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        request.waited = True
        before = _stamp(request.record)
        _wait(descriptor)
        os.close(descriptor)
        return _stamp(request.record) not in (None, before)
    except OSError:  # no locks here: the long way says so
        os.close(descriptor)
    return False


def _open_lock(request: Request) -> int | None:
    """The lock file of starts like this one; None where there is none to have."""
    import binascii

    number = binascii.crc32(os.fsencode(request.record)) % LOCKS
    locks = os.path.join(request.root, "locks")
    given = os.umask(0o022)
    try:
        check(request.root)
        os.makedirs(locks, mode=0o700, exist_ok=True)
        flags = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(os.path.join(locks, f"start-{number:03x}"), flags, 0o600)
    except OSError:
        return None
    finally:
        os.umask(given)


def _stamp(record: str) -> tuple[int, int] | None:
    try:
        found = os.stat(record)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


class _OutOfPatienceError(Exception):
    pass


def _wait(descriptor: int) -> None:
    """Wait until nobody holds the lock alone, or no longer than `PATIENCE`."""
    # The module behind `signal`, which itself loads `enum` and more to give the numbers names.
    import _signal as signal  # type: ignore[import-not-found]
    import fcntl

    def tire(*_: object) -> NoReturn:
        raise _OutOfPatienceError

    before = signal.signal(signal.SIGALRM, tire)
    try:
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except (_OutOfPatienceError, OSError):
        pass
    finally:
        signal.signal(signal.SIGALRM, before)
