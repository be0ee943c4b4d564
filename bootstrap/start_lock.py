"""Lock for starts of one kind: one of many makes the environment, the others wait and find its record.

A start that waits here has loaded next to nothing. The lock only saves work: what must be made once
has a lock of its own.
"""

from __future__ import annotations

import os

from bootstrap.lock_owner import AGAIN, SILENCE, waiting
from bootstrap.root import check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bootstrap.request import Request

WORK = "makes an environment of the same spec"
LOCKS = 0x1000  # a start's lock is one of so many, by a sum over the path of its record


def enter(request: Request) -> bool:
    """Enter, or wait for the start that entered before; return whether that one has left a new record.

    A start that enters keeps the lock, `request.gate`, until it ends or becomes another program.
    """
    if os.name != "posix":
        return False
    import fcntl

    path = _lock_path(request)
    descriptor = open_lock(request.root, path)
    if descriptor is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        before = _stamp(request.record)
        _wait(descriptor, path, quiet=request.options.get("log-level") == "error")
        os.close(descriptor)
        return _stamp(request.record) not in (None, before)
    except OSError:  # no locks here: the long way says so
        os.close(descriptor)
        return False
    request.gate = path
    _sign(path)
    return False


def _sign(path: str) -> None:
    """Write who holds the lock; the cold start writes its progress once it is loaded."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        os.write(descriptor, b"%d it has just started\n" % os.getpid())
        os.close(descriptor)
    except OSError:
        pass


def _lock_path(request: Request) -> str:
    import binascii

    number = binascii.crc32(os.fsencode(request.record)) % LOCKS
    return os.path.join(request.root, "locks", f"start-{number:03x}")


def open_lock(root: str, path: str) -> int | None:
    """Open a lock file in a root that is fit, making both where missing; return None where that fails."""
    given = os.umask(0o022)
    try:
        check(root)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
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


def _wait(descriptor: int, path: str, *, quiet: bool) -> None:
    """Wait until no process holds the lock exclusively; report from time to time which one does."""
    # The module behind `signal`, which itself loads `enum` and more to give the numbers names.
    import _signal as signal  # type: ignore[import-not-found]
    import fcntl

    def say(*_: object) -> None:
        try:
            from bootstrap.shown import line

            os.write(2, f"vpython: {line(waiting(path, WORK))}\n".encode("utf-8", "replace"))
        except OSError:
            pass

    before = signal.signal(signal.SIGALRM, signal.SIG_IGN if quiet else say)
    signal.setitimer(signal.ITIMER_REAL, SILENCE, AGAIN)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except OSError:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
