"""Pool of forked workers: each line that comes is done by the next free one.

The process that has loaded what the work needs forks them, no more than there is work for; they share
its memory. It does no work itself, so that a line never waits for a worker that is busy. Where a process
cannot be forked (Windows) it does the work alone.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from selectors import BaseSelector
    from typing import NoReturn

    Work = Callable[[bytes], bytes]

_PIECE = 1 << 16
EVENT_READ = 1  # `selectors.EVENT_READ`, which is imported where it is needed
# More would wait for each other: making files is mostly the kernel's work.
MOST_WORKERS = 16


class Lines:
    """Lines that come through a descriptor, without their ends; an empty line is the end of them.

    Raises EOFError where they break off: whoever sent them is gone.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.is_over = False
        self._rest = b""
        self._whole: list[bytes] = []

    def fill(self) -> None:
        """Wait for more."""
        piece = os.read(self.descriptor, _PIECE)
        if not piece:
            raise EOFError
        *found, self._rest = (self._rest + piece).split(b"\n")
        if b"" in found:
            self.is_over = True
            found = found[: found.index(b"")]
        self._whole += found

    def take(self) -> list[bytes]:
        """Return the lines that are whole, without waiting."""
        found, self._whole = self._whole, []
        return found

    def __iter__(self) -> Iterator[bytes]:
        while self._whole or not self.is_over:
            if self._whole:
                yield self._whole.pop(0)
            else:
                self.fill()


class Worker:
    """Forked process that does one line at a time."""

    def __init__(self, work: Work, others: list[Worker]) -> None:
        jobs, self.jobs = os.pipe()
        self.answers, answers = os.pipe()
        self._rest = b""
        self.number = os.fork()
        if not self.number:
            # A pipe that somebody else holds open would never end.
            for other in others:
                os.close(other.jobs)
                os.close(other.answers)
            os.close(self.jobs)
            os.close(self.answers)
            _work_off(work, jobs, answers)
        os.close(jobs)
        os.close(answers)

    def give(self, line: bytes) -> None:
        """Send the worker a line."""
        _write(self.jobs, line)

    def take(self) -> bytes | None:
        """Return the answer to the line that it was given, None while it is not whole.

        Raises ChildProcessError where the worker has ended.
        """
        piece = os.read(self.answers, _PIECE)
        if not piece:
            code = os.waitstatus_to_exitcode(os.waitpid(self.number, 0)[1])
            raise ChildProcessError(f"worker process failed: it ended by signal {-code}" if code < 0 else "")
        self._rest += piece
        if not self._rest.endswith(b"\n"):
            return None
        answer, self._rest = self._rest[:-1], b""
        return answer

    def end(self) -> None:
        """Let the worker end, and wait for it."""
        os.close(self.jobs)
        os.close(self.answers)
        os.waitpid(self.number, 0)


def serve(lines: Lines, answers: int, work: Work, workers: int, *, is_once: bool = False) -> None:
    """Do every line by one of so many workers, and write each answer, a line, as it is ready.

    The workers end with this process; with `is_once` each does one line, so that nothing that it leaves
    behind counts for the next.
    """
    if not hasattr(os, "fork") or (workers < 2 and not is_once):
        for line in lines:
            _write(answers, work(line))
        return

    import selectors

    with selectors.DefaultSelector() as selector:
        _Dispatcher(work, workers, selector, is_once=is_once).run(lines, answers)


class _Dispatcher:
    def __init__(self, work: Work, workers: int, selector: BaseSelector, *, is_once: bool) -> None:
        self._work = work
        self._is_once = is_once
        self._most = workers
        self._selector = selector
        self._workers: list[Worker] = []
        self._idle: list[Worker] = []
        self._waiting: list[bytes] = []

    def run(self, lines: Lines, answers: int) -> None:
        if not lines.is_over:
            self._selector.register(lines.descriptor, EVENT_READ)
        self._take(lines)
        while not lines.is_over or len(self._idle) < len(self._workers):
            for key, _ in self._selector.select():
                if key.data is None:
                    lines.fill()
                    if lines.is_over:
                        self._selector.unregister(lines.descriptor)
                elif (answer := key.data.take()) is not None:
                    _write(answers, answer)
                    self._release(key.data)
            self._take(lines)

    def _take(self, lines: Lines) -> None:
        self._waiting += lines.take()
        self._give_out()

    def _give_out(self) -> None:
        while self._waiting and (worker := self._free_worker()):
            worker.give(self._waiting.pop(0))

    def _release(self, worker: Worker) -> None:
        if not self._is_once:
            self._idle.append(worker)
            return
        self._selector.unregister(worker.answers)
        self._workers.remove(worker)
        worker.end()

    def _free_worker(self) -> Worker | None:
        if self._idle:
            return self._idle.pop()
        if len(self._workers) == self._most:
            return None
        worker = Worker(self._work, self._workers)
        self._workers.append(worker)
        self._selector.register(worker.answers, EVENT_READ, worker)
        return worker


def _work_off(work: Work, jobs: int, answers: int) -> NoReturn:
    try:
        for line in Lines(jobs):
            _write(answers, work(line))
    except (EOFError, BrokenPipeError):  # nobody waits for it any more
        os._exit(0)
    except Exception as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(1)


def _write(descriptor: int, line: bytes) -> None:
    line += b"\n"
    while line:
        line = line[os.write(descriptor, line) :]
