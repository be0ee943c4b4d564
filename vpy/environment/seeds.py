"""Seeds of an environment: pip, setuptools and wheel, where the spec is a text spec.

The original makes such environments by virtualenv, which seeds them: old scripts import `pkg_resources`
or run `-m pip list`. The wheels of pip and setuptools are those of the base Python's own `ensurepip`, that of
wheel comes with vpython: all of them before 3.12, pip alone since. They are unpacked once, beside the venv
template, in a directory that comes last on `sys.path`: so an environment costs no more than the links to the
scripts `pip` and its like, and a version that the spec names wins. PEP 723 scripts and `vpython.toml` get
none, as with uv.
"""

from __future__ import annotations

import os

from vpy.system import files, sealed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vpy.model import Interpreter

PROJECTS = ("pip", "setuptools")
SHIPPED = "wheel-"  # how the file name of the wheel begins that comes with vpython
# Finds its Python beside itself, so that all environments share it. sh reads the second and third line as a
# command, Python as a string.
SCRIPT = """#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")"/python "$0" "$@"
' '''
import sys
from {module} import main
sys.exit(main())
"""
_LIST = "seeds.json"
# Where distributions of Linux keep the wheels that `ensurepip` installs.
SHARED_DIRECTORIES = ("/usr/share/python-wheels", "/usr/share/python-pip-wheels")


def wheels_of(interpreter: Interpreter, app: str = "") -> tuple[str, ...]:
    """Return the paths of the wheels for the environments of a base Python; () where it brings none.

    `app` is the directory of vpython's own code, whose wheel counts besides where it is given.
    """
    own = _brought(interpreter)
    return (*own, *_shipped(app)) if own and app and interpreter.version < (3, 12) else own


def name_of(path: str) -> object:
    """Return what tells a seed from others: of the shipped one its name alone, wherever it lies."""
    name = os.path.basename(path)
    return [name] if name.startswith(SHIPPED) else [path, *files.signature(path)[:2]]


def _shipped(app: str) -> tuple[str, ...]:
    """Return the wheel that comes with vpython: in its archive, or in its source tree once that is built."""
    for directory in (os.path.join(app, "seeds"), os.path.join(app, "build", "wheels")):
        if os.path.isdir(directory):
            names = sorted(name for name in os.listdir(directory) if name.startswith(SHIPPED))
            return tuple(os.path.join(directory, name) for name in names[-1:])
    return ()


def _brought(interpreter: Interpreter) -> tuple[str, ...]:
    """Return the paths of the wheels that a base Python brings."""
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


def write_scripts(tree: str, interpreter: Interpreter, seeds: Sequence[str]) -> tuple[str, ...]:
    """Write the scripts of the seeds into an empty environment; return their paths in it."""
    if not seeds or interpreter.platform.startswith(
        "win"
    ):  # there they would be launchers, which name a path
        return ()
    directory = dict(interpreter.scheme)["scripts"]
    minor = ".".join(map(str, interpreter.version[:2]))
    modules = dict.fromkeys(("pip", "pip3", f"pip{minor}"), "pip._internal.cli.main")
    if any(os.path.basename(path).startswith(SHIPPED) for path in seeds):
        modules["wheel"] = "wheel.cli"
    for name, module in modules.items():
        text = SCRIPT.format(module=module)
        files.write_bytes(os.path.join(tree, directory, name), text.encode(), mode=0o755)
    return tuple(f"{directory}/{name}" for name in modules)


def write_list(template: str, directory: str, python: str) -> None:
    """Write beside a template in the making which files its seeds in `directory` have, for `faults`."""
    hashes = {path: files.sha256_of(os.path.join(directory, path)) for path in _files_below(directory)}
    files.write_bytes(os.path.join(template, _LIST), sealed.dump({"python": python, "files": hashes}))


def faults(template: str, directory: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with the seeds of a template: facts by path; none where it has none."""
    from vpy.environment import compiled

    name = os.path.basename(directory)
    if not os.path.isdir(directory) and not os.path.exists(os.path.join(template, _LIST)):
        return {}
    try:
        data = sealed.read(os.path.join(template, _LIST))
        python, hashes = str(data["python"]), dict(data["files"])
    except FileNotFoundError:
        return {}  # made before there were lists
    except (OSError, ValueError, KeyError, TypeError):
        return {_LIST: "cannot be read"}
    found = {}
    for path in sorted({*hashes, *_files_below(directory)}):
        if fact := _fault(os.path.join(directory, path), hashes.get(path)):
            found[f"{name}/{path}"] = fact
    if os.access(python, os.X_OK):
        other = compiled.faults(python, directory, environ)
        found |= {f"{name}/{path}": fact for path, fact in other.items()}
    return found


def _fault(path: str, sha256: str | None) -> str:
    if sha256 is None:
        return "does not belong to a wheel"
    try:
        return "" if files.sha256_of(path) == sha256 else "has changed since it was made"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _files_below(directory: str) -> list[str]:
    """Return the paths of all files, relative, with `/`; Python's compiled code is not counted."""
    return sorted(
        os.path.relpath(os.path.join(parent, name), directory).replace(os.sep, "/")
        for parent, _, names in os.walk(directory)
        for name in names
        if os.path.basename(parent) != "__pycache__"
    )
