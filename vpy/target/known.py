"""Where Pythons are commonly installed, and which of them a spec may want, best first."""

from __future__ import annotations

import os

from vpy.model import Observation
from vpy.target import observe
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vpy.target.demand import Demand

_join = os.path.join

_VARIABLES = (
    "HOME",
    "PYENV_ROOT",
    "UV_PYTHON_INSTALL_DIR",
    "XDG_DATA_HOME",
    "ASDF_DATA_DIR",
    "MISE_DATA_DIR",
)
_WINDOWS_VARIABLES = ("USERPROFILE", "APPDATA", "PYENV_ROOT", "UV_PYTHON_INSTALL_DIR")

_DIRECTORIES = ("/opt/python", "/home/linuxbrew/.linuxbrew/opt")
_MAC_DIRECTORIES = (
    "/opt/python",
    "/Library/Frameworks/Python.framework/Versions",
    "/opt/homebrew/opt",
    "/usr/local/opt",
)
_COMMANDS = ("/usr/local/bin", "/usr/bin")
_MAC_COMMANDS = ("/usr/local/bin",)  # /usr/bin/python3 may be a stub that opens a dialog

_NEWEST_MINOR = 19  # python3.8 to python3.19 are looked for by name

# `3.11.7`, `v3.11`, `python@3.11`, `cpython-3.13.0+freethreaded-…`, `3.13.0t`, `3.14-dev`, `cp311-cp311`.
_NAME = (
    r"(?:v|python@|cpython-)?(?P<major>\d)\.(?P<minor>\d+)(?:\.(?P<patch>\d+))?"
    r"(?P<early>(?:a|b|rc)\d+|-dev)?(?P<threaded>t|\+freethreaded)?(?![\w.])"
    r"|cp(?P<tag_major>\d)(?P<tag_minor>\d+)-cp\d+(?P<tag_threaded>t?)$"
)


@value
class Installation:
    """One Python that may be there: what its name tells of its version, () for nothing.

    `plain` is false for a pre-release or a free-threaded build: such a one comes last.
    """

    path: str
    version: tuple[int, ...] = ()
    plain: bool = True


@value
class Survey:
    """What a look around found, and what would make it find something else."""

    installations: tuple[Installation, ...]
    observations: tuple[Observation, ...]


def survey(demand: Demand, environ: Mapping[str, str], platform: str) -> Survey:
    """Look into the known places; return what may fit `demand`, in the order of the places."""
    names = _WINDOWS_VARIABLES if platform == "win32" else _VARIABLES
    rows = [_variable(name, environ) for name in names]
    found: list[Installation] = []
    for directory in _version_directories(environ, platform):
        found += _versions_in(directory, demand, platform, rows)
    if platform != "win32":
        for directory in _MAC_COMMANDS if platform == "darwin" else _COMMANDS:
            found += _commands_in(directory, demand, rows)
    return Survey(installations=tuple(found), observations=tuple(rows))


def _variable(name: str, environ: Mapping[str, str]) -> Observation:
    if name in environ:
        return Observation("variable", (name, environ[name]))
    return Observation("unset", (name,))


def _version_directories(environ: Mapping[str, str], platform: str) -> Iterator[str]:
    """Directories that hold one Python per entry."""
    home = environ.get("USERPROFILE" if platform == "win32" else "HOME", "")
    uv = environ.get("UV_PYTHON_INSTALL_DIR", "")
    if platform == "win32":
        yield from _under(
            environ.get("PYENV_ROOT") or (home and _join(home, ".pyenv", "pyenv-win")), "versions"
        )
        yield from _under(uv) if uv else _under(environ.get("APPDATA", ""), "uv", "data", "python")
        return
    shared = environ.get("XDG_DATA_HOME") or (home and _join(home, ".local", "share"))
    mise = environ.get("MISE_DATA_DIR") or (shared and _join(shared, "mise"))
    yield from _under(environ.get("PYENV_ROOT") or (home and _join(home, ".pyenv")), "versions")
    yield from _under(uv) if uv else _under(shared, "uv", "python")
    yield from _under(environ.get("ASDF_DATA_DIR") or (home and _join(home, ".asdf")), "installs", "python")
    yield from _under(mise, "installs", "python")
    yield from _MAC_DIRECTORIES if platform == "darwin" else _DIRECTORIES


def _under(top: str, *names: str) -> Iterator[str]:
    """A directory below `top`; nothing where that is unset or relative."""
    if os.path.isabs(top):
        yield _join(top, *names)


def _versions_in(
    directory: str, demand: Demand, platform: str, rows: list[Observation]
) -> Iterator[Installation]:
    rows += observe.directory(directory)
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return
    for name in names:
        told = _told(name)
        if told is None or not demand.may_be(told.version):
            continue
        path = _executable(_join(directory, name), told.version, demand, platform)
        if os.path.isfile(path):
            yield Installation(path=path, version=told.version, plain=told.plain)
        elif told.version:
            rows += observe.passed(path)


def _told(name: str) -> Installation | None:
    """What an entry's name tells; None for what is named after something else than CPython."""
    import re

    found = re.match(_NAME, name)
    if found is None:
        other = name.startswith((".", "pypy", "graal", "jython", "ironpython", "stackless", "micropython"))
        return None if other or "@" in name else Installation(path="")
    part = found.groupdict()
    numbers = (part["major"] or part["tag_major"], part["minor"] or part["tag_minor"], part["patch"])
    return Installation(
        path="",
        version=tuple(int(number) for number in numbers if number is not None),
        plain=not (part["early"] or part["threaded"] or part["tag_threaded"]),
    )


def _executable(top: str, version: tuple[int, ...], demand: Demand, platform: str) -> str:
    if platform == "win32":
        return _join(top, "python.exe")
    minor = version[:2] if len(version) > 1 else demand.minor
    return _join(top, "bin", f"python{minor[0]}.{minor[1]}" if minor else "python3")


def _commands_in(directory: str, demand: Demand, rows: list[Observation]) -> Iterator[Installation]:
    """`python3.N` of one directory of programs; what is not there is observed by name."""
    for version in minors(demand):
        path = _join(directory, f"python{version[0]}.{version[1]}")
        if os.path.isfile(path):
            yield Installation(path=path, version=version)
        else:
            rows += observe.passed(path)


def minors(demand: Demand) -> tuple[tuple[int, ...], ...]:
    """The (major, minor) that `demand` may want, newest first."""
    if demand.minor:
        return (demand.minor,)
    return tuple((3, minor) for minor in range(_NEWEST_MINOR, 7, -1) if demand.may_be((3, minor)))


def parse_launcher(output: str) -> tuple[Installation, ...]:
    """Read what `py -0p` of Windows prints: ` -V:3.11 *   C:\\…\\python.exe`, one line each."""
    import re

    found = []
    for line in output.splitlines():
        row = re.match(r"\s*-(?:V:)?(\d)\.(\d+)(t?)(?:-\S+)?\s+(?:\*\s+)?(\S.*?)\s*$", line)
        if row:
            version = (int(row[1]), int(row[2]))
            found.append(Installation(path=row[4], version=version, plain=not row[3]))
    return tuple(found)
