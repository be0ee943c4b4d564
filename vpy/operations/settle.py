"""Settling: what a start made is seen to disk in the background; what a power cut may have taken goes.

`bootstrap/unsettled.py` has the marks. While an environment is not settled, its `complete` is a link
to a file in memory, so that after another boot the doors find no finished environment.
"""

from __future__ import annotations

import os
import stat
import time

from bootstrap import unsettled
from vpy.system import files, locks, usage_lock
from vpy.system.lean import contextlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpy.operations.context import Context
    from vpy.system.layout import Layout

ABANDONED = 60.0  # seconds after which a mark is no builder's that is just about to begin
SLACK = 2.0  # seconds by which the times of two files may differ in their order

_pending: dict[str, str] = {}  # environments whose mark is not the lasting one yet, and that one


def later(environment: str, lasting: str) -> None:
    """Let `in_background` give the environment its lasting mark, where it has another one."""
    with contextlib.suppress(OSError):
        if os.readlink(os.path.join(environment, "complete")) != lasting:
            _pending[environment] = lasting


def in_background(layout: Layout) -> None:
    """See all that this process made to disk, and take its marks away; the start does not wait for it."""
    if os.name != "posix" or not (_pending or unsettled.ours()):
        return
    from vpy.system import fork

    with contextlib.suppress(OSError):
        fork.run_in_background(lambda: _settle(layout))


def _settle(layout: Layout) -> None:
    marks = {*unsettled.ours(), *_abandoned(layout)}
    unsettled.sync(layout.root)
    for environment, lasting in _pending.items():
        _mark_lasting(environment, lasting, layout)
    for path in marks:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _abandoned(layout: Layout) -> list[str]:
    """Return the marks of builders that have ended: none runs now, and they are not new."""
    if not os.path.exists(layout.store_lock):
        return []
    with locks.try_exclusive(layout.store_lock) as is_exclusive:
        marks = unsettled.marks(layout.root, of_this_boot=True) if is_exclusive else []
        return [path for path in marks if abs(time.time() - os.lstat(path).st_mtime) > ABANDONED]


def _mark_lasting(environment: str, lasting: str, layout: Layout) -> None:
    """Put the lasting mark in the other one's place; nothing removes the environment meanwhile."""
    mark = os.path.join(environment, "complete")
    descriptor = locks.keep_shared(layout.lock("environment", os.path.basename(environment)))
    if descriptor is None:
        return
    with contextlib.suppress(OSError):
        if os.path.exists(mark):
            passing = files.temporary_name(layout.staging, "complete-")
            os.symlink(lasting, passing)
            os.replace(passing, mark)
    os.close(descriptor)


def recover(context: Context) -> None:
    """Remove what was made shortly before the machine went down, since its bytes may not be on disk.

    What is read by its hash, or is of no use in parts, needs no removal: packages, copies, cached
    answers, records.
    """
    layout = context.layout
    if not unsettled.marks(layout.root, of_this_boot=False):
        return
    with files.disk_errors("clean up", layout.root), locks.exclusive(layout.store_lock):
        marks = unsettled.marks(layout.root, of_this_boot=False)
        if not marks:  # another start was first
            return
        since = min(os.lstat(path).st_ctime for path in marks) - SLACK
        removed = [path for path in _made_since(since, context) if _remove(path, layout)]
        for path in marks:
            os.unlink(path)
    if removed:
        context.terminal.warning(
            "the machine stopped before all was on disk: what was made last is made again when it is needed"
        )


def _made_since(since: float, context: Context) -> Iterator[str]:
    """Yield what is as new as that; not vpython's own code that runs here, which the door has compared."""
    layout = context.layout
    rooms = [layout.environments, layout.interpreters, layout.pythons, layout.apps]
    with contextlib.suppress(OSError):
        rooms += [os.path.join(layout.wheels, name) for name in os.listdir(layout.wheels)]
    for room in rooms:
        with contextlib.suppress(OSError):
            for name in sorted(os.listdir(room)):
                path = os.path.join(room, name)
                found = os.lstat(path)
                if path != context.app and stat.S_ISDIR(found.st_mode) and found.st_ctime >= since:
                    yield path


def _remove(path: str, layout: Layout) -> bool:
    """Move to the trash and delete; leave an environment in use, which so is of this boot."""
    key = os.path.basename(path)
    if os.path.dirname(path) == layout.environments:
        trashed = usage_lock.remove_if_unused(layout, key, lambda: True)
        if trashed is None:
            return False
    else:
        trashed = layout.discarded(key)
        os.makedirs(layout.trash, mode=0o700, exist_ok=True)
        files.rename(path, trashed)
    files.remove_tree(trashed)
    return True
