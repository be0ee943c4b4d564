"""A second process for one half of a piece of work: a forked copy of this one."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # what `vpython_long` loads, too
import os

from vpy.errors import ToolError
from vpy.system import jsontext, scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

_ENDING = (1, 2, 15)  # what may end a start at any moment: SIGHUP, SIGINT, SIGTERM


def is_of_use() -> bool:
    """Whether there is a second processor, and a fork copies all of this process: it has one thread."""
    import sys

    if not hasattr(os, "fork"):
        return False
    threading = sys.modules.get("threading")
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return processors > 1 and (threading is None or threading.active_count() == 1)


@scope.contextmanager
def doing(work: Callable[[], object], *, nice: int = 0) -> Iterator[Callable[[], Any]]:
    """Do `work` in a copy of this process; what is yielded waits for its answer, a JSON value.

    A `nice` copy stands back where others want the processors, by so much as `os.nice` has it.

    The copy says nothing and is gone at the end, whatever comes up meanwhile: it is asked to end, so
    that it ends its own children. What it raises as an OSError is raised here; ToolError where it
    ended without an answer.
    """
    reader, writer = os.pipe()
    # One that comes before the copy is at its work would raise there, in what is this process's to do.
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
            told = file.read()
        status = os.waitpid(child, 0)[1]
        waited = True
        try:
            number, name, answer = jsontext.loads(told)
        except ValueError:
            how = os.waitstatus_to_exitcode(status)
            what = f"by signal {-how}" if how < 0 else f"with {how}"
            raise ToolError(f"a process that helped ended {what}", hint="run again") from None
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
            with scope.suppress(ProcessLookupError, ChildProcessError):
                os.kill(child, signal.SIGTERM)
                os.kill(child, signal.SIGCONT)  # where it was stopped it would not hear of the other
                os.waitpid(child, 0)


def _answer(work: Callable[[], object], writer: int, mask: set[int]) -> NoReturn:
    """Write (errno, file name, answer) and end, as nobody else but this copy would."""
    try:
        try:
            # What ends it may come while Python cleans up after a child, and is then told on stderr.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            told = [0, "", work()]
        except OSError as error:
            told = [error.errno or 5, os.fsdecode(error.filename or ""), None]
        data = jsontext.dumps(told).encode()
        while data:
            data = data[os.write(writer, data) :]
    finally:
        os._exit(0)
