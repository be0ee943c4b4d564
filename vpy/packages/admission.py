"""Whether the CIPD client on this machine would show each package to a plugin first.

We run no plugins; who set one up has to know that.
"""

from __future__ import annotations

import os
import re

from vpy.errors import UserError
from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "CIPD_CONFIG_FILE"
PLUGIN = "CIPD_ADMISSION_PLUGIN"
LARGEST = 1 << 20
_COMMAND = re.compile(r"\bcmd\s*:\s*[\"'][^\"']")


def default_path() -> str:
    return r"C:\chrome-infra\cipd.cfg" if os.name == "nt" else "/etc/chrome-infra/cipd.cfg"


def notice(environ: Mapping[str, str], default: str) -> str:
    """What to say about a plugin that is not asked, or "".

    The configuration is the file that the variable names (`-`: none), else `default` if it is there.
    UserError for a file that is named and cannot be read.
    """
    if environ.get(PLUGIN):
        return f"packages are not shown to the admission plugin of `{PLUGIN}`"
    named = environ.get(VARIABLE, "")
    if named == "-":
        return ""
    if named and not os.path.isabs(named):
        raise UserError(f"`{VARIABLE}` is no absolute path: `{named}`")
    try:
        text = files.read_bytes(named or default, LARGEST).decode("utf-8", "replace")
    except OSError as error:
        if not named:
            return ""
        raise UserError(f"cannot read `{named}`, which `{VARIABLE}` names: {error.strerror}") from error
    bare = "\n".join(line.partition("#")[0] for line in text.splitlines())
    if _COMMAND.search(bare):
        return f"packages are not shown to the admission plugin that `{named or default}` names"
    return ""
