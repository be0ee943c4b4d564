"""Configuration of pip that decides which index it asks: variables and files, found as pip finds them.

https://pip.pypa.io/en/stable/topics/configuration/
"""

from __future__ import annotations

import os
import sys

from bootstrap.shown import without_passwords
from vpy.model import Observation
from vpy.system import files, sdist_name
from vpy.system.lean import hashlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_VARIABLES = (
    "PIP_CONFIG_FILE",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_NO_INDEX",
    "PIP_PYPI_URL",
    "PIP_UPLOADED_PRIOR_TO",
)
# Variables that configuration files are found by.
_PATH_VARIABLES = {
    "win32": ("APPDATA", "PROGRAMDATA", "USERPROFILE"),
    "darwin": ("HOME", "XDG_DATA_DIRS", "XDG_DATA_HOME"),
    "linux": ("HOME", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME"),
}


def index_identity(
    environ: Mapping[str, str],
    source: str,
    home: str,
    *,
    platform: str = sys.platform,
    prefix: str = sys.base_prefix,
) -> tuple[str, tuple[Observation, ...]]:
    """Return a name for the index that `source` means here, and the observations that it depends on.

    `index:URL` is itself and depends on nothing. Plain `index` is whatever the user's pip
    configuration says: pip's variables and files, hashed, without the passwords in them.
    `prefix` is that of the Python that runs pip, which may have a configuration of its own; an
    environment around that Python does not count, since it has nothing to do with the script's.
    """
    if source.startswith("index:"):
        return hashlib.sha256(source.encode("utf-8", "surrogateescape")).hexdigest(), ()

    names = (*_VARIABLES, *_PATH_VARIABLES.get(platform, _PATH_VARIABLES["linux"]))
    observations = [_observe_variable(name, environ) for name in names]
    if environ.get("PIP_CONFIG_FILE") != os.devnull:
        paths = config_files(environ, home, platform=platform, prefix=prefix)
        observations += [_observe_file(path) for path in paths]

    rows = [(each.kind, tuple(map(without_passwords, each.fields))) for each in observations]
    text = "\n".join(map(repr, rows))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest(), tuple(observations)


def identity(
    environ: Mapping[str, str], source: str, home: str, find_links: Sequence[str]
) -> tuple[object, tuple[Observation, ...]]:
    """Return what tells an index, with the wheels beside it, from all others, and the observations."""
    digest, observations = index_identity(environ, source, home)
    if not find_links:
        return digest, observations
    names, seen = files_beside(find_links)
    return [digest, *names], (*observations, *seen)


def files_beside(directories: Sequence[str]) -> tuple[list[str], tuple[Observation, ...]]:
    """Return the names of the wheels in directories that count beside an index, and the observations of them.

    What is at a URL is known by that alone, without the password in it.
    """
    names, observations = [], []
    for directory in directories:
        if "://" in directory:
            names.append(without_passwords(directory))
            continue
        names.append(directory)
        try:
            observations.append(Observation("listing", (directory, str(os.stat(directory).st_mtime_ns))))
            names += sorted(
                name for name in os.listdir(directory) if name.endswith((".whl", *sdist_name.SUFFIXES))
            )
        except OSError:
            observations.append(Observation("absent", (directory,)))
    return names, tuple(observations)


def config_files(environ: Mapping[str, str], home: str, *, platform: str, prefix: str) -> tuple[str, ...]:
    """Return every path where pip looks for its configuration, there or not, the weakest first."""
    name = "pip.ini" if platform == "win32" else "pip.conf"
    directories = [os.path.join(directory, "pip") for directory in _shared(environ, platform)]
    directories += [] if platform == "win32" else ["/etc"]
    directories += [os.path.join(home, "pip" if platform == "win32" else ".pip")]
    directories += [os.path.join(directory, "pip") for directory in _user(environ, home, platform)]
    directories += [prefix]
    own = environ.get("PIP_CONFIG_FILE")
    return (*(os.path.join(directory, name) for directory in directories), *((own,) if own else ()))


def _shared(environ: Mapping[str, str], platform: str) -> list[str]:
    """Return the directories of configuration that all users share (`pip/_internal/utils/appdirs.py`)."""
    if platform == "win32":
        return [environ.get("PROGRAMDATA") or "C:\\ProgramData"]
    if platform == "darwin":
        # pip asks for data directories here, and Homebrew's Pythons add one of their own.
        homebrew = ["/opt/homebrew/share", "/usr/local/share"]
        return homebrew + (_xdg_list(environ, "XDG_DATA_DIRS") or ["/Library/Application Support"])
    return _xdg_list(environ, "XDG_CONFIG_DIRS") or ["/etc/xdg"]


def _user(environ: Mapping[str, str], home: str, platform: str) -> list[str]:
    """Return the directories of the user's own configuration."""
    config = os.path.join(home, ".config")
    if platform == "win32":
        return [environ.get("APPDATA") or os.path.join(home, "AppData", "Roaming")]
    if platform == "darwin":
        support = os.path.join(home, "Library", "Application Support")
        return [_xdg(environ, "XDG_DATA_HOME") or support, config]
    return [_xdg(environ, "XDG_CONFIG_HOME") or config]


def _xdg(environ: Mapping[str, str], name: str) -> str | None:
    """Return the directory that a variable names; a relative one does not count (XDG Base Directory)."""
    path = environ.get(name, "").strip()
    return path if path.startswith("/") else None


def _xdg_list(environ: Mapping[str, str], name: str) -> list[str]:
    paths = (path.strip() for path in environ.get(name, "").split(":"))
    return [path for path in paths if path.startswith("/")]


def _observe_variable(name: str, environ: Mapping[str, str]) -> Observation:
    text = environ.get(name)
    return Observation("unset", (name,)) if text is None else Observation("variable", (name, text))


def _observe_file(path: str) -> Observation:
    """Return the observation of a file's bytes, or that it is not there or cannot be read."""
    path = os.path.abspath(path)
    try:
        return Observation("content", (path, files.read_bytes(path).decode("latin-1")))
    except OSError:
        return Observation("no-file", (path,))
