"""Hermetic Pythons of a manifest: the one that may fit a spec, its executable, its compiled library."""

from __future__ import annotations

import os

from vpy.errors import ToolError
from vpy.system import files, process
from vpy.target.python_requirement import PythonRequirement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vpy.model import Pin

# Nothing can be written into an unpacked package later, so its library would be compiled at every start.
# Compiled files that come with it fit other file times; unchecked hashes (PEP 552) fit any.
_COMPILE = """
import compileall, os, py_compile, re, sys
directory, final = sys.argv[1:]
library = os.path.dirname(os.__file__)
names = "test|tests|idlelib|idle_test|lib2to3|turtledemo|site-packages"
skipped = re.compile(r"[/\\\\](" + names + r")([/\\\\]|$)")
compileall.compile_dir(library, ddir=final + library[len(directory):], force=True, quiet=2, rx=skipped,
                       invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""
# `version:3@3.11.9.chromium.36`, `version:3.11.9`
_VERSION = r"version:(?:\d+@)?(\d+)\.(\d+)(?:\.(\d+))?(?![\d])"
_NAMES = ("bin/python3", "bin/python", "python3", "python")


def find_python(
    pins: Sequence[Pin],
    python_version: str,
    requires_python: str,
    unpack: Callable[[Pin], str],
    platform: str,
) -> str | None:
    """Return the executable of the first pin whose version may fit the spec; None where there is none.

    Only that pin is unpacked: `unpack` returns its directory. `discovery.find` decides whether it
    does fit. Raises ToolError where the package has no Python. `platform` is `sys.platform`.
    """
    if not pins:
        return None

    requirement = PythonRequirement(python_version, requires_python)
    for pin in pins:
        if requirement.may_accept(version_of(pin.version)):
            path = python_in(unpack(pin), platform)
            if path is None:
                raise ToolError(f"the package `{pin.name}` at `{pin.version}` holds no Python")
            return path
    return None


def version_of(tag: str) -> tuple[int, ...]:
    """Return (3, 11, 9) for `version:3@3.11.9.chromium.36`, a package's tag in CIPD; () for any other tag."""
    import re

    match = re.match(_VERSION, tag)
    return tuple(int(part) for part in match.groups() if part) if match else ()


def python_in(directory: str, platform: str) -> str | None:
    """Return the path of the Python in an unpacked package, or None; `platform` is `sys.platform`."""
    end = ".exe" if platform == "win32" else ""
    for name in _NAMES:
        path = os.path.join(directory, *f"{name}{end}".split("/"))
        if files.is_file(path):
            return path
    return None


def compile_library(directory: str, final: str, environ: Mapping[str, str], platform: str) -> None:
    """Compile the standard library of a Python unpacked in `directory`, which will be moved to `final`.

    Tracebacks name the files below `final`. Raises ToolError where that Python cannot be started.
    """
    python = python_in(directory, platform)
    if python is None:
        return

    command = [python, "-I", "-S", "-c", _COMPILE, os.path.realpath(directory), final]
    try:
        process.run(command, environ=process.clean_environ(environ))
    except OSError as error:
        raise ToolError(
            f"the package's `{os.path.basename(python)}` cannot be started: {error.strerror}"
        ) from error
