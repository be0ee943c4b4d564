"""RECORD of a wheel (PEP 376, PEP 427): every file, its hash and its size.

Old builders wrote rows that the PEPs do not allow and that pip installs all the same: paths with a slash in
front, rows without a hash, directories, hashes as hex or of a weak kind. Such a row is read as it
was meant; a hash that is there is compared, whatever its form.
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpy.system.zip.archive import Archive
    from vpy.system.zip.reader import Entry

# The last ones are too weak for PEP 427, but a builder's own slip is found by them too.
ALGORITHMS = ("sha256", "sha384", "sha512", "sha224", "sha1", "md5")
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")
_MOST_SHOWN = 10
LARGEST = 64 << 20  # bytes of a RECORD

Row = tuple[str, str, str]  # algorithm, encoded digest, size: "" for what the row lacks


class Comparison:
    """Files of a wheel against its RECORD: each is compared once, when its bytes are read.

    A file must be listed, but for RECORD itself and its signatures; a hash or a size is compared where its
    row has one.
    """

    def __init__(self, archive: Archive, dist_info: str) -> None:
        own = f"{dist_info}/RECORD"
        self._archive = archive
        self._unlisted = {own, *(f"{dist_info}/{name}" for name in _SIGNATURES)}
        self._rows, self._faults = _rows(archive, own)
        self._rows.pop(own, None)  # what it says of itself cannot be true
        self._left = {entry.name: entry for entry in archive.entries if entry.kind != "directory"}
        self._differences: dict[str, str] = {}

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Yield the data of a file, whose CRC and size are checked; note how it differs from its row."""
        del self._left[entry.name]
        row = self._rows.pop(entry.name, None)
        algorithm, encoded, size = row or ("", "", "")
        if algorithm and algorithm.lower() not in ALGORITHMS:
            self._differences[entry.name] = f"has a hash of an unknown kind, `{algorithm[:20]}`"
            algorithm = ""
        hasher = hashlib.new(algorithm.lower(), usedforsecurity=False) if algorithm else None
        for chunk in self._archive.chunks(entry):
            if hasher is not None:
                hasher.update(chunk)
            yield chunk
        if entry.name in self._differences:
            return
        if row is None and entry.name not in self._unlisted:
            self._differences[entry.name] = "is not listed"
        elif hasher is not None and not _is_digest(encoded, hasher.digest()):
            self._differences[entry.name] = "has another hash"
        elif size and size != str(entry.size):
            self._differences[entry.name] = "has another size"

    def finish(self) -> None:
        """Compare the files that nobody read; raise ToolError that lists all differences."""
        for entry in list(self._left.values()):
            for _ in self.chunks(entry):
                pass
        faults = [
            *self._faults,
            *(
                f"`{entry.name}` {self._differences[entry.name]}"
                for entry in self._archive.entries
                if entry.name in self._differences
            ),
            *(f"`{path[:200]}` is listed, but missing" for path in self._missing()),
        ]
        if faults:
            more = [f"and {len(faults) - _MOST_SHOWN} more"] if len(faults) > _MOST_SHOWN else []
            reason = "it differs from its RECORD: " + "; ".join([*faults[:_MOST_SHOWN], *more])
            raise self._archive.refused(reason)

    def _missing(self) -> list[str]:
        if not self._rows:
            return []
        there = self._unlisted.union(*map(_directories, self._archive.entries))
        return [path for path in self._rows if path not in there]


def _directories(entry: Entry) -> Iterator[str]:
    """Yield the directories that an entry is or lies in."""
    path = entry.name if entry.kind == "directory" else entry.name.rpartition("/")[0]
    while path:
        yield path
        path = path.rpartition("/")[0]


def _rows(archive: Archive, own: str) -> tuple[dict[str, Row], list[str]]:
    """Return the rows of the RECORD at `own` by path, and what is wrong with other rows."""
    rows: dict[str, Row] = {}
    faults: list[str] = []
    try:
        for fields in csv.reader(io.StringIO(archive.text(own, LARGEST), newline=""), strict=True):
            if not fields:
                continue
            written, hash_text, size = [*fields, "", ""][:3]
            path = member_path(written)
            if path is None:
                faults.append(f"the row `{written[:200]}` leads outside")
                continue
            algorithm, _, digest = hash_text.partition("=")
            row = _merged(rows.get(path, ("", "", "")), (algorithm, digest, size))
            if row is None:
                faults.append(f"`{path}` is listed twice, with two hashes or sizes")
            else:
                rows[path] = row
    except csv.Error as error:
        raise archive.refused(f"its RECORD is damaged: {error}") from error
    return rows, faults


def member_path(written: str) -> str | None:
    """Return the path that a row means, relative with `/`; None where it leads out of the wheel.

    A slash in front means the wheel's top: the builder of selenium 4.1.0 wrote one in every row.
    """
    path = written.replace("\\", "/").removeprefix("/").removesuffix("/")
    if path.startswith("/") or ".." in path.split("/") or path[1:2] == ":":
        return None
    return path


def _merged(known: Row, row: Row) -> Row | None:
    """Return two rows of one file as one; None where they contradict each other."""
    both = [(first, second) for first, second in zip(known, row, strict=True) if first and second]
    if any(first != second for first, second in both):
        return None
    return known[0] or row[0], known[1] or row[1], known[2] or row[2]


def _is_digest(encoded: str, digest: bytes) -> bool:
    """Return whether text is the digest as base64url (PEP 376) or as hex."""
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        if base64.b64decode(padded, altchars=b"-_", validate=True) == digest:
            return True
    except (binascii.Error, ValueError):
        pass
    return encoded.lower() == digest.hex()
