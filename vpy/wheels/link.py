"""Stored wheels become part of an environment: linked where they can be, written where they must be."""

from __future__ import annotations

import contextlib
import os

from vpy.errors import ToolError, UserError
from vpy.system import files
from vpy.wheels import script, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.model import StoredWheel
    from vpy.wheels.script import Limits
    from vpy.wheels.store import Manifest, StoredFile

_NAMESPACE_MARKS = (b"pkgutil", b"pkg_resources")


class StaleWheel(ToolError):  # noqa: N818  (it is a wheel that the caller handles, no failure)
    """Stored wheels whose files are not what was stored; they are dropped, and can be made again."""

    def __init__(self, stale: tuple[StoredWheel, ...], path: str) -> None:
        super().__init__(f"a stored file has changed: `{path}`", hint="run again: the wheel is made anew")
        self.stale = stale


def link(stored: Sequence[StoredWheel], prefix: str, into: str, python: str, *, limits: Limits) -> None:
    """Put the files of `stored` under `into`, which will become `prefix`; scripts name `python`.

    Plain files are hard links (copies where the filesystem refuses one); scripts, and the RECORD
    that lists them, are written anew. Raises StaleWheel before anything is made where a stored file
    is not what was stored, UserError where two wheels bring different files of one name.
    """
    manifests = [_read(one) for one in stored]
    _check(stored, manifests)
    for manifest in manifests:
        _check_lengths(prefix, manifest, limits)
    clashes: list[str] = []
    made: set[str] = set()
    for position, manifest in enumerate(manifests):
        placing = _Placing(stored, manifests, position, into)
        placing.make_directories(made)
        for file in manifest.files:
            placing.place(file, python, limits)
        clashes += placing.clashes
    if clashes:
        raise UserError("\n".join(clashes))


def _read(stored: StoredWheel) -> Manifest:
    try:
        return store.read_manifest(stored)
    except ToolError as error:
        store.drop(stored)
        raise StaleWheel((stored,), os.path.join(stored.path, store.MANIFEST)) from error


def _check(stored: Sequence[StoredWheel], manifests: Sequence[Manifest]) -> None:
    """Compare size, time and mode of every stored file; drop what differs and say so."""
    stale = {}
    for one, manifest in zip(stored, manifests, strict=True):
        tree = os.path.join(one.path, store.TREE, "")
        for file in manifest.files:
            try:
                found = os.stat(tree + file.path, follow_symlinks=False)
            except OSError:
                stale[one] = tree + file.path
                break
            same = found.st_mtime_ns == file.mtime and found.st_size == file.size
            if not same or found.st_mode & 0o777 != file.mode:
                stale[one] = tree + file.path
                break
    for one in stale:
        store.drop(one)
    if stale:
        raise StaleWheel(tuple(stale), next(iter(stale.values())))


def _check_lengths(prefix: str, manifest: Manifest, limits: Limits) -> None:
    longest = max((file.path for file in manifest.files), key=len, default="")
    if limits.path and len(prefix) + 1 + len(longest) > limits.path:
        raise ToolError(
            f"the path is longer than {limits.path} characters: `{os.path.join(prefix, longest)}`",
            hint="name a shorter root with -vpython-root DIR",
        )


class _Placing:
    """One wheel's files on their way into an environment."""

    def __init__(
        self, stored: Sequence[StoredWheel], manifests: Sequence[Manifest], position: int, into: str
    ) -> None:
        self.stored, self.manifests, self.position = stored, manifests, position
        self.tree = os.path.join(stored[position].path, store.TREE, "")
        self.into = os.path.join(into, "")
        self.recorded: list[tuple[bytes, bytes]] = []
        self.clashes: list[str] = []

    def make_directories(self, made: set[str]) -> None:
        """Make what is not there yet; `made` holds what earlier wheels of the same run made."""
        for path in self.manifests[self.position].directories:
            if path not in made:
                made.add(path)
                with contextlib.suppress(FileExistsError):
                    os.mkdir(self.into + path)

    def place(self, file: StoredFile, python: str, limits: Limits) -> None:
        target = self.into + file.path
        try:
            if file.kind == "f":
                self._link(file, target)
            elif file.kind == "s":
                self._write(target, self._script(file, python, limits), file.mode)
            else:
                self._write_record(file, target)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            self._meet(file, target, python, limits)

    def _link(self, file: StoredFile, target: str) -> None:
        try:
            os.link(self.tree + file.path, target)
        except FileExistsError:
            raise
        except OSError:
            if os.path.lexists(target):
                raise FileExistsError(target) from None
            with files.disk_errors("write", target):
                files.link_or_copy(self.tree + file.path, target)

    def _script(self, file: StoredFile, python: str, limits: Limits) -> bytes:
        return script.rewrite(files.read_bytes(self.tree + file.path), python, limits)

    def _write(self, target: str, data: bytes, mode: int) -> None:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        with files.disk_errors("write", target), os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(target, mode)

    def _write_record(self, file: StoredFile, target: str) -> None:
        """RECORD with the hashes and sizes of the scripts as they are here."""
        data = files.read_bytes(self.tree + file.path)
        for one in self.manifests[self.position].files:
            if one.kind == "s":
                written = store.record_of(files.read_bytes(self.into + one.path))
                data = data.replace(f",{one.recorded}".encode(), f",{written}".encode())
        self._write(target, data, file.mode)

    def _meet(self, file: StoredFile, target: str, python: str, limits: Limits) -> None:
        """Somebody was here first: fine with the same bytes, or where both only declare a namespace."""
        ours = files.read_bytes(self.tree + file.path)
        if file.kind == "s":
            ours = script.rewrite(ours, python, limits)
        try:
            theirs = files.read_bytes(target)
        except OSError:
            theirs = None
        if theirs == ours or (theirs is not None and _declare_namespace(file.path, ours, theirs)):
            return
        self.clashes.append(self._clash(file.path))

    def _clash(self, path: str) -> str:
        ours = self.stored[self.position].filename
        folded = path.casefold()
        for one, manifest in zip(self.stored[: self.position], self.manifests, strict=False):
            names = {file.path.casefold() for file in manifest.files}
            if folded in names or any(above in names for above in _parents(folded)):
                return f"`{one.filename}` and `{ours}` bring different files of one name: `{path}`"
        return f"`{ours}` brings a file that an environment has of its own: `{path}`"


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _declare_namespace(path: str, ours: bytes, theirs: bytes) -> bool:
    """Two `__init__.py` that only say, in other words, that theirs is a namespace package."""
    if not path.endswith("/__init__.py"):
        return False
    return all(any(mark in data for mark in _NAMESPACE_MARKS) for data in (ours, theirs))
