"""The extra fields of a zip entry (PKWARE APPNOTE 4.5): zip64 sizes, and names that would be second ones."""

from __future__ import annotations

import struct

from vpy.system.zipend import FormatError

FULL = 0xFFFFFFFF
_ZIP64 = 0x0001
_UNICODE_NAME = 0x7075


def read(field: bytes, raw: bytes) -> dict[int, bytes]:
    """The extra fields by their number; fewer than four bytes at the end are padding."""
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
