"""Start that a command is asked about: its Python command line, or a script or spec, as a request."""

from __future__ import annotations

import os

from bootstrap.command_line import is_address
from vpy.errors import UserError
from vpy.spec.discover import is_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from bootstrap.request import Request
    from vpy.operations.context import Context

# Options that the command's own surroundings are made of, before its arguments are read.
EARLY = ("root", "manifest", "offline", "refresh", "log-level", "tool")


def of(request: Request, arguments: Namespace, context: Context) -> Request:
    """Return a request with the same root and options that would run the command's Python command line.

    A lone word that is a spec's name stands for the spec; a script by its address is fetched.
    """
    words = arguments.python
    if len(words) == 1 and not is_address(words[0]) and is_spec(words[0], context.config):
        return for_files(request, words, context, arguments.ours)[0]
    return _fetched(_request(request, arguments.ours, arguments.python), context)


def each(request: Request, arguments: Namespace, context: Context) -> list[Request]:
    """Return a request for each script or spec of a command, or the one for its Python command line.

    A file whose name ends as a spec's does is a spec. Raises UserError for one that is not there.
    """
    if not arguments.specs:
        return [of(request, arguments, context)]
    return for_files(request, arguments.specs, context, arguments.ours)


def of_words(request: Request, words: Sequence[str]) -> Request:
    """Return a request with the same root and options that would run a Python command line."""
    return _request(request, [], words)


def for_files(
    request: Request, paths: Sequence[str], context: Context, ours: Sequence[str] = ()
) -> list[Request]:
    """Return a request for each script or spec; raise UserError for one that is not there."""
    requests = []
    for path in paths:
        if is_address(path):
            requests.append(_fetched(_request(request, ours, [path]), context))
            continue
        if not os.path.exists(os.path.join(request.cwd or "/", path)):
            raise UserError(f"there is no `{path}`")
        named = is_spec(path, context.config)
        requests.append(_request(request, ours, [] if named else [path]))
        if named:
            requests[-1].options.values["spec"] = path
    return requests


def check_local(path: str, request: Request, context: Context) -> None:
    """Raise UserError for a script by its address, or what is kept of one, where a command changes files."""
    command = request.options.tool
    if is_address(path):
        from vpy.operations import remote_script

        shown = remote_script.shown_address(path)
        raise UserError(
            f"`{command}` writes files of this machine, and `{shown}` is an address",
            hint="save the script to a file, and name that",
        )
    if context.layout.address_of(os.path.normpath(os.path.join(request.cwd or "/", path))):
        raise UserError(f"`{path}` is what was fetched from an address, which `{command}` does not change")


def _fetched(request: Request, context: Context) -> Request:
    """Return a request whose script, where it is named by its address, is fetched."""
    if request.address:
        from vpy.operations import remote_script

        remote_script.take(request, context, request.address, request.options.get("sha256"))
    return request


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
