"""`-vpython-tool install`: make the environment of a start, compile it, run nothing."""

from __future__ import annotations

import os

from vpy.errors import ToolError
from vpy.system import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from bootstrap.request import Request
    from vpy.operations.context import Context


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Make and compile the environment; print its path, or with `--json` its Python's path too."""
    from bootstrap.launch import python_of
    from vpy.commands.support import invocation, text_output
    from vpy.operations import start

    started = start.start(invocation.of(request, arguments, context), context)
    compile_all(started.environment, context)

    if arguments.json:
        account = {
            "environment": started.environment,
            "python": python_of(started.environment),
            "is_new": started.is_new,
        }
        text_output.show_json(account)
    else:
        print(started.environment)
    return 0


def compile_all(environment: str, context: Context) -> None:
    """Compile the modules that are not compiled yet, by the environment's own Python.

    A module with a syntax error is left alone, as pip does. So is the start hook: its bytecode is one
    that Python does not check against the source (PEP 552), and `doctor` compares its bytes.
    """
    from bootstrap.launch import python_of

    # Under Wine a pool of processes may hang.
    workers = 0 if os.name == "posix" else 1
    code = (
        "import compileall, re, sysconfig; hook = re.compile('_vpython_start'); "
        f"compileall.compile_dir(sysconfig.get_path('purelib'), quiet=2, workers={workers}, rx=hook)"
    )
    finished = process.run(
        [python_of(environment), "-I", "-c", code], environ=process.clean_environ(context.environ)
    )
    if finished.code:
        lines = finished.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise ToolError(f"cannot compile the environment `{environment}`: {lines[-1]}")
