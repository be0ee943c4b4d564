"""Locks, alone or shared: nothing else imports `filelock`."""

from __future__ import annotations

import contextlib
import os

from vpy.errors import ToolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def turn(path: str, done: Callable[[], bool], waiting: Callable[[], None]) -> Iterator[bool]:
    """Do a piece of work at most once: yield True where it is ours to do, False where it is `done`.

    Who finds the lock held calls `waiting`, and waits before anything heavy is imported: of many
    waiters the first one that finds the work not done, its doer having died, takes over.
    """
    ensure_lock_file(path)
    if _wait_while_held(path, waiting) and done():
        yield False
        return
    with exclusive(path, waiting=waiting):
        yield not done()


@contextlib.contextmanager
def gate(path: str, waiting: Callable[[], None]) -> Iterator[bool]:
    """Let one through at once, and all others when that one has left; yield whether we had to wait.

    It only keeps many processes from doing the same at the same time: what must be done at most
    once has a lock of its own. So it costs three system calls, and needs no library.
    """
    if os.name != "posix":
        yield False
        return
    import fcntl

    ensure_lock_file(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        waited = False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = True
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except OSError:
            pass
        yield waited
    finally:
        os.close(descriptor)


def _wait_while_held(path: str, waiting: Callable[[], None]) -> bool:
    """Whether somebody held the lock; they have let go of it now."""
    if os.name != "posix":
        return False
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        waiting()
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def exclusive(path: str, *, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file `path` alone; call `waiting` once where somebody else holds it.

    The file is made with one byte in it (a mapping of an empty file holds nothing) and stays.
    """
    import filelock

    ensure_lock_file(path)
    lock = filelock.UnixFileLock(path) if os.name == "posix" else filelock.FileLock(path)
    try:
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            if waiting is not None:
                waiting()
            lock.acquire(poll_interval=0.02)
    except (OSError, NotImplementedError) as error:
        raise ToolError(
            f"cannot lock `{path}`: {error}", hint="name a root on a local disk with -vpython-root DIR"
        ) from error
    try:
        yield
    finally:
        lock.release()


def ensure_lock_file(path: str) -> None:
    """Make the lock file where it is missing: one byte, never through a planted link."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        pass
    else:
        if found.st_size and not os.path.islink(path):
            return
        if os.path.islink(path):
            raise ToolError(f"the lock `{path}` is a link, not a file", hint="remove it")
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        os.write(descriptor, b"\n")
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def try_exclusive(path: str) -> Iterator[bool]:
    """Hold the lock file alone if nobody holds or shares it; yield whether that is so.

    On POSIX it is opened for reading only, as the start hook opens it: on an overlay filesystem a
    descriptor for writing may be another file.
    """
    ensure_lock_file(path)
    if os.name == "posix":
        with _flocked(path, wait=False, alone=True) as alone:
            yield alone
        return
    import filelock

    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@contextlib.contextmanager
def shared(path: str) -> Iterator[None]:
    """Share the lock file with others who do; wait for one who holds it alone, who is done in a moment.

    Windows has no such lock in its standard library, and a root that cannot be written needs none:
    then nothing is held.
    """
    if os.name != "posix":
        yield
        return
    try:
        ensure_lock_file(path)
    except OSError:
        yield
        return
    with _flocked(path, wait=True, alone=False):
        yield


@contextlib.contextmanager
def _flocked(path: str, *, wait: bool, alone: bool) -> Iterator[bool]:
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(
                descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB)
            )
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            raise ToolError(
                f"cannot lock `{path}`: {error.strerror}",
                hint="name a root on a local disk with -vpython-root DIR",
            ) from error
        yield True
    finally:
        os.close(descriptor)
