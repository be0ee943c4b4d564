"""One piece of work and many processes: one does it, the others wait and say for whom and how far it is.

Who does the work notes in the lock file who it is, and what its terminal was told last.
"""

from __future__ import annotations

import os

from vpy.system import locks, scope
from vpython_gate import AGAIN, LONGEST, SILENCE, waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vpy.system.terminal import Terminal

_NOTING = os.O_WRONLY
for _name in ("O_CLOEXEC", "O_NOFOLLOW", "O_BINARY"):
    _NOTING |= getattr(os, _name, 0)


@scope.contextmanager
def turn(path: str, done: Callable[[], bool], work: str, terminal: Terminal) -> Iterator[bool]:
    """Do a piece of work at most once: yield True where it is ours to do, False where it is `done`.

    `work` is what those who wait say of the other: `makes such and such`. They look together whether
    it is done; where it is not, its doer having died, one of them takes over.
    """
    locks.ensure_lock_file(path)
    with locks.flocked(path, wait=False, alone=True) as free:
        if free:
            with noted(path, terminal):
                yield not done()
            return
    with locks.flocked(path, alone=False, during=_patience(path, work, terminal)):
        if done():
            yield False
            return
    with locks.exclusive(path, during=_patience(path, work, terminal)), noted(path, terminal):
        yield not done()


@scope.contextmanager
def gate(path: str, work: str, terminal: Terminal) -> Iterator[bool]:
    """Let one through at once, and all others when that one has left; yield whether we had to wait.

    It only keeps many processes from doing the same at the same time: what must be done at most
    once has a turn of its own.
    """
    locks.ensure_lock_file(path)
    with locks.flocked(path, wait=False, alone=True) as free:
        if free:
            with noted(path, terminal):
                yield False
            return
    with locks.flocked(path, alone=False, during=_patience(path, work, terminal)):
        yield True


@scope.contextmanager
def noted(path: str, terminal: Terminal) -> Iterator[None]:
    """Note in the lock file, while we hold it, who we are and what the terminal is told."""
    try:
        descriptor = os.open(path, _NOTING)
    except OSError:
        yield
        return

    def note(text: str) -> None:
        line = f"{os.getpid()} {text}".encode("utf-8", "replace").replace(b"\n", b" ")[:LONGEST]
        with scope.suppress(OSError):
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, line + b"\n")

    note("it has just begun")
    terminal.listeners.append(note)
    try:
        yield
    finally:
        terminal.listeners.remove(note)
        os.close(descriptor)


@scope.contextmanager
def _patience(path: str, work: str, terminal: Terminal) -> Iterator[None]:
    """Say what is waited for, once it takes long, and again from time to time."""

    def say(*_: object) -> None:
        terminal.warning(waiting(path, work))

    import signal

    if not hasattr(signal, "SIGALRM"):
        with _reminders(say):
            yield
        return
    try:
        before = signal.signal(signal.SIGALRM, say)
    except ValueError:  # not the main thread
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, SILENCE, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@scope.contextmanager
def _reminders(say: Callable[[], None]) -> Iterator[None]:
    """The same by a thread, where no signal comes when time is up."""
    import threading

    over = threading.Event()

    def remind() -> None:
        pause = SILENCE
        while not over.wait(pause):
            say()
            pause = AGAIN

    threading.Thread(target=remind, daemon=True).start()
    try:
        yield
    finally:
        over.set()
