"""First starts at the real index, against `uv run --script` by turns: what a new user waits for."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from builds import FIRST_BAR, first_environments, judged
from builds import OURS as LOCAL_OURS
from builds import UV as LOCAL_UV
from builds import WHEELS as LOCAL_WHEELS
from chapter import Chapter, Goal, ratio_text, series_table, size, span, times
from chart import Bar, bars
from index_sides import FEW, MANY, MORE, More, Sides, first_sides, interrupted, stored_sides
from space import occupied
from timing import BenchError, Contestant, costs, sample, series_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from timing import Cost, Job, Series
    from yard import Effort, Yard

MANY_OURS, MANY_UV = "vpython, many wheels", "uv, many wheels"
FEW_OURS, FEW_UV = "vpython, few wheels", "uv, few wheels"
MORE_OURS, MORE_UV = "vpython, one more dependency", "uv, one more dependency"
AGAIN_OURS = "vpython, many wheels, after a Ctrl-C"
RESOLVED, KNOWN, RESOLVED_UV = "vpython, resolution", "vpython, resolved before", "uv, resolution"
ROUNDS = 10
MANY_BAR, FEW_BAR, MORE_BAR, AGAIN_BAR, DISK_BAR = 1.2, 1.3, 0.8, 0.6, 1.05
RESOLUTION_BAR, CPU_BAR, MEMORY_BAR = 0.5, 6.0, 120e6

TITLE = "First starts at the real index"
TEXT = """\
PEP 723 scripts, the index of the user's own pip configuration, nothing stored: {many} requirements that come
to {wheels} wheels, and {few}. vpython and `uv run --script` start them with the same Python, by turns, each
with a root or cache of its own that is taken away ahead of each start. An index and its network are noisy: a
ratio is the median of those of the rounds, with the middle half of them in brackets.

"One more dependency" is the script of {many} with one more small project, another one in each round, while
the wheels of all others are stored on either side. "After a Ctrl-C" is the start that follows one to which
Ctrl-C came after half of {half}, what the first of all took; its ratio is to a first start. A resolution is
that of `explain` for the script of {many}, the wheels stored and what it came to before forgotten, less one
that need not resolve; for uv it is `uv pip compile`, its cache warm. Memory is that of the largest process;
bytes on disk are blocks of all files, each inode counted once, vpython's own code among them.
"""


def measure(yard: Yard, effort: Effort) -> Chapter:
    rounds = effort.rounds(ROUNDS, 1)
    if rounds >= len(MORE):
        raise BenchError(f"the index is measured in {len(MORE) - 1} rounds at most")
    home = yard.place / "index"
    first = first_sides(yard, home / "first")
    half = _begun(first)
    wheels = len(list(first.ours.root.glob("wheels-*/*")))
    found = costs(_first(yard, first, half.seconds / 2), rounds)
    disk = _disk(first)
    stored = stored_sides(yard, home / "stored", first.uv)
    found |= costs(_more(stored, home), rounds)
    found |= costs(_resolutions(stored, home), rounds)
    local = first_environments(yard, home / "local", rounds, LOCAL_WHEELS)
    series = {name: series_of(name, each) for name, each in found.items()}
    text = TEXT.format(many=len(MANY), wheels=wheels, few=" and ".join(FEW), half=span(half.seconds))
    return Chapter(
        title=TITLE,
        text=text,
        goals=(*_ratios(series, local), *_sizes(found, series, disk)),
        tables=(series_table(series.values()),),
        charts=(("index.svg", TITLE, _chart(series)),),
    )


def _begun(sides: Sides) -> Cost:
    """Return what a first start of the many costs."""
    sides.ours.forget_all()
    return sample(_contestant("", sides.ours.start(sides.many)))


def _first(yard: Yard, sides: Sides, half: float) -> Sequence[Contestant]:
    ours, uv = sides.ours, sides.uv

    def interrupt() -> None:
        interrupted(ours.start(sides.many), half, ours.forget_all)

    def emptied() -> None:
        yard.trash.empty()
        ours.forget_all()

    return (
        _contestant(FEW_OURS, ours.start(sides.few), emptied),
        _contestant(FEW_UV, uv.start(sides.few), uv.forget_all),
        _contestant(AGAIN_OURS, ours.start(sides.many), interrupt),
        _contestant(MANY_OURS, ours.start(sides.many), ours.forget_all),
        _contestant(MANY_UV, uv.start(sides.many), uv.forget_all),
    )


def _more(sides: Sides, home: Path) -> Sequence[Contestant]:
    ours, uv = More(home / "more-vpython.py"), More(home / "more-uv.py")
    return (
        _contestant(MORE_OURS, sides.ours.start(ours.script), ours.begin_another),
        _contestant(MORE_UV, sides.uv.start(uv.script), uv.begin_another),
    )


def _resolutions(sides: Sides, home: Path) -> Sequence[Contestant]:
    listed = home / "many.in"
    listed.write_text("\n".join(MANY))
    explain = sides.ours.explain(sides.many)
    return (
        _contestant(RESOLVED, explain, sides.ours.forget_resolutions),
        _contestant(KNOWN, explain, lambda: sample(_contestant("", explain))),
        _contestant(RESOLVED_UV, sides.uv.compile(listed)),
    )


def _contestant(name: str, job: Job, before: Callable[[], object] = lambda: None) -> Contestant:
    return Contestant(name=name, jobs=(job,), before=before)


def _disk(sides: Sides) -> tuple[int, int]:
    """Return the bytes of the root and of uv's cache with its environment, after the start of the many."""
    sides.ours.forget_all()
    sides.uv.forget_all()
    sample(_contestant("", sides.ours.start(sides.many)))
    sample(_contestant("", sides.uv.start(sides.many)))
    ours, uv = (occupied((path,), own_code=True).total for path in (sides.ours.root, sides.uv.cache))
    return ours, uv


