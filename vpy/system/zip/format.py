"""End of a zip archive (PKWARE APPNOTE 4.3.14 to 4.3.16): where its central directory lies.

There is one end record, and it ends the file; a zip64 record and its locator stand right before
it or not at all. Nothing is searched for that a second reader could find elsewhere.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap

    Bytes = bytes | mmap.mmap


_END = struct.Struct("<4sHHHHIIH")
_LOCATOR64 = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQHHIIQQQQ")
_FULL16 = 0xFFFF
_FULL32 = 0xFFFFFFFF
_MARKS = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x06\x06", b"PK\x06\x07")


class FormatError(Exception):
    """Why an archive is refused, as the end of a sentence."""


def directory(data: Bytes, most: int) -> tuple[int, int, int]:
    """Return the number of entries, at most `most`, and the start and end of the central directory."""
    size = len(data)
    at = data.rfind(b"PK\x05\x06", max(0, size - _END.size - _FULL16))
    if at < 0 or at + _END.size > size:
        raise FormatError("it is not a zip archive, or its end is missing")
    _, disk, first_disk, here, count, length, start, comment = _END.unpack_from(data, at)
    if at + _END.size + comment != size:
        raise FormatError("bytes follow its end record")
    if any(mark in data[at + _END.size : size] for mark in _MARKS):
        raise FormatError("its comment holds another archive")
    end = at
    if at >= _LOCATOR64.size and data[at - _LOCATOR64.size : at - _LOCATOR64.size + 4] == b"PK\x06\x07":
        wide = _end_record64(data, at - _LOCATOR64.size)
        if not _agree((disk, first_disk, here, count, length, start), wide):
            raise FormatError("its two end records differ")
        disk, first_disk, here, count, length, start = wide
        end = at - _LOCATOR64.size - _END64.size
    if disk or first_disk or here != count:
        raise FormatError("it is one part of several")
    if start + length != end:
        raise FormatError("its directory is not where its end record says")
    if count > most:
        raise FormatError(f"it has {count} entries, more than {most}")
    return count, start, end


def _end_record64(data: Bytes, locator: int) -> tuple[int, ...]:
    _, disk, at, disks = _LOCATOR64.unpack_from(data, locator)
    if disk or disks > 1 or at != locator - _END64.size:
        raise FormatError("its zip64 locator points elsewhere")
    signature, length, _, _, number, first, here, count, size, start = _END64.unpack_from(data, at)
    if signature != b"PK\x06\x06" or length != _END64.size - 12:
        raise FormatError("its zip64 end record is damaged")
    return number, first, here, count, size, start


def _agree(narrow: tuple[int, ...], wide: tuple[int, ...]) -> bool:
    full = (_FULL16, _FULL16, _FULL16, _FULL16, _FULL32, _FULL32)
    return all(small in (large, most) for small, large, most in zip(narrow, wide, full, strict=True))


FULL = 0xFFFFFFFF
_ZIP64 = 0x0001
_UNICODE_NAME = 0x7075


def read(field: bytes, raw: bytes) -> dict[int, bytes]:
    """Return the extra fields by their number; fewer than four bytes at the end are padding."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(field):
        number, size = struct.unpack_from("<HH", field, at)
        if at + 4 + size > len(field) or (number == _ZIP64 and number in found):
            raise FormatError(f"`{raw.decode('utf-8', 'replace')}` has a damaged extra field")
        found[number] = field[at + 4 : at + 4 + size]
        at += 4 + size
    if _UNICODE_NAME in found and found[_UNICODE_NAME][5:] != raw:
        raise FormatError(f"`{raw.decode('utf-8', 'replace')}` has a second name")
    return found


def wide(extra: dict[int, bytes], numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Replace each full 32-bit number, in order, by its zip64 value."""
    at = 0
    result = []
    for number in numbers:
        if number == FULL:
            piece = extra.get(_ZIP64, b"")[at : at + 8]
            if len(piece) < 8:
                raise FormatError("a zip64 size is missing")
            (number,) = struct.unpack("<Q", piece)  # noqa: PLW2901 (the same number, in full)
            at += 8
        result.append(number)
    return tuple(result)
