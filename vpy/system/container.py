"""The zip container (PKWARE APPNOTE): where each entry lies, told twice and compared.

Readers differ in which of the two tellings they believe and in how they look for the end, so
what could be read in two ways is refused: every byte of the file belongs to exactly one entry,
to the central directory or to the one end record. Nothing is decompressed here; the work is
bounded by `MOST_ENTRIES`.
"""

from __future__ import annotations

import stat
import struct

from vpy.system import entryname

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap

    Bytes = bytes | mmap.mmap

STORED = 0
DEFLATED = 8
MOST_ENTRIES = 100_000
# A real file of this size or more has never been seen to shrink so far; deflate ends at 1,032.
LARGEST_RATIO = 300
UNSUSPECTED_SIZE = 1 << 20

_END = struct.Struct("<4sHHHHIIH")
_LOCATOR64 = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQHHIIQQQQ")
_CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
_LOCAL = struct.Struct("<4s2B4HL2L2H")
_SIGNATURE = b"PK\x07\x08"
_FULL16 = 0xFFFF
_FULL32 = 0xFFFFFFFF

_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_PATCHED = 0x0020
_DESCRIPTOR = 0x0008
_UTF8 = 0x0800
_LEVEL = 0x0006
_ZIP64 = 0x0001
_TIMESTAMP = 0x5455
_UNICODE_NAME = 0x7075


class Fault(Exception):
    """Why an archive is refused, as the end of a sentence."""


