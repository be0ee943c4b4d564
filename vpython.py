"""Python door: command line -> record -> the environment's Python; standard library only.

A start whose record holds becomes the environment's Python at once. Any other goes the long way
through `vpy`, which makes the environment and the record, and starts through that record.
"""

from __future__ import annotations

import os
import sys

from bootstrap.command_line import CommandError
from bootstrap.launch import start_from_record
from bootstrap.request import DOUBTED, Request
from bootstrap.root import fail, remove_temporary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

BYPASS = "manually managed python not supported by chrome operations"


def main() -> NoReturn:
    """Become the Python of the script's environment."""
    if os.environ.pop("PYTHONEXECUTABLE", None) and os.name == "posix":
        _run_as_itself()
    environ = dict(os.environ)
    if environ.get("PYTHONPATH"):
        from bootstrap import sys_path

        sys_path.leave(environ["PYTHONPATH"])
    if environ.get("VPYTHON_BYPASS") == BYPASS:
        from bootstrap import bypass

        environ.pop("VPYTHON_RECORD", None)
        bypass.run(_caller(), sys.argv[1:], environ)
    doubted = os.environ.pop("VPYTHON_RECORD", "") == DOUBTED
    try:
        request = Request(_caller(), sys.argv[1:], environ)
        if request.address:
            from bootstrap import kept_script

            kept_script.take_pinned(request)
        if request.command.kind in ("stdin", "none"):
            from bootstrap import stdin_script

            stdin_script.take(request)
        if request.direct and not request.forced:
            start_from_record(request)
        from bootstrap import cold_start

        cold_start.go(request)
    except CommandError as error:
        fail(str(error), 2)
    except KeyboardInterrupt:
        remove_temporary()
        os._exit(130)
    except Exception as error:
        from bootstrap import app

        app.begin_again(error, environ, doubted=doubted)


def _run_as_itself() -> None:
    """Begin again without the variable that made this Python take itself for another file."""
    try:
        os.execvp(sys.orig_argv[0], sys.orig_argv)
    except OSError:
        pass


def _caller() -> str:
    """Return this file as it was called: the archive, or the source tree's own vpython.py."""
    name = sys.argv[0] or __file__
    return name if os.path.isabs(name) else os.path.join(os.getcwd(), name)


if __name__ == "__main__":
    main()
