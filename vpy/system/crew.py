"""Threads: several pieces of work at once."""

from __future__ import annotations

import queue
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    Item = TypeVar("Item")
    Answer = TypeVar("Answer")


def side_by_side(
    items: Sequence[Item], work: Callable[[Item], Answer], *, workers: int, stop: Callable[[], None]
) -> list[Callable[[], Answer]]:
    """Do the work for each item, `workers` at once; for each a function that gives its answer or raises.

    Ctrl-C ends the waiting at once: `stop` is told, and the threads, which die with the process,
    get a moment to tidy up.
    """
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(len(items)):
        todo.put(number)
    outcomes: list[Callable[[], Answer] | None] = [None] * len(items)

    def labour() -> None:
        while True:
            try:
                number = todo.get_nowait()
            except queue.Empty:
                return
            outcomes[number] = _outcome(work, items[number])

    crew = [threading.Thread(target=labour, daemon=True) for _ in range(min(workers, len(items)))]
    for thread in crew:
        thread.start()
    try:
        for thread in crew:
            while thread.is_alive():
                thread.join(0.2)  # in turns, because a wait without end is deaf to Ctrl-C on Windows
    except BaseException:
        stop()
        while not todo.empty():
            _drop(todo)
        for thread in crew:
            thread.join(0.3)
        raise
    return [outcome for outcome in outcomes if outcome is not None]


def _drop(todo: queue.SimpleQueue[int]) -> None:
    try:
        todo.get_nowait()
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
