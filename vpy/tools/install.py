"""`-vpython-tool install [SCRIPT]`: make the environment, compile it, run nothing."""

from __future__ import annotations

import os

from vpy.errors import ToolError
from vpy.system import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.context import Context
    from vpython import Request


def run(request: Request, context: Context) -> int:
    """Print the environment's path; its modules are compiled by its own Python."""
    from vpy import cli
    from vpy.tools import subject

    ready = cli.start(subject.of(request), context)
    compile_all(ready.environment, context)
    print(ready.environment)
    return 0


def compile_all(environment: str, context: Context) -> None:
    """Compile what is not compiled yet; a module that cannot be compiled is its own affair.

    The start hook is left as it was made: its code is taken unchecked, and `doctor` knows its bytes.
    """
    from vpython import python_of

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
        said = finished.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise ToolError(f"cannot compile the environment `{environment}`: {said[-1]}")
