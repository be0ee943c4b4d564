"""Processes of this machine: which entries of the root they use, whether or not they hold a lock.

A program that a script became (`ruff`, `/bin/sh`, `python -S`) runs no start hook and holds no lock. What
it uses shows in what the system tells of it: its program, its words, its directory, the files that it has
open or mapped, and the variables that it was started with.

Linux: proc(5). Elsewhere `lsof` and `ps`. On Windows nothing is asked: it refuses to move a directory in
which a file is open. Processes of other PID namespaces, and of other users, are not seen.
"""

from __future__ import annotations

import os
import re

from vpy.system import process
from vpy.system.lean import contextlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LISTING_SECONDS = 30.0  # that `lsof` and `ps` may take
_ENTRY = rb"/([^/\s\0:;=\"'\\]+/[^/\s\0:;=\"'\\()]+)"  # two levels below the root: `environments-1/KEY`


def entries_in_use(root: str, environ: dict[str, str], *, by_name: bool = True) -> frozenset[str]:
    """Return which entries of the root's directories processes use, as `DIRECTORY/NAME`.

    With `by_name` it counts too where a process merely names an entry: as its working directory, in its
    words, in its variables. `environ` is for the commands that tell. This very process does not count.
    """
    if os.name != "posix":
        return frozenset()
    names = {os.fsencode(root), os.fsencode(os.path.realpath(root))}
    pattern = re.compile(b"(?:" + b"|".join(map(re.escape, names)) + b")" + _ENTRY)
    found: set[str] = set()
    for text in _of_linux(by_name) if os.path.isdir("/proc/self") else _of_commands(environ, by_name):
        found.update(map(os.fsdecode, pattern.findall(text)))
    return frozenset(found)


def use(path: str, root: str, environ: dict[str, str], *, by_name: bool = True) -> bool:
    """Return whether processes use an entry of the root's directories, as `entries_in_use` sees it."""
    entry = os.path.relpath(path, root).replace(os.sep, "/")
    return entry in entries_in_use(root, environ, by_name=by_name)


def _of_linux(by_name: bool) -> Iterator[bytes]:
    """Yield what `/proc` tells of each process, piece by piece."""
    own = str(os.getpid())
    for number in os.listdir("/proc"):
        if not number.isdecimal() or number == own:
            continue
        place = f"/proc/{number}"
        yield _link(f"{place}/exe")
        yield _read(f"{place}/maps")
        words = _read(f"{place}/cmdline")
        yield words if by_name else words.partition(b"\0")[0]
        if by_name:
            yield _link(f"{place}/cwd")
            yield _variables(place)
        yield from map(_link, _descriptors(place))


# Both return nothing of a process that has ended, or belongs to somebody else.
def _link(path: str) -> bytes:
    try:
        return os.fsencode(os.readlink(path))
    except OSError:
        return b""


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        return b""


def _descriptors(place: str) -> list[str]:
    with contextlib.suppress(OSError):
        return [f"{place}/fd/{name}" for name in os.listdir(f"{place}/fd")]
    return []


def _variables(place: str) -> bytes:
    """Return the variables of a process; `VIRTUAL_ENV` may be a link to an environment, such as `.venv`."""
    text = _read(f"{place}/environ")
    for row in text.split(b"\0"):
        if row.startswith(b"VIRTUAL_ENV="):
            text += b"\0" + os.path.realpath(row.partition(b"=")[2])
    return text


def _of_commands(environ: dict[str, str], by_name: bool) -> Iterator[bytes]:
    """Yield what the commands print that other systems than Linux have."""
    shown = "E" if os.uname().sysname == "Darwin" else "e"
    own = os.getpid()
    commands = [["lsof", "-nwP", "-F", "n", "-p", f"^{own}"]]
    if by_name:
        commands.append(["ps", f"-axww{shown}", "-o", "pid=,command="])
    for command in commands:
        with contextlib.suppress(OSError):
            printed = process.run(command, environ=environ, timeout=LISTING_SECONDS).stdout
            rows = printed.splitlines()
            yield b"\n".join(row for row in rows if row.split(None, 1)[:1] != [str(own).encode()])
