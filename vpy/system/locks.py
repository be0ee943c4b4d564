"""Locks, alone or shared, by `flock`: a lock lasts until its descriptor closes, however that comes.

Where the system has no `flock` (Windows), ranges of bytes do the same: see `ranges`.
"""

from __future__ import annotations

import os

from vpy.errors import ToolError
from vpy.system import scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

ELSEWHERE = "name a root on a local disk with -vpython-root DIR"
_OPEN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


@scope.contextmanager
def exclusive(
    path: str,
    *,
    waiting: Callable[[], None] | None = None,
    during: AbstractContextManager[None] | None = None,
) -> Iterator[None]:
    """Hold the lock file `path` alone; call `waiting` once where somebody else holds it.

    `during` is entered for as long as it has to wait. The file is made with one byte in it (a
    mapping of an empty file holds nothing) and stays.
    """
    with try_exclusive(path) as alone:
        if alone:
            yield
            return
    if waiting is not None:
        waiting()
    with flocked(path, alone=True, during=during):
        yield


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


@scope.contextmanager
def try_exclusive(path: str) -> Iterator[bool]:
    """Hold the lock file alone if nobody holds or shares it; yield whether that is so.

    On POSIX it is opened for reading only, as the start hook opens it: on an overlay filesystem a
    descriptor for writing may be another file.
    """
    ensure_lock_file(path)
    with flocked(path, wait=False, alone=True) as alone:
        yield alone


@scope.contextmanager
def shared(path: str) -> Iterator[None]:
    """Share the lock file with others who do; wait for one who holds it alone, who is done in a moment.

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
    """Share the lock until the descriptor that is returned closes, at the latest when this process ends
    or becomes another program. None where nothing can be held: without the lock's file.
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


@scope.contextmanager
def flocked(
    path: str, *, alone: bool, wait: bool = True, during: AbstractContextManager[None] | None = None
) -> Iterator[bool]:
    """Hold or share the lock file, which must be there; yield whether we do.

    `during` is entered for as long as it has to wait.
    """
    descriptor = os.open(path, _OPEN)
    try:
        try:
            with during or scope.nullcontext():
                held = _take(descriptor, alone=alone, wait=wait)
        except OSError as error:
            raise ToolError(f"cannot lock `{path}`: {error.strerror}", hint=ELSEWHERE) from error
        yield held
    finally:
        os.close(descriptor)


def _take(descriptor: int, *, alone: bool, wait: bool) -> bool:
    """Lock the open file; False where somebody else's lock stands against it and we are not to wait."""
    if os.name != "posix":
        from vpy.system import ranges

        return ranges.take(descriptor, alone=alone, wait=wait)
    import fcntl

    how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, how if wait else how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
