"""`size`: what takes the disk in the root, by kind."""

from __future__ import annotations

import os

from vpy.commands.support import fitted_table, text_output
from vpy.commands.support.fitted_table import Column
from vpy.prune import sizes
from vpy.system import status_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from bootstrap.request import Request
    from vpy.operations.context import Context

NOUNS = {
    "environments": "environments, without what they share",
    "wheels": "stored wheels",
    "packages": "packages (CIPD instances)",
    "pythons": "unpacked packages, such as Pythons",
    "interpreters": "venv templates and what is known of Pythons",
    "pages": "pages and METADATA of indexes",
    "resolutions": "cached answers",
    "records": "records of starts",
    "copies": "copies of specs, for the records",
    "scripts": "scripts by their addresses",
    "apps": "vpython's own code",
    "formats": "of other versions of vpython",
    "incomplete": "being made, or left by what was interrupted",
    "trash": "trash",
    "locks": "locks",
    "other": "other",
}
COLUMNS = (Column("size", is_number=True), Column("count", rank=1, is_number=True), Column("of", cut="end"))


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Print a line for each kind of thing, the largest first, then the sum."""
    from bootstrap.root import check

    root = context.layout.root
    parts = []
    if os.path.isdir(root):
        check(root)
        parts = sizes.parts(context.layout)
    total = sum(part.size for part in parts)

    if arguments.json:
        rows = [{"kind": part.kind, "count": part.count, "size": part.size} for part in parts]
        text_output.show_json({"root": root, "size": total, "parts": rows})
        return 0
    shown = [
        (status_line.size(part.size), str(part.count), NOUNS[part.kind])
        for part in sorted(parts, key=lambda part: -part.size)
        if part.count or part.size
    ]
    shorten = text_output.shortener(context.environ)
    table = [*shown, (status_line.size(total), "", f"all in {shorten(root)}")]
    text_output.show("\n".join(fitted_table.lines(COLUMNS, table, fitted_table.terminal_width())))
    return 0
