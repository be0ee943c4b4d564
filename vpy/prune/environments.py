"""Removal of environments: the least recently used first, and none that is in use.

Whatever the clock says, an environment is in use while a process holds its lock, while a start that has
written `used` is on its way to share the lock, and while a process of this user's shows to use it.
"""

from __future__ import annotations

import os

from vpy.errors import VpythonError
from vpy.prune.entries import entries, is_digest
from vpy.system import process, usage_lock
from vpy.system.layout import KEY
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vpy.prune.policy import Policy
    from vpy.prune.trash import Reason, Trash
    from vpy.system.layout import Layout

SETTLE_SECONDS = 1.0  # that a start may need from writing `used` to sharing the lock
START_SECONDS = 60.0  # after which no start is under way any more


@value
class Environment:
    """Environment on disk; `used` and `changed` are mtime and ctime, in ns, of the file of its last use."""

    key: str
    path: str
    used: int
    changed: int


def environments(layout: Layout) -> list[Environment]:
    """Return all environments, complete or not, the least recently used first."""
    found = [
        _read(entry.name, entry.path)
        for entry in entries(layout.environments)
        if is_digest(entry.name, KEY) and entry.is_dir(follow_symlinks=False)
    ]
    known = [environment for environment in found if environment is not None]
    return sorted(known, key=lambda environment: (environment.used, environment.key))


def _read(key: str, path: str) -> Environment | None:
    """Return the environment at `path`; None for a directory without a file that vpython writes."""
    for name in ("used", "why.json"):
        try:
            stamp = os.lstat(os.path.join(path, name))
        except OSError:
            continue
        return Environment(key=key, path=path, used=stamp.st_mtime_ns, changed=stamp.st_ctime_ns)
    return None


class Remover:
    """Removes environments; `removed` and `in_use` are the keys of those that went, and that could not."""

    def __init__(
        self,
        layout: Layout,
        policy: Policy,
        trash: Trash,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.removed: set[str] = set()
        self.in_use: set[str] = set()
        self._layout = layout
        self._policy = policy
        self._trash = trash
        self._now = now
        self._sleep = sleep

    def remove_old(self) -> None:
        """Remove the environments that are over the age limit, as many as the policy lets go."""
        limit = self._now() - self._policy.older_than
        every = (each for each in environments(self._layout) if each.key not in self._policy.keep)
        old = [environment for environment in every if environment.used / 1e9 <= limit]
        self._let_starts_settle(old)

        most = self._policy.max_environments
        for environment in old:
            if most is not None and len(self.removed) >= most:
                break
            self._remove(environment, "asked" if self._policy.everything else "unused")
        self._trash.empty()

    def remove(self, environment: Environment, reason: Reason) -> bool:
        """Remove one environment, of whatever age; return False where it is in use, or gone already."""
        if environment.key in self.removed | self.in_use | self._policy.keep:
            return False
        self._let_starts_settle([environment])
        if not self._remove(environment, reason):
            return False
        self._trash.empty()
        return True

    def _let_starts_settle(self, candidates: Sequence[Environment]) -> None:
        """Wait until a start that wrote `used` a moment ago shares the lock."""
        ages = [self._now() - environment.changed / 1e9 for environment in candidates]
        if ages and min(ages) < SETTLE_SECONDS:
            self._sleep(min(SETTLE_SECONDS, SETTLE_SECONDS - min(ages)))

    def _remove(self, environment: Environment, reason: Reason) -> bool:
        """Move an environment into the trash unless it is in use; starts must have settled."""
        if self._trash.is_full:
            return False
        trashed = self._move_to_trash(environment)
        if trashed is None:
            self.in_use.add(environment.key)
            return False
        self.removed.add(environment.key)
        self._trash.add("environments", environment.path, trashed, reason, environment.used / 1e9)
        return True

    def _move_to_trash(self, environment: Environment) -> str | None:
        """Return the path in the trash, in a dry run the environment's own; None where it is in use."""
        if self._trash.is_in_use(environment.path):
            return None
        try:
            if self._policy.dry_run:
                return environment.path if usage_lock.is_free(self._layout, environment.key) else None
            return usage_lock.remove_if_unused(
                self._layout, environment.key, lambda: self._is_unused(environment)
            )
        except (VpythonError, OSError):
            return None

    def _is_unused(self, environment: Environment) -> bool:
        """Return whether no start has come since `environment` was read, and none is under way.

        The system's process list is read only where a start may be under way: on a very busy machine it
        may need more than `SETTLE_SECONDS` to share the lock.
        """
        if _read(environment.key, environment.path) != environment:
            return False
        is_start_over = abs(self._now() - environment.changed / 1e9) > START_SECONDS
        return is_start_over or not process.is_running_below(environment.path)
