"""Script that comes by stdin: looked into for a spec, and left for Python to read as if nobody had."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bootstrap.request import Request

SEARCHED = 4 << 20  # bytes that are searched for a block, as of a script in a file
PIECE = 1 << 16
# With any other flag but these, Python prints something and ends, or asks for one statement after the other.
_FLAGS = ("-u", "-B", "-E", "-I", "-O", "-P", "-S", "-b", "-d", "-q", "-s", "-v", "-x", "-W", "-X")
_MARKS = (b"///", b"[VPYTHON:BEGIN]")


def take(request: Request) -> None:
    """Put what a script on stdin begins with into the request, where Python reads one from a file or a pipe.

    A pipe can be read only once: it is read to its end, as Python would, into a file that becomes stdin.
    A script that may have a spec inside is no start like others: it has no record.
    """
    if request.options.tool is not None or request.options.help:
        return
    if not all(flag.startswith(_FLAGS) for flag in request.command.flags):
        return
    if request.environ.get("PYTHONINSPECT"):
        return
    import stat

    try:
        mode = os.fstat(0).st_mode
        if stat.S_ISREG(mode):
            text = _peek()
        elif stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            text = _keep()
        else:
            return
    except OSError:
        return  # closed: Python sees that, too
    if any(mark in text for mark in _MARKS):
        request.stdin = text
        request.record, request.direct = "", False


def _peek() -> bytes:
    """Return what stdin, a file, begins with; its position stays."""
    position = os.lseek(0, 0, os.SEEK_CUR)
    try:
        return _read(SEARCHED)
    finally:
        os.lseek(0, position, os.SEEK_SET)


def _read(limit: int) -> bytes:
    parts = []
    while limit > 0 and (part := os.read(0, min(limit, PIECE))):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def _keep() -> bytes:
    """Read a pipe to its end into a file without a name, which becomes stdin; return its beginning."""
    file = _nameless_file()
    try:
        text = b""
        while part := os.read(0, PIECE):
            text += part[: max(0, SEARCHED - len(text))]
            while part:
                part = part[os.write(file, part) :]
        os.lseek(file, 0, os.SEEK_SET)
        os.dup2(file, 0)
    finally:
        os.close(file)
    return text


def _nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("stdin")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
