"""Reader of the zip container (PKWARE APPNOTE): finds each entry, and compares both of its headers.

Readers differ in which of the two headers they believe and in how they look for the end, so
what could be read in two ways is refused: every byte of the file belongs to exactly one entry,
to the central directory or to the one end record. Nothing is decompressed here; the work is
bounded by `MOST_ENTRIES`.
"""

from __future__ import annotations

import stat
import struct

from vpy.system.zip import format as zip_format
from vpy.system.zip.format import FormatError
from vpy.system.zip.names import Names

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap

    Bytes = bytes | mmap.mmap

STORED = 0
DEFLATED = 8
MOST_ENTRIES = 100_000
# Deflate ends at 1,032:1. Whole wheels shrink to a seventh at most; a single padded library of two
# megabytes has been seen at 224:1, so one entry is suspected only where it is large.
LARGEST_RATIO = 100
UNSUSPECTED_SIZE = 1 << 20
LARGEST_ENTRY_RATIO = 300
UNSUSPECTED_ENTRY_SIZE = 32 << 20

_CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
_LOCAL = struct.Struct("<4s2B4HL2L2H")
_SIGNATURE = b"PK\x07\x08"

_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_REFUSED = _ENCRYPTED | 0x0020  # the other bit: compressed patched data
_DESCRIPTOR = 0x0008
_UTF8 = 0x0800
_LEVEL = 0x0006
_NEWEST_READER = 63  # 6.3, the last there is; pip's reader goes no further either


class Entry:
    """One entry, checked. A plain class: a wheel has thousands and `value` costs five times as much.

    `name` has no closing slash; `kind` is "file", "directory" or "link"; `size` and `packed` are
    bytes; `mode` holds the permission bits; `dos_mode` the attributes that Windows knows; `start` is
    where its data lies in the archive.
    """

    __slots__ = ("_dos_time", "crc", "dos_mode", "kind", "method", "mode", "name", "packed", "size", "start")

    def __init__(
        self, name: str, kind: str, size: int, packed: int, crc: int, method: int, mode: int, dos_time: int
    ) -> None:
        self.name = name
        self.kind = kind
        self.size = size
        self.packed = packed
        self.crc = crc
        self.method = method
        self.mode = mode
        self.start = 0
        self.dos_mode = 0
        self._dos_time = dos_time

    @property
    def modified(self) -> int | None:
        """DOS date and time, read as UTC, in seconds since the epoch; None where there is none."""
        from datetime import UTC, datetime

        dos_time = self._dos_time
        day = (1980 + (dos_time >> 25), dos_time >> 21 & 0xF, dos_time >> 16 & 0x1F)
        try:
            found = datetime(
                *day, dos_time >> 11 & 0x1F, dos_time >> 5 & 0x3F, (dos_time & 0x1F) * 2, tzinfo=UTC
            )
        except ValueError:
            return None
        return int(found.timestamp())


Row = tuple[int, bytes, int, Entry]


def entries(data: Bytes, *, links: bool) -> tuple[Entry, ...]:
    """Return every entry in the order of the central directory; FormatError where a byte is not right."""
    count, start, end = zip_format.directory(data, MOST_ENTRIES)
    rows = _central_directory(data, count, start, end)
    _local_headers(data, rows, start)
    found = tuple(row[3] for row in rows)
    _check_names(found, links)
    _check_sizes(found, len(data))
    return found


def _central_directory(data: Bytes, count: int, at: int, end: int) -> list[Row]:
    """Return a row for each entry: (offset of its local header, raw name, flags, Entry)."""
    rows: list[Row] = []
    while at < end and len(rows) < count:
        row, at = _row(data, at, end)
        rows.append(row)
    if at != end or len(rows) != count:
        raise FormatError("its directory holds more or less than its end record says")
    return rows


def _row(data: Bytes, at: int, end: int) -> tuple[Row, int]:
    """Return the row at `at`, and where the next one begins."""
    name_start = at + _CENTRAL.size
    if name_start > end or data[at : at + 4] != b"PK\x01\x02":
        raise FormatError("its directory is damaged")
    (_, _, system, needed, _, flags, method, time, date, crc, packed, length, name_size,
     extra_size, comment_size, disk, _, attributes, offset) = _CENTRAL.unpack_from(data, at)  # fmt: skip
    name_end = name_start + name_size
    following = name_end + extra_size + comment_size
    if following > end or disk not in (0, 0xFFFF):
        raise FormatError("its directory is damaged")
    raw = data[name_start:name_end]
    if extra_size:
        extra = zip_format.read(data[name_end : name_end + extra_size], raw)
        length, packed, offset = zip_format.wide(extra, (length, packed, offset))
    name = _decoded(raw, flags)
    if flags & _REFUSED or method not in (STORED, DEFLATED) or needed > _NEWEST_READER:
        raise _unreadable(name, flags, method)
    kind = _kind(name, attributes, system)
    if kind == "directory":
        name = name[:-1]
    entry = Entry(name, kind, length, packed, crc, method, attributes >> 16 & 0o777, date << 16 | time)
    entry.dos_mode = attributes & 0xFF
    return (offset, raw, flags, entry), following


