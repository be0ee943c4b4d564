"""Admission plugin of the CIPD client, which vpython does not run: a notice for those who set one up."""

from __future__ import annotations

import os
import re

from vpy.errors import UserError
from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG_VARIABLE = "CIPD_CONFIG_FILE"
PLUGIN_VARIABLE = "CIPD_ADMISSION_PLUGIN"
LARGEST = 1 << 20
_COMMAND = re.compile(r"\bcmd\s*:\s*[\"'][^\"']")


def default_path() -> str:
    """Return the path of the client's configuration file on this system."""
    return r"C:\chrome-infra\cipd.cfg" if os.name == "nt" else "/etc/chrome-infra/cipd.cfg"


def notice(environ: Mapping[str, str], default: str) -> str | None:
    """Return a notice about a configured plugin that is not asked, or None.

    The configuration is the file that the variable names (`-`: none), else `default` if it is there.
    Raises UserError for a file that is named and cannot be read.
    """
    if environ.get(PLUGIN_VARIABLE):
        return f"packages are not checked by the admission plugin of `{PLUGIN_VARIABLE}`"
    named = environ.get(CONFIG_VARIABLE, "")
    if named == "-":
        return None
    if named and not os.path.isabs(named):
        raise UserError(f"`{CONFIG_VARIABLE}` is not an absolute path: `{named}`")

    try:
        text = files.read_bytes(named or default, LARGEST).decode("utf-8", "replace")
    except OSError as error:
        if not named:
            return None
        raise UserError(
            f"cannot read `{named}`, which `{CONFIG_VARIABLE}` names: {error.strerror}"
        ) from error
    if _names_plugin(text):
        return f"packages are not checked by the admission plugin that `{named or default}` names"
    return None


def _names_plugin(text: str) -> bool:
    """Return whether a configuration, which is a textproto, has a command outside its comments."""
    without_comments = "\n".join(line.partition("#")[0] for line in text.splitlines())
    return _COMMAND.search(without_comments) is not None
