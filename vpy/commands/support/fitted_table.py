"""Tables for people: columns as wide as what is in them, on a narrow terminal fewer and shorter ones."""

from __future__ import annotations

import os
import sys

from bootstrap import shown
from vpy.system import status_line
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

GAP = 2
NARROWEST = 20  # columns below which what can be cut is not cut while another column can be dropped


@value
class Column:
    """Column of a table: its title, and what becomes of it on a narrow terminal.

    The columns of the highest `rank` are dropped first, those of rank 0 never. One that has `cut` gives way:
    there its texts lose what they begin with, as paths do, or their end.
    """

    title: str
    rank: int = 0
    cut: Literal["start", "end"] | None = None
    is_number: bool = False


def terminal_width() -> int | None:
    """Return the columns of the terminal that stdout is; None where it is none."""
    try:
        if not sys.stdout.isatty():
            return None
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (AttributeError, OSError, ValueError):
        return None


def lines(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """Return a table with its titles; each of its lines fits into `width` where that is given.

    A column without a text in any row is left out.
    """
    texts = [[shown.line(text) for text in row] for row in rows]
    kept = [number for number in range(len(columns)) if any(row[number] for row in texts)]
    widths = {
        number: max(status_line.width(row[number]) for row in [[c.title for c in columns], *texts])
        for number in kept
    }
    if width is not None:
        _fit(columns, kept, widths, width)

    drawn = []
    for row in [[column.title for column in columns], *texts]:
        cells = [_cell(row[number], widths[number], columns[number]) for number in kept]
        drawn.append((" " * GAP).join(cells).rstrip())
    return drawn


def _fit(columns: Sequence[Column], kept: list[int], widths: dict[int, int], width: int) -> None:
    """Drop columns, and make those narrower that can be cut, until the rest fits."""

    def needed(least: int) -> int:
        """Return the columns of a line in which nothing is cut further than to `least`."""
        taken = [min(widths[n], least) if columns[n].cut else widths[n] for n in kept]
        return sum(taken) + GAP * (len(kept) - 1)

    while needed(NARROWEST) > width:
        droppable = [number for number in kept if columns[number].rank]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda number: columns[number].rank))
    excess = needed(sys.maxsize) - width
    while excess > 0:
        cut = [number for number in kept if columns[number].cut]
        widest = max(cut, key=lambda number: widths[number], default=None)
        if widest is None or widths[widest] <= 1:
            break
        widths[widest] -= 1
        excess -= 1


def _cell(text: str, width: int, column: Column) -> str:
    if status_line.width(text) > width and column.cut == "end":
        text = f"{status_line.cut(text, width - 1)}…"
    elif status_line.width(text) > width:
        text = f"…{tail(text, width - 1)}"
    padding = " " * (width - status_line.width(text))
    return f"{padding}{text}" if column.is_number else f"{text}{padding}"


def tail(text: str, columns: int) -> str:
    """Return the end of a text, which tells paths apart, that fits into so many columns."""
    while status_line.width(text) > columns:
        text = text[1:]
    return text


def duration(seconds: float) -> str:
    """Return a length of time in words, in the largest unit of which there is one: `9 days`."""
    for size, unit in ((24 * 3600, "day"), (3600, "hour"), (60, "minute")):
        if (count := int(seconds // size)) >= 1:
            return f"{count} {unit}{'s' * (count != 1)}"
    return "a moment"


def ago(seconds: float | None) -> str:
    """Return how long ago something was; of what a clock puts into the future too."""
    if seconds is None:
        return "unknown"
    return "just now" if seconds < 60 else f"{duration(seconds)} ago"
