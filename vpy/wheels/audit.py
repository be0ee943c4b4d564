"""Audit of stored wheels, and of the environments that link them.

A stored tree is compared with the hashes of its own RECORD, and RECORD with the hash in the list of
files. A file of an environment is compared with the stored one: it is the same file, or has the same
bytes.
"""

from __future__ import annotations

import os

from vpy.errors import ToolError
from vpy.system.lean.dataclasses import value
from vpy.wheels import store
from vpy.wheels.hashes import of_file, of_record
from vpy.wheels.link import Linker, mode_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpy.model import StoredWheel
    from vpy.wheels.script import Limits
    from vpy.wheels.store import FileList

OTHER_BYTES = "differs from its wheel"


@value
class Audited:
    """Result of an audit of a stored tree.

    `faults` are facts by path ("" for the tree as a whole, and then `file_list` is None); `hashes`
    are the hash and size of a path as RECORD has them.
    """

    stored: StoredWheel
    file_list: FileList | None
    hashes: Mapping[str, str]
    faults: Mapping[str, str]


def audit(stored: StoredWheel) -> Audited:
    """Read and hash every file of a stored tree."""
    try:
        file_list = store.read_file_list(stored)
    except ToolError:
        return Audited(stored, None, {}, {"": "has no readable manifest"})

    tree = os.path.join(stored.path, store.TREE, "")
    hashes = of_record(tree, file_list)
    faults = {}
    for kind, size, mtime, mode, path, recorded in file_list.files:
        expected = recorded if kind == "s" else hashes.get(path, "")
        if fact := _stored_fault(tree + path, (size, mtime, mode), expected):
            faults[path] = fact

    known = {file[4] for file in file_list.files}
    faults |= {path: "was added after it was stored" for path in store.walk(tree) if path not in known}
    return Audited(stored, file_list, hashes, faults)


def _stored_fault(path: str, stamp: tuple[int, int, int], expected: str) -> str | None:
    """Return what is wrong with a stored file, or None.

    `stamp` is its (size, mtime, mode) when it was stored; `expected` its hash and size as a RECORD has
    them, "" where it has none.
    """
    try:
        found = os.lstat(path)
        if expected and of_file(path) != expected:
            return OTHER_BYTES
    except OSError as error:
        return _reason(error)
    if (found.st_size, found.st_mtime_ns, mode_of(found, stamp[2])) != stamp:
        return "has changed since it was stored"
    return None


def _reason(error: OSError) -> str:
    return "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"


def missing_file(stored: StoredWheel, prefix: str, python: str, limits: Limits) -> str | None:
    """Return the first file of a wheel that an environment lacks, or has in another size; None for none.

    It opens next to no file, so that a start can afford it. A wheel that is no longer stored is not
    checked.
    """
    try:
        file_list = store.read_file_list(stored)
    except ToolError:
        return None

    linker = Linker(stored, file_list, prefix, python, limits)
    for kind, size, _, _, path, _ in file_list.files:
        try:
            if os.lstat(linker.into + path).st_size != size and not linker.is_same(kind, path):
                return path
        except OSError:
            return path
    return None


def paths(stored: StoredWheel) -> set[str]:
    """Return the paths of a wheel's files where they lead in an environment; none of a damaged tree."""
    try:
        listed = store.read_file_list(stored).files
    except ToolError:
        return set()
    return {f"lib{file[4][5:]}" if file[4].startswith("lib64/") else file[4] for file in listed}


def differences(audited: Audited, prefix: str, python: str, limits: Limits) -> dict[str, str]:
    """Return what is wrong with a wheel's files in the environment at `prefix`: facts by path."""
    if audited.file_list is None:
        return {}

    linker = Linker(audited.stored, audited.file_list, prefix, python, limits)
    found = {}
    for kind, _, _, mode, path, _ in audited.file_list.files:
        if fact := _linked_fault(linker, audited, kind, mode, path):
            found[path] = fact
    return found


def _linked_fault(linker: Linker, audited: Audited, kind: str, mode: int, path: str) -> str | None:
    """Return what is wrong with a file of an environment, or None."""
    try:
        found = os.lstat(linker.into + path)
        if path in audited.faults:
            if fact := _fault_by_record(linker, audited, kind, path):
                return fact
        elif kind == "f" and os.path.samestat(found, os.lstat(linker.tree + path)):
            return None
        elif not linker.is_same(kind, path):
            return OTHER_BYTES
    except OSError as error:
        return _reason(error)
    return None if mode_of(found, mode) == mode else "has other permissions than its wheel"


def _fault_by_record(linker: Linker, audited: Audited, kind: str, path: str) -> str | None:
    """Compare a file whose stored file is damaged with its hash, if RECORD is intact and has one."""
    expected = audited.hashes.get(path, "")
    files = audited.file_list.files if audited.file_list else ()
    is_record_intact = store.own_record(file[4] for file in files) not in audited.faults
    if kind == "f" and expected and is_record_intact and of_file(linker.into + path) != expected:
        return OTHER_BYTES
    return None
