"""Pruning without being asked: after a build, and once a day otherwise; never on a warm start."""

from __future__ import annotations

import os
import time

from vpy.errors import VpythonError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.context import Context
    from vpy.environment.prune import Policy
    from vpy.system.layout import Layout

DAY = 24 * 3600.0
HOUR = 3600.0
MOST_ASKED = 100
MOST_ITEMS = 2000
MOST_STEPS = 50_000


def after(context: Context, *, built: bool, build: str) -> None:
    """Prune in the background where it is time to; `built` says that an environment was made just now.

    A start never waits for it, and never fails by it.
    """
    layout = context.layout
    try:
        _renew_app(context)
        due = _is_due(layout, context.now(), context.config.prune_interval_hours * HOUR)
        if not due and not (built and _has_aged(context)):
            return
        if os.name != "posix":
            _prune(context, build, most=1)
            return
        from vpy.system import background

        background.run(lambda: _prune(context, build, most=context.config.prune_most_per_run))
    except (OSError, VpythonError) as error:
        context.terminal.debug(f"not pruned: {error}")


def _renew_app(context: Context) -> None:
    """Say once a day that our unpacked code is used, for the prunes of other builds."""
    mark = os.path.join(context.app, "complete")
    in_root = os.path.dirname(context.app) == context.layout.apps
    if in_root and abs(context.now() - os.stat(mark).st_mtime) > DAY:
        os.utime(mark)


def _is_due(layout: Layout, now: float, interval: float) -> bool:
    """Whether the last prune is `interval` seconds away, and if so, say that one is made now.

    A root without a stamp is new: there is nothing to prune yet.
    """
    stamp = layout.prune_stamp
    try:
        due = abs(now - os.stat(stamp).st_mtime) >= interval
    except FileNotFoundError:
        due = False
    else:
        if not due:
            return False
    os.close(os.open(stamp, os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
    os.utime(stamp)
    return due


def _has_aged(context: Context) -> bool:
    """Whether an environment has aged; of very many only some are asked, at each build others."""
    limit = context.now() - context.config.prune_older_than_days * DAY
    names = os.listdir(context.layout.environments)
    step = len(names) // MOST_ASKED + 1
    chosen = names[time.monotonic_ns() % step :: step]
    return any(_used(context.layout.environment(name)) <= limit for name in chosen)


def _used(environment: str) -> float:
    """When it was used last, in seconds since the epoch; what does not say so is for the daily prune."""
    try:
        return os.stat(os.path.join(environment, "used")).st_mtime
    except OSError:
        return float("inf")


def _prune(context: Context, build: str, most: int) -> None:
    from vpy.environment import prune
    from vpy.system import locks

    policy: Policy = prune.Policy(
        older_than=context.config.prune_older_than_days * DAY, most=most, items=MOST_ITEMS, steps=MOST_STEPS
    )
    with locks.try_exclusive(context.layout.prune_lock) as alone:
        if alone:
            prune.run(context.layout, policy, build=build, now=context.now)
