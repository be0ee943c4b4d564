"""Whether stored wheels, and the environments made of them, still hold what was put there.

A stored tree is held against the hashes of its own RECORD, and RECORD against the manifest's. A
file of an environment is held against the stored one: it is the same file, or has the same bytes.
"""

from __future__ import annotations

import os

from vpy.errors import ToolError
from vpy.value import value
from vpy.wheels import store
from vpy.wheels.link import Placing, mode_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpy.model import StoredWheel
    from vpy.wheels.script import Limits
    from vpy.wheels.store import Manifest

OTHER_BYTES = "has other bytes than its wheel"


@value
class Audited:
    """A stored tree as it was found.

    `faults` are facts by path ("" for the tree as a whole, and then `manifest` is None); `hashes`
    say how RECORD puts the hash and size of a path.
    """

    stored: StoredWheel
    manifest: Manifest | None
    hashes: Mapping[str, str]
    faults: Mapping[str, str]


def audit(stored: StoredWheel) -> Audited:
    """Read and hash every file of a stored tree."""
    try:
        manifest = store.read_manifest(stored)
    except ToolError:
        return Audited(stored, None, {}, {"": "has no readable manifest"})
    tree = os.path.join(stored.path, store.TREE, "")
    hashes = _hashes(tree, manifest)
    faults = {}
    for kind, size, mtime, mode, path, recorded in manifest.files:
        told = recorded if kind == "s" else hashes.get(path, "")
        if fact := _fact(tree + path, (size, mtime, mode), told):
            faults[path] = fact
    known = {file[4] for file in manifest.files}
    faults |= {path: "came after it was stored" for path in store.walk(tree) if path not in known}
    return Audited(stored, manifest, hashes, faults)


def _hashes(tree: str, manifest: Manifest) -> dict[str, str]:
    import csv
    import io

    hashes = {}
    for own in (file[4] for file in manifest.files if store.is_record(file[4])):
        site_packages = os.path.dirname(os.path.dirname(own))
        try:
            with open(tree + own, "rb") as file:
                text = file.read().decode("utf-8", "surrogateescape")
        except OSError:
            continue
        for row in csv.reader(io.StringIO(text, newline="")):
            if len(row) > 2 and row[1].startswith("sha256="):
                path = os.path.normpath(os.path.join(site_packages, row[0])).replace(os.sep, "/")
                hashes[path] = f"{row[1]},{row[2]}"
        hashes[own] = manifest.record_hash
    return hashes


def _fact(path: str, stamp: tuple[int, int, int], told: str) -> str:
    """What is wrong with one stored file; `told` is a RECORD's hash and size, or ""."""
    try:
        found = os.lstat(path)
        if told and _record_of(path) != told:
            return OTHER_BYTES
    except OSError as error:
        return _reason(error)
    if (found.st_size, found.st_mtime_ns, mode_of(found, stamp[2])) != stamp:
        return "was touched since it was stored"
    return ""


def _record_of(path: str) -> str:
    with open(path, "rb") as file:
        return store.record_of(file.read())


def _reason(error: OSError) -> str:
    return "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"


def lost(stored: StoredWheel, prefix: str, python: str, limits: Limits) -> str:
    """The first file of a wheel that an environment lacks, or has in another size; "" for none.

    It opens next to nothing, so that a start can afford it. A wheel that is not stored any more
    tells nothing.
    """
    try:
        manifest = store.read_manifest(stored)
    except ToolError:
        return ""
    placing = Placing(stored, manifest, prefix, python, limits)
    for kind, size, _, _, path, _ in manifest.files:
        try:
            if os.lstat(placing.into + path).st_size != size and not placing.is_same(kind, path):
                return path
        except OSError:
            return path
    return ""


def differences(audited: Audited, prefix: str, python: str, limits: Limits) -> dict[str, str]:
    """What is wrong with the wheel's files in the environment at `prefix`: facts by path."""
    if audited.manifest is None:
        return {}
    placing = Placing(audited.stored, audited.manifest, prefix, python, limits)
    found = {}
    for kind, _, _, mode, path, _ in audited.manifest.files:
        if fact := _difference(placing, audited, kind, mode, path):
            found[path] = fact
    return found


def _difference(placing: Placing, audited: Audited, kind: str, mode: int, path: str) -> str:
    bad = audited.faults.get(path, "")
    try:
        there = os.lstat(placing.into + path)
        if bad:
            if fact := _without_the_store(placing, audited, kind, path):
                return fact
        elif kind == "f" and os.path.samestat(there, os.lstat(placing.tree + path)):
            return ""
        elif not placing.is_same(kind, path):
            return OTHER_BYTES
    except OSError as error:
        return _reason(error)
    return "" if mode_of(there, mode) == mode else "has other permissions than its wheel"


def _without_the_store(placing: Placing, audited: Audited, kind: str, path: str) -> str:
    """Judge a file whose stored twin is bad: by its hash, where RECORD can be believed and has one."""
    told = audited.hashes.get(path, "")
    sound = not any(store.is_record(one) for one in audited.faults)
    if kind == "f" and told and sound and _record_of(placing.into + path) != told:
        return OTHER_BYTES
    return ""
