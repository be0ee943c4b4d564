"""Hashes of a stored tree's files: those that its RECORD names, and those that they have now."""

from __future__ import annotations

import os

from vpy.wheels import store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vpy.wheels.store import FileList

_PIECE = 1 << 20


def of_record(tree: str, file_list: FileList) -> dict[str, str]:
    """Return the hash and size of each path, as the RECORD of the tree has them.

    `tree` ends with a separator. A RECORD that cannot be read names none.
    """
    import csv
    import io

    record = store.own_record(file[4] for file in file_list.files)
    if record is None:
        return {}
    site_packages = os.path.dirname(os.path.dirname(record))
    hashes = {record: file_list.record_hash}
    try:
        with open(tree + record, "rb") as file:
            text = file.read().decode("utf-8", "surrogateescape")
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if len(row) > 2]
    except (OSError, csv.Error):
        return hashes
    for path, hashed, size in (row[:3] for row in rows):
        if hashed.startswith("sha256="):
            # An old builder's rows have a slash in front (see `record.member_path`).
            name = os.path.normpath(os.path.join(site_packages, path.lstrip("/"))).replace(os.sep, "/")
            hashes.setdefault(name, f"{hashed},{size}")
    return hashes


def of_file(path: str) -> str:
    """Return the hash and size of a file as a RECORD has them."""
    import base64
    import hashlib

    hasher, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            hasher.update(piece)
            size += len(piece)
    text = base64.urlsafe_b64encode(hasher.digest()).rstrip(b"=").decode()
    return f"sha256={text},{size}"


def first_other(tree: str, file_list: FileList, paths: Iterable[str]) -> str | None:
    """Return the first of these paths whose file has not the bytes that were stored; None for none.

    RECORD comes first, since it vouches for the others. What it has no hash for is not known to be right.
    """
    wanted = set(paths)
    known = {path: recorded for *_, path, recorded in file_list.files if recorded}
    if record := store.own_record(path for *_, path, _ in file_list.files):
        known[record] = file_list.record_hash
        if not wanted <= known.keys():
            wanted.add(record)
    for path in sorted(wanted & known.keys()):
        if _is_other(tree + path, known[path]):
            return path
    rest = sorted(wanted - known.keys())
    hashes = of_record(tree, file_list) if rest else {}
    return next((path for path in rest if _is_other(tree + path, hashes.get(path, ""))), None)


def _is_other(path: str, expected: str) -> bool:
    try:
        return of_file(path) != expected
    except OSError:
        return True
