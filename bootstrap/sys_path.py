"""Takes off our path what PYTHONPATH put there: it is meant for the script, not for us.

Imports nothing, not even from `__future__`, that a user may have a module of the same name for.
"""

import os
import sys


def leave(given: str) -> None:
    """Remove the entries of PYTHONPATH from `sys.path`; `given` is the variable."""
    if sys.flags.ignore_environment:
        return
    foreign = set()
    for entry in given.split(os.pathsep):
        foreign.add(entry)
        try:
            foreign.add(os.path.abspath(entry))
        except OSError:  # the working directory is gone
            pass
    library = os.path.dirname(os.__file__)
    foreign -= {os.path.dirname(os.path.dirname(__file__)), library, os.path.join(library, "lib-dynload")}
    sys.path[:] = [entry for entry in sys.path if entry not in foreign]
