"""Drive pip's own code: install wheels that were chosen and checked, one after the other as they come.

Runs alone, as `python -I -S pipinstall.py LIBRARY MORE` on the host's Python: LIBRARY is the directory or
the zip that holds pip, MORE where the rest of pip is (see `pipmore`), if it is apart. What is asked comes as
lines of JSON on stdin: first {placeholder, version}, then a row {name, path, scheme} for each wheel; an
empty line is the end. Each row is answered by a line on stdout: what went wrong, "" where nothing did. What
pip itself prints goes to stderr. This module and `pipdownload` are those that touch the internals of the
pinned pip; tests compare what it installs with what plain pip installs.

`scheme` maps pip's five scheme keys to absolute directories; scripts name `placeholder` as their
interpreter; `version` is that of the Python which the wheels are for.
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
    """Have pip install for another Python, and always the same bytes."""
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
    """Whether the member of a zip is a program; pip itself takes anybody's bit for that."""
    mode: int = member.external_attr >> 16
    return mode & 0o170000 == 0o100000 and mode & 0o100 != 0


def install(installer: Any, row: dict[str, Any]) -> str:
    """Install one wheel into its own directories; what went wrong, in one line."""
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
        words = str(getattr(error, "strerror", None) or error).split()
        return " ".join(words) or type(error).__name__
    return ""


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    sys.path.insert(0, sys.argv[1])
    gc.set_threshold(50_000)  # what pip loads is there to stay: no garbage to look for in it
    if os.path.isfile(sys.argv[2]):
        importlib.import_module("pipmore")
    # Without `site`, whether an environment around this Python counts differs between versions.
    sys.prefix = sys.base_prefix
    installer = importlib.import_module(INSTALLER)  # while its job is still to come
    told = sys.stdin.readline()
    if told:
        settings = json.loads(told)
        prepare(installer, settings["placeholder"], tuple(settings["version"]))
    for line in iter(sys.stdin.readline, ""):
        if not line.strip():
            break
        answers.write(json.dumps(install(installer, json.loads(line))) + "\n")
        answers.flush()
    sys.stderr.flush()
    os._exit(0)  # nothing is left to do, and a Python takes its time to forget all that pip brought


if __name__ == "__main__":
    main()