class Entry:
    """One entry, checked. A plain class: a wheel has thousands and `value` costs five times as much.

    `name` has no closing slash; `kind` is "file", "directory" or "link"; `size` and `packed` are
    bytes; `mode` holds the permission bits; `start` is where its data lies in the archive;
    `modified` is seconds since the epoch where the archive has a Unix time, else None.
    """

    __slots__ = ("crc", "kind", "method", "mode", "modified", "name", "packed", "size", "start")

    def __init__(
        self,
        name: str,
        kind: str,
        size: int,
        packed: int,
        crc: int,
        method: int,
        mode: int,
        modified: int | None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.size = size
        self.packed = packed
        self.crc = crc
        self.method = method
        self.mode = mode
        self.modified = modified
        self.start = 0


Row = tuple[int, bytes, int, Entry]


def entries(data: Bytes, *, links: bool) -> tuple[Entry, ...]:
    """Every entry in the order of the central directory; Fault for whatever is not strictly right."""
    count, start, end = _end_record(data)
    rows = _central_directory(data, count, start, end)
    _local_headers(data, rows, start)
    found = tuple(row[3] for row in rows)
    _check_names(found, links)
    _check_sizes(found, len(data))
    return found


def _end_record(data: Bytes) -> tuple[int, int, int]:
    """(number of entries, start and end of the central directory)."""
    size = len(data)
    at = data.rfind(b"PK\x05\x06", max(0, size - _END.size - _FULL16))
    if at < 0 or at + _END.size > size:
        raise Fault("it is no zip archive, or its end is missing")
    _, disk, first_disk, here, count, length, start, comment = _END.unpack_from(data, at)
    if at + _END.size + comment != size:
        raise Fault("bytes follow its end record")
    if comment and b"PK" in data[at + _END.size : size]:
        raise Fault("its comment holds another archive")
    end = at
    if at >= _LOCATOR64.size and data[at - _LOCATOR64.size : at - _LOCATOR64.size + 4] == b"PK\x06\x07":
        wide = _end_record64(data, at - _LOCATOR64.size)
        if not _agree((disk, first_disk, here, count, length, start), wide):
            raise Fault("its two end records differ")
        disk, first_disk, here, count, length, start = wide
        end = at - _LOCATOR64.size - _END64.size
    if disk or first_disk or here != count:
        raise Fault("it is one part of several")
    if start + length != end:
        raise Fault("its directory does not reach from where it should to the end record")
    if count > MOST_ENTRIES:
        raise Fault(f"it has {count} entries, more than {MOST_ENTRIES}")
    return count, start, end


def _end_record64(data: Bytes, locator: int) -> tuple[int, ...]:
    _, disk, at, disks = _LOCATOR64.unpack_from(data, locator)
    if disk or disks > 1 or at != locator - _END64.size:
        raise Fault("its zip64 locator points elsewhere")
    signature, length, _, _, number, first, here, count, size, start = _END64.unpack_from(data, at)
    if signature != b"PK\x06\x06" or length != _END64.size - 12:
        raise Fault("its zip64 end record is damaged")
    return number, first, here, count, size, start


def _agree(narrow: tuple[int, ...], wide: tuple[int, ...]) -> bool:
    full = (_FULL16, _FULL16, _FULL16, _FULL16, _FULL32, _FULL32)
    return all(small in (large, most) for small, large, most in zip(narrow, wide, full, strict=True))


def _central_directory(data: Bytes, count: int, at: int, end: int) -> list[Row]:
    """A row for each entry: (offset of its local header, raw name, flags, Entry)."""
    rows: list[Row] = []
    unpack, size = _CENTRAL.unpack_from, _CENTRAL.size
    while at < end:
        if len(rows) == count or at + size > end:
            raise Fault("its directory holds more or less than its end record says")
        (signature, _, system, _, _, flags, method, _, _, crc, packed, length, name_size, extra_size,
         comment_size, disk, _, attributes, offset) = unpack(data, at)  # fmt: skip
        if signature != b"PK\x01\x02":
            raise Fault("its directory is damaged")
        name_end = at + size + name_size
        raw = data[at + size : name_end]
        modified: int | None = None
        at = name_end + extra_size + comment_size
        if at > end or disk not in (0, _FULL16):
            raise Fault("its directory is damaged")
        if extra_size:
            extra = _extra(data[name_end : name_end + extra_size], raw)
            length, packed, offset = _wide(extra, (length, packed, offset))
            modified = _modified(extra)
        name = _decoded(raw, flags)
        _check_flags(name, flags, method)
        entry = Entry(
            name,
            _kind(name, attributes, system),
            length,
            packed,
            crc,
            method,
            attributes >> 16 & 0o777,
            modified,
        )
        rows.append((offset, raw, flags, entry))
    if len(rows) != count:
        raise Fault("its directory holds more or less than its end record says")
    return rows


def _local_headers(data: Bytes, rows: list[Row], directory: int) -> None:
    """Compare each local header with its row, and see that the entries fill the file without a gap."""
    unpack, size = _LOCAL.unpack_from, _LOCAL.size
    reached = 0
    for offset, raw, flags, entry in sorted(rows, key=lambda row: row[0]):
        if offset != reached or offset + size > directory:
            raise Fault(f"`{entry.name}` overlaps another entry, or bytes lie before it that belong to none")
        signature, _, _, bits, method, _, _, crc, packed, length, name_size, extra_size = unpack(data, offset)
        name_end = offset + size + name_size
        if signature != b"PK\x03\x04" or data[offset + size : name_end] != raw:
            raise Fault(f"`{entry.name}` has another name in its own header")
        if extra_size:
            extra = _extra(data[name_end : name_end + extra_size], raw)
            length, packed = _wide(extra, (length, packed))
        if method != entry.method or (bits ^ flags) & ~_LEVEL:
            raise Fault(f"`{entry.name}` has another method or other flags in its own header")
        told = (crc, packed, length)
        if told != (entry.crc, entry.packed, entry.size) and not (flags & _DESCRIPTOR and told == (0, 0, 0)):
            raise Fault(f"`{entry.name}` has another size or checksum in its own header")
        entry.start = name_end + extra_size
        reached = entry.start + entry.packed
        if flags & _DESCRIPTOR:
            reached += _descriptor_size(data, reached, directory, entry)
    if reached != directory:
        raise Fault("bytes lie before its directory that belong to no entry")


def _descriptor_size(data: Bytes, at: int, directory: int, entry: Entry) -> int:
    """How long the data descriptor is; the signature is optional, the sizes may have eight bytes."""
    tail = data[at : min(at + 24, directory)]
    for form in ("<LLL", "<LQQ"):
        expected = struct.pack(form, entry.crc, *_fitting(form, entry))
        for descriptor in (_SIGNATURE + expected, expected):
            following = tail[len(descriptor) : len(descriptor) + 2]
            if tail.startswith(descriptor) and (following == b"PK" or not following or len(following) < 2):
                if at + len(descriptor) == directory or data[at + len(descriptor) :][:2] == b"PK":
                    return len(descriptor)
    raise Fault(f"`{entry.name}` has another size or checksum in its data descriptor")


def _fitting(form: str, entry: Entry) -> tuple[int, int]:
    most = _FULL32 if form == "<LLL" else (1 << 64) - 1
    return entry.packed & most, entry.size & most


def _extra(field: bytes, raw: bytes) -> dict[int, bytes]:
    """The extra fields by their number; fewer than four bytes at the end are padding."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(field):
        number, size = struct.unpack_from("<HH", field, at)
        if at + 4 + size > len(field) or (number == _ZIP64 and number in found):
            raise Fault(f"`{raw.decode('utf-8', 'replace')}` has a damaged extra field")
        found[number] = field[at + 4 : at + 4 + size]
        at += 4 + size
    if _UNICODE_NAME in found and found[_UNICODE_NAME][5:] != raw:
        raise Fault(f"`{raw.decode('utf-8', 'replace')}` has a second name")
    return found


def _wide(extra: dict[int, bytes], numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Replace each full 32-bit number, in order, by its zip64 value."""
    at = 0
    result = []
    for number in numbers:
        if number == _FULL32:
            piece = extra.get(_ZIP64, b"")[at : at + 8]
            if len(piece) < 8:
                raise Fault("a zip64 size is missing")
            (number,) = struct.unpack("<Q", piece)  # noqa: PLW2901 (the same number, in full)
            at += 8
        result.append(number)
    return tuple(result)


def _modified(extra: dict[int, bytes]) -> int | None:
    field = extra.get(_TIMESTAMP, b"")
    if len(field) < 5 or not field[0] & 1:
        return None
    return int.from_bytes(field[1:5], "little", signed=True)


def _decoded(raw: bytes, flags: int) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8 else "cp437")
    except UnicodeDecodeError:
        raise Fault(f"a name is not UTF-8: {raw[:80]!r}") from None


