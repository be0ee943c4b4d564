"""`link`: a command on PATH that starts a script in its environment."""

from __future__ import annotations

import os

from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from bootstrap.request import Request
    from vpy.operations.context import Context


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Make the environment, then the launcher; print its path."""
    from vpy.commands.support import invocation, script_links, text_output
    from vpy.operations import start

    invocation.check_local(arguments.script, request, context)
    script = os.path.abspath(os.path.join(request.cwd or "/", arguments.script))
    name = arguments.name or os.path.splitext(os.path.basename(script))[0]
    if not name or os.sep in name or name.startswith("-") or "\n" in name + script:
        raise UserError(f"not a name of a command: `{name}`")
    directory = arguments.directory or script_links.default_directory(context.environ)
    directory = os.path.abspath(os.path.join(request.cwd or "/", directory))
    launcher = script_links.Launcher(os.path.join(directory, name), script)
    start.start(invocation.of_words(request, [script]), context)
    script_links.write(launcher, script_links.starter(request.caller))
    if directory not in context.environ.get("PATH", "").split(os.pathsep):
        context.terminal.warning(f"`{directory}` is not on PATH")
    if arguments.json:
        text_output.show_json({"path": launcher.path, "script": script})
    else:
        text_output.show(launcher.path)
    return 0
