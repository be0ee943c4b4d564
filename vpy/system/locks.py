"""Locks, alone or shared, by `flock`: a lock lasts until its descriptor closes, however that comes.

Where the system has no `flock` (Windows), ranges of bytes do the same: see `ranges`.
"""

from __future__ import annotations

import os

from vpy.errors import ToolError
from vpy.system.lean import contextlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

ELSEWHERE = "name a root on a local disk with -vpython-root DIR"
_OPEN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


@contextlib.contextmanager
def exclusive(
    path: str,
    *,
    waiting: Callable[[], None] | None = None,
    during: AbstractContextManager[None] | None = None,
) -> Iterator[None]:
    """Hold the lock file `path` exclusively; call `waiting` once where another process holds it.

    `during` is entered for as long as it has to wait. The file is made with one byte in it (a
    mapping of an empty file holds nothing) and stays. It is for work that takes longer than
    importing filelock does, which is half of a new environment; `try_exclusive` is for the rest.
    """
    ensure_lock_file(path)
    descriptor = os.open(path, _OPEN)
    try:
        try:
            if not _take_exclusive(descriptor, wait=False):
                if waiting is not None:
                    waiting()
                with during or contextlib.nullcontext():
                    _take_exclusive(descriptor, wait=True)
        except OSError as error:
            raise ToolError(f"cannot lock `{path}`: {error.strerror}", hint=ELSEWHERE) from error
        yield
    finally:
        os.close(descriptor)


def _take_exclusive(descriptor: int, *, wait: bool) -> bool:
    """Lock the open file by filelock, with the same `flock` that all other holders use.

    On Windows filelock locks the first byte, which could not be read then and keeps no sharer out.
    """
    if os.name != "posix":
        return _take(descriptor, alone=True, wait=wait)
    from filelock import lock_descriptor

    return lock_descriptor(descriptor, blocking=wait)


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
    flags = (
        os.O_WRONLY
        | os.O_CREAT
        | getattr(os, "O_BINARY", 0)
        | getattr(os, "O_NOFOLLOW", 0)
        | getattr(os, "O_CLOEXEC", 0)
    )
    descriptor = os.open(path, flags, 0o600)
    try:
        os.write(descriptor, b"\n")
    finally:
        os.close(descriptor)


def is_lock_file(path: str) -> bool:
    """Return whether the lock file is there, and has the byte that a process maps to hold it."""
    try:
        return os.lstat(path).st_size > 0
    except OSError:
        return False


@contextlib.contextmanager
def try_exclusive(path: str) -> Iterator[bool]:
    """Hold the lock file exclusively if no process holds or shares it; yield whether it is held.

    On POSIX it is opened for reading only, as the start hook opens it: on an overlay filesystem a
    descriptor for writing may be another file.
    """
    ensure_lock_file(path)
    with flocked(path, wait=False, alone=True) as alone:
        yield alone


@contextlib.contextmanager
def shared(path: str) -> Iterator[None]:
    """Share the lock file; wait while a process holds it exclusively, which takes a moment.

    A root that cannot be written needs none: then nothing is held.
    """
    try:
        ensure_lock_file(path)
    except OSError:
        yield
        return
    with flocked(path, alone=False):
        yield


def keep_shared(path: str) -> int | None:
    """Share the lock until the returned descriptor closes; None where nothing can be held.

    It closes at the latest when this process ends or becomes another program.
    """
    try:
        descriptor = os.open(path, _OPEN)
    except OSError:
        return None
    try:
        _take(descriptor, alone=False, wait=True)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def flocked(
    path: str, *, alone: bool, wait: bool = True, during: AbstractContextManager[None] | None = None
) -> Iterator[bool]:
    """Hold or share the lock file, which must be there; yield whether we do.

    `during` is entered for as long as it has to wait.
    """
    descriptor = os.open(path, _OPEN)
    try:
        try:
            with during or contextlib.nullcontext():
                held = _take(descriptor, alone=alone, wait=wait)
        except OSError as error:
            raise ToolError(f"cannot lock `{path}`: {error.strerror}", hint=ELSEWHERE) from error
        yield held
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def directory(path: str) -> Iterator[bool]:
    """Hold a directory that other roots may write to as well; yield whether that could be done.

    The lock is the directory's own, so nothing is added to it. Windows has none, and neither have
    some network filesystems.
    """
    if os.name != "posix":
        yield False
        return
    descriptor = os.open(path, _OPEN | os.O_DIRECTORY)
    try:
        held = False
        with contextlib.suppress(OSError):
            held = _take(descriptor, alone=True, wait=True)
        yield held
    finally:
        os.close(descriptor)


def _take(descriptor: int, *, alone: bool, wait: bool) -> bool:
    """Lock the open file; return False where another lock stands against it and `wait` is false."""
    if os.name != "posix":
        from vpy.system import windows_locks

        return windows_locks.take(descriptor, alone=alone, wait=wait)
    import fcntl

    how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, how if wait else how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
