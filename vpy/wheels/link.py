"""Links from an environment to stored wheels: files are linked, scripts and their RECORD written."""

from __future__ import annotations

import os

from vpy.errors import ToolError, UserError
from vpy.system import files, fork
from vpy.system.lean import contextlib
from vpy.system.lean.dataclasses import value
from vpy.wheels import hashes, script, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vpy.model import StoredWheel
    from vpy.wheels.script import Limits
    from vpy.wheels.store import FileList

# A system's errors where the name is in use already.
_TAKEN = (FileExistsError, NotADirectoryError, IsADirectoryError)
# Measured in links: from how many a second process pays, and what making a directory costs.
WORTH_TWO_PROCESSES = 600
MKDIR_COST = 12
# Texts of an `__init__.py` that declares a namespace package, before PEP 420.
_NAMESPACE_MARKS = (b"pkgutil", b"pkg_resources")


class StaleWheel(ToolError):  # noqa: N818  (the caller handles it: it installs the wheels again)
    """Stored wheels that have changed since they were installed; they are out of the store by now."""

    def __init__(self, stale: tuple[StoredWheel, ...], path: str) -> None:
        super().__init__(f"a stored file has changed: `{path}`", hint="run again: the wheel is made again")
        self.stale = stale


def link(stored: Sequence[StoredWheel], prefix: str, into: str, python: str, *, limits: Limits) -> None:
    """Link the files of `stored` into `into`, which will become `prefix`; scripts name `python`.

    Plain files are hard links (copies where the filesystem refuses one); scripts, and the RECORD
    that lists them, are written for the environment. Raises StaleWheel, before anything is made, where
    a stored file has changed, and UserError where two wheels bring different files of one name.
    """
    file_lists = _read_file_lists(stored)
    for file_list in file_lists:
        _check_lengths(prefix, file_list, limits)
    linkers = [
        Linker(wheel, file_list, into, python, limits)
        for wheel, file_list in zip(stored, file_lists, strict=True)
    ]

    with files.disk_errors("write", into):
        faults = _link_in_two_processes(linkers) or _link(linkers, range(len(linkers)))

    if faults.stale:
        raise _drop_stale(stored, faults.stale)
    if faults.clashes:
        raise UserError(_clash(stored, file_lists, *clash) for clash in faults.clashes)


def _read_file_lists(stored: Sequence[StoredWheel]) -> list[FileList]:
    """Return the list of each wheel; where some cannot be read, raise StaleWheel for all that are stale."""
    found: list[FileList] = []
    stale: list[tuple[int, str]] = []
    for position, wheel in enumerate(stored):
        try:
            found.append(store.read_file_list(wheel))
        except ToolError:
            stale.append((position, os.path.join(wheel.path, store.FILE_LIST)))
            continue
        # Looked at now too, so that one repair is enough.
        if stale and (path := changed_file(wheel, found[-1])):
            stale.append((position, path))
    if not stale:
        return found
    stale += [
        (position, path)
        for position in range(stale[0][0])
        if (path := changed_file(stored[position], found[position]))
    ]
    raise _drop_stale(stored, stale)


def _drop_stale(stored: Sequence[StoredWheel], stale: Sequence[tuple[int, str]]) -> StaleWheel:
    """Remove the stale wheels from the store; return the error that reports them."""
    dropped = tuple(dict.fromkeys(stored[position] for position, _ in stale))
    for wheel in dropped:
        store.drop(wheel)
    return StaleWheel(dropped, stale[0][1])


def _check_lengths(prefix: str, file_list: FileList, limits: Limits) -> None:
    longest = max((file[4] for file in file_list.files), key=len, default="")
    check_length(os.path.join(prefix, longest), limits)


def check_length(path: str, limits: Limits) -> None:
    """Raise ToolError where the system could not open a file of this path."""
    if limits.path and len(path) > limits.path:
        raise ToolError(
            f"the path is longer than {limits.path} characters: `{path}`",
            hint="name a shorter root with -vpython-root DIR",
        )


