"""`which`: the Python of a start's environment, its directory of programs, its key."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from bootstrap.request import Request
    from vpy.operations.context import Context


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Make the environment where it is missing; print what was asked for, else its Python."""
    from bootstrap.launch import python_of
    from vpy.commands.support import invocation, text_output
    from vpy.operations import start

    started = start.start(invocation.of(request, arguments, context), context)
    python = python_of(started.environment)
    facts = {
        "python": python,
        "bin": os.path.dirname(python),
        "environment": started.environment,
        "key": os.path.basename(started.environment),
        "spec": started.spec,
    }
    if arguments.json:
        text_output.show_json(facts)
        return 0
    asked = [name for name in ("bin", "environment", "key") if getattr(arguments, name)]
    for name in asked or ["python"]:
        text_output.show(str(facts[name]))
    return 0
