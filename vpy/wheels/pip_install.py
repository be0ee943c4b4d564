"""Program that installs wheels by pip's own code, one after the other as they come.

Run it as `python -I -S pip_install.py LIBRARY REST` on the host's Python: LIBRARY is the directory or the
zip that holds pip; REST is the archive with the rest of pip (see `pip_more`), which may be missing.

stdin has lines of JSON: first {placeholder, version}, then a row {name, path, scheme} for each wheel; an
empty line is the end. `scheme` maps pip's five scheme keys to absolute directories; scripts name
`placeholder` as their interpreter; `version` is that of the Python which the wheels are for. stdout gets a
line of JSON for each row: what went wrong, "" for nothing. pip's own output goes to stderr.

Only this module and `pip_download` touch the internals of the pinned pip. Tests compare what it installs
with what plain pip installs.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

INSTALLER = "pip._internal.operations.install.wheel"
# The wrapper that pip writes uses `str.removesuffix`, which Python 3.8 lacks. A Python that the pinned
# pip no longer runs on gets the wrapper of the pips that do.
OLD_SCRIPT = """\
# -*- coding: utf-8 -*-
import re
import sys
from %(module)s import %(import_name)s
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit(%(func)s())
"""


def prepare(installer: Any, placeholder: str, version: tuple[int, ...]) -> None:
    """Make pip install for the Python of `version`, reproducibly, with `placeholder` in scripts."""
    # Both shape the names of the scripts of pip and setuptools.
    installer.get_major_minor_version = lambda: f"{version[0]}.{version[1]}"
    installer.zip_item_is_executable = owner_may_run
    os.environ.pop("ENSUREPIP_OPTIONS", None)
    # The clock would otherwise get into the launchers of Windows.
    os.environ["SOURCE_DATE_EPOCH"] = "315532800"
    if version < (3, 10):
        installer.PipScriptMaker.script_template = OLD_SCRIPT
    sys.executable = placeholder


def owner_may_run(member: Any) -> bool:
    """Return whether a zip's member is a program: pip counts any x bit, the store keeps the owner's alone."""
    mode: int = member.external_attr >> 16
    return mode & 0o170000 == 0o100000 and mode & 0o100 != 0


def install(installer: Any, row: dict[str, Any]) -> str:
    """Install one wheel; return what went wrong in one line, "" for nothing."""
    try:
        installer.install_wheel(
            row["name"],
            row["path"],
            scheme=installer.Scheme(**row["scheme"]),
            req_description=row["name"],
            pycompile=False,
            warn_script_location=False,
            requested=True,
        )
    except Exception as error:
        text = str(getattr(error, "strerror", None) or error)
        return " ".join(text.split()) or type(error).__name__
    return ""


def main() -> None:
    """Install the wheels that stdin names; write a line for each to stdout."""
    results = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)

    sys.path.insert(0, sys.argv[1])
    gc.set_threshold(50_000)  # pip's modules stay until the end: collecting them is lost time
    if os.path.isfile(sys.argv[2]):
        importlib.import_module("pip_more")
    # Without `site`, whether an environment around this Python counts differs between versions.
    sys.prefix = sys.base_prefix
    installer = importlib.import_module(INSTALLER)  # before the first wheel is known

    first_line = sys.stdin.readline()
    if first_line:
        settings = json.loads(first_line)
        prepare(installer, settings["placeholder"], tuple(settings["version"]))
    for line in iter(sys.stdin.readline, ""):
        if not line.strip():
            break
        results.write(json.dumps(install(installer, json.loads(line))) + "\n")
        results.flush()

    sys.stderr.flush()
    os._exit(0)  # Python's own way out takes long to free pip's modules


if __name__ == "__main__":
    main()
