"""Work that goes on when we have become somebody else: nothing of it is seen by whoever waits for us."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

NICENESS = 10


def run(work: Callable[[], None]) -> None:
    """Do `work` in a process of its own, which is no child of ours and has none of our descriptors.

    So a script that this process becomes has no child that it did not start, and nobody who reads a
    pipe of ours to its end waits for the work. POSIX only.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            _alone(work)
    finally:
        os._exit(0)


def _alone(work: Callable[[], None]) -> NoReturn:
    try:
        os.chdir("/")
        _close_all()
        os.nice(NICENESS)
        work()
    finally:
        os._exit(0)


def _close_all() -> None:
    """Leave no descriptor but three on the null device."""
    try:
        highest = max(int(name) for name in os.listdir("/dev/fd"))
    except (OSError, ValueError):
        highest = 1023
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    os.closerange(3, max(highest, null) + 1)
