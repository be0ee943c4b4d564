"""Locks, alone or shared, by `flock`: a lock lasts until its descriptor closes, however that comes.

Where the system has no `flock` (Windows), `filelock` does it; nothing else imports it. On POSIX the
same call is made here, because importing that library costs a new environment a quarter of its time.
"""

from __future__ import annotations

import contextlib
import os

from vpy.errors import ToolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ELSEWHERE = "name a root on a local disk with -vpython-root DIR"


@contextlib.contextmanager
def turn(path: str, done: Callable[[], bool], waiting: Callable[[], None]) -> Iterator[bool]:
    """Do a piece of work at most once: yield True where it is ours to do, False where it is `done`.

    Who finds the lock held calls `waiting` and waits. Those who waited look together whether it is
    done; where it is not, its doer having died, one of them takes over.
    """
    ensure_lock_file(path)
    if os.name == "posix":
        with _flocked(path, wait=False, alone=True) as free:
            if free:
                yield not done()
                return
        waiting()
        with _flocked(path, wait=True, alone=False):
            if done():
                yield False
                return
    with exclusive(path, waiting=waiting):
        yield not done()


@contextlib.contextmanager
def gate(path: str, waiting: Callable[[], None]) -> Iterator[bool]:
    """Let one through at once, and all others when that one has left; yield whether we had to wait.

    It only keeps many processes from doing the same at the same time: what must be done at most
    once has a lock of its own.
    """
    if os.name != "posix":
        yield False
        return
    ensure_lock_file(path)
    with _flocked(path, wait=False, alone=True) as free:
        if free:
            yield False
            return
    waiting()
    with _flocked(path, wait=True, alone=False):
        yield True


@contextlib.contextmanager
def exclusive(path: str, *, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file `path` alone; call `waiting` once where somebody else holds it.

    The file is made with one byte in it (a mapping of an empty file holds nothing) and stays.
    """
    with try_exclusive(path) as alone:
        if alone:
            yield
            return
    if waiting is not None:
        waiting()
    if os.name == "posix":
        with _flocked(path, wait=True, alone=True):
            yield
        return
    with _filelocked(path, wait=True):
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
    with _filelocked(path, wait=False) as alone:
        yield alone


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
        how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        try:
            fcntl.flock(descriptor, how if wait else how | fcntl.LOCK_NB)
            held = True
        except BlockingIOError:
            held = False
        except OSError as error:
            raise ToolError(f"cannot lock `{path}`: {error.strerror}", hint=ELSEWHERE) from error
        yield held
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _filelocked(path: str, *, wait: bool) -> Iterator[bool]:
    import filelock

    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=-1 if wait else 0, poll_interval=0.02)
    except filelock.Timeout:
        yield False
        return
    except (OSError, NotImplementedError) as error:
        raise ToolError(f"cannot lock `{path}`: {error}", hint=ELSEWHERE) from error
    try:
        yield True
    finally:
        lock.release()
