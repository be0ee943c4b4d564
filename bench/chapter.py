"""What a measurement has to tell: tables, charts, and how it stands to the goals."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from timing import Series

MISSING = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One bar and what came out; `met` is None where there was nothing to compare."""

    what: str
    ours: str
    rival: str = MISSING
    ratio: str = MISSING
    bar: str
    met: bool | None

    @property
    def verdict(self) -> str:
        return {True: "met", False: "**missed**", None: "not measured"}[self.met]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text under a head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One measurement: `text` says how it was made, `charts` are (file name, what it shows, SVG)."""

    title: str
    text: str
    goals: tuple[Goal, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[tuple[str, str, str], ...] = ()


def span(seconds: float) -> str:
    """Return a time as a reader wants it: `2.31 ms`, `143 ms`, `1.24 s`."""
    size = abs(seconds)
    if size >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.0f} ms" if size >= 0.1 else f"{seconds * 1000:.2f} ms"


def added(series: Series) -> str:
    sign = "+" if series.median >= 0 else ""
    return f"{sign}{timed(series)}"


def spread(series: Series) -> str:
    low, high = series.quartiles
    return f"{span(low)} to {span(high)}"


def timed(series: Series) -> str:
    return f"{span(series.median)} ({spread(series)})"


def size(count: float) -> str:
    """Bytes as megabytes of a million."""
    return f"{count / 1e6:.1f} MB"


def times(ratio: float) -> str:
    return f"{ratio:.2f} x"


def ratio_text(ratios: Sequence[float]) -> str:
    """Return the median of ratios, and where the middle half of them lies."""
    if len(ratios) < 2:
        return times(ratios[0])
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"{times(middle)} ({low:.2f} to {high:.2f})"


def series_table(all_series: Iterable[Series], plain: Series | None = None) -> Table:
    """Median, quartiles, CPU and number of samples of each; and what each adds to `plain`, round by round."""
    head = (
        "what",
        "median",
        "quartiles",
        *(() if plain is None else ("over " + plain.name,)),
        "CPU",
        "samples",
    )
    return Table(head=head, rows=tuple(_row(series, plain) for series in all_series))


def _row(item: Series, plain: Series | None) -> tuple[str, ...]:
    more = () if plain is None else (MISSING if item is plain else added(item.over(plain)),)
    return item.name, span(item.median), spread(item), *more, span(item.cpu_median), str(len(item.seconds))
