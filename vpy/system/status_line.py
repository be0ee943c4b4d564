"""Text of the live status: one line, in which what matters most has room first."""

from __future__ import annotations

from bootstrap import shown
from vpy.system.lean.dataclasses import value

LONGEST_NAME = 60
NAMED_AFTER = 1.0  # seconds after which what is under way is named


@value
class Snapshot:
    """State of a start at one moment.

    `seconds` are those since it began. `done` of `total` things called `noun`, 0 for unknown; `received` of
    `expected` bytes; `rate` in bytes a second, None where none are awaited; `slowest` is the name of what
    has been under way longest, for `slowest_seconds`.
    """

    stage: str
    seconds: float = 0.0
    done: int = 0
    total: int = 0
    noun: str = ""
    received: int = 0
    expected: int = 0
    rate: float | None = None
    slowest: str = ""
    slowest_seconds: float = 0.0


def summary(stage: str, done: int, total: int, noun: str) -> str:
    """Return the stage and its count, for those who wait for this process."""
    return f"{stage}, {done} of {total} {noun}" if total else stage


def whole(snapshot: Snapshot) -> str:
    """Return all that is known, however long."""
    return ", ".join([snapshot.stage, *(spellings[0] for spellings in _parts(snapshot))])


def fitted(prefix: str, snapshot: Snapshot, columns: int) -> str:
    """Return what fits into so many columns behind `prefix`."""
    text = f"{prefix}{snapshot.stage}"
    for spellings in _parts(snapshot):
        longer = (f"{text}, {spelling}" for spelling in spellings)
        text = next((each for each in longer if width(each) <= columns), text)
    return cut(text, columns)


def _parts(snapshot: Snapshot) -> list[tuple[str, ...]]:
    """Return what there is to tell beside the stage, each in spellings of which the first is the longest."""
    done, total = snapshot.done, snapshot.total
    parts: list[tuple[str, ...]] = []
    if total:
        parts.append((f"{done} of {total} {snapshot.noun}", f"{done}/{total}"))
    if snapshot.received or snapshot.expected:
        parts.append(_bytes(snapshot.received, snapshot.expected))
    if snapshot.rate is not None:
        parts.append((f"{size(snapshot.rate)}/s",))
    if snapshot.slowest and snapshot.slowest_seconds >= NAMED_AFTER:
        parts.append(_slowest(shown.line(snapshot.slowest, LONGEST_NAME), snapshot.slowest_seconds))
    return parts or [(f"{snapshot.seconds:.0f} s",)]


def _slowest(name: str, seconds: float) -> tuple[str, ...]:
    """Return the name, or what it begins with: a wheel's project, the last part of a package's path."""
    project = name.rpartition("/")[2].partition("-")[0]
    return f"`{name}` for {seconds:.0f} s", f"{project} {seconds:.0f} s"


def _bytes(received: int, expected: int) -> tuple[str, ...]:
    """Return how many bytes came; those that are expected are known only where they are more."""
    so_far, all_of_them = size(received), size(expected)
    if expected < received:
        return (so_far,)
    number, unit = so_far.split(" ")
    return (f"{number if all_of_them.endswith(f' {unit}') else so_far} of {all_of_them}", so_far)


def size(count: float) -> str:
    """Return a number of bytes with three digits or so: `41.2 MB`."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or abs(count) >= 99.95 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def width(text: str) -> int:
    """Return how many columns a printable text takes on a terminal (UAX 11)."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(character: str) -> int:
    import unicodedata

    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """Return as much of a text as fits into so many columns."""
    while width(text) > columns:
        text = text[:-1]
    return text
