"""Who runs in an environment, and taking one away from nobody: the one protocol of builder and prune.

A start writes `used`, then looks for `complete`, then shares the environment's lock for as long as
it runs. Who takes an environment away does it the other way round: the lock alone, without waiting;
`complete` aside; then another look at `used`. So a start that is under way is seen, and one that
comes too late finds no `complete` and goes the long way. `complete` is put aside by a rename: where
its taker dies at that moment, whoever comes next finds it there and puts it back.
"""

from __future__ import annotations

import os
import time

from vpy.errors import ToolError
from vpy.system import files, locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vpy.system.layout import Layout

PATIENCE = 3.0  # seconds


def _complete(environment: str) -> str:
    return os.path.join(environment, "complete")


def _aside(environment: str) -> str:
    return os.path.join(environment, "complete.aside")


def keep(layout: Layout, environment: str) -> bool:
    """Hold an environment until this process has become its Python, or ended; False where it is being
    taken away. So a start that goes the long way has no moment in which nobody sees it.
    """
    held = locks.keep_shared(layout.lock("environment", os.path.basename(environment)))
    if os.path.exists(_complete(environment)):
        return True
    if held is not None:
        os.close(held)
    return False


def take_away(layout: Layout, key: str, unused: Callable[[], bool]) -> str | None:
    """Move the environment into the trash and return its name there; None where it stays.

    It stays where a process holds it, where `unused`, asked when no new start can pass any more,
    says so, and where the system does not let it go (Windows, with a file in it open).
    """
    environment, trash = layout.environment(key), layout.discarded(key)
    os.makedirs(layout.trash, mode=0o700, exist_ok=True)
    with locks.try_exclusive(layout.lock("environment", key)) as alone:
        if not alone:
            return None
        moved = False
        try:
            _put_aside(environment)
            if unused():
                os.rename(environment, trash)
                moved = True
        except OSError:
            pass
        finally:
            if not moved:
                is_whole(environment)
    return trash if moved else None


def _put_aside(environment: str) -> None:
    try:
        os.rename(_complete(environment), _aside(environment))
    except FileNotFoundError:
        pass


def is_whole(environment: str) -> bool:
    """Whether the environment is complete; a `complete` that was left aside is put back.

    Only for who has the environment's lock, alone or shared: nobody is taking it away then.
    """
    if os.path.exists(_complete(environment)):
        return True
    try:
        os.rename(_aside(environment), _complete(environment))
    except OSError:
        return False
    return True


def make_room(layout: Layout, key: str, lost: Callable[[], str], mark: Callable[[], None]) -> bool:
    """Free an environment's place for a new one: True where it is free now, False where none is needed.

    `lost` names a file that the environment lacks, or ""; where it lacks nothing but `complete`,
    that is put back by `mark`. Starts hold a damaged one for the moment that it takes them to see
    so; ToolError where others do.
    """
    environment, lock = layout.environment(key), layout.lock("environment", key)
    deadline = time.monotonic() + PATIENCE
    while True:
        trash = layout.discarded(key)
        with locks.try_exclusive(lock) as alone:
            if alone:
                if _is_mended(environment, lost, mark):
                    return False
                os.makedirs(layout.trash, mode=0o700, exist_ok=True)
                if os.path.lexists(environment):
                    os.rename(environment, trash)
        if alone:
            files.remove_tree(trash)
            return True
        with locks.shared(lock):  # waits for a prune, which holds it for a moment only
            if _is_mended(environment, lost, mark):
                return False
        if time.monotonic() > deadline:
            raise ToolError(
                f"the environment `{environment}` is damaged and still in use",
                hint="end the processes that run in it, then start again",
            )
        time.sleep(0.05)


def _is_mended(environment: str, lost: Callable[[], str], mark: Callable[[], None]) -> bool:
    if not os.path.isdir(environment) or lost():
        return False
    if not is_whole(environment):
        mark()
    return True


def is_free(layout: Layout, key: str) -> bool:
    """Whether no process holds the environment at this moment; nothing is made to find out."""
    lock = layout.lock("environment", key)
    if not os.path.exists(lock):
        return True
    with locks.try_exclusive(lock) as alone:
        return alone