@value
class _Faults:
    """Faults found while linking: stored files that have changed, and names that were in use already.

    Each is (position of a wheel, path). Where anything is stale, nothing was linked.
    """

    stale: tuple[tuple[int, str], ...] = ()
    clashes: tuple[tuple[int, str], ...] = ()


def _link(linkers: Sequence[Linker], positions: Iterable[int]) -> _Faults:
    """Link the wheels at `positions`, unless one of them has changed in the store."""
    positions = tuple(positions)
    stale = [
        (position, path)
        for position in positions
        if (path := changed_file(linkers[position].stored, linkers[position].file_list))
    ]
    if stale:
        return _Faults(stale=tuple(stale))

    directories: set[str] = set()
    clashes: list[tuple[int, str]] = []
    for position in positions:
        linkers[position].make_directories(directories)
        clashes += [(position, path) for path in linkers[position].link_files()]
        _note_linked(linkers[position].stored)
    return _Faults(clashes=tuple(clashes))


def _link_in_two_processes(linkers: Sequence[Linker]) -> _Faults | None:
    """Link all wheels, one half in a forked process; return None where that is not worth it.

    It is not possible where two wheels bring one name: their order decides which of them wins.
    """
    first, second, work = _halves(linkers)
    if work < WORTH_TWO_PROCESSES or not fork.is_worthwhile() or _share_names(linkers):
        return None

    def link_second() -> object:
        faults = _link(linkers, second)
        return [faults.stale, faults.clashes]

    with fork.in_child(link_second) as wait:
        faults = _link(linkers, first)
        stale, clashes = wait()
    return _Faults(
        stale=(*faults.stale, *((position, path) for position, path in stale)),
        clashes=(*faults.clashes, *((position, path) for position, path in clashes)),
    )


def _halves(linkers: Sequence[Linker]) -> tuple[list[int], list[int], int]:
    """Return the positions in two halves of equal work, and the whole work in links."""
    work = [
        len(linker.file_list.files) + MKDIR_COST * len(linker.file_list.directories) for linker in linkers
    ]
    halves: tuple[list[int], list[int]] = ([], [])
    sums = [0, 0]
    for position in sorted(range(len(work)), key=lambda position: -work[position]):
        lighter = int(sums[1] < sums[0])
        halves[lighter].append(position)
        sums[lighter] += work[position]
    return sorted(halves[0]), sorted(halves[1]), sum(work)


def _share_names(linkers: Sequence[Linker]) -> bool:
    """Return whether two wheels bring one name, in whatever case, as a file or as a directory."""
    names = [file[4].casefold() for linker in linkers for file in linker.file_list.files]
    directories = {path.casefold() for linker in linkers for path in linker.file_list.directories}
    unique = set(names)
    return len(unique) < len(names) or not unique.isdisjoint(directories)


