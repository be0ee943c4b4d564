"""Differences of files as unified diffs, as git shows them."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NOWHERE = "/dev/null"
NO_END = "\\ No newline at end of file"


def unified(path: str, before: str | None, after: str | None, directory: str) -> str:
    """Return the difference of two texts of a file, None where it is not there; "" where there is none.

    The path is shown from `directory`, or from `/` where it is not below. How lines end makes no difference.
    """
    import difflib

    if before == after:
        return ""
    below = os.path.relpath(path, directory)
    shown = (path if below.startswith("..") else below).replace(os.sep, "/").lstrip("/")
    return "\n".join(
        line
        for each in difflib.unified_diff(
            _lines(before),
            _lines(after),
            NOWHERE if before is None else f"a/{shown}",
            NOWHERE if after is None else f"b/{shown}",
            lineterm="",
        )
        for line in _unmarked(each)
    )


def _lines(text: str | None) -> list[str]:
    """Return the lines of a text; a last one without an end is marked, to differ from one with it."""
    if not text:
        return []
    lines = text.replace("\r\n", "\n").split("\n")
    last = lines.pop()
    return [*lines, f"{last}\n"] if last else lines


def _unmarked(line: str) -> Iterator[str]:
    yield line.removesuffix("\n")
    if line.endswith("\n"):
        yield NO_END
