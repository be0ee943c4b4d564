"""Writer of package files (`*.cipd`), byte for byte as the original client does at compression level 0.

Entries are stored in the order in which the original's walk finds them, the manifest last, without
dates, so that the same files have the same instance id on every machine.
"""

from __future__ import annotations

import hashlib
import struct
import zlib

from vpy.errors import ToolError
from vpy.packages.cipd import manifest
from vpy.packages.cipd.names import instance_id
from vpy.system.files import disk_errors
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from vpy.packages.cipd.manifest import Manifest

# Records of a zip file (PKWARE APPNOTE 4.3.7, 4.3.9, 4.3.12, 4.3.16).
_LOCAL = struct.Struct("<4s5H3I2H")
_DESCRIPTOR = struct.Struct("<4s3I")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_READER_VERSION = 20
_CREATOR_VERSION = 3 << 8 | _READER_VERSION  # 3: Unix
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
    """One file of a package: its name there, and the path it is read from, or the target of a link."""

    name: str
    source: str | None = None
    executable: bool = False
    link: str | None = None


def write(path: str, about: Manifest, members: Iterable[Member]) -> str:
    """Write a package file to `path`, which must not exist yet, and return its instance id.

    Raises ToolError where a file cannot be read or the package would exceed 4 GiB.
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
    path = str(member.source)
    with disk_errors("read", path), open(path, "rb") as file:
        while piece := file.read(_PIECE):
            yield piece


class _Writer:
    """Zip file that is written entry by entry and hashed on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._offset = 0
        self._central: list[bytes] = []

    def _put(self, data: bytes) -> None:
        self._offset += len(data)
        if self._offset > _MOST_BYTES:
            raise ToolError("a package of more than 4 GiB cannot be written")
        self._hash.update(data)
        self._file.write(data)

    def add(self, name: str, mode: int, pieces: Iterable[bytes]) -> None:
        """Write one entry, and keep its row for the central directory."""
        raw = name.encode()
        flags = _STREAMED | (_UTF8 if _needs_utf8(name) else 0)
        offset = self._offset
        self._put(_LOCAL.pack(b"PK\x03\x04", _READER_VERSION, flags, 0, 0, 0, 0, 0, 0, len(raw), 0) + raw)

        crc = size = 0
        for piece in pieces:
            self._put(piece)
            crc = zlib.crc32(piece, crc)
            size += len(piece)
        self._put(_DESCRIPTOR.pack(b"PK\x07\x08", crc, size, size))

        attributes = mode << 16 | _READ_ONLY
        row = _CENTRAL.pack(
            b"PK\x01\x02", _CREATOR_VERSION, _READER_VERSION, flags, 0, 0, 0,
            crc, size, size, len(raw), 0, 0, 0, 0, attributes, offset,
        )  # fmt: skip
        self._central.append(row + raw)

    def finish(self) -> str:
        """Write the central directory, and return the instance id of all that was written."""
        count = len(self._central)
        if count > _MOST_ENTRIES:
            raise ToolError(f"a package of more than {_MOST_ENTRIES} files cannot be written")
        start = self._offset
        for row in self._central:
            self._put(row)
        self._put(_END.pack(b"PK\x05\x06", 0, 0, count, count, self._offset - start, start, 0))
        return instance_id(self._hash.digest())


def _needs_utf8(name: str) -> bool:
    """Return whether Go's `archive/zip` flags a name as UTF-8: it may differ in a code page of DOS."""
    return any(not " " <= character <= "}" or character == "\\" for character in name)
