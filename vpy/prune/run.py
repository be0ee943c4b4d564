"""Run of a prune: old environments go first, then what only they needed, then records of starts.

Only a root with vpython's mark in its CACHEDIR.TAG is touched at all.
"""

from __future__ import annotations

import os
import time

from vpy.prune import incomplete, records, unreferenced
from vpy.prune.entries import disk_use
from vpy.prune.environments import Remover, environments
from vpy.prune.policy import NO_AGE, Policy
from vpy.prune.trash import Trash
from vpy.system import files
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from vpy.prune.trash import Removed
    from vpy.system.layout import Layout

MARK = b"# Made by vpython."


@value
class Report:
    """Result of a prune: what was removed (or would be), and the keys of environments that stayed in use.

    `left` is the root's size afterwards in bytes of disk, None where it was not measured.
    """

    removed: tuple[Removed, ...]
    kept: tuple[str, ...] = ()
    left: int | None = None

    @property
    def in_use(self) -> int:
        """How many environments stayed, since they are in use."""
        return len(self.kept)


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
    incomplete.delete_old_trash(layout, trash)

    remover = Remover(layout, policy, trash, now=now, sleep=sleep)
    remover.remove_old()
    unreferenced.remove_old(layout, trash, remover.removed, policy, now=now(), build=build)
    records.remove_useless(layout, trash, remover.removed, policy, now=now(), build=build)

    left = _shrink(layout, policy.max_size, trash, remover) if policy.max_size is not None else None
    removed = tuple(trash.removed)
    if policy.everything:  # then neither age nor size is why
        limits = ("unused", "max-size")
        removed = tuple(replace(each, reason="asked") if each.reason in limits else each for each in removed)
    return Report(removed=removed, kept=tuple(sorted(remover.in_use)), left=left)


def clean(
    layout: Layout,
    keys: Collection[str],
    *,
    dry_run: bool,
    build: str,
    now: Callable[[], float],
    scripts: Collection[str] = (),
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Remove these environments unless they are in use, then the stored wheels that only they needed.

    `scripts` are the directories of addresses, which go with what was fetched from them. Hold
    `layout.prune_lock` as for `prune`.
    """
    trash = Trash(layout, dry_run=dry_run)
    policy = Policy(older_than=NO_AGE, dry_run=dry_run)
    remover = Remover(layout, policy, trash, now=now, sleep=sleep)
    wheels = {key: unreferenced.wheels_of(layout, [key]) for key in keys}
    for environment in environments(layout):
        if environment.key in wheels:
            remover.remove(environment, "asked")

    gone = frozenset().union(*(wheels[key] for key in remover.removed))
    unreferenced.remove_wheels(layout, trash, remover.removed, gone)
    unreferenced.remove_scripts(layout, trash, scripts)
    records.remove_useless(layout, trash, remover.removed, policy, now=now(), build=build)
    return Report(removed=tuple(trash.removed), kept=tuple(sorted(remover.in_use)))


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
        if remover.remove(environment, "max-size"):
            unreferenced.free(layout, trash, remover.removed, max(excess(), 0))
    return whole - trash.freed
