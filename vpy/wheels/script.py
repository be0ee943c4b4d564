"""The scripts of wheels: stored with a placeholder for their interpreter, written with the real one."""

from __future__ import annotations

import os

from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.config import Config

PLACEHOLDER = "C:\\vpython-placeholder\\python.exe" if os.name == "nt" else "/vpython-placeholder/bin/python"

_FIRST_LINE = b"#!" + PLACEHOLDER.encode() + b"\n"
_LAUNCHER_LINES = tuple(
    b"#!" + PLACEHOLDER.replace("python.exe", name).encode() + end
    for name in ("python.exe", "pythonw.exe")
    for end in (b"\r\n", b"\n")
)
_PLAIN = frozenset("/._-+@%:,=~ ")


@value
class Limits:
    """What the system bears: bytes of a `#!` line (0: it reads none), characters of a path (0: any)."""

    shebang: int
    path: int


def limits_of(config: Config, platform: str) -> Limits:
    """The limits that the configuration has for a `sys.platform`, Linux's where it names none."""
    shebang = config.shebang_limits.get(platform, config.shebang_limits["linux"])
    return Limits(shebang=shebang, path=config.path_limits.get(platform, config.path_limits["linux"]))


def names_placeholder(data: bytes) -> bool:
    """Whether these are the bytes of a script or a Windows launcher that wants its interpreter written in."""
    return data.startswith(_FIRST_LINE) or (data[:2] == b"MZ" and _launcher_line(data) is not None)


def rewrite(data: bytes, python: str, limits: Limits) -> bytes:
    """The script with `python` as its interpreter, as pip would have written it there."""
    if data.startswith(_FIRST_LINE):
        return first_lines(python, limits) + data[len(_FIRST_LINE) :]
    found = _launcher_line(data)
    if found is None:
        raise ValueError("no script with a placeholder")
    start, line = found
    return data[:start] + _launcher_shebang(python, line) + data[start + len(line) :]


def first_lines(python: str, limits: Limits) -> bytes:
    """What makes a script run `python`: a `#!` line, or the lines of distlib that sh and Python both read.

    The kernel cuts a long `#!` line and ends it at a blank. distlib leaves the path bare or in double
    quotes; a path that means something to the shell even there is in single quotes, and one that no
    Python literal holds (a backslash, bytes that are no UTF-8) is found from the script's own place.
    """
    path = os.fsencode(python)
    # `#!` in front and the line's end behind, as distlib counts.
    fits = not limits.shebang or len(path) + 3 <= limits.shebang
    if not any(blank in path for blank in (b" ", b"\t", b"\n")) and fits and _is_text(path):
        return b"#!" + path + b"\n"
    return b"#!/bin/sh\n'''exec' " + _shell_word(python, path) + b" \"$0\" \"$@\"\n' '''\n"


def _shell_word(python: str, path: bytes) -> bytes:
    if all(character.isalnum() or character in _PLAIN for character in python) and _is_text(path):
        return b'"' + path + b'"' if b" " in path else path
    if _is_text(path) and b"\\" not in path:
        return b"'" + path.replace(b"'", b"'\\''") + b"'"
    name = os.path.basename(path)
    return b'"$(dirname -- "$(realpath -- "$0")")"/' + name


def _is_text(path: bytes) -> bool:
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _launcher_line(data: bytes) -> tuple[int, bytes] | None:
    """Where in a launcher (program, `#!` line, zip) the placeholder's line stands, and the line."""
    for line in _LAUNCHER_LINES:
        start = data.rfind(line)
        if start >= 0:
            return start, line
    return None


def _launcher_shebang(python: str, line: bytes) -> bytes:
    directory, name = os.path.split(python)
    if b"pythonw.exe" in line:
        python = os.path.join(directory, name.replace("python", "pythonw"))
    quoted = f'"{python}"' if " " in python else python
    return b"#!" + quoted.encode() + line[len(line.rstrip(b"\r\n")) :]
