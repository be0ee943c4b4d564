"""Removing what nobody uses: environments first, then what only they were made of.

Nothing in use is touched, whatever the clock says: a process holds its environment's lock, a start
under way has written `used`, a builder shares the store's lock. Nothing without a mark of ours is.
"""

from __future__ import annotations

import os
import time

from vpy.environment import hold
from vpy.environment.leftovers import is_hex
from vpy.environment.reaper import Reaper, disk_use, entries
from vpy.errors import VpythonError
from vpy.system import running
from vpy.system.layout import KEY
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vpy.environment.reaper import Removed
    from vpy.system.layout import Layout

DAY = 24 * 3600.0
SETTLE = 1.0  # seconds that a start may need from writing `used` to sharing the lock
STARTING = 60.0  # seconds after which no start is on its way any more
MARK = b"# Made by vpython."


@value
class Policy:
    """What goes: what was not used for `older_than` seconds, at most `most` environments a run.

    With `max_size` (bytes of disk), as much more as that takes, the least recently used first.
    `items` bounds how many things go in one run and `steps` how many records are looked at.
    """

    older_than: float
    most: int | None = None
    max_size: int | None = None
    dry_run: bool = False
    items: int | None = None
    steps: int | None = None


@value
class Environment:
    """One on disk: `used` and `changed` are mtime and ctime, in ns, of what says when it was used last."""

    key: str
    path: str
    used: int
    changed: int


@value
class Report:
    """What went (or would), how many environments stayed because somebody uses them, what is left.

    `left` is bytes of disk, None where nobody asked.
    """

    removed: tuple[Removed, ...]
    in_use: int = 0
    left: int | None = None


def is_ours(layout: Layout) -> bool:
    """Whether the root is a directory that bears our mark."""
    from vpy.system import files

    try:
        return not os.path.islink(layout.cachedir_tag) and MARK in files.read_bytes(layout.cachedir_tag, 4096)
    except OSError:
        return False


def environments(layout: Layout) -> list[Environment]:
    """All that bear our mark, complete or not, the least recently used first."""
    found = []
    for entry in entries(layout.environments):
        if is_hex(entry.name, KEY) and entry.is_dir(follow_symlinks=False):
            one = _look(entry.name, entry.path)
            if one is not None:
                found.append(one)
    return sorted(found, key=lambda one: (one.used, one.key))


def _look(key: str, path: str) -> Environment | None:
    for name in ("used", "why.json"):
        try:
            stamp = os.lstat(os.path.join(path, name))
        except OSError:
            continue
        return Environment(key=key, path=path, used=stamp.st_mtime_ns, changed=stamp.st_ctime_ns)
    return None


def run(
    layout: Layout,
    policy: Policy,
    *,
    build: str,
    now: Callable[[], float],
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Prune the root once. `build` is vpython's own, whose unpacked code stays; `now` is in seconds.

    Only for who holds `layout.prune_lock` alone, or for a dry run.
    """
    from vpy.environment import leftovers, stores, traces

    if not is_ours(layout):
        return Report(removed=())
    pruning = Pruning(layout, policy, now=now, sleep=sleep)
    if not policy.dry_run:
        leftovers.empty_trash(layout, pruning.reaper)
    pruning.remove_aged()

    def aged(stamp: float) -> bool:
        return now() - stamp >= policy.older_than

    stores.sweep(layout, pruning.reaper, pruning.gone, aged=aged, now=now(), build=build)
    traces.sweep(layout, pruning.reaper, pruning.gone, aged=aged, now=now(), build=build, steps=policy.steps)
    left = pruning.shrink(policy.max_size) if policy.max_size is not None else None
    return Report(removed=tuple(pruning.reaper.removed), in_use=len(pruning.in_use), left=left)


class Pruning:
    """One run's state: what went, and which environments were found in use."""

    def __init__(
        self, layout: Layout, policy: Policy, *, now: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self.reaper = Reaper(layout, dry_run=policy.dry_run, most=policy.items)
        self.gone: set[str] = set()
        self.in_use: set[str] = set()
        self._layout = layout
        self._policy = policy
        self._now = now
        self._sleep = sleep

    def remove_aged(self) -> None:
        """Remove the environments that are older than the limit, the least recently used first."""
        limit = self._now() - self._policy.older_than
        aged = [one for one in environments(self._layout) if one.used / 1e9 <= limit]
        self._settle(aged)
        for one in aged:
            if self._policy.most is not None and len(self.gone) >= self._policy.most:
                break
            self.remove(one)
        self.reaper.empty()

    def _settle(self, candidates: Sequence[Environment]) -> None:
        """Let a start that wrote `used` just before we looked come as far as sharing the lock."""
        ages = [self._now() - one.changed / 1e9 for one in candidates]
        if ages and min(ages) < SETTLE:
            self._sleep(min(SETTLE, SETTLE - min(ages)))

    def remove(self, one: Environment) -> bool:
        """Take an environment away unless it is in use; it must have settled."""
        if self.reaper.is_spent:
            return False
        trash = self._take(one)
        if trash is None:
            self.in_use.add(one.key)
            return False
        self.gone.add(one.key)
        self.reaper.discard("environments", one.path, trash)
        return True

    def _take(self, one: Environment) -> str | None:
        try:
            if self._policy.dry_run:
                return one.path if hold.is_free(self._layout, one.key) else None
            return hold.take_away(self._layout, one.key, lambda: self._is_unused(one))
        except (VpythonError, OSError):
            return None

    def _is_unused(self, one: Environment) -> bool:
        """Whether no start has come since we looked, and none is still on its way.

        The system's list of processes is asked only where a start may be: on a machine that is much
        too busy, it may need more than `SETTLE` to share the lock.
        """
        if _look(one.key, one.path) != one:
            return False
        return abs(self._now() - one.changed / 1e9) > STARTING or not running.is_any_of(one.path)

    def shrink(self, size: int) -> int:
        """Remove more until the root takes at most `size` bytes of disk; return what it takes then."""
        from vpy.environment import stores

        whole = disk_use(self._layout.root) + (0 if self._policy.dry_run else self.reaper.freed)

        def excess() -> int:
            return whole - self.reaper.freed - size

        if excess() > 0:
            stores.sweep_unneeded(self._layout, self.reaper, self.gone, excess())
        for one in environments(self._layout):
            if excess() <= 0:
                break
            if one.key not in self.gone | self.in_use:
                self._settle([one])
                if self.remove(one):
                    self.reaper.empty()
                    stores.sweep_unneeded(self._layout, self.reaper, self.gone, max(excess(), 0))
        return whole - self.reaper.freed
