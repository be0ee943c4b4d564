"""Of many starts of one kind that have to be decided, one decides: the others wait here and find its record.

They have loaded next to nothing by then. It saves work and no more: what must be made once has a turn
of its own.
"""

from __future__ import annotations

import os

from vpython_root import check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpython import Request

WORK = "makes an environment of the same spec"
SILENCE = 2.0  # seconds that are waited before a word is said
AGAIN = 10.0  # seconds from one word to the next
LONGEST = 300  # characters of what is told
LOCKS = 0x1000  # a start's lock is one of so many, by a sum over the path of its record


def enter(request: Request) -> bool:
    """Pass, or wait for who passed before; return whether that one has left a new record.

    Who passes keeps the lock, `request.gate`, until it ends or becomes another program.
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
    """Note who passed; how far it is, it notes itself once it has loaded what it takes."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        os.write(descriptor, b"%d it has just begun\n" % os.getpid())
        os.close(descriptor)
    except OSError:
        pass


def waiting(path: str, work: str) -> str:
    """Whom one waits for at the lock file `path`, who does `work`, and how far that one is."""
    number, text = told(path)
    who = f"process {number}" if number else "another process"
    return f"waiting for {who}, which {work}" + (f": {text}" if text else "")


def told(path: str) -> tuple[str, str]:
    """Who holds the lock, as a process number, and how far that one is; "" for what is not known."""
    try:
        with open(path, "rb", 0) as file:
            first = file.read(2 * LONGEST).split(b"\n")[0]
    except OSError:
        return "", ""
    number, _, text = first.decode("utf-8", "replace").partition(" ")
    return (number, text) if number.isdecimal() else ("", "")


def _lock_path(request: Request) -> str:
    import binascii

    number = binascii.crc32(os.fsencode(request.record)) % LOCKS
    return os.path.join(request.root, "locks", f"start-{number:03x}")


def open_lock(root: str, path: str) -> int | None:
    """The lock file of a root that is fit, both made where missing; None where there is none to have."""
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
    """Wait until nobody holds the lock alone; say from time to time who does."""
    # The module behind `signal`, which itself loads `enum` and more to give the numbers names.
    import _signal as signal  # type: ignore[import-not-found]
    import fcntl

    def say(*_: object) -> None:
        try:
            os.write(2, f"vpython: {waiting(path, WORK)}\n".encode("utf-8", "replace"))
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
