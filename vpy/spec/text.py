"""Bytes to text, and the form in which a mistake in a text is told: `path:line:column: fact`."""

from __future__ import annotations

from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.model import SpecSource

# Larger text is refused before it is parsed: a parser's time and memory must stay bounded.
LIMIT = 256 * 1024
# More mistakes than this help nobody.
MOST_SHOWN = 20


def decode(data: bytes, path: str) -> str:
    """Strict UTF-8 with an optional byte order mark; UserError names the first bad byte's place."""
    refuse_oversize(len(data), path)
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        fact = f"not UTF-8: byte `0x{data[error.start]:02x}`"
        raise UserError(at(path, line, column, fact), hint="save the file as UTF-8") from error


def refuse_oversize(size: int, path: str) -> None:
    """Raise UserError where `size` (bytes or characters) is more than a spec may have."""
    if size > LIMIT:
        raise UserError(at(path, 1, 1, f"a spec of more than {LIMIT // 1024} KB is not read"))


def place_of(source: SpecSource, name: str) -> str:
    """The place of the first string `name` in the spec; its path alone where it is spelt otherwise there."""
    for quote in ('"', "'"):
        before, found, _ = source.text.partition(quote + name + quote)
        if found:
            lines = before.splitlines()[-1] if before and not before.endswith(("\n", "\r")) else ""
            line = len(before.splitlines()) + (0 if lines else 1)
            return f"{printable(source.path)}:{line - 1 + source.first_line}:{len(lines) + 1 + source.column}"
    return printable(source.path)


def at(path: str, line: int, column: int, fact: str) -> str:
    """One mistake as one line; `line` and `column` count from 1."""
    return f"{printable(path)}:{line}:{column}: {fact}"


def together(mistakes: Sequence[str], *, hint: str | None = None) -> UserError:
    """One error of several mistakes, one a line, in the order given."""
    lines = list(mistakes[:MOST_SHOWN])
    if len(mistakes) > MOST_SHOWN:
        lines.append(f"and {len(mistakes) - MOST_SHOWN} more mistakes")
    return UserError("\n".join(lines), hint=hint)


def printable(text: str) -> str:
    """The text with what would break a line of output escaped (a surrogate is a byte of a file name)."""
    if text.isprintable():
        return text
    return "".join(
        one
        if one.isprintable() or "\udc80" <= one <= "\udcff"
        else one.encode("unicode_escape").decode("ascii")
        for one in text
    )


def quoted(text: str, limit: int = 60) -> str:
    """The text in backticks, printable, shortened to about `limit` characters."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return f"`{printable(short)}`"
