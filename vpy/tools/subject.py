"""The start that a tool is asked about: the words behind its own are read as Python's."""

from __future__ import annotations

from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpython import Request

# Python's own long options; a start has no use for those that only tell something.
PYTHONS = ("--check-hash-based-pycs",)


def of(request: Request, words: Sequence[str] | None = None) -> Request:
    """A request for the same root and options that would run `words` (by default the tool's)."""
    from vpython import Request as AnyRequest
    from vpython_command import CommandError

    options = request.options
    kept = own_words(options.words)
    if request.temporary:
        kept += ["-vpython-root", request.root]  # or the other request would make a root of its own
    given = list(options.tool_words if words is None else words)
    try:
        made = AnyRequest(request.caller, [*kept, *given], dict(request.environ))
    except CommandError as error:
        raise UserError(str(error)) from error
    made.legacy = request.legacy
    for word in given:
        if not word.startswith("-") or word in ("-", "--"):
            break
        if word.startswith("--") and word not in PYTHONS:
            raise UserError(f"`{options.tool}` does not know `{word}`")
    return made


def own_words(words: Sequence[str]) -> list[str]:
    """vpython's own options without `-vpython-tool NAME`."""
    kept: list[str] = []
    rest = list(words)
    while rest:
        name = rest[0].lstrip("-")
        if name == "vpython-tool":
            rest = rest[2:]
        elif name.startswith("vpython-tool="):
            rest = rest[1:]
        else:
            kept.append(rest.pop(0))
    return kept
