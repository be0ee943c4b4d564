"""Comments that look like a PEP 723 `script` block and are none: what is wrong with the first of them."""

from __future__ import annotations

import re

from vpy.spec.text import format_mistake, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_OPENING = "# /// script"
_CLOSING = "# ///"
_NEARLY_OPENING = re.compile(r"[ \t]*#+[ \t]*/{3}[ \t]*script[ \t]*", re.IGNORECASE)
_NEARLY_CLOSING = re.compile(r"[ \t]*#+[ \t]*/{3}[ \t]*")


def warnings(data: bytes, path: str) -> list[str]:
    """Return a line about the first comment that was meant to open a block; [] where there is none.

    `data` is a script's bytes, in which no PEP 723 block was found.
    """
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines):
        if _NEARLY_OPENING.fullmatch(line):
            fact = f"not a PEP 723 block, so it is ignored: {_fault(lines, number)}"
            return [format_mistake(path, number + 1, 1, fact)]
    return []


def _fault(lines: Sequence[str], start: int) -> str:
    """Return what keeps the comment that begins on the line with index `start` from being a block."""
    if lines[start] != _OPENING:
        return f"its first line is {quoted(lines[start])}, not `{_OPENING}`"

    for number in range(start + 1, len(lines)):
        line = lines[number]
        if line == _CLOSING:
            return "there is nothing in it" if number == start + 1 else "it lies in another block"
        if line == "#" or (line.startswith("# ") and not _NEARLY_CLOSING.fullmatch(line)):
            continue
        return f"line {number + 1} {_line_fault(lines, number)}"
    return f"there is no `{_CLOSING}` after it"


def _line_fault(lines: Sequence[str], number: int) -> str:
    """Return what is wrong with the first line behind the opening that ends the comment too early."""
    line = lines[number]
    if _NEARLY_CLOSING.fullmatch(line):
        return f"is {quoted(line)}, not `{_CLOSING}`"
    if line.startswith("#"):
        return "has no blank after its `#`"
    closing = any(_NEARLY_CLOSING.fullmatch(later) for later in lines[number:])
    if not line.strip() and closing:
        return "is blank: write `#` there"
    if not any(map(str.strip, lines[number:])):
        return f"is the end, and there is no `{_CLOSING}` before it"
    return f"is not a comment, and there is no `{_CLOSING}` before it"
