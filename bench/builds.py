"""New environments: with everything stored, and the very first one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chapter import Chapter, Goal, series_table, timed, times
from contestants import Novel, Uv, VenvPip, Vpython
from timing import Contestant, Series, interleave

if TYPE_CHECKING:
    from pathlib import Path

    from yard import Effort, Yard

WHEELS = 27
KNOWN = "vpython, spec resolved before"
NEW = "vpython, spec never seen"
UV = "uv"
UV_STARTED = "uv, and the script started"
PIP = "venv + pip"
OURS = "vpython"
KNOWN_BAR, NEW_BAR, FIRST_BAR = 0.6, 1.3, 1.5

NEW_TEXT = f"""\
{WHEELS} wheels, {{files}} files. vpython starts the script, for which it has to make the environment; its
time includes that of the script. Ahead of each start the environments and the records of starts are removed.
A spec never seen is each time another {WHEELS} of a few more stored wheels. uv (`uv venv` and
`uv pip install --no-deps`) has its cache warm, pip nothing to warm; their environments are removed ahead of
each round. "And the script started" adds the start of the script by that environment's Python.
"""
FIRST_TEXT = f"""\
The same {WHEELS} wheels as local files, and nothing else: ahead of each start vpython's whole root, with
its own unpacked code, and uv's whole cache are removed.
"""


def measure_new(yard: Yard, effort: Effort) -> Chapter:
    series = new_environments(yard, yard.place / "new", effort.rounds(40, 6), WHEELS)
    uv, started = series[UV], series[UV_STARTED]
    return Chapter(
        title="A new environment, wheels stored",
        text=NEW_TEXT.format(files=f"{yard.shelf.take(WHEELS).files:,}"),
        goals=(
            against("new environment, 27 wheels stored, spec resolved before", series[KNOWN], uv, KNOWN_BAR),
            against("the same, where uv too starts the script", series[KNOWN], started, KNOWN_BAR),
            against("new environment, 27 wheels stored, new spec", series[NEW], uv, NEW_BAR),
        ),
        tables=(series_table(series.values()),),
    )


def new_environments(yard: Yard, home: Path, rounds: int, count: int) -> dict[str, Series]:
    """Contestants with everything stored, for the first `count` wheels."""
    selection = yard.shelf.take(count)
    ours = Vpython(yard, home / "known", selection)
    newly = Novel(yard, home / "new", count)
    uv, uv_started = Uv(yard, home / "uv", selection), Uv(yard, home / "uv-started", selection)
    pip = VenvPip(yard, home / "pip", selection)
    return interleave(
        (
            Contestant(name=KNOWN, jobs=(ours.start(),), before=ours.forget_environments),
            Contestant(name=UV, jobs=uv.make(), before=uv.forget_environments),
            Contestant(
                name=UV_STARTED,
                jobs=(*uv_started.make(), uv_started.start()),
                before=uv_started.forget_environments,
            ),
            Contestant(name=NEW, jobs=(newly.start(),), before=newly.begin_another),
            Contestant(name=PIP, jobs=pip.make(), before=pip.forget),
        ),
        rounds,
    )


def measure_first(yard: Yard, effort: Effort) -> Chapter:
    series = first_environments(yard, yard.place / "first", effort.rounds(20, 4), WHEELS)
    ours, uv, pip = series[OURS], series[UV], series[PIP]
    return Chapter(
        title="The first environment, nothing stored",
        text=FIRST_TEXT,
        goals=(
            against("first environment, empty root, 27 local packages, against venv + pip", ours, pip, 1.0),
            against("the same against uv with an empty cache", ours, uv, FIRST_BAR),
        ),
        tables=(series_table(series.values()),),
    )


def first_environments(yard: Yard, home: Path, rounds: int, count: int) -> dict[str, Series]:
    """Contestants with nothing stored, for the first `count` wheels."""
    selection = yard.shelf.take(count)
    ours = Vpython(yard, home / "vpython", selection)
    uv = Uv(yard, home / "uv", selection)
    pip = VenvPip(yard, home / "pip", selection)
    return interleave(
        (
            Contestant(name=OURS, jobs=(ours.start(),), before=ours.forget_all),
            Contestant(name=UV, jobs=uv.make(), before=uv.forget_all),
            Contestant(name=PIP, jobs=pip.make(), before=pip.forget),
        ),
        rounds,
    )


def against(what: str, ours: Series, rival: Series, bar: float) -> Goal:
    """Return the goal of taking at most `bar` times as long as the rival."""
    ratio = ours.median / rival.median
    return judged(what, ours, rival, bar, ratio, times(ratio))


def judged(what: str, ours: Series, rival: Series, bar: float, ratio: float, shown: str) -> Goal:
    """Return the goal of a ratio of at most `bar`, shown as it was measured."""
    return Goal(
        what=what,
        ours=timed(ours),
        rival=f"{rival.name}: {timed(rival)}",
        ratio=shown,
        bar=f"{bar:g} x or less",
        met=ratio <= bar,
    )
