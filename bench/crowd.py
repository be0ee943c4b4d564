"""Many starts at once: of one environment that is there, and of one that nobody has made yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chapter import Chapter, Goal, Table, span, spread, timed
from chart import Line, lines
from contestants import Uv, Vpython
from timing import Contestant, Job, Series, interleave, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from yard import Effort, Yard

COUNTS = (1, 4, 16, 64)
WHEELS = 27
PLAIN = "plain `python3 -c pass`"
WARM = "vpython, warm"
UNBUILT = "vpython, spec never seen"
EMPTY = "vpython, empty root"
UV_WARM = "`uv run --script`, warm"
UV_UNBUILT = "`uv run --script`, first start"
PLAIN_FACTOR = 2

TEXT = f"""\
So many starts at once of one script with {WHEELS} wheels, until the last has ended. "Spec never seen":
wheels are stored, all else is removed ahead of each sample; "empty root": everything is. How many builds a
crowd of {COUNTS[-1]} made is counted in extra crowds, by what their starts say in their debug lines.
"""


def measure(yard: Yard, effort: Effort) -> Chapter:
    crowds = {count: _crowd(yard, effort, count) for count in COUNTS}
    names = tuple(crowds[1])
    goals = tuple(_goal(name, crowds) for name in (UNBUILT, EMPTY))
    return Chapter(
        title="Concurrent starts",
        text=TEXT,
        goals=(*goals, _builds(yard)),
        tables=(
            Table(
                head=("starts at once", *map(str, COUNTS)),
                rows=tuple(
                    (
                        name,
                        *(
                            f"{span(crowds[count][name].median)} ({spread(crowds[count][name])})"
                            for count in COUNTS
                        ),
                    )
                    for name in names
                ),
            ),
        ),
        charts=(("crowd.svg", "Concurrent starts", _chart(crowds)),),
    )


def _crowd(yard: Yard, effort: Effort, count: int) -> dict[str, Series]:
    home = yard.place / f"crowd-{count}"
    selection = yard.shelf.take(WHEELS)
    warm, unbuilt, empty = (Vpython(yard, home / name, selection) for name in ("warm", "unbuilt", "empty"))
    uv, uv_unbuilt = (Uv(yard, home / name, selection) for name in ("uv", "uv-unbuilt"))
    plain = Job(words=(yard.python, "-c", "pass"), environ=yard.environ)

    def contestant(name: str, job: Job, before: Callable[[], object] = lambda: None) -> Contestant:
        return Contestant(name=name, jobs=(job,), before=before, count=count)

    for job in (warm.start(), unbuilt.start(), uv.run_script(), uv_unbuilt.run_script()):
        run(job)
    often = (
        contestant(PLAIN, plain),
        contestant(WARM, warm.start()),
        contestant(UV_WARM, uv.run_script()),
        contestant(UNBUILT, unbuilt.start(), unbuilt.forget_specs),
        contestant(UV_UNBUILT, uv_unbuilt.run_script(), uv_unbuilt.forget_scripts),
    )
    seldom = (contestant(EMPTY, empty.start(), empty.forget_all),)
    return interleave(often, effort.rounds(11, 3)) | interleave(seldom, effort.rounds(3, 1))


def _goal(name: str, crowds: dict[int, dict[str, Series]]) -> Goal:
    most = COUNTS[-1]
    item, all_at_once = crowds[1][name].median, crowds[most][name]
    bar = item + PLAIN_FACTOR * crowds[most][PLAIN].median
    return Goal(
        what=f"{most} starts at once of one unbuilt spec ({name.partition(', ')[2]})",
        ours=timed(all_at_once),
        rival=f"{PLAIN}: {timed(crowds[most][PLAIN])}",
        ratio=f"{all_at_once.median / bar:.2f} of the bar",
        bar=f"one cold start + {PLAIN_FACTOR} x {most} plain starts at once = {span(bar)}",
        met=all_at_once.median <= bar,
    )


def _builds(yard: Yard) -> Goal:
    """Count environments made by crowds that begin with a spec never seen."""
    ours = Vpython(yard, yard.place / "counted", yard.shelf.take(WHEELS))
    result = []
    for forget in (ours.forget_all, ours.forget_specs):
        forget()
        result.append(_made(ours))
    return Goal(
        what=f"environments built by {COUNTS[-1]} starts at once (empty root; wheels stored)",
        ours="; ".join(map(str, result)),
        bar="one",
        met=result == [1, 1],
    )


def _made(ours: Vpython) -> int:
    """Start a crowd that tells what it does, and count who made something."""
    log = ours.home / "log"
    log.unlink(missing_ok=True)
    words = ("/bin/sh", "-c", 'exec "$0" "$@" 2>>"$BENCH_LOG"', ours.file, "-vpython-log-level", "debug")
    job = Job(words=(*words, str(ours.script)), environ=ours.environ | {"BENCH_LOG": str(log)})
    run(job, COUNTS[-1])
    return sum(line.endswith("(made)") for line in log.read_text().splitlines())


def _chart(crowds: dict[int, dict[str, Series]]) -> str:
    drawn = [
        Line(
            label=name.replace("`", ""),
            points=tuple(
                (count, crowds[count][name].median, crowds[count][name].quartiles) for count in COUNTS
            ),
        )
        for name in (WARM, UV_WARM, PLAIN, UNBUILT, UV_UNBUILT)
    ]
    return lines(f"Starts at once of one script with {WHEELS} wheels", "starts at once", drawn)
