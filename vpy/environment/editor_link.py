"""Editor link: `.venv` beside a spec, which `-vpython-local-venv` points at the environment."""

from __future__ import annotations

import os

from vpy.errors import UserError
from vpy.system import files


def point(path: str, environment: str) -> str:
    """Make `.venv` beside the file `path`, or in the directory `path`, a link to `environment`; return it.

    Raises UserError where something other than a link is there.
    """
    directory = path if os.path.isdir(path) else os.path.dirname(path)
    link = os.path.join(directory, ".venv")
    if os.path.lexists(link) and not os.path.islink(link):
        raise UserError(f"`{link}` is there already and is no link", hint="move it away, then run again")

    temporary = f"{link}.{os.getpid()}"
    with files.disk_errors("make the link", link):
        os.symlink(environment, temporary)
        os.replace(temporary, link)
    return link
