"""Scripts of wheels: stored with a placeholder as their interpreter, written with the environment's Python.

A script's first line is `#!` and the interpreter. On Windows a script is a launcher: a program, such a
line, and a zip.
"""

from __future__ import annotations

import os

from vpy.system.lean.dataclasses import value

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
_WRAPPER_CODING = b"# -*- coding: utf-8 -*-"  # in what pip writes for entry points, by some of its versions
_PLAIN = frozenset("/._-+@%:,=~ ")  # beside letters and digits: no shell reads more into them


@value
class Limits:
    """Limits of the system: bytes of a `#!` line (0: there are none), characters of a path (0: any)."""

    shebang: int
    path: int


def limits_of(config: Config, platform: str) -> Limits:
    """Return the limits for a `sys.platform`; those for Linux where the configuration has none."""
    shebang = config.shebang_limits.get(platform, config.shebang_limits["linux"])
    return Limits(shebang=shebang, path=config.path_limits.get(platform, config.path_limits["linux"]))


def names_placeholder(data: bytes) -> bool:
    """Return whether this is a script or a Windows launcher that names the placeholder."""
    return data.startswith(_FIRST_LINE) or (data[:2] == b"MZ" and _launcher_line(data) is not None)


def rewrite(data: bytes, python: str, limits: Limits) -> bytes:
    """Return the script with `python` as its interpreter, as pip would have written it.

    Raises ValueError for data without the placeholder.
    """
    if data.startswith(_FIRST_LINE):
        return _rewrite_text(data[len(_FIRST_LINE) :], python, limits)
    found = _launcher_line(data)
    if found is None:
        raise ValueError("no script with a placeholder")
    start, line = found
    return data[:start] + _launcher_shebang(python, line) + data[start + len(line) :]


def retarget(data: bytes, python: str, other: str, limits: Limits) -> bytes:
    """Return a script of `python` for the Python `other`; data that is none stays as it is."""
    first = first_lines(python, limits)
    if data.startswith(first):
        return _rewrite_text(data[len(first) :], other, limits)
    for line in _LAUNCHER_LINES if data[:2] == b"MZ" else ():
        known = _launcher_shebang(python, line)
        start = data.rfind(known)
        if start >= 0:
            return data[:start] + _launcher_shebang(other, line) + data[start + len(known) :]
    return data


def _rewrite_text(source: bytes, python: str, limits: Limits) -> bytes:
    """Return a script of `first_lines` and the source behind them, which Python reads as it did before."""
    first = first_lines(python, limits)
    line = source.partition(b"\n")[0]
    if first.count(b"\n") == 1 and (b"coding" not in line or line == _WRAPPER_CODING):
        return first + source

    from vpy.wheels import script_source

    declaration, rest, encoding = script_source.split(source)
    if not script_source.can_hold(encoding, first):
        first = b"#!/bin/sh\n" + _shell_lines(_beside_script(os.fsencode(python)))
    if first.count(b"\n") == 1:
        return first + source
    head, _, shell_lines = first.partition(b"\n")
    return head + b"\n" + declaration + shell_lines + script_source.keep_docstring(rest, encoding)


def first_lines(python: str, limits: Limits) -> bytes:
    """Return the first lines of a script that `python` runs: a `#!` line, or three lines that sh runs.

    The kernel cuts a long `#!` line and ends its path at a blank
    (https://www.in-ulm.de/~mascheck/various/shebang/#length). The three lines, which sh and Python both
    accept, are those of distlib's `ScriptMaker`, to the byte wherever its quoting is safe.
    """
    path = os.fsencode(python)
    # `#!` in front and the line's end behind, as distlib counts.
    fits = not limits.shebang or len(path) + 3 <= limits.shebang

    if not any(blank in path for blank in (b" ", b"\t", b"\n")) and fits and _is_text(path):
        return b"#!" + path + b"\n"
    return b"#!/bin/sh\n" + _shell_lines(_shell_word(python, path))


def _shell_lines(word: bytes) -> bytes:
    """Return two lines that sh runs, and that are a string to Python."""
    return b"'''exec' " + word + b" \"$0\" \"$@\"\n' '''\n"


def _shell_word(python: str, path: bytes) -> bytes:
    """Return the interpreter as a word of the shell, inside a Python literal.

    As distlib has it where that is safe; in single quotes where the shell would read more into the
    path; relative to the script where no Python literal can hold it (a backslash, bytes that are not UTF-8).
    """
    if all(character.isalnum() or character in _PLAIN for character in python) and _is_text(path):
        return b'"' + path + b'"' if b" " in path else path
    if _is_text(path) and b"\\" not in path:
        return b"'" + path.replace(b"'", b"'\\''") + b"'"
    return _beside_script(path)


def _beside_script(path: bytes) -> bytes:
    """Return a word of the shell for a program beside the script, whatever bytes its directory's name has."""
    return b'"$(dirname -- "$(realpath -- "$0")")"/' + os.path.basename(path)


def _is_text(path: bytes) -> bool:
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _launcher_line(data: bytes) -> tuple[int, bytes] | None:
    """Return the offset of the placeholder's line in a launcher and the line itself, or None."""
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
