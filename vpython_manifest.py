"""Handing over to the vpython that a manifest pins: the same words and surroundings, another file."""

from __future__ import annotations

import os
import sys

from vpython_root import fail, remove_temporary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from vpython import Request


def hand_over(request: Request, file: str) -> NoReturn:
    """Become `file`, called as we were; our own record of this start is of no use any more."""
    words = [file, *sys.argv[1:]]
    if os.name == "nt":
        words.insert(0, sys.executable)
    try:
        if request.record:
            os.unlink(request.record)
    except OSError:
        pass
    if request.temporary or os.name == "nt":
        from vpy.system import child

        child.run_and_exit(words, request.environ, remove=request.root if request.temporary else None)
    remove_temporary()
    try:
        os.execve(file, words, request.environ)
    except OSError as error:
        fail(f"cannot start `{file}`: {error.strerror}", 1)
