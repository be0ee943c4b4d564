"""Package files, written byte for byte as the original client does at compression level 0.

Entries are stored, in the order the original's walk finds them, the manifest last, without dates:
the same files come to the same instance id on every machine.
"""

from __future__ import annotations

import hashlib
import struct
import zlib

from vpy.errors import ToolError
from vpy.packages import manifest
from vpy.packages.cipd import instance_id
from vpy.system.files import disk_errors
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from vpy.packages.manifest import Manifest

_LOCAL = struct.Struct("<4s5H3I2H")
_DESCRIPTOR = struct.Struct("<4s3I")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_READER_VERSION = 20
_MADE_BY = 3 << 8 | _READER_VERSION  # Unix
_STREAMED = 0x0008
_UTF8 = 0x0800
_READ_ONLY = 1
_REGULAR = 0o100400
_EXECUTABLE = 0o100500
_LINK = 0o120400
_MOST_BYTES = 0xFFFFFFFF
_MOST_ENTRIES = 0xFFFE
_PIECE = 1 << 20


@value
class Member:
    """One file of a package: its name in it, and the file it is read from, or the path a link leads to."""

    name: str
    source: str = ""
    executable: bool = False
    link: str = ""


def write(path: str, about: Manifest, members: Iterable[Member]) -> str:
    """Write the package file `path` (which must not be there yet) and return its instance id.

    Raises ToolError where a file cannot be read or the package would pass 4 GiB.
    """
    ordered = sorted(members, key=lambda member: member.name.split("/"))
    with disk_errors("write", path), open(path, "xb") as file:
        writer = _Writer(file)
        for member in ordered:
            mode = _LINK if member.link else _EXECUTABLE if member.executable else _REGULAR
            writer.add(member.name, mode, _content(member))
        writer.add(manifest.PATH, _REGULAR, [manifest.render(about)])
        return writer.finish()


def _content(member: Member) -> Iterator[bytes]:
    if member.link:
        yield member.link.encode()
        return
    with disk_errors("read", member.source), open(member.source, "rb") as file:
        while piece := file.read(_PIECE):
            yield piece


class _Writer:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._at = 0
        self._rows: list[bytes] = []

    def _put(self, data: bytes) -> None:
        self._at += len(data)
        if self._at > _MOST_BYTES:
            raise ToolError("a package of more than 4 GiB cannot be written")
        self._hash.update(data)
        self._file.write(data)

    def add(self, name: str, mode: int, pieces: Iterable[bytes]) -> None:
        raw = name.encode()
        flags = _STREAMED | (_UTF8 if _needs_utf8(name) else 0)
        offset = self._at
        crc = size = 0
        self._put(_LOCAL.pack(b"PK\x03\x04", _READER_VERSION, flags, 0, 0, 0, 0, 0, 0, len(raw), 0) + raw)
        for piece in pieces:
            self._put(piece)
            crc = zlib.crc32(piece, crc)
            size += len(piece)
        self._put(_DESCRIPTOR.pack(b"PK\x07\x08", crc, size, size))
        attributes = mode << 16 | _READ_ONLY
        row = (
            _MADE_BY,
            _READER_VERSION,
            flags,
            0,
            0,
            0,
            crc,
            size,
            size,
            len(raw),
            0,
            0,
            0,
            0,
            attributes,
            offset,
        )
        self._rows.append(_CENTRAL.pack(b"PK\x01\x02", *row) + raw)

    def finish(self) -> str:
        count = len(self._rows)
        if count > _MOST_ENTRIES:
            raise ToolError(f"a package of more than {_MOST_ENTRIES} files cannot be written")
        start = self._at
        for row in self._rows:
            self._put(row)
        self._put(_END.pack(b"PK\x05\x06", 0, 0, count, count, self._at - start, start, 0))
        return instance_id(self._hash.digest())


def _needs_utf8(name: str) -> bool:
    """Go's `archive/zip` marks names that are not the same in every code page of DOS."""
    return any(not " " <= character <= "}" or character == "\\" for character in name)
