"""Schedule of prunes in the background: after a build, and once in an interval; never on a warm start."""

from __future__ import annotations

import os
import time

from vpy.errors import VpythonError
from vpy.prune import policy
from vpy.prune.policy import DAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vpy.config import Config
    from vpy.prune.policy import Policy
    from vpy.system.layout import Layout

SAMPLE_SIZE = 100  # environments that a build looks at


def after_start(
    layout: Layout,
    config: Config,
    *,
    app: str,
    build: str,
    built: bool,
    now: Callable[[], float],
    debug: Callable[[str], None],
) -> None:
    """Prune in the background where it is time to; `built` says whether this start built its environment.

    The start does not wait for it, nor fail by it. Where there is no fork one environment goes at once.
    """
    try:
        _renew_app(layout, app, now())
        is_due = _is_due(layout, now(), policy.interval(config))
        if not is_due and not (built and _has_old(layout, now() - policy.age_limit(config))):
            return

        if os.name != "posix":
            _prune(layout, policy.background_policy(config, max_environments=1), build, now)
            return
        from vpy.system import fork

        limits = policy.background_policy(config, max_environments=config.prune_most_per_run)
        fork.run_in_background(lambda: _prune(layout, limits, build, now))
    except (OSError, VpythonError) as error:
        debug(f"not pruned: {error}")


def _renew_app(layout: Layout, app: str, now: float) -> None:
    """Note once a day that this build's unpacked code is used, for the prunes of other builds."""
    mark = os.path.join(app, "complete")
    is_in_root = os.path.dirname(app) == layout.apps
    if is_in_root and abs(now - os.stat(mark).st_mtime) > DAY:
        os.utime(mark)


def _is_due(layout: Layout, now: float, interval: float) -> bool:
    """Return whether the last prune is `interval` seconds ago, and note that one is made now.

    A root without a stamp is new: there is nothing to prune yet.
    """
    stamp = layout.prune_stamp
    try:
        is_due = abs(now - os.stat(stamp).st_mtime) >= interval
    except FileNotFoundError:
        is_due = False
    else:
        if not is_due:
            return False
    os.close(os.open(stamp, os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
    os.utime(stamp)
    return is_due


def _has_old(layout: Layout, limit: float) -> bool:
    """Return whether an environment was last used before `limit`; of very many, a sample is looked at."""
    names = os.listdir(layout.environments)
    step = len(names) // SAMPLE_SIZE + 1
    sample = names[time.monotonic_ns() % step :: step]
    return any(_last_use(layout.environment(name)) <= limit for name in sample)


def _last_use(environment: str) -> float:
    """Return the time of the last use in seconds since the epoch; infinity where it is not noted.

    What is not noted is left to the prune once in an interval.
    """
    try:
        return os.stat(os.path.join(environment, "used")).st_mtime
    except OSError:
        return float("inf")


def _prune(layout: Layout, limits: Policy, build: str, now: Callable[[], float]) -> None:
    from vpy.prune import run
    from vpy.system import locks

    with locks.try_exclusive(layout.prune_lock) as is_exclusive:
        if is_exclusive:
            run.prune(layout, limits, build=build, now=now)
