"""Surroundings of a process that has pip's code: where it is found, and what stands in for parts of it."""

from __future__ import annotations

import gc
import importlib
import os
import sys


def prepare(library: str, rest: str) -> None:
    """Let pip be imported from `library`, before all else, and from `rest`, an archive that may be missing.

    Call it before anything of pip is imported.
    """
    sys.path.insert(0, library)
    gc.set_threshold(50_000)  # pip's modules stay until the end: collecting them is lost time
    if os.path.isfile(rest):
        importlib.import_module("pip_archives")
    # Without `site`, whether an environment around this Python counts differs between versions.
    sys.prefix = sys.base_prefix
    for stand_in in "lazy_patterns", "plain_rich":
        importlib.import_module(f"vpy.wheels.{stand_in}").install()
