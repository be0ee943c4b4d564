"""Handover to the vpython that a manifest pins: same arguments and variables, another file."""

from __future__ import annotations

import os
import sys

from bootstrap.root import fail, remove_temporary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from bootstrap.request import Request


def hand_over(request: Request, file: str) -> NoReturn:
    """Become `file`, called as we were; our own record of this start is of no use any more."""
    options = request.options
    words = [file, *sys.argv[1:]]
    if options.help:
        words = [file, *options.words, "-help"]
    elif options.tool is not None:  # a name that makes the first word the command is not handed over
        words = [file, *options.words, *options.tool_words]
    if os.name == "nt":
        words.insert(0, sys.executable)
    try:
        if request.record:
            os.unlink(request.record)
    except OSError:
        pass
    if request.temporary or os.name == "nt":
        from vpy.system import foreground_child

        foreground_child.run_and_exit(
            words, request.environ, remove=request.root if request.temporary else None
        )
    remove_temporary()
    try:
        os.execve(file, words, request.environ)
    except OSError as error:
        fail(f"cannot start `{file}`: {error.strerror}", 1)
