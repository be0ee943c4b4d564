"""Stored wheels become part of an environment: linked where they can be, written where they must be."""

from __future__ import annotations

import os

from vpy.errors import ToolError, UserError
from vpy.system import files, scope, twin
from vpy.value import value
from vpy.wheels import script, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vpy.model import StoredWheel
    from vpy.wheels.script import Limits
    from vpy.wheels.store import Manifest

# What a system says where something else has the name already.
_TAKEN = (FileExistsError, NotADirectoryError, IsADirectoryError)
# A second process costs what a few hundred links do; making a directory what a dozen do.
WORTH_TWO = 600
MKDIR = 12
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
    for manifest in manifests:
        _check_lengths(prefix, manifest, limits)
    placings = [Placing(one, own, into, python, limits) for one, own in zip(stored, manifests, strict=True)]
    with files.disk_errors("write", into):
        taken = _place_in_two(placings) or _place(placings, range(len(placings)))
    if taken.stale:
        _drop(stored, taken.stale)
    if taken.clashes:
        clashes = [_clash(stored, manifests, position, path) for position, path in taken.clashes]
        raise UserError("\n".join(clashes))


def _read(stored: StoredWheel) -> Manifest:
    try:
        return store.read_manifest(stored)
    except ToolError as error:
        store.drop(stored)
        raise StaleWheel((stored,), os.path.join(stored.path, store.MANIFEST)) from error


@value
class _Placed:
    """What was in the way: (position of a wheel, path) of stored files that have changed, and of names
    that were taken. Where anything is stale, nothing was placed.
    """

    stale: tuple[tuple[int, str], ...] = ()
    clashes: tuple[tuple[int, str], ...] = ()


def _place(placings: Sequence[Placing], positions: Iterable[int]) -> _Placed:
    """Look over the wheels at `positions`; where all are as they were stored, place them."""
    positions = tuple(positions)
    stale = [(position, path) for position in positions if (path := placings[position].stale())]
    if stale:
        return _Placed(stale=tuple(stale))
    made: set[str] = set()
    clashes: list[tuple[int, str]] = []
    for position in positions:
        placings[position].make_directories(made)
        clashes += [(position, path) for path in placings[position].place_all()]
    return _Placed(clashes=tuple(clashes))


def _place_in_two(placings: Sequence[Placing]) -> _Placed | None:
    """The same for all of them, one half in a second process; None where that is not worth it.

    It is not where two wheels bring one name: which of them comes first must not hang on luck.
    """
    first, second, weight = _halves(placings)
    if weight < WORTH_TWO or not twin.is_of_use() or _share_names(placings):
        return None

    def other() -> object:
        placed = _place(placings, second)
        return [placed.stale, placed.clashes]

    with twin.doing(other) as wait:
        ours = _place(placings, first)
        stale, clashes = wait()
    return _Placed(
        stale=(*ours.stale, *((position, path) for position, path in stale)),
        clashes=(*ours.clashes, *((position, path) for position, path in clashes)),
    )


def _halves(placings: Sequence[Placing]) -> tuple[list[int], list[int], int]:
    """Two sets of positions that are as much work, and how much all of it is, counted in links."""
    work = [len(one.manifest.files) + MKDIR * len(one.manifest.directories) for one in placings]
    halves: tuple[list[int], list[int]] = ([], [])
    sums = [0, 0]
    for position in sorted(range(len(work)), key=lambda position: -work[position]):
        lighter = int(sums[1] < sums[0])
        halves[lighter].append(position)
        sums[lighter] += work[position]
    return sorted(halves[0]), sorted(halves[1]), sum(work)


def _share_names(placings: Sequence[Placing]) -> bool:
    """Whether two wheels bring one name, in whatever case, be it a file here and a directory there."""
    names = [file[4].casefold() for one in placings for file in one.manifest.files]
    directories = {path.casefold() for one in placings for path in one.manifest.directories}
    unique = set(names)
    return len(unique) < len(names) or not unique.isdisjoint(directories)


def _drop(stored: Sequence[StoredWheel], stale: Sequence[tuple[int, str]]) -> None:
    """Take what is not as it was stored out of the store, and say so."""
    dropped = dict.fromkeys(stored[position] for position, _ in stale)
    for one in dropped:
        store.drop(one)
    raise StaleWheel(tuple(dropped), stale[0][1])


