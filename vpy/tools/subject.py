"""The start that a tool is asked about: the words behind its own are read as Python's."""

from __future__ import annotations

import os

from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.config import Config
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


def each(request: Request, words: Sequence[str], config: Config) -> list[Request]:
    """The start of each script or spec among `words`, or the one start that they are as a command line.

    A file whose name ends as a spec's does is a spec. UserError for one that is not there.
    """
    if not words or words[0].startswith("-"):
        return [of(request, words)]
    endings = (config.suffix, config.legacy_suffix, ".toml")
    asked = []
    for word in words:
        if not os.path.exists(os.path.join(request.cwd or "/", word)):
            raise UserError(f"there is no `{word}`")
        made = of(request, [] if word.endswith(endings) else [word])
        if word.endswith(endings):
            made.options.values["spec"] = word
        asked.append(made)
    return asked


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