def _ratios(series: Mapping[str, Series], local: Mapping[str, Series]) -> list[Goal]:
    many, uv = series[MANY_OURS], series[MANY_UV]
    ours, rival = local[LOCAL_OURS], local[LOCAL_UV]
    more = f"one more dependency than {len(MANY)}, the other wheels stored"
    return [
        _against(f"first start, {len(MANY)} requirements, real index", many, uv, MANY_BAR),
        _against("first start, 2 requirements, real index", series[FEW_OURS], series[FEW_UV], FEW_BAR),
        _against(f"first environment, {LOCAL_WHEELS} local wheels", ours, rival, FIRST_BAR),
        _against(more, series[MORE_OURS], series[MORE_UV], MORE_BAR),
        _against("the start after a Ctrl-C at half time", series[AGAIN_OURS], many, AGAIN_BAR),
    ]


def _against(what: str, ours: Series, rival: Series, bar: float) -> Goal:
    """Return the goal of a ratio: the median of the rounds' own."""
    ratios = ours.ratios(rival)
    return judged(what, ours, rival, bar, statistics.median(ratios), ratio_text(ratios))


def _sizes(
    found: Mapping[str, Sequence[Cost]], series: Mapping[str, Series], disk: tuple[int, int]
) -> list[Goal]:
    ours, uv = disk
    resolved = statistics.median(series[RESOLVED].over(series[KNOWN]).cpu)
    user, user_uv = (statistics.median(cost.user for cost in found[name]) for name in (MANY_OURS, MANY_UV))
    peak, peak_uv = (max(cost.peak for cost in found[name]) for name in (MANY_OURS, MANY_UV))
    rows = (
        ("resolution alone, CPU", resolved, series[RESOLVED_UV].cpu_median, RESOLUTION_BAR, span),
        ("first start, many wheels, CPU in user mode", user, user_uv, CPU_BAR, span),
        ("first start, many wheels, memory of any one process", peak, peak_uv, MEMORY_BAR, size),
    )
    limits = [
        Goal(
            what=what,
            ours=shown(mine),
            rival=f"uv: {shown(theirs)}",
            ratio=times(mine / theirs),
            bar=f"{shown(bar)} or less",
            met=mine <= bar,
        )
        for what, mine, theirs, bar, shown in rows
    ]
    disk_goal = Goal(
        what="the root after it, against uv's cache with its environment",
        ours=size(ours),
        rival=f"uv: {size(uv)}",
        ratio=times(ours / uv),
        bar=f"{DISK_BAR:g} x or less",
        met=ours <= DISK_BAR * uv,
    )
    return [*limits, disk_goal]


def _chart(series: Mapping[str, Series]) -> str:
    names = (MANY_OURS, MANY_UV, AGAIN_OURS, MORE_OURS, MORE_UV, FEW_OURS, FEW_UV)
    rows = [
        Bar(
            label=name,
            value=series[name].median,
            spread=series[name].quartiles,
            ours=not name.startswith("uv"),
        )
        for name in names
    ]
    return bars(TITLE, rows)
