"""Text of specs: decoding, and mistakes with their positions, `path:line:column: fact`."""

from __future__ import annotations

from bootstrap.shown import printable, without_passwords
from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.model import SpecSource

# Bytes or characters. Larger text is refused unparsed: a parser's time and memory must stay bounded.
MAX_SIZE = 256 * 1024
WIDEST_EXCERPT = 72  # characters of a line that is shown
MAX_SHOWN = 20  # mistakes in one error


def decode(data: bytes, path: str, most: int = MAX_SIZE) -> str:
    """Decode UTF-8 with an optional byte order mark; raise UserError at the first byte that is wrong.

    `most` is how many bytes are read of a spec.
    """
    check_size(len(data), path, most)
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        fact = f"not UTF-8: byte `0x{data[error.start]:02x}`"
        raise UserError(format_mistake(path, line, column, fact), hint="save the file as UTF-8") from error


def check_size(size: int, path: str, most: int = MAX_SIZE) -> None:
    """Raise UserError where `size` (bytes or characters) is more than `most`."""
    if size > most:
        fact = f"a spec of more than {most // 1024} KB is not read"
        raise UserError(format_mistake(path, 1, 1, fact))


def position_of(source: SpecSource, string: str) -> str:
    """Return `path:line:column` of the first quoted `string` in a spec; the path alone where it is not found.

    It is not found where it is spelt otherwise, with escapes or in parts.
    """
    for quote in ('"', "'"):
        before, found, _ = source.text.partition(quote + string + quote)
        if found:
            last = before.splitlines()[-1] if before and not before.endswith(("\n", "\r")) else ""
            line = len(before.splitlines()) + (0 if last else 1)
            return f"{printable(source.path)}:{line - 1 + source.first_line}:{len(last) + 1 + source.column}"
    return printable(source.path)


def format_mistake(path: str, line: int, column: int, fact: str) -> str:
    """Return the line of a message that reports a mistake; `line` and `column` count from 1."""
    return f"{printable(path)}:{line}:{column}: {fact}"


def excerpt(source: SpecSource, message: str) -> str | None:
    """Return the line of a spec that a message is about, a caret below the place; None where it has none."""
    place = message.partition("\n")[0].removeprefix(f"{printable(source.path)}:").split(":")
    if len(place) < 3 or not (place[0].isdecimal() and place[1].isdecimal()):
        return None
    number, column = int(place[0]), int(place[1]) - source.column
    lines = source.text.replace("\r\n", "\n").split("\n")
    index = number - source.first_line
    if not (0 <= index < len(lines) and 0 < column <= len(lines[index]) + 1):
        return None
    line = lines[index].replace("\t", " ")
    head, tail = without_passwords(line[: column - 1]), without_passwords(line[column - 1 :])
    line, column = head + tail, len(head) + 1
    start = max(0, column - 1 - WIDEST_EXCERPT // 2) if len(line) > WIDEST_EXCERPT else 0
    shown = printable(line[start : start + WIDEST_EXCERPT].rstrip())
    before = printable(line[start : column - 1])
    margin = " " * len(str(number))
    return f"{margin} |\n{number} | {shown}\n{margin} | {' ' * len(before)}^".replace(" \n", "\n")


def mistakes_error(mistakes: Sequence[str], *, hint: str | None = None) -> UserError:
    """Return the error of several mistakes, one a line; of more than `MAX_SHOWN` the rest is counted."""
    lines = list(mistakes[:MAX_SHOWN])
    if len(mistakes) > MAX_SHOWN:
        lines.append(f"and {len(mistakes) - MAX_SHOWN} more mistakes")
    return UserError(lines, hint=hint)


def quoted(text: str, limit: int = 60) -> str:
    """Return the text in backticks, printable, shortened to about `limit` characters."""
    text = without_passwords(text)
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return f"`{printable(short)}`"
