"""Seeds of an environment: the pip and setuptools that its base Python brings, where the spec is a text spec.

The original makes such environments by virtualenv, which seeds them: old scripts import `pkg_resources`
or run `-m pip list`. The wheels are those of that Python's own `ensurepip`: both before 3.12, pip alone
since. They are unpacked once, beside the venv template, in a directory that comes last on `sys.path`: so an
environment costs no more, and a version that the spec names wins. PEP 723 scripts and
`vpython.toml` get none, as with uv.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vpy.model import Interpreter

PROJECTS = ("pip", "setuptools")
# Where distributions of Linux keep the wheels that `ensurepip` installs.
SHARED_DIRECTORIES = ("/usr/share/python-wheels", "/usr/share/python-pip-wheels")


def wheels_of(interpreter: Interpreter) -> tuple[str, ...]:
    """Return the paths of the wheels that a base Python brings for its environments; () where it has none."""
    library = os.path.dirname(interpreter.landmark)
    for directory in (os.path.join(library, "ensurepip", "_bundled"), *SHARED_DIRECTORIES):
        try:
            listed = os.listdir(directory)
        except OSError:
            continue
        paths = [os.path.join(directory, name) for name in _newest(listed, interpreter.version[:2])]
        if paths:
            return tuple(paths)
    return ()


def _newest(listed: Sequence[str], version: tuple[int, ...]) -> Iterator[str]:
    """Yield the newest wheel of each seed: an upgraded Python may have left older ones behind."""
    for project in PROJECTS if version < (3, 12) else PROJECTS[:1]:
        found = [name for name in listed if name.startswith(f"{project}-") and name.endswith(".whl")]
        if found:
            yield max(found, key=_version_key)


def _version_key(filename: str) -> tuple[int, ...]:
    return tuple(int(part) for part in filename.split("-")[1].split(".") if part.isdigit())
