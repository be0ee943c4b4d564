"""Start that a command is asked about: its Python command line, or a script or spec, as a request."""

from __future__ import annotations

import os

from vpy.errors import UserError
from vpy.spec.discover import is_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from bootstrap.request import Request
    from vpy.config import Config

# Options that the command's own surroundings are made of, before its arguments are read.
EARLY = ("root", "manifest", "offline", "refresh", "log-level", "tool")


def of(request: Request, arguments: Namespace, config: Config) -> Request:
    """Return a request with the same root and options that would run the command's Python command line.

    A lone word that is a spec's name stands for the spec.
    """
    words = arguments.python
    if len(words) == 1 and is_spec(words[0], config):
        return for_files(request, words, config, arguments.ours)[0]
    return _request(request, arguments.ours, arguments.python)


def each(request: Request, arguments: Namespace, config: Config) -> list[Request]:
    """Return a request for each script or spec of a command, or the one for its Python command line.

    A file whose name ends as a spec's does is a spec. Raises UserError for one that is not there.
    """
    if not arguments.specs:
        return [of(request, arguments, config)]
    return for_files(request, arguments.specs, config, arguments.ours)


def of_words(request: Request, words: Sequence[str]) -> Request:
    """Return a request with the same root and options that would run a Python command line."""
    return _request(request, [], words)


def for_files(
    request: Request, paths: Sequence[str], config: Config, ours: Sequence[str] = ()
) -> list[Request]:
    """Return a request for each script or spec; raise UserError for one that is not there."""
    requests = []
    for path in paths:
        if not os.path.exists(os.path.join(request.cwd or "/", path)):
            raise UserError(f"there is no `{path}`")
        named = is_spec(path, config)
        requests.append(_request(request, ours, [] if named else [path]))
        if named:
            requests[-1].options.values["spec"] = path
    return requests


def _request(request: Request, ours: Sequence[str], python: Sequence[str]) -> Request:
    from bootstrap.command_line import CommandError, parse_options
    from bootstrap.request import Request as AnyRequest

    options = _without_tool(request.options.words)
    if request.temporary:
        options += ["-vpython-root", request.root]  # or the other request would have a root of its own
    try:
        parsed = parse_options(ours, {})
        for name in EARLY:
            if name in parsed.values or (name == "tool" and parsed.tool is not None):
                raise UserError(f"option `-vpython-{name}` goes before `-vpython-tool`")
        words = [*options, *ours, *python]
        made = AnyRequest(request.caller, words, dict(request.environ), is_start=True)
    except CommandError as error:
        raise UserError(str(error)) from error
    made.legacy = request.legacy
    return made


def _without_tool(argv: Sequence[str]) -> list[str]:
    """Return vpython's own options without `-vpython-tool NAME`."""
    kept: list[str] = []
    rest = list(argv)
    while rest:
        name = rest[0].lstrip("-")
        if name == "vpython-tool":
            rest = rest[2:]
        elif name.startswith("vpython-tool="):
            rest = rest[1:]
        else:
            kept.append(rest.pop(0))
    return kept