def mode_of(found: os.stat_result, mode: int) -> int:
    """The file's mode; the one that it should have, `mode`, where none is set (see `files.protect`)."""
    return found.st_mode & 0o777 if os.name == "posix" else mode


def _check_lengths(prefix: str, manifest: Manifest, limits: Limits) -> None:
    longest = max((file[4] for file in manifest.files), key=len, default="")
    check_length(os.path.join(prefix, longest), limits)


def check_length(path: str, limits: Limits) -> None:
    """ToolError where the system could not open a file of this path."""
    if limits.path and len(path) > limits.path:
        raise ToolError(
            f"the path is longer than {limits.path} characters: `{path}`",
            hint="name a shorter root with -vpython-root DIR",
        )


class Placing:
    """One wheel's files on their way into an environment whose scripts name `python`."""

    def __init__(
        self, stored: StoredWheel, manifest: Manifest, into: str, python: str, limits: Limits
    ) -> None:
        self.manifest, self.python, self.limits = manifest, python, limits
        self.tree = os.path.join(stored.path, store.TREE, "")
        self.into = os.path.join(into, "")

    def stale(self) -> str:
        """A stored file whose size, time or mode is not what it was; "" for none."""
        lstat, tree = os.lstat, self.tree
        for _, size, mtime, mode, path, _ in self.manifest.files:
            try:
                found = lstat(tree + path)
            except OSError:
                return tree + path
            if found.st_mtime_ns != mtime or found.st_size != size or mode_of(found, mode) != mode:
                return tree + path
        return ""

    def make_directories(self, made: set[str]) -> None:
        """Make what is not there yet; `made` holds what earlier wheels of the same run made."""
        for path in self.manifest.directories:
            if path not in made:
                made.add(path)
                with files.disk_errors("make", self.into + path), scope.suppress(*_TAKEN):
                    os.mkdir(self.into + path)

    def place_all(self) -> list[str]:
        """Place every file; return the paths where something else lies already."""
        taken = []
        for kind, _, _, mode, path, _ in self.manifest.files:
            try:
                if kind == "f":
                    self._link(path)
                else:
                    self._write(path, self.data(kind, path), mode)
            except _TAKEN:
                if not self.is_same(kind, path):
                    taken.append(path)
        return taken

    def _link(self, path: str) -> None:
        try:
            os.link(self.tree + path, self.into + path)
        except FileExistsError:
            raise
        except OSError:
            if os.path.lexists(self.into + path):
                raise FileExistsError(path) from None
            files.link_or_copy(self.tree + path, self.into + path)

    def _write(self, path: str, data: bytes, mode: int) -> None:
        target = self.into + path
        mode = mode if os.name == "posix" else 0o666
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        files.protect(target, mode)

    def _script(self, path: str) -> bytes:
        return script.rewrite(files.read_bytes(self.tree + path), self.python, self.limits)

    def _record(self, path: str) -> bytes:
        """RECORD with the hashes and sizes of the scripts as they are here."""
        data = files.read_bytes(self.tree + path)
        for *_, name, recorded in self.manifest.files:
            if recorded:
                written = store.record_of(self._script(name))
                data = data.replace(f",{recorded}".encode(), f",{written}".encode())
        return data

    def data(self, kind: str, path: str) -> bytes:
        """What the file holds in this environment."""
        if kind == "f":
            return files.read_bytes(self.tree + path)
        return self._script(path) if kind == "s" else self._record(path)

    def is_same(self, kind: str, path: str) -> bool:
        """Whether what lies there will do: the same bytes, or both only declare a namespace."""
        ours = self.data(kind, path)
        try:
            theirs = files.read_bytes(self.into + path)
        except OSError:
            return False
        return theirs == ours or _declare_namespace(path, ours, theirs)


def _clash(stored: Sequence[StoredWheel], manifests: Sequence[Manifest], position: int, path: str) -> str:
    """Say who else brings `path`: an earlier wheel, or the environment itself."""
    ours = stored[position].filename
    folded = path.casefold()
    for one, manifest in zip(stored[:position], manifests, strict=False):
        names = {file[4].casefold() for file in manifest.files}
        directories = {path.casefold() for path in manifest.directories}
        if folded in names | directories or not names.isdisjoint(_parents(folded)):
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
