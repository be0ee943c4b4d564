"""Installations of Python in their usual directories, shims among them, and observations of these files."""

from __future__ import annotations

import os
import stat

from vpy.model import Observation
from vpy.system import files
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vpy.target.python_requirement import PythonRequirement

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

_OLDEST_MINOR, _NEWEST_MINOR = 8, 19  # commands are searched by name: python3.8 to python3.19

# `3.11.7`, `v3.11`, `python@3.11`, `cpython-3.13.0+freethreaded-…`, `3.13.0t`, `3.14-dev`, `cp311-cp311`.
_NAME = (
    r"(?:v|python@|cpython-)?(?P<major>\d)\.(?P<minor>\d+)(?:\.(?P<patch>\d+))?"
    r"(?P<early>(?:a|b|rc)\d+|-dev)?(?P<threaded>t|\+freethreaded)?(?![\w.])"
    r"|cp(?P<tag_major>\d)(?P<tag_minor>\d+)-cp\d+(?P<tag_threaded>t?)$"
)

# A script that hands over to a version manager, or to vpython. The name alone in a path does not
# count: `exec ~/.pyenv/versions/3.11.7/bin/python3 "$@"` wraps a real Python.
_MANAGER = (
    rb"""(?:^|[\s/\\"'(])(pyenv|asdf|mise|rtx)(?:\.exe|\.bat)?["']?\s+(?:exec|x|init|which|shell|where)\b"""
    rb"""|^\#\ (asdf)-plugin:"""
    rb"""|(?:^|[\s/\\"'])(vpython)3?(?:\.pyz|\.py|\.bat)?["']?(?=\s|$)"""
)
_PYENV = b'/pyenv" exec "$program" "$@"'  # last line of its own shims; found without importing `re`
_HEAD = 8192  # bytes of a script that are searched


@value
class Installation:
    """Python that may be installed at `path`, judging by the name of its directory.

    `version` is () where the name has none. `plain` is false for a pre-release or a free-threaded
    build, which are tried last.
    """

    path: str
    version: tuple[int, ...] = ()
    plain: bool = True


def list_installations(
    requirement: PythonRequirement, environ: Mapping[str, str], platform: str
) -> tuple[tuple[Installation, ...], tuple[Observation, ...]]:
    """Return the installations that `requirement` may accept, and what the answer depends on.

    They are in the order of the directories; `platform` is `sys.platform`.
    """
    names = _WINDOWS_VARIABLES if platform == "win32" else _VARIABLES
    observations = [_observe_variable(name, environ) for name in names]
    installations: list[Installation] = []

    for directory in _version_directories(environ, platform):
        installations += _installations_in(directory, requirement, platform, observations)
    if platform != "win32":
        for directory in _MAC_COMMANDS if platform == "darwin" else _COMMANDS:
            installations += _commands_in(directory, requirement, observations)

    return tuple(installations), tuple(observations)


def _version_directories(environ: Mapping[str, str], platform: str) -> Iterator[str]:
    """Yield the directories that hold one Python per entry: of pyenv, uv, asdf, mise, then of the system."""
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
    """Yield a directory below `top`; nothing where that is unset or relative."""
    if os.path.isabs(top):
        yield _join(top, *names)


def _installations_in(
    directory: str, requirement: PythonRequirement, platform: str, observations: list[Observation]
) -> Iterator[Installation]:
    observations += observe_directory(directory)
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return

    for name in names:
        named = _parse_name(name)
        if named is None or not requirement.may_accept(named.version):
            continue
        path = _executable(_join(directory, name), named.version, requirement, platform)
        if os.path.isfile(path):
            yield Installation(path=path, version=named.version, plain=named.plain)
        elif named.version:
            observations += observe_no_program(path)


def _parse_name(name: str) -> Installation | None:
    """Return what a directory's name says, without a path; None where it names something but CPython."""
    import re

    match = re.match(_NAME, name)
    if match is None:
        other = name.startswith((".", "pypy", "graal", "jython", "ironpython", "stackless", "micropython"))
        return None if other or "@" in name else Installation(path="")

    groups = match.groupdict()
    major, minor = groups["major"] or groups["tag_major"], groups["minor"] or groups["tag_minor"]
    return Installation(
        path="",
        version=tuple(int(number) for number in (major, minor, groups["patch"]) if number is not None),
        plain=not (groups["early"] or groups["threaded"] or groups["tag_threaded"]),
    )


