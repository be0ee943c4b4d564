"""Clearing the stores: a plan is made while builders go on, and carried out while there is none.

It is carried out with the store's lock held alone, by renames. A builder shares that lock from its
first look into a store until its environment stands, so nothing that it found is taken from it; and
no environment came up since the plan, or the plan is made anew.
"""

from __future__ import annotations

from vpy.environment import leftovers, unneeded
from vpy.environment.reaper import entries
from vpy.environment.unneeded import Candidate
from vpy.errors import VpythonError
from vpy.system import locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from vpy.environment.reaper import Reaper
    from vpy.system.layout import Layout

    Aged = Callable[[float], bool]
    Plan = Callable[[], list[Candidate]]


def sweep(
    layout: Layout, reaper: Reaper, gone: Collection[str], *, aged: Aged, now: float, build: str
) -> None:
    """Remove what no environment outside `gone` needs and is `aged`; nothing while a builder is at work."""

    def plan() -> list[Candidate]:
        living = unneeded.living_of(layout, gone)
        found = [
            *unneeded.unlinked(layout, reaper, living),
            *unneeded.packages(layout),
            *unneeded.pythons(layout, living),
            *unneeded.probes(layout, living, now),
        ]
        found += [*unneeded.apps(layout, build, now), *unneeded.formats(layout, aged)]
        found = [one for one in found if aged(one.stamp)]
        found += unneeded.resolutions(layout, living, now)
        found += [Candidate("leftovers", path, 0.0) for path in leftovers.find(layout, now)]
        return found

    _carry_out(layout, reaper, plan, None)


def sweep_unneeded(layout: Layout, reaper: Reaper, gone: Collection[str], excess: int | None) -> None:
    """Remove stored wheels, skeletons and packages that no environment needs, however new.

    The oldest go first, until `excess` bytes of disk are free (None: all of them).
    """

    def plan() -> list[Candidate]:
        living = unneeded.living_of(layout, gone)
        found = [*unneeded.unlinked(layout, reaper, living), *unneeded.packages(layout)]
        return sorted(found, key=lambda one: (one.stamp, one.path))

    _carry_out(layout, reaper, plan, excess)


def _carry_out(layout: Layout, reaper: Reaper, plan: Plan, excess: int | None) -> None:
    seen = _state(layout)
    candidates = plan()
    if reaper.dry_run:
        _take(reaper, candidates, excess)
        _take_empty(layout, reaper)
        return
    try:
        with locks.try_exclusive(layout.store_lock) as alone:
            if not alone:
                return
            if _state(layout) != seen:
                candidates = plan()
            _take(reaper, candidates, excess)
            _take_empty(layout, reaper)
    except (VpythonError, OSError):
        pass
    reaper.empty()


def _take(reaper: Reaper, candidates: list[Candidate], excess: int | None) -> None:
    for one in candidates:
        if excess is not None:
            if excess <= 0:
                break
            excess -= reaper.would_free(one.path)
        if one.tree:
            reaper.take_tree(one.kind, one.path)
        else:
            reaper.take_file(one.kind, one.path)


def _state(layout: Layout) -> set[tuple[str, int]]:
    """Tells whether an environment came or went meanwhile."""
    return {(entry.name, entry.inode()) for entry in entries(layout.environments)}


def _take_empty(layout: Layout, reaper: Reaper) -> None:
    for entry in entries(layout.wheels):
        if unneeded.is_digest(entry):
            reaper.take_empty(entry.path)
