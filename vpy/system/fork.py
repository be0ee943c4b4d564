"""Forked processes: one that does a part of the work, and one that goes on in the background."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # what `bootstrap.cold_start` loads, too
import os

from vpy.errors import ToolError
from vpy.system.lean import contextlib, json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

NICENESS = 10  # of work in the background
_ENDING = (1, 2, 15)  # what may end a start at any moment: SIGHUP, SIGINT, SIGTERM


def is_worthwhile() -> bool:
    """Return whether a child may be forked and would help: a second processor, and no other thread."""
    import sys

    if not hasattr(os, "fork"):
        return False
    threading = sys.modules.get("threading")
    return processors() > 1 and (threading is None or threading.active_count() == 1)


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def in_child(work: Callable[[], object], *, nice: int = 0) -> Iterator[Callable[[], Any]]:
    """Do `work` in a forked child; yield a function that waits for its answer, a JSON value.

    `nice` is added to the child's niceness (`os.nice`). The child prints nothing. It is ended when
    the block is left, by SIGTERM, so that it can end its own children. An OSError of the child is
    raised here; ToolError where it ended without an answer.
    """
    reader, writer = os.pipe()
    # A signal that came before the child is at its work would raise there, in this process's code.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        child = os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(reader)
        os.close(writer)
        raise
    if not child:
        os.nice(nice)
        _answer(work, writer, before)
    waited = False

    def wait() -> Any:
        nonlocal waited
        with open(reader, "rb", closefd=False) as file:
            data = file.read()
        status = os.waitpid(child, 0)[1]
        waited = True
        try:
            number, name, answer = json.loads(data)
        except ValueError:
            how = os.waitstatus_to_exitcode(status)
            what = f"by signal {-how}" if how < 0 else f"with {how}"
            raise ToolError(f"worker process failed: it ended {what}", hint="run again") from None
        if number:
            raise OSError(number, os.strerror(number), name)
        return answer

    try:
        os.close(writer)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield wait
    finally:
        os.close(reader)
        if not waited:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(child, signal.SIGTERM)
                os.kill(child, signal.SIGCONT)  # a stopped child would not act on SIGTERM
                os.waitpid(child, 0)


def _answer(work: Callable[[], object], writer: int, mask: set[int]) -> NoReturn:
    """Write (errno, file name, answer) as JSON and end the child."""
    try:
        try:
            # What ends it may come while Python cleans up after a child, and is then data on stderr.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            result = [0, "", work()]
        except OSError as error:
            result = [error.errno or 5, os.fsdecode(error.filename or ""), None]
        text = json.dumps(result).encode()
        while text:
            text = text[os.write(writer, text) :]
    finally:
        os._exit(0)


def run_in_background(work: Callable[[], None]) -> None:
    """Do `work` in a daemon process, which is no child of this one and shares no descriptor with it.

    So the script that this process becomes has no child that it did not start, and no reader of one
    of its pipes waits for the work. POSIX only.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            _run_detached(work)
    finally:
        os._exit(0)


def _run_detached(work: Callable[[], None]) -> NoReturn:
    try:
        os.chdir("/")
        _close_all()
        os.nice(NICENESS)
        work()
    finally:
        os._exit(0)


def _close_all() -> None:
    """Close every descriptor but the standard three, which go to the null device."""
    try:
        highest = max(int(name) for name in os.listdir("/dev/fd"))
    except (OSError, ValueError):
        highest = 1023
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    os.closerange(3, max(highest, null) + 1)
