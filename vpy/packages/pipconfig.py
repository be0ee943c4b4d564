"""What decides which index pip asks: its variables and its configuration files, as pip finds them."""

from __future__ import annotations

import os
import sys

from vpy.model import Observation
from vpy.system import digest, files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLES = (
    "PIP_CONFIG_FILE",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_NO_INDEX",
    "PIP_PYPI_URL",
    "PIP_UPLOADED_PRIOR_TO",
)
_PLACES = {
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
    """A name for the index that `source` means here, and the facts it hangs on.

    `index:URL` is itself and hangs on nothing. Plain `index` is whatever the user's pip
    configuration says: pip's variables and files, hashed, since an address may hold a password.
    `prefix` is where the Python that runs pip lies, which may have a configuration of its own; an
    environment around that Python does not count, since it has nothing to do with the script's.
    """
    if source.startswith("index:"):
        return digest.sha256(source.encode("utf-8", "surrogateescape")).hexdigest(), ()
    rows = [_variable(name, environ) for name in (*_VARIABLES, *_PLACES.get(platform, _PLACES["linux"]))]
    if environ.get("PIP_CONFIG_FILE") != os.devnull:
        rows += [_file(path) for path in config_files(environ, home, platform=platform, prefix=prefix)]
    text = "\n".join(repr((row.kind, row.fields)) for row in rows)
    return digest.sha256(text.encode("utf-8", "backslashreplace")).hexdigest(), tuple(rows)


def config_files(environ: Mapping[str, str], home: str, *, platform: str, prefix: str) -> tuple[str, ...]:
    """Every file where pip may look for its configuration, there or not, the weakest first."""
    if platform == "win32":
        shared = [environ.get("PROGRAMDATA") or "C:\\ProgramData"]
        user = [environ.get("APPDATA") or os.path.join(home, "AppData", "Roaming")]
    elif platform == "darwin":
        # pip asks where data lies here; Homebrew's Pythons add a place of their own.
        shared = ["/opt/homebrew/share", "/usr/local/share"]
        shared += _listed(environ, "XDG_DATA_DIRS") or ["/Library/Application Support"]
        support = _xdg(environ, "XDG_DATA_HOME") or os.path.join(home, "Library", "Application Support")
        user = [support, os.path.join(home, ".config")]
    else:
        shared = _listed(environ, "XDG_CONFIG_DIRS") or ["/etc/xdg"]
        user = [_xdg(environ, "XDG_CONFIG_HOME") or os.path.join(home, ".config")]
    name = "pip.ini" if platform == "win32" else "pip.conf"
    places = [os.path.join(place, "pip") for place in shared]
    places += [] if platform == "win32" else ["/etc"]
    places += [os.path.join(home, "pip" if platform == "win32" else ".pip")]
    places += [*(os.path.join(place, "pip") for place in user), prefix]
    own = environ.get("PIP_CONFIG_FILE")
    return (*(os.path.join(place, name) for place in places), *((own,) if own else ()))


def _xdg(environ: Mapping[str, str], name: str) -> str:
    """A directory that a variable names; a relative one does not count (XDG Base Directory)."""
    place = environ.get(name, "").strip()
    return place if place.startswith("/") else ""


def _listed(environ: Mapping[str, str], name: str) -> list[str]:
    places = (place.strip() for place in environ.get(name, "").split(":"))
    return [place for place in places if place.startswith("/")]


def _variable(name: str, environ: Mapping[str, str]) -> Observation:
    text = environ.get(name)
    return Observation("unset", (name,)) if text is None else Observation("variable", (name, text))


def _file(path: str) -> Observation:
    """The bytes of the file; one that is not there, or cannot be read by pip either, is no file."""
    path = os.path.abspath(path)
    try:
        return Observation("content", (path, files.read_bytes(path).decode("latin-1")))
    except OSError:
        return Observation("no-file", (path,))