def _check_flags(name: str, flags: int, method: int) -> None:
    if flags & _ENCRYPTED:
        raise Fault(f"`{name}` is encrypted")
    if flags & _PATCHED or method not in (STORED, DEFLATED):
        raise Fault(f"`{name}` is packed by method {method}: only stored and deflated are read")


def _kind(name: str, attributes: int, system: int) -> str:
    form = stat.S_IFMT(attributes >> 16)
    if name.endswith("/"):
        if form in (0, stat.S_IFDIR):
            return "directory"
    elif form == stat.S_IFLNK:
        return "link"
    elif form in (0, stat.S_IFREG) and not (system == 0 and attributes & 0x10):
        return "file"
    raise Fault(f"`{name}` is neither a file nor what its name says")


def _check_names(found: tuple[Entry, ...], links: bool) -> None:
    """Refuse bad names, names that are one on some system, and names below something that is no directory."""
    sound: set[str] = set()
    leaves: dict[str, str] = {}
    directories: set[str] = set()
    for entry in found:
        if entry.kind == "directory":
            entry.name = entry.name[:-1]
        reason = entryname.fault(entry.name, sound)
        if reason:
            raise Fault(f"the name {entry.name[:200]!r} {reason}")
        if entry.kind == "link" and not links:
            raise Fault(f"`{entry.name}` is a symbolic link")
        folded = entryname.folded(entry.name)
        if folded in leaves:
            raise Fault(f"`{leaves[folded]}` and `{entry.name}` are one name on some systems")
        leaves[folded] = entry.name
        if entry.kind == "directory":
            directories.add(folded)
        parent = folded.rpartition("/")[0]
        while parent and parent not in directories:
            directories.add(parent)
            parent = parent.rpartition("/")[0]
    for entry in found:
        if entry.kind != "directory" and entryname.folded(entry.name) in directories:
            raise Fault(f"`{entry.name}` is a file, and other names lie below it")


def _check_sizes(found: tuple[Entry, ...], size: int) -> None:
    total = 0
    for entry in found:
        if entry.method == STORED and entry.packed != entry.size:
            raise Fault(f"`{entry.name}` is stored with two sizes")
        if entry.kind == "directory" and entry.size:
            raise Fault(f"`{entry.name}` is a directory with data in it")
        if entry.size > UNSUSPECTED_SIZE and entry.size > LARGEST_RATIO * entry.packed:
            raise Fault(
                f"`{entry.name}` unpacks to {entry.size} bytes from {entry.packed}: a decompression bomb"
            )
        total += entry.size
    if total > UNSUSPECTED_SIZE and total > LARGEST_RATIO * size:
        raise Fault(f"it unpacks to {total} bytes from {size}: a decompression bomb")
