"""Threads: the same work for several items at once."""

from __future__ import annotations

import queue
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    Item = TypeVar("Item")
    Answer = TypeVar("Answer")


def map_concurrently(
    items: Sequence[Item],
    work: Callable[[Item], Answer],
    *,
    workers: int,
    stop: Callable[[], None],
    grace: float = 0.3,
) -> list[Callable[[], Answer]]:
    """Do the work for each item, `workers` at once; return for each a function with its answer or error.

    Ctrl-C ends the waiting at once: `stop` is called, and the threads, which die with the process,
    get a moment to tidy up, each `grace` seconds.
    """
    queued: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(len(items)):
        queued.put(number)
    outcomes: list[Callable[[], Answer] | None] = [None] * len(items)

    def work_off() -> None:
        while True:
            try:
                number = queued.get_nowait()
            except queue.Empty:
                return
            outcomes[number] = _outcome(work, items[number])

    threads = [threading.Thread(target=work_off, daemon=True) for _ in range(min(workers, len(items)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)  # a wait without a timeout would not be interrupted by Ctrl-C on Windows
    except BaseException:
        stop()
        while not queued.empty():
            _drop(queued)
        for thread in threads:
            thread.join(grace)
        raise
    return [outcome for outcome in outcomes if outcome is not None]


def _drop(queued: queue.SimpleQueue[int]) -> None:
    try:
        queued.get_nowait()
    except queue.Empty:
        pass


def _outcome(work: Callable[[Item], Answer], item: Item) -> Callable[[], Answer]:
    try:
        answer = work(item)
    except BaseException as error:
        failure = error

        def fail() -> Answer:
            raise failure

        return fail
    return lambda: answer
