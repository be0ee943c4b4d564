"""Run of a prune: old environments go first, then what only they needed, then records of starts.

Only a root with vpython's mark in its CACHEDIR.TAG is touched at all.
"""

from __future__ import annotations

import os
import time

from vpy.prune import incomplete, records, unreferenced
from vpy.prune.entries import disk_use
from vpy.prune.environments import Remover, environments
from vpy.prune.trash import Trash
from vpy.system import files
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vpy.prune.policy import Policy
    from vpy.prune.trash import Removed
    from vpy.system.layout import Layout

MARK = b"# Made by vpython."


@value
class Report:
    """Result of a prune: what was removed (or would be), and how many environments stayed in use.

    `left` is the root's size afterwards in bytes of disk, None where it was not measured.
    """

    removed: tuple[Removed, ...]
    in_use: int = 0
    left: int | None = None


def is_ours(layout: Layout) -> bool:
    """Return whether the root has the mark of vpython's cache."""
    try:
        return not os.path.islink(layout.cachedir_tag) and MARK in files.read_bytes(layout.cachedir_tag, 4096)
    except OSError:
        return False


def prune(
    layout: Layout,
    policy: Policy,
    *,
    build: str,
    now: Callable[[], float],
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Prune the root once.

    `build` is that of this vpython, whose unpacked code stays; `now` returns seconds since the epoch. Hold
    `layout.prune_lock` exclusively, unless it is a dry run.
    """
    if not is_ours(layout):
        return Report(removed=())

    trash = Trash(layout, dry_run=policy.dry_run, max_items=policy.max_items)
    if not policy.dry_run:
        incomplete.delete_old_trash(layout, trash)

    remover = Remover(layout, policy, trash, now=now, sleep=sleep)
    remover.remove_old()

    def is_old(stamp: float) -> bool:
        return now() - stamp >= policy.older_than

    unreferenced.remove_old(layout, trash, remover.removed, is_old=is_old, now=now(), build=build)
    records.remove_useless(
        layout,
        trash,
        remover.removed,
        is_old=is_old,
        now=now(),
        build=build,
        max_entries=policy.max_records,
    )

    left = _shrink(layout, policy.max_size, trash, remover) if policy.max_size is not None else None
    return Report(removed=tuple(trash.removed), in_use=len(remover.in_use), left=left)


def _shrink(layout: Layout, max_size: int, trash: Trash, remover: Remover) -> int:
    """Remove more until the root takes at most `max_size` bytes of disk; return what it takes then."""
    whole = disk_use(layout.root) + (0 if trash.dry_run else trash.freed)

    def excess() -> int:
        return whole - trash.freed - max_size

    if excess() > 0:
        unreferenced.free(layout, trash, remover.removed, excess())
    for environment in environments(layout):
        if excess() <= 0:
            break
        if remover.remove(environment):
            unreferenced.free(layout, trash, remover.removed, max(excess(), 0))
    return whole - trash.freed