class Linker:
    """Links the files of one stored wheel into an environment whose scripts name `python`."""

    def __init__(
        self, stored: StoredWheel, file_list: FileList, into: str, python: str, limits: Limits
    ) -> None:
        self.stored, self.file_list, self.python, self.limits = stored, file_list, python, limits
        self.tree = os.path.join(stored.path, store.TREE, "")
        self.into = os.path.join(into, "")

    def make_directories(self, made: set[str]) -> None:
        """Make the wheel's directories, except those that earlier wheels `made`; add its own to them."""
        for path in self.file_list.directories:
            if path not in made:
                made.add(path)
                with files.disk_errors("make", self.into + path), contextlib.suppress(*_TAKEN):
                    os.mkdir(self.into + path)

    def link_files(self) -> list[str]:
        """Link every file; return the paths where a different file is already."""
        clashes = []
        for kind, _, _, mode, path, _ in self.file_list.files:
            try:
                if kind == "f":
                    self._link(path)
                else:
                    self._write(path, self.data(kind, path), mode)
            except _TAKEN:
                if not self.is_same(kind, path):
                    clashes.append(path)
        return clashes

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

    def data(self, kind: str, path: str) -> bytes:
        """Return the bytes that a file has in this environment."""
        if kind == "f":
            return files.read_bytes(self.tree + path)
        return self._script(path) if kind == "s" else self._record(path)

    def _script(self, path: str) -> bytes:
        return script.rewrite(files.read_bytes(self.tree + path), self.python, self.limits)

    def _record(self, path: str) -> bytes:
        """Return RECORD with the hashes and sizes that the scripts have in this environment."""
        data = files.read_bytes(self.tree + path)
        for *_, name, recorded in self.file_list.files:
            if recorded:
                written = store.record_of(self._script(name))
                data = data.replace(f",{recorded}".encode(), f",{written}".encode())
        return data

    def is_same(self, kind: str, path: str) -> bool:
        """Return whether the file in the environment will do: it has the same bytes, or the same purpose.

        Both may be an `__init__.py` that only declares a namespace package, in different words.
        """
        try:
            own = self.data(kind, path)
            found = files.read_bytes(self.into + path)
        except (OSError, ValueError):  # the second: a stored script without a placeholder
            return False
        return found == own or (
            path.endswith("/__init__.py") and _declares_namespace(own) and _declares_namespace(found)
        )


def _declares_namespace(data: bytes) -> bool:
    return any(mark in data for mark in _NAMESPACE_MARKS)


def changed_file(stored: StoredWheel, file_list: FileList) -> str | None:
    """Return the path of a stored file that is not as its wheel brought it; None for none.

    A file's size, time and mode tell, which a write through a link can set back; not its ctime, which a
    link of ours changes too. So a file whose ctime is later than that of our last links is hashed, and
    so is each that is rewritten for an environment.
    """
    lstat, tree = os.lstat, os.path.join(stored.path, store.TREE, "")
    linked = _last_linked(stored)
    doubtful = []
    for kind, size, mtime, mode, path, _ in file_list.files:
        try:
            found = lstat(tree + path)
        except OSError:
            return tree + path
        if found.st_mtime_ns != mtime or found.st_size != size or mode_of(found, mode) != mode:
            return tree + path
        if found.st_ctime_ns > linked or kind != "f":
            doubtful.append(path)
    other = hashes.first_other(tree, file_list, doubtful) if doubtful else None
    return None if other is None else tree + other


def _last_linked(stored: StoredWheel) -> int:
    """Return when our last links to the wheel were made, or it was sealed: ns by the filesystem's clock."""
    try:
        return os.stat(os.path.join(stored.path, store.FILE_LIST)).st_mtime_ns
    except OSError:
        return 0


def _note_linked(stored: StoredWheel) -> None:
    """Note that all links up to now are ours; where the root cannot be written, files are hashed again."""
    with contextlib.suppress(OSError):
        os.utime(os.path.join(stored.path, store.FILE_LIST))


def mode_of(found: os.stat_result, mode: int) -> int:
    """Return a file's mode; `mode` itself where the system keeps none (see `files.protect`)."""
    return found.st_mode & 0o777 if os.name == "posix" else mode


def _clash(stored: Sequence[StoredWheel], file_lists: Sequence[FileList], position: int, path: str) -> str:
    """Return the message for a clash, with the other file's origin: an earlier wheel or the environment."""
    filename = stored[position].filename
    folded = path.casefold()
    for earlier, file_list in zip(stored[:position], file_lists, strict=False):
        names = {file[4].casefold() for file in file_list.files}
        directories = {directory.casefold() for directory in file_list.directories}
        if folded in names | directories or not names.isdisjoint(_parents(folded)):
            return f"`{earlier.filename}` and `{filename}` have different files of one name: `{path}`"
    return f"`{filename}` has a file that an environment has of its own: `{path}`"


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]
