"""Work that many processes need at once: one does it, the others wait and report the owner's progress.

The owner writes its process number and its last message into the lock file (`bootstrap.lock_owner`
has the format, since the doors wait at such a lock before anything of `vpy` is loaded).
"""

from __future__ import annotations

import os

from bootstrap.lock_owner import AGAIN, LONGEST, SILENCE, waiting
from vpy.system import locks
from vpy.system.lean import contextlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vpy.system.terminal import Terminal

_OPEN = os.O_WRONLY
for _name in ("O_CLOEXEC", "O_NOFOLLOW", "O_BINARY"):
    _OPEN |= getattr(os, _name, 0)


@contextlib.contextmanager
def run_once(path: str, is_done: Callable[[], bool], work: str, terminal: Terminal) -> Iterator[bool]:
    """Run a job in one process: yield True where it is this one's to do, False where it `is_done`.

    `work` is what those who wait say of the owner: `builds such and such`. When the owner has gone,
    they check together whether the job is done; where it is not, since its owner died, one of them
    takes over.
    """
    locks.ensure_lock_file(path)
    with locks.flocked(path, wait=False, alone=True) as free:
        if free:
            with publish_owner(path, terminal):
                yield not is_done()
            return
    with locks.flocked(path, alone=False, during=_waiting_messages(path, work, terminal)):
        if is_done():
            yield False
            return
    with locks.exclusive(path, during=_waiting_messages(path, work, terminal)), publish_owner(path, terminal):
        yield not is_done()


@contextlib.contextmanager
def start_gate(path: str, work: str, terminal: Terminal) -> Iterator[bool]:
    """Let one process through at once, and all others when it has left; yield whether this one waited.

    It only saves work: a job that must run at most once goes through `run_once`.
    """
    locks.ensure_lock_file(path)
    with locks.flocked(path, wait=False, alone=True) as free:
        if free:
            with publish_owner(path, terminal):
                yield False
            return
    with locks.flocked(path, alone=False, during=_waiting_messages(path, work, terminal)):
        yield True


@contextlib.contextmanager
def publish_owner(path: str, terminal: Terminal) -> Iterator[None]:
    """Write this process's number and its messages into the lock file, for those that wait."""
    try:
        descriptor = os.open(path, _OPEN)
    except OSError:
        yield
        return

    def note(text: str) -> None:
        line = f"{os.getpid()} {text}".encode("utf-8", "replace").replace(b"\n", b" ")[:LONGEST]
        with contextlib.suppress(OSError):
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, line + b"\n")

    note("it has just started")
    try:
        with terminal.listened(note):
            yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _waiting_messages(path: str, work: str, terminal: Terminal) -> Iterator[None]:
    """Report whom this process waits for, after a while and again from time to time."""
    if terminal.status.display != "off":
        with terminal.status.stage(lambda: waiting(path, work)):
            yield
        return

    def say(*_: object) -> None:
        terminal.warning(waiting(path, work))

    import signal

    if not hasattr(signal, "SIGALRM"):
        with _messages_by_thread(say):
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


@contextlib.contextmanager
def _messages_by_thread(say: Callable[[], None]) -> Iterator[None]:
    """Yield the same by a thread, where no signal comes when time is up."""
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
