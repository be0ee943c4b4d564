"""`-vpython-tool mirror SCRIPT|SPEC… -o DIR`: all that specs need, as files that any web server can serve.

For every platform that `verify` looks at, the packages of text specs go into DIR as `directory:DIR` reads
them, verified; from an index they are packed under the names that the spec has. The wheels of PEP 508
requirements go into DIR/simple as `index:…/simple/` reads them. What DIR has stays; the same again changes
nothing. Prints `NAME:INSTANCE_ID`, or the wheel's file name, a line for each. What cannot be had comes as one
error at the end, exit code 1; the rest is there by then.
"""

from __future__ import annotations

import os

from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.context import Context
    from vpython import Request

USAGE = "mirror SCRIPT|SPEC… -o DIR"


def run(request: Request, context: Context) -> int:
    """Fill the directory, then raise what is missing."""
    from vpy import cli
    from vpy.packages import repository
    from vpy.system import locks
    from vpy.tools import coverage, haul, subject, verify

    words, directory = parse(request.options.tool_words, request.cwd or "/")
    cli.open_root(context)
    asked = subject.each(request, words, context.config)
    sheets = [coverage.sheet(one, context) for one in asked]
    name = repository.lock_name(directory)
    with locks.exclusive(context.layout.lock("mirror", name)):
        for line in haul.bring(sheets, directory, context):
            print(line, flush=True)
        repository.write_list(directory)
    verify.warn(sheets, context)
    verify.complain(sheets)
    return 0


def parse(words: Sequence[str], cwd: str) -> tuple[list[str], str]:
    """The scripts and specs, and the directory; UserError for what is none of them."""
    items: list[str] = []
    directory = ""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, text = word.partition("=")
        if name in ("-o", "--o", "-output", "--output"):
            if directory or not (equals or rest):
                raise UserError(f"option `{name}` of mirror needs one value, once", hint=USAGE)
            directory = text if equals else rest.pop(0)
        elif word.startswith("-"):
            raise UserError(f"unknown option `{word}` of mirror", hint=USAGE)
        else:
            items.append(word)
    if not directory:
        raise UserError("mirror needs a directory to write to", hint=USAGE)
    return items, os.path.join(cwd, directory.removeprefix("directory:"))
