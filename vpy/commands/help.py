"""`-help` and `help [NAME]`: vpython's help, a command's, or Python's own."""

from __future__ import annotations

import sys

from vpy.commands import parser
from vpy.commands.support import text_output, usage
from vpy.system import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from bootstrap.request import Request
    from vpy.commands.arguments import Command
    from vpy.operations.context import Context


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Show the help of a command, or of vpython where none is named."""
    if arguments.command == "python":
        show_python(context)
    elif arguments.command is not None:
        show_command(parser.find_command(arguments.command), context)
    else:
        show_commands(context)
    return 0


def show_command(command: Command, context: Context) -> None:
    """Print the help of a command."""
    text_output.show(usage.command_screen(command, context.config, usage.width_of(context.environ)))


def show(context: Context) -> None:
    """Print vpython's help."""
    width = usage.width_of(context.environ)
    text_output.show(usage.main_screen(context.config, context.layout.root, width))


def show_commands(context: Context) -> None:
    """Print every command and what it does."""
    text_output.show(usage.tool_screen(context.config, usage.width_of(context.environ)))


def show_python(context: Context) -> None:
    """Print what the Python that runs vpython says of its options."""
    finished = process.run([sys.executable, "-h"], environ=context.environ)
    text_output.show(finished.stdout.decode("utf-8", "replace").rstrip("\n"))
