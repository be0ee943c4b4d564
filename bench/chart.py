"""Charts as SVG: bars for one figure per contestant, lines for one per contestant and size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from chapter import span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Scale = Callable[[float], float]

WIDTH = 760
LOGARITHMIC = "both axes are logarithmic"
OURS = "#0b6bcb"
COLOURS = (OURS, "#d9730d", "#6b7280", "#7c3aed", "#0f9d76")
STYLE = """\
<style>
text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2937 }
.title { font-size: 16px; font-weight: 600 }
.quiet { fill: #6b7280; font-size: 12px }
.axis { stroke: #e5e7eb; stroke-width: 1 }
.spread { stroke: #1f2937; stroke-width: 1.5 }
</style>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: seconds, with the quartiles as a line across its end."""

    label: str
    value: float
    spread: tuple[float, float]
    ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: (size, seconds, quartiles), sizes rising."""

    label: str
    points: tuple[tuple[int, float, tuple[float, float]], ...]


def bars(title: str, rows: Sequence[Bar]) -> str:
    """Horizontal bars from zero, shortest label column that fits all."""
    left = 30 + 7 * max(len(row.label) for row in rows)
    room = WIDTH - left - 100
    most = max(max(row.value, row.spread[1]) for row in rows)
    scale = room / most
    parts = []
    for number, row in enumerate(rows):
        top = 56 + number * 34
        low, high = (left + max(edge, 0) * scale for edge in row.spread)
        parts += [
            _text(left - 10, top + 15, row.label, anchor="end"),
            f'<rect x="{left}" y="{top}" width="{max(row.value, 0) * scale:.1f}" height="22" rx="3" '
            f'fill="{OURS if row.ours else COLOURS[1]}"/>',
            f'<line class="spread" x1="{low:.1f}" y1="{top + 11}" x2="{high:.1f}" y2="{top + 11}"/>',
            _text(max(high, left + row.value * scale) + 8, top + 15, span(row.value)),
        ]
    note = _text(
        left, 56 + len(rows) * 34 + 14, "median; the line is the middle half of the samples", "quiet"
    )
    return _picture(title, 56 + len(rows) * 34 + 32, [*parts, note])


def lines(title: str, across: str, drawn: Sequence[Line]) -> str:
    """Lines over sizes, both axes logarithmic, which is written below; the legend stands to the right."""
    left, top, width, height = 76, 56, WIDTH - 76 - 250, 260
    sizes = sorted({point[0] for line in drawn for point in line.points})
    seconds = [point[1] for line in drawn for point in line.points]
    low, high = 10 ** math.floor(math.log10(min(seconds))), 10 ** math.ceil(math.log10(max(seconds)))

    def x_of(size: float) -> float:
        return left + width * math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0])

    def y_of(value: float) -> float:
        return top + height - height * math.log(value / low) / math.log(high / low)

    parts = []
    for tick in _ticks(low, high):
        y = y_of(tick)
        parts.append(f'<line class="axis" x1="{left}" y1="{y:.1f}" x2="{left + width}" y2="{y:.1f}"/>')
        parts.append(_text(left - 8, y + 4, _short(tick), "quiet", "end"))
    parts += [_text(x_of(size), top + height + 20, str(size), "quiet", "middle") for size in sizes]
    parts.append(_text(left + width / 2, top + height + 42, f"{across}; {LOGARITHMIC}", "quiet", "middle"))
    for number, line in enumerate(drawn):
        parts += _line(line, COLOURS[number % len(COLOURS)], x_of, y_of)
        y = top + 14 + number * 24
        parts.append(
            f'<rect x="{left + width + 24}" y="{y - 10}" width="12" height="12" rx="2" '
            f'fill="{COLOURS[number % len(COLOURS)]}"/>'
        )
        parts.append(_text(left + width + 44, y, line.label))
    return _picture(title, top + height + 60, parts)


def _line(line: Line, colour: str, x_of: Scale, y_of: Scale) -> list[str]:
    path = " ".join(f"{x_of(size):.1f},{y_of(value):.1f}" for size, value, _ in line.points)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for size, value, (low, high) in line.points:
        x = x_of(size)
        parts.append(
            f'<line x1="{x:.1f}" y1="{y_of(low):.1f}" x2="{x:.1f}" y2="{y_of(high):.1f}" '
            f'stroke="{colour}" stroke-width="1.5"/>'
        )
        parts.append(f'<circle cx="{x:.1f}" cy="{y_of(value):.1f}" r="3.5" fill="{colour}"/>')
    return parts


def _ticks(low: float, high: float) -> list[float]:
    decades = range(round(math.log10(low)), round(math.log10(high)))
    return [*(step * 10**decade for decade in decades for step in (1, 2, 5)), high]


def _short(seconds: float) -> str:
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _picture(title: str, height: float, parts: Sequence[str]) -> str:
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
            f'viewBox="0 0 {WIDTH} {height:.0f}" role="img">',
            f"<title>{escape(title)}</title>",
            STYLE,
            f'<rect width="{WIDTH}" height="{height:.0f}" rx="8" fill="#ffffff"/>',
            _text(20, 32, title, "title"),
            *parts,
            "</svg>\n",
        )
    )
