"""`-vpython-local-venv`: `.venv` beside the spec points at the environment, for editors."""

from __future__ import annotations

import os

from vpy.errors import UserError
from vpy.system import files


def point(beside: str, environment: str) -> str:
    """Make `.venv` beside the file (or in the directory) `beside` a link to `environment`; return it.

    UserError where something of the user's own is in the way.
    """
    directory = beside if os.path.isdir(beside) else os.path.dirname(beside)
    link = os.path.join(directory, ".venv")
    if os.path.lexists(link) and not os.path.islink(link):
        raise UserError(f"`{link}` is there already and is no link", hint="move it away, then run again")
    passing = f"{link}.{os.getpid()}"
    with files.disk_errors("make the link", link):
        os.symlink(environment, passing)
        os.replace(passing, link)
    return link
