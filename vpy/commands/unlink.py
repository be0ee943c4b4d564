"""`unlink`: a command that `link` made goes; its script and its environment stay."""

from __future__ import annotations

import os

from vpy.errors import ToolError, UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from bootstrap.request import Request
    from vpy.operations.context import Context


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Remove a launcher by its name or its script; refuse any other file."""
    from vpy.commands.support import script_links, text_output

    directory = arguments.directory or script_links.default_directory(context.environ)
    directory = os.path.abspath(os.path.join(request.cwd or "/", directory))
    script = os.path.abspath(os.path.join(request.cwd or "/", arguments.name))
    known = script_links.installed(directory)
    found = [each for each in known if each.name == arguments.name or each.script == script]
    if not found:
        names = ", ".join(f"`{each.name}`" for each in known) or "none"
        raise UserError(f"`{directory}` has no launcher of `{arguments.name}`; there are: {names}")
    for launcher in found:
        try:
            os.unlink(launcher.path)
        except OSError as error:
            raise ToolError(f"cannot remove `{launcher.path}`: {error.strerror}") from None
    if arguments.json:
        text_output.show_json({"removed": [launcher.path for launcher in found]})
    else:
        text_output.show("\n".join(launcher.path for launcher in found))
    return 0
