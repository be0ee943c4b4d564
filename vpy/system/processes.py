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
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LISTING_SECONDS = 30.0  # that `lsof` and `ps` may take
_ENTRY = rb"/([^/\s\0:;=\"'\\]+/[^/\s\0:;=\"'\\()]+)"  # two levels below the root: `environments-1/KEY`


@value
class Process:
    """Process of this machine: its number, and the words that it was started with where they are known."""

    pid: int
    words: tuple[str, ...]


def users(root: str, environ: dict[str, str]) -> dict[str, tuple[Process, ...]]:
    """Return the processes that use entries of the root's directories, by `DIRECTORY/NAME`.

    What counts is what counts for `entries_in_use`.
    """
    found = _numbers(root, environ, by_name=True)
    known = {pid: Process(pid, _words(pid, environ)) for pid in sorted(set().union(*found.values()))}
    return {entry: tuple(known[pid] for pid in sorted(numbers)) for entry, numbers in found.items()}


def entries_in_use(root: str, environ: dict[str, str], *, by_name: bool = True) -> frozenset[str]:
    """Return which entries of the root's directories processes use, as `DIRECTORY/NAME`.

    With `by_name` it counts too where a process merely names an entry: as its working directory, in its
    words, in its variables. `environ` is for the commands that tell. This very process does not count.
    """
    return frozenset(_numbers(root, environ, by_name=by_name))


def _numbers(root: str, environ: dict[str, str], *, by_name: bool) -> dict[str, set[int]]:
    """Return the numbers of the processes that use each entry."""
    if os.name != "posix":
        return {}
    names = {os.fsencode(root), os.fsencode(os.path.realpath(root))}
    pattern = re.compile(b"(?:" + b"|".join(map(re.escape, names)) + b")" + _ENTRY)
    found: dict[str, set[int]] = {}
    for pid, text in _of_linux(by_name) if os.path.isdir("/proc/self") else _of_commands(environ, by_name):
        for entry in pattern.findall(text):
            found.setdefault(os.fsdecode(entry), set()).add(pid)
    return found


def use(path: str, root: str, environ: dict[str, str], *, by_name: bool = True) -> bool:
    """Return whether processes use an entry of the root's directories, as `entries_in_use` sees it."""
    entry = os.path.relpath(path, root).replace(os.sep, "/")
    return entry in entries_in_use(root, environ, by_name=by_name)


def _words(pid: int, environ: dict[str, str]) -> tuple[str, ...]:
    if os.path.isdir("/proc/self"):
        return tuple(os.fsdecode(_read(f"/proc/{pid}/cmdline")).rstrip("\0").split("\0"))
    with contextlib.suppress(OSError):
        command = ["ps", "-ww", "-p", str(pid), "-o", "command="]
        return tuple(
            os.fsdecode(process.run(command, environ=environ, timeout=LISTING_SECONDS).stdout).split()
        )
    return ()


def _of_linux(by_name: bool) -> Iterator[tuple[int, bytes]]:
    """Yield what `/proc` tells of each process, piece by piece, with its number."""
    own = str(os.getpid())
    for number in os.listdir("/proc"):
        if not number.isdecimal() or number == own:
            continue
        yield from ((int(number), text) for text in _of_process(f"/proc/{number}", by_name))


def _of_process(place: str, by_name: bool) -> Iterator[bytes]:
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


def _of_commands(environ: dict[str, str], by_name: bool) -> Iterator[tuple[int, bytes]]:
    """Yield what the commands of other systems than Linux print, each row with its process's number."""
    own = os.getpid()
    number = 0
    for row in _printed(["lsof", "-nwP", "-F", "n", "-p", f"^{own}"], environ):
        if row[:1] == b"p" and row[1:].isdigit():
            number = int(row[1:])
        yield number, row
    if not by_name:
        return
    shown = "E" if os.uname().sysname == "Darwin" else "e"
    for row in _printed(["ps", f"-axww{shown}", "-o", "pid=,command="], environ):
        first = row.split(None, 1)[:1]
        number = int(first[0]) if first and first[0].isdigit() else number
        if number != own:
            yield number, row


def _printed(command: list[str], environ: dict[str, str]) -> list[bytes]:
    """Return the lines that a command prints; none where there is no such command."""
    with contextlib.suppress(OSError):
        return process.run(command, environ=environ, timeout=LISTING_SECONDS).stdout.splitlines()
    return []
