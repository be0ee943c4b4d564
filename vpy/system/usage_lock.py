"""Usage lock of an environment: shared by the processes that run in it, exclusive while it is removed.

A start writes `used`, then looks for `complete`, then shares the environment's lock for as long as
it runs. A removal goes the other way round: it takes the exclusive lock, without waiting; renames
`complete` aside; then looks at `used` again. So a start that is under way is seen, and one that comes
too late finds no `complete` and plans again. Where the remover dies at that moment, the next process
finds `complete` aside and puts it back.
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

WAIT_SECONDS = 3.0
SHORT_WAIT_SECONDS = 0.3  # that other starts may need to notice what this one has noticed


def share(layout: Layout, environment: str) -> bool:
    """Share the environment's lock until this process becomes its Python; False if it is being removed.

    So at no moment of a cold start does the environment look unused.
    """
    descriptor = locks.keep_shared(layout.lock("environment", os.path.basename(environment)))
    if os.path.exists(_complete(environment)):
        return True
    if descriptor is not None:
        os.close(descriptor)
    return False


def is_free(layout: Layout, key: str) -> bool:
    """Return whether no process holds the environment at this moment; makes no file to find out."""
    lock = layout.lock("environment", key)
    if not os.path.exists(lock):
        return True
    with locks.try_exclusive(lock) as is_exclusive:
        return is_exclusive


def remove_if_unused(layout: Layout, key: str, is_unused: Callable[[], bool]) -> str | None:
    """Move the environment into the trash and return its path there; None where it stays.

    It stays where a process holds it, where `is_unused` says no, and where the system does not let it go
    (Windows, with a file in it open). `is_unused` is called when no new start can come any more.
    """
    environment, trashed = layout.environment(key), layout.discarded(key)
    os.makedirs(layout.trash, mode=0o700, exist_ok=True)

    with locks.try_exclusive(layout.lock("environment", key)) as is_exclusive:
        if not is_exclusive:
            return None
        is_moved = False
        try:
            files.make_writable(environment)
            _put_aside(environment)
            if is_unused():
                files.rename(environment, trashed)
                is_moved = True
        except OSError:
            pass
        finally:
            if not is_moved:
                is_whole(environment)

    return trashed if is_moved else None


def remove_damaged(
    layout: Layout,
    key: str,
    missing_file: Callable[[], str | None],
    mark_complete: Callable[[], None],
    *,
    seconds: float = WAIT_SECONDS,
) -> bool:
    """Remove an environment that lacks a file; return False, and leave it, where it is whole after all.

    `missing_file` names a file that it lacks, or returns None; where it lacks only `complete`,
    `mark_complete` makes that again. Starts hold a damaged environment for the moment that it takes them
    to notice; ToolError where a process holds it for longer than `seconds`.
    """
    environment, lock = layout.environment(key), layout.lock("environment", key)
    deadline = time.monotonic() + seconds

    while True:
        trashed = layout.discarded(key)
        with locks.try_exclusive(lock) as is_exclusive:
            if is_exclusive:
                if _is_repaired(environment, missing_file, mark_complete):
                    return False
                if is_free := not _runs_without_lock(layout, key):
                    _move(environment, trashed)
        if is_exclusive and is_free:
            files.remove_tree(trashed)
            return True

        with locks.shared(lock):  # waits for a prune, which holds it for a moment only
            if _is_repaired(environment, missing_file, mark_complete):
                return False
        if time.monotonic() > deadline:
            raise ToolError(
                f"the environment `{environment}` is damaged and still in use",
                hint="end the processes that run in it, then start again",
            )
        time.sleep(0.05)


def _move(environment: str, trashed: str) -> None:
    os.makedirs(os.path.dirname(trashed), mode=0o700, exist_ok=True)
    if os.path.lexists(environment):
        files.make_writable(environment)
        files.rename(environment, trashed)


def _runs_without_lock(layout: Layout, key: str) -> bool:
    """Return whether a program runs in the environment that has no start hook to hold it.

    A shell that merely stands in it is not asked to leave: the environment is made again in the same place.
    """
    from vpy.system import processes

    environment = layout.environment(key)
    if not os.path.lexists(environment):
        return False
    return processes.use(environment, layout.root, {"PATH": os.defpath}, by_name=False)


def _is_repaired(
    environment: str, missing_file: Callable[[], str | None], mark_complete: Callable[[], None]
) -> bool:
    """Return whether the environment is whole; make `complete` again where nothing else is missing."""
    if not os.path.isdir(environment) or missing_file():
        return False
    if not is_whole(environment):
        mark_complete()
    return True


def is_whole(environment: str) -> bool:
    """Return whether the environment is complete; put back a `complete` that was left aside.

    Call it only with the environment's lock, shared or exclusive: nothing is removing it then.
    """
    if os.path.exists(_complete(environment)):
        return True
    try:
        os.rename(_aside(environment), _complete(environment))
    except OSError:
        return False
    return True


def _put_aside(environment: str) -> None:
    try:
        os.rename(_complete(environment), _aside(environment))
    except FileNotFoundError:
        pass


def _complete(environment: str) -> str:
    return os.path.join(environment, "complete")


def _aside(environment: str) -> str:
    return os.path.join(environment, "complete.aside")