def _local_headers(data: Bytes, rows: list[Row], directory: int) -> None:
    """Compare each local header with its row, and see that the entries fill the file without a gap."""
    rows = sorted(rows, key=lambda row: row[0])
    starts = [row[0] for row in rows] + [directory]
    if starts[0] != 0:
        raise FormatError("bytes lie before its first entry")
    for (offset, raw, flags, entry), end in zip(rows, starts[1:], strict=True):
        _local_header(data, offset, raw, flags, entry)
        reached = entry.start + entry.packed
        if flags & _DESCRIPTOR:
            if reached > end or not _descriptor_fits(data[reached : min(end, reached + 25)], entry):
                raise FormatError(
                    f"`{entry.name}` overlaps another entry, or its data descriptor tells otherwise"
                )
        elif reached != end:
            raise FormatError(
                f"`{entry.name}` overlaps another entry, or bytes follow it that belong to none"
            )


def _local_header(data: Bytes, offset: int, raw: bytes, flags: int, entry: Entry) -> None:
    data_start = offset + _LOCAL.size
    if data_start > len(data):
        raise FormatError(f"`{entry.name}` begins after the end")
    signature, _, _, bits, method, _, _, crc, packed, length, name_size, extra_size = _LOCAL.unpack_from(
        data, offset
    )
    name_end = data_start + name_size
    if signature != b"PK\x03\x04" or data[data_start:name_end] != raw:
        raise FormatError(f"`{entry.name}` has another name in its own header")
    if extra_size:
        length, packed = zip_format.wide(
            zip_format.read(data[name_end : name_end + extra_size], raw), (length, packed)
        )
    if method != entry.method or (bits ^ flags) & ~_LEVEL:
        raise FormatError(f"`{entry.name}` has another method or other flags in its own header")
    local = (crc, packed, length)
    if local != (entry.crc, entry.packed, entry.size) and not (flags & _DESCRIPTOR and local == (0, 0, 0)):
        raise FormatError(f"`{entry.name}` has another size or checksum in its own header")
    entry.start = name_end + extra_size


def _descriptor_fits(field: bytes, entry: Entry) -> bool:
    """Return whether a data descriptor agrees: the signature is optional, sizes have four or eight bytes."""
    for form in ("<LLL", "<LQQ"):
        if form == "<LQQ" or max(entry.packed, entry.size) <= zip_format.FULL:
            numbers = struct.pack(form, entry.crc, entry.packed, entry.size)
            if field in (numbers, _SIGNATURE + numbers):
                return True
    return False


def _decoded(raw: bytes, flags: int) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8 else "cp437")
    except UnicodeDecodeError:
        raise FormatError(f"a name is not UTF-8: `{raw[:80].decode('ascii', 'backslashreplace')}`") from None


def _unreadable(name: str, flags: int, method: int) -> FormatError:
    if flags & _ENCRYPTED:
        return FormatError(f"`{name}` is encrypted")
    if method in (STORED, DEFLATED):
        return FormatError(f"`{name}` needs a reader of a later format")
    return FormatError(f"`{name}` is packed by method {method}: only stored and deflated are read")


def _kind(name: str, attributes: int, system: int) -> str:
    form = stat.S_IFMT(attributes >> 16)
    if name.endswith("/"):
        if form in (0, stat.S_IFDIR):
            return "directory"
    elif form == stat.S_IFLNK:
        return "link"
    elif form in (0, stat.S_IFREG) and not (system == 0 and attributes & 0x10):
        return "file"
    raise FormatError(f"`{name}` is neither a file nor what its name says")


def _check_names(found: tuple[Entry, ...], links: bool) -> None:
    """Refuse bad names, names that are one on some system, and names below something that is no directory."""
    names = Names()
    for entry in found:
        if entry.kind == "link" and not links:
            raise FormatError(f"`{entry.name}` is a symbolic link")
        names.add(entry.name, entry.kind == "directory")
    names.finish()


def _check_sizes(found: tuple[Entry, ...], size: int) -> None:
    total = 0
    for entry in found:
        if entry.method == STORED and entry.packed != entry.size:
            raise FormatError(f"`{entry.name}` is stored with two sizes")
        if entry.kind == "directory" and entry.size:
            raise FormatError(f"`{entry.name}` is a directory with data in it")
        if entry.size > UNSUSPECTED_ENTRY_SIZE and entry.size > LARGEST_ENTRY_RATIO * entry.packed:
            raise FormatError(
                f"`{entry.name}` unpacks to {entry.size} bytes from {entry.packed}: a decompression bomb"
            )
        total += entry.size
    if total > UNSUSPECTED_SIZE and total > LARGEST_RATIO * size:
        raise FormatError(f"it unpacks to {total} bytes from {size}: a decompression bomb")
