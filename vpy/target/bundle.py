"""Hermetic Pythons: which of those that a manifest offers fits a spec, and where in its files it lies."""

from __future__ import annotations

import os

from vpy.errors import ToolError
from vpy.system import files, process
from vpy.target.demand import Demand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vpy.model import Pin

# Ours would be the only Python that runs without compiled code, since nothing can be written beside it.
# What came compiled is compiled for other file times; so this kind, which looks at none.
COMPILE = """
import compileall, os, py_compile, re, sys
made, final = sys.argv[1:]
library = os.path.dirname(os.__file__)
names = "test|tests|idlelib|idle_test|lib2to3|turtledemo|site-packages"
skipped = re.compile(r"[/\\\\](" + names + r")([/\\\\]|$)")
compileall.compile_dir(library, ddir=final + library[len(made):], force=True, quiet=2, rx=skipped,
                       invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""
# `version:3@3.11.9.chromium.36`, `version:3.11.9`
_VERSION = r"version:(?:\d+@)?(\d+)\.(\d+)(?:\.(\d+))?(?![\d])"
_NAMES = ("bin/python3", "bin/python", "python3", "python")


def choose(
    offers: Sequence[Pin],
    wanted_prefix: str,
    requires_python: str,
    unpacked: Callable[[Pin], str],
    platform: str,
) -> str | None:
    """Return the Python of the first offer that may fit the spec, or None; only that one is unpacked.

    Raises ToolError where its package holds no Python. Whether it fits indeed is for the search to say.
    """
    if not offers:
        return None
    demand = Demand(wanted_prefix, requires_python)
    for pin in offers:
        if demand.may_be(version_in(pin.version)):
            directory = unpacked(pin)
            found = python_in(directory, platform)
            if found is None:
                raise ToolError(f"the package `{pin.name}` at `{pin.version}` holds no Python")
            return found
    return None


def version_in(text: str) -> tuple[int, ...]:
    """(3, 11, 9) from the `version:` tag of a bundle, () where it does not say."""
    import re

    found = re.match(_VERSION, text)
    return tuple(int(part) for part in found.groups() if part) if found else ()


def python_in(directory: str, platform: str) -> str | None:
    """The Python below an unpacked bundle; `platform` is `sys.platform`."""
    end = ".exe" if platform == "win32" else ""
    for name in _NAMES:
        path = os.path.join(directory, *f"{name}{end}".split("/"))
        if files.is_file(path):
            return path
    return None


def compile_library(made: str, final: str, environ: Mapping[str, str], platform: str) -> None:
    """Compile the standard library of the bundle that lies at `made` and is to lie at `final`."""
    python = python_in(made, platform)
    if python is not None:
        command = [python, "-I", "-S", "-c", COMPILE, os.path.realpath(made), final]
        try:
            process.run(command, environ=process.clean_environ(environ))
        except OSError as error:
            raise ToolError(
                f"the package's `{os.path.basename(python)}` cannot be started: {error.strerror}"
            ) from error
