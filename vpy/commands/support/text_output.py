"""Text for people: sections with a word at the left, columns, paths below the user's home as `~`."""

from __future__ import annotations

import json
import os
import sys

from bootstrap import shown
from vpy.commands.support import fitted_table
from vpy.errors import ToolError, UserError
from vpy.system import status_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from bootstrap.request import Request

    Shorten = Callable[[str], str]

LEFT = 13
WIDEST = 60
LONGEST_ESCAPE = len("\\U0001f4a9")


def put(text: str, path: str, request: Request) -> None:
    """Write text to a file that a command line names; raise UserError for a directory."""
    from vpy.spec import edit

    whole = os.path.join(request.cwd or "/", path)
    if os.path.isdir(whole):
        raise UserError(f"`{shown.printable(whole)}` is a directory")
    edit.write(whole, text)


def show(text: str) -> None:
    """Print a text on stdout; characters that its encoding lacks are escaped."""
    if sys.stdout is None:
        return
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.buffer.write(f"{shown.page(text)}\n".encode(encoding, "backslashreplace"))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ToolError(f"cannot write to stdout: {error.strerror or error}") from error


def show_json(account: object) -> None:
    """Print an account as JSON on stdout, without the passwords of URLs."""
    show(json.dumps(shown.value(account), indent=1))


def render(sections: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Return sections, each with its title in front of its first line; those without lines are left out.

    On a terminal a line that is too long goes on below, further in.
    """
    width = fitted_table.terminal_width()
    room = max(width - LEFT, LEFT) if width else None
    lines = []
    for title, rows in sections:
        long = [shown.line(line) for row in rows for line in row.split("\n")]
        texts = [part for line in long for part in wrapped(line, room, indent="  ")]
        lines += [
            f"{title if not number else '':<{LEFT}}{line}".rstrip() for number, line in enumerate(texts)
        ]
    return "\n".join(lines)


def wrapped(text: str, width: int | None, indent: str = "") -> list[str]:
    """Return a text in lines that fit into `width` where that is given, broken between its words."""
    if width is None or status_line.width(text) <= width:
        return [text]
    import textwrap

    lead = text[: len(text) - len(text.lstrip())] + indent
    return textwrap.wrap(text, width, subsequent_indent=lead, break_long_words=False, break_on_hyphens=False)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows with each column as wide as its longest item, up to `WIDEST`."""
    rows = [[shown.line(item) for item in row] for row in rows]
    widths = [
        min(max(len(row[number]) for row in rows), WIDEST) for number in range(max(map(len, rows), default=0))
    ]
    return ["  ".join(f"{item:<{width}}" for item, width in zip(row, widths)).rstrip() for row in rows]


def shortener(environ: Mapping[str, str]) -> Shorten:
    """Return a function that shortens paths: below the user's home they begin with `~`."""
    home = environ.get("HOME", "").rstrip("/")

    def shorten(path: str) -> str:
        inside = home.startswith("/") and path.startswith(f"{home}/")
        # Escaped, it may be longer than it is.
        return shown.line(f"~{path[len(home) :]}" if inside else path, LONGEST_ESCAPE * len(path))

    return shorten


def target_sections(facts: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the sections of `explain_target.target`: the tag and the template values."""
    assumed = " (assumed: no Python said so)" if facts["assumed"] else ""
    values = columns([(name, text) for name, text in sorted(facts["template"].items())])
    return [("tag", [f"{facts['tag']}{assumed}"] if facts["tag"] else []), ("template", values)]
