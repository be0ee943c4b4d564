"""A made-up base Python for tests that need no real one, and the real ones of this machine."""

from __future__ import annotations

import glob
import os
import shutil

from vpy.model import Interpreter, Tag, Tags


def interpreter() -> Interpreter:
    return Interpreter(
        executable="/usr/bin/python3.11",
        version=(3, 11, 2),
        version_text="3.11.2",
        implementation="cpython",
        platform="linux-x86_64",
        base_prefix="/usr",
        landmark="/usr/lib/python3.11/os.py",
        signature=(1, 2, 3),
        tags=Tags.of([Tag("py3", "none", "any")]),
        markers=(),
        scheme=(("purelib", "lib/python3.11/site-packages"),),
    )


def real_pythons() -> dict[str, str]:
    """Each CPython from 3.8 up that is here: a name for it, and its executable."""
    home = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    found = {}
    for minor in range(8, 15):
        for path in sorted(glob.glob(f"{glob.escape(home)}/versions/3.{minor}.*/bin/python3.{minor}")):
            found[f"3.{minor} of pyenv"] = path
    if system := shutil.which("python3", path="/usr/bin"):
        found["the system's"] = os.path.realpath(system)
    return found
