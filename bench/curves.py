"""What an environment costs against how many wheels it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builds import KNOWN, NEW, OURS, PIP, UV, first_environments, new_environments
from chapter import Chapter, Table, span, spread
from chart import Line, lines

if TYPE_CHECKING:
    from timing import Series
    from yard import Effort, Yard

COUNTS = (1, 3, 10, 27, 80, 150)
TEXT = """\
As above, for sets of wheels of which each holds the ones before it. The first 27 are real; the others are
made by the benchmark, small projects of a dozen modules. Figures are medians, with the quartiles in
brackets.
"""


def measure(yard: Yard, effort: Effort) -> Chapter:
    new, first = {}, {}
    for count in COUNTS:
        home = yard.place / f"wheels-{count}"
        new[count] = new_environments(yard, home / "new", effort.rounds(15, 3), count)
        first[count] = first_environments(yard, home / "first", effort.rounds(9, 2), count)
    files = {count: yard.shelf.take(count).files for count in COUNTS}
    return Chapter(
        title="Cost against wheels",
        text=TEXT,
        tables=(
            _table("new environment, wheels stored", new, (KNOWN, NEW, UV, PIP), files),
            _table("first environment, nothing stored", first, (OURS, UV, PIP), files),
        ),
        charts=(
            ("new.svg", "A new environment, wheels stored", _chart("stored", new, (KNOWN, UV, PIP, NEW))),
            ("first.svg", "The first environment", _chart("not stored", first, (OURS, UV, PIP))),
        ),
    )


def _table(
    title: str, measured: dict[int, dict[str, Series]], names: tuple[str, ...], files: dict[int, int]
) -> Table:
    return Table(
        head=(f"{title}: wheels", "files", *names),
        rows=tuple(
            (
                str(count),
                f"{files[count]:,}",
                *(f"{span(series[name].median)} ({spread(series[name])})" for name in names),
            )
            for count, series in measured.items()
        ),
    )


def _chart(stored: str, measured: dict[int, dict[str, Series]], names: tuple[str, ...]) -> str:
    drawn = [
        Line(
            label=name,
            points=tuple(
                (count, series[name].median, series[name].quartiles) for count, series in measured.items()
            ),
        )
        for name in names
    ]
    return lines(f"An environment, its wheels {stored}", "wheels in the environment", drawn)
