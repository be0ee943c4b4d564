"""A wheel's RECORD (PEP 376, PEP 427): every file, its hash and its size."""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.system.archive import Archive
    from vpy.system.container import Entry

ALGORITHMS = ("sha256", "sha384", "sha512")
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")
_MOST_SHOWN = 10
LARGEST = 64 << 20

Row = tuple[str, bytes, str]


def check(archive: Archive, dist_info: str) -> None:
    """Read every file of the wheel and hold it against RECORD; refused with a list of what differs."""
    own = f"{dist_info}/RECORD"
    free = {own, *(f"{dist_info}/{name}" for name in _SIGNATURES)}
    rows, faults = _rows(archive, own)
    for entry in archive.entries:
        if entry.kind == "directory":
            continue
        row = rows.pop(entry.name, None)
        reason = _difference(archive, entry, row, entry.name in free)
        if reason:
            faults.append(f"`{entry.name}` {reason}")
    faults.extend(f"`{path[:200]}` is listed, but not there" for path in rows if path not in free)
    if faults:
        more = [f"and {len(faults) - _MOST_SHOWN} more"] if len(faults) > _MOST_SHOWN else []
        raise archive.refused("it differs from its RECORD: " + "; ".join([*faults[:_MOST_SHOWN], *more]))


def _rows(archive: Archive, own: str) -> tuple[dict[str, Row], list[str]]:
    rows: dict[str, Row] = {}
    faults: list[str] = []
    try:
        for fields in csv.reader(io.StringIO(archive.text(own, LARGEST), newline=""), strict=True):
            if not fields:
                continue
            path, told, size = [*fields, "", ""][:3]
            path = path.replace("\\", "/")
            if path.startswith("/") or ".." in path.split("/") or path[1:2] == ":":
                faults.append(f"the row {path[:200]!r} leads outside")
                continue
            algorithm, _, encoded = told.partition("=")
            row = (algorithm, _decoded(encoded), size)
            if rows.setdefault(path, row) != row:
                faults.append(f"`{path}` is listed twice, with two hashes or sizes")
    except csv.Error as error:
        raise archive.refused(f"its RECORD is damaged: {error}") from error
    return rows, faults


def _decoded(encoded: str) -> bytes:
    """The bytes of a hash; what is no base64url matches no hash."""
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def _difference(archive: Archive, entry: Entry, row: Row | None, free: bool) -> str:
    """What is wrong with a file, "" where nothing is; its data is read in any case, and so checked."""
    if row is None or not row[0]:
        for _ in archive.chunks(entry):
            pass
        if free or (row is not None and entry.name.endswith(".pyc")):
            return ""
        return "is not listed" if row is None else "is listed without a hash"
    algorithm, digest, size = row
    if algorithm not in ALGORITHMS:
        return f"has a hash of an unknown or weak kind, `{algorithm[:20]}`"
    hasher = hashlib.new(algorithm)
    for piece in archive.chunks(entry):
        hasher.update(piece)
    if hasher.digest() != digest:
        return "has another hash"
    return "has another size" if size and size != str(entry.size) else ""