def _executable(top: str, version: tuple[int, ...], requirement: PythonRequirement, platform: str) -> str:
    if platform == "win32":
        return _join(top, "python.exe")
    minor = version[:2] if len(version) > 1 else requirement.minor
    return _join(top, "bin", f"python{minor[0]}.{minor[1]}" if minor else "python3")


def _commands_in(
    directory: str, requirement: PythonRequirement, observations: list[Observation]
) -> Iterator[Installation]:
    """Yield the `python3.N` of a directory of programs; observe those that are missing."""
    for version in minor_versions(requirement):
        path = _join(directory, f"python{version[0]}.{version[1]}")
        if os.path.isfile(path):
            yield Installation(path=path, version=version)
        else:
            observations += observe_no_program(path)


def minor_versions(requirement: PythonRequirement) -> tuple[tuple[int, ...], ...]:
    """Return each (major, minor) that `requirement` may accept, newest first."""
    if requirement.minor:
        return (requirement.minor,)
    versions = ((3, minor) for minor in range(_NEWEST_MINOR, _OLDEST_MINOR - 1, -1))
    return tuple(version for version in versions if requirement.may_accept(version))


def parse_launcher_output(output: str) -> tuple[Installation, ...]:
    r"""Parse what `py -0p` of Windows prints: ` -V:3.11 *   C:\…\python.exe`, one line each."""
    import re

    installations = []
    for line in output.splitlines():
        row = re.match(r"\s*-(?:V:)?(\d)\.(\d+)(t?)(?:-\S+)?\s+(?:\*\s+)?(\S.*?)\s*$", line)
        if row:
            version = (int(row[1]), int(row[2]))
            installations.append(Installation(path=row[4], version=version, plain=not row[3]))
    return tuple(installations)


def why_skipped(path: str, platform: str) -> str:
    """Return why a search does not run the command at `path`, to be read after it; "" where it may.

    These are shims of pyenv, asdf and mise, other programs' links called python, vpython's own
    launcher, Windows' app aliases and Apple's developer-tools stub. `platform` is `sys.platform`.
    """
    if not os.path.isabs(path):
        return "is found by a relative PATH entry"
    if platform == "win32" and "\\microsoft\\windowsapps\\" in path.lower():
        return "is an alias of the Windows store"

    real = os.path.realpath(path)
    if os.path.basename(real).startswith("vpython"):
        return "is a vpython"
    if platform == "darwin" and real.startswith("/usr/bin/"):
        return "may be Apple's developer-tools stub"

    try:
        head = files.read_bytes(real, _HEAD)
    except OSError:
        return "cannot be read"
    if head.startswith(b"#!") or real.lower().endswith((".bat", ".cmd")):
        manager = _manager_in(head)
        return f"is a shim of {manager}" if manager else ""
    if not os.path.basename(real).lower().startswith("python"):
        return f"is a link to `{real}`, which is not a Python"
    return ""


def _manager_in(script: bytes) -> str:
    """Return the version manager that a script hands over to; "" where there is none."""
    if _PYENV in script:
        return "pyenv"
    import re

    match = re.search(_MANAGER, script, re.MULTILINE)
    return next(filter(None, match.groups())).decode() if match else ""


def version_in_name(path: str) -> tuple[int, ...]:
    """Return (3, 11) for a binary whose real file is called `python3.11`; else ()."""
    name = os.path.basename(os.path.realpath(path))
    major, _, rest = name.removeprefix("python").partition(".")
    minor = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    named = name.startswith("python") and len(major) == 1 and major.isdecimal() and minor
    return (int(major), int(minor)) if named else ()


def observe_no_program(path: str) -> tuple[Observation, ...]:
    """Return the observation that there is no usable program at `path`; none where it cannot be known."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return (Observation("no-file", (path,)),)
    except OSError:
        return ()
    # A file that cannot be executed: another in its place may be one that can.
    return observe_file(path) if stat.S_ISREG(mode) else (Observation("no-file", (path,)),)


def observe_file(path: str) -> tuple[Observation, ...]:
    """Return the observation of the file at `path`, links followed; none where there is no file."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return (Observation("signature", (path, *files.signature_fields(found))),)


def observe_directory(path: str) -> tuple[Observation, ...]:
    """Return the observation of a directory's entries, or that there is none."""
    try:
        mtime = os.stat(path).st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return (Observation("absent", (path,)),)
    except OSError:
        return ()
    return (Observation("listing", (path, str(mtime))),)


def _observe_variable(name: str, environ: Mapping[str, str]) -> Observation:
    if name in environ:
        return Observation("variable", (name, environ[name]))
    return Observation("unset", (name,))
