"""Whether a root that holds thousands of environments is slower than one that holds one."""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from chapter import Chapter, Goal, series_table, timed, times
from contestants import Vpython
from timing import Contestant, Job, Series, interleave, told

if TYPE_CHECKING:
    from pathlib import Path

    from shelf import Package
    from yard import Effort, Yard

FULL, QUICK = 2000, 60
WHEELS = 27
TOGETHER = 3
FEW, MANY = "root of one", "root of many"
WARM_FEW, WARM_MANY = f"warm start, {FEW}", f"warm start, {MANY}"
NEW_FEW, NEW_MANY = f"new environment, {FEW}", f"new environment, {MANY}"
TEXT = """\
A root with {count:,} environments, each made by the start of a script with a spec of its own ({together} of
the wheels), against a root without them. New environments are of {wheels} stored wheels, their spec
resolved before.
"""


def measure(yard: Yard, effort: Effort) -> Chapter:
    count = effort.rounds(FULL, QUICK)
    few, many = yard.place / "few", yard.place / "many"
    _fill(yard, many, count)
    contestants = []
    for home, warm_name, new_name in ((few, WARM_FEW, NEW_FEW), (many, WARM_MANY, NEW_MANY)):
        warm = Vpython(yard, home, yard.shelf.take(TOGETHER), "warm")
        new = Vpython(yard, home, yard.shelf.take(WHEELS), "new")
        warm.environment()
        contestants += [Contestant(name=warm_name, jobs=(warm.start(),)), _new(new_name, new)]
    series = interleave(contestants, effort.rounds(40, 10))
    return Chapter(
        title=f"A root with {count:,} environments",
        text=TEXT.format(count=count, together=TOGETHER, wheels=WHEELS),
        goals=(
            _goal(f"warm start, {count:,} environments in the root", series[WARM_MANY], series[WARM_FEW]),
            _goal(f"new environment, {count:,} environments in the root", series[NEW_MANY], series[NEW_FEW]),
        ),
        tables=(series_table(series.values()),),
    )


def _new(name: str, ours: Vpython) -> Contestant:
    environment = ours.environment()
    return Contestant(name=name, jobs=(ours.start(),), before=lambda: ours.forget_one(environment))


def _fill(yard: Yard, home: Path, count: int) -> None:
    """Start `count` scripts, each with a partner spec that names other packages."""
    starter = Vpython(yard, home, yard.shelf.take(WHEELS), "filling")
    starter.environment()
    scripts = home / "scripts"
    scripts.mkdir()
    sets = itertools.islice(itertools.combinations(yard.shelf.packages[:WHEELS], TOGETHER), count - 1)
    jobs = [starter.start(str(_script(scripts, number, chosen))) for number, chosen in enumerate(sets)]

    def start(job: Job) -> None:
        told(job)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(start, jobs))


def _script(directory: Path, number: int, packages: tuple[Package, ...]) -> Path:
    script = directory / f"script_{number:04}.py"
    script.write_text("")
    script.with_name(script.name + ".vpython3").write_text("".join(package.text for package in packages))
    return script


def _goal(what: str, many: Series, few: Series) -> Goal:
    """No bar of the design names this; a tenth over is what would be felt."""
    ratio = many.median / few.median
    return Goal(
        what=what,
        ours=timed(many),
        rival=f"{FEW}: {timed(few)}",
        ratio=times(ratio),
        bar="1.1 x or less",
        met=ratio <= 1.1,
    )
