"""Wheels built from sdists (PEP 517), for what an index has no wheel of; each is built once and kept.

A wheel is kept by the sdist's hash, the Python that it was built with and for, and the compiler. Which
versions of the build requirements it was built with is noted beside it: to know them beforehand they
would have to be resolved each time.

Several wheels are built at once. What is said of them is in the order in which they were asked for.
"""

from __future__ import annotations

import hashlib
import os
import threading

from vpy.errors import ToolError, UserError
from vpy.packages.cipd import names
from vpy.system import files, locks, sdist_name, sealed, threads
from vpy.system.lean import json
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import Any, Protocol

    from vpy.system.layout import Layout
    from vpy.system.process import Finished

    class Buildable(Protocol):
        """Source that a wheel is built of: see `Sdist`."""

        @property
        def name(self) -> str:
            """Name of its project."""

        @property
        def filename(self) -> str:
            """Name of the source itself, as a message has it."""

        @property
        def title(self) -> str:
            """Project and version, as a message names them."""

        @property
        def log_name(self) -> str:
            """Name of the log of a build that failed."""

        @property
        def place(self) -> str:
            """Directory for its wheel, "" for that of all others."""

        def identity(self) -> list[object]:
            """Return what tells this from every other source of a wheel."""

        def tree(self, stage: str, run: Callable[..., Finished]) -> str:
            """Return the path of what is built; it may be written below a directory, by children."""

    class Yard(Protocol):
        """Place where wheels are built, `workers` at once, each in a thread of its own."""

        workers: int

        def open(self, count: int) -> AbstractContextManager[None]:
            """Show what is being built of so many while the block runs."""

        def announce(self, source: Buildable) -> None:
            """Say that a wheel is being built."""

        def build(self, source: Buildable, directory: str) -> BuiltWheel:
            """Build a wheel below a directory."""

        def stop(self) -> None:
            """End all builds."""


BUILT = "built"  # directory of wheels that were built, below that of the fetched ones
_GRACE_SECONDS = 20.0  # seconds in which an interrupted build removes what it has written
_UNFIT = ("requires_python_mismatch", "yanked", "upload_too_late", "upload_time_missing")


@value
class Sdist:
    """Source distribution (PEP 625) that was fetched: its name on the index, its hash, where it is."""

    name: str
    version: str
    filename: str
    sha256: str
    path: str

    @property
    def title(self) -> str:
        """Project and version, as a message names them."""
        return f"`{self.name}` {self.version}"

    @property
    def log_name(self) -> str:
        """Name of the log of a build that failed."""
        return f"{self.name}-{self.version}"

    @property
    def place(self) -> str:
        """Directory for its wheel, "" for that of all others: a version has one sdist."""
        return ""

    def identity(self) -> list[object]:
        """Return what tells this from every other source of a wheel: its hash.

        Raises ToolError where that is not the one of the index.
        """
        digest = files.sha256_of(self.path)
        if self.sha256 not in ("", digest):
            raise ToolError(f"`{self.filename}` has changed: sha256 `{digest}`, not `{self.sha256}`")
        return ["built-1", digest]

    def tree(self, stage: str, run: object) -> str:
        """Return the path of what is built."""
        del stage, run
        return self.path


@value
class BuiltWheel:
    """Wheel that was just built, and what its build requirements came to, as `NAME-VERSION`."""

    path: str
    requirements: tuple[str, ...]


@value
class Builder:
    """Builder of wheels for one target.

    `yard` builds; None where that is only looked at. `identity` is any JSON that tells this target and its
    compiler from all others. `forbidden` returns who forbids to build a project, or ""; `projects` are the
    normalized names of those that a spec forbids, `*` for all.
    """

    yard: Yard | None
    identity: object
    forbidden: Callable[[str], str]
    projects: frozenset[str] = frozenset()


def is_buildable(row: Mapping[str, Any]) -> bool:
    """Return whether an error of `pip_download` is about the lack of a wheel where there is an sdist."""
    return row["kind"] == "wheel" and bool(sdist_in(row))


def sdist_in(row: Mapping[str, Any]) -> str:
    """Return the name of an sdist for this Python that an error of `pip_download` lists; "" for none."""
    fitting = (
        filename
        for filename, reason in row["files"]
        if sdist_name.is_sdist(filename) and reason not in _UNFIT
    )
    return max(fitting, default="")


def forbidden(builder: Builder, rows: Iterable[Mapping[str, Any]]) -> str:
    """Return who forbids to build one of the projects that rows are about; "" where nobody does."""
    return next(filter(None, (builder.forbidden(row["project"]) for row in rows)), "")


def build(
    lacking: Iterable[Mapping[str, Any]],
    asked: Sequence[dict[str, Any]],
    builder: Builder,
    fetch: Callable[[Iterable[str], str, Mapping[str, Sequence[str]]], list[dict[str, str]]],
    directory: str,
    layout: Layout,
) -> set[str]:
    """Build wheels for what errors say is lacking, below a directory; return their file names.

    `fetch` fetches the sdists of requirements into a directory, those that have the hashes. What was `asked`
    with hashes gets those of the wheels that were made of a locked sdist.
    """
    sources = os.path.join(directory, "sdists")
    os.makedirs(sources, exist_ok=True)
    texts = list(dict.fromkeys(str(row["requirement"]) for row in lacking))
    hashes = {text: [each for row in asked if _is_of(text, row) for each in row["hashes"]] for text in texts}
    found = [
        locked(
            Sdist(
                row["name"],
                row["version"],
                row["filename"],
                row["sha256"],
                os.path.join(sources, row["filename"]),
            ),
            asked,
        )
        for row in fetch(texts, sources, hashes)
    ]
    found.sort(key=lambda sdist: sdist.filename)
    wheels = get_all(builder, found, os.path.join(directory, BUILT), layout)
    _allow(dict(zip(found, wheels, strict=True)), asked)
    return {os.path.basename(wheel) for wheel in wheels}


def locked(sdist: Sdist, asked: Iterable[Mapping[str, Any]]) -> Sdist:
    """Return an sdist that was fetched; raise UserError where a lockfile allows only other hashes."""
    digest = files.sha256_of(sdist.path)
    for row in asked:
        if row["hashes"] and _is_of(sdist.name, row) and digest not in row["hashes"]:
            raise UserError(
                f"`{sdist.filename}` has another hash than the lockfile allows: sha256 `{digest}`",
                hint="`vpython-tool lock` locks again, if that is what you want",
            )
    return sdist


def _allow(wheels: Mapping[Sdist, str], asked: Iterable[dict[str, Any]]) -> None:
    """Add the hashes of wheels that were just built to those that may be installed."""
    for row in asked:
        for sdist, wheel in wheels.items() if row["hashes"] else ():
            if _is_of(sdist.name, row):
                row["hashes"] = [*row["hashes"], files.sha256_of(wheel)]


def _is_of(asked: str, row: Mapping[str, Any]) -> bool:
    """Return whether a requirement, or a project, is of the project that another requirement asks for."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    return canonicalize_name(Requirement(row["text"]).name) == canonicalize_name(Requirement(asked).name)


class _Turns:
    """Turns to say something: each says it once all before it have said something, or have nothing to say."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Callable[[], None] | None] = [None] * count
        self._next = 0

    def take(self, number: int, say: Callable[[], None] = lambda: None) -> None:
        """Take a turn; a second one of the same number is passed over."""
        with self._lock:
            if number < self._next or self._waiting[number] is not None:
                return
            self._waiting[number] = say
            while self._next < len(self._waiting) and (first := self._waiting[self._next]) is not None:
                self._next += 1
                first()


def get_all(builder: Builder, sources: Sequence[Buildable], directory: str, layout: Layout) -> list[str]:
    """Return the wheels of sources in `directory`: those that were kept, and new ones, built side by side.

    One that cannot be built leaves the others to be built. Raises one ToolError for all that failed.
    """
    turns = _Turns(len(sources))
    yard = builder.yard

    def work(number: int) -> str:
        try:
            return _get(builder, sources[number], directory, layout, lambda say: turns.take(number, say))
        finally:
            turns.take(number)

    if yard is None:
        return [work(number) for number in range(len(sources))]
    with yard.open(len(sources)):
        outcomes = threads.map_concurrently(
            range(len(sources)), work, workers=yard.workers, stop=yard.stop, grace=_GRACE_SECONDS
        )
    wheels, failed = [], []
    for outcome in outcomes:
        try:
            wheels.append(outcome())
        except ToolError as error:
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:  # the way out of each is in its line
        raise ToolError([f"{each.summary}; {each.hint}" if each.hint else each.summary for each in failed])
    return wheels


def get(builder: Builder, source: Buildable, directory: str, layout: Layout) -> str:
    """Return the wheel of a source in `directory`: the one that was kept, or else a new one.

    Raises ToolError where it cannot be built.
    """
    return get_all(builder, [source], directory, layout)[0]


def is_kept(builder: Builder, source: Buildable, layout: Layout) -> bool:
    """Return whether the wheel of a source was kept, and is whole."""
    return _kept_file(layout.resolution(_digest(builder, source)), layout) is not None


def _digest(builder: Builder, source: Buildable) -> str:
    question = [*source.identity(), builder.identity]
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


def _get(
    builder: Builder,
    source: Buildable,
    directory: str,
    layout: Layout,
    say: Callable[[Callable[[], None]], None],
) -> str:
    digest = _digest(builder, source)
    path = layout.resolution(digest)
    directory = os.path.join(directory, source.place)
    os.makedirs(directory, exist_ok=True)
    # Others that need this wheel wait, and then find it.
    with locks.exclusive(layout.lock("sdist", digest[:2])):
        if known := _kept(path, directory, layout):
            return known
        assert builder.yard is not None
        yard = builder.yard
        say(lambda: yard.announce(source))
        built = yard.build(source, directory)
        _keep(built, path, layout)
    return built.path


def _kept(path: str, directory: str, layout: Layout) -> str | None:
    """Return a copy of the wheel that was kept; None where it is not there, or not whole."""
    found = _kept_file(path, layout)
    if found is None:
        return None
    filename, kept = found
    final = os.path.join(directory, os.path.basename(filename))
    files.link_or_copy(kept, final)
    os.utime(path)
    return final


def _kept_file(path: str, layout: Layout) -> tuple[str, str] | None:
    """Return the file name and the path of the wheel that was kept; None for none that is whole."""
    try:
        answer = sealed.read(path)
        filename, sha256 = str(answer["filename"]), str(answer["sha256"])
        kept = layout.package(names.instance_id(bytes.fromhex(sha256)))
        if files.sha256_of(kept) != sha256:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return filename, kept


def _keep(built: BuiltWheel, path: str, layout: Layout) -> None:
    sha256 = files.sha256_of(built.path)
    kept = layout.package(names.instance_id(bytes.fromhex(sha256)))
    with files.disk_errors("write", kept):
        files.write_bytes(kept, files.read_bytes(built.path))
        answer = {
            "filename": os.path.basename(built.path),
            "sha256": sha256,
            "built_with": list(built.requirements),
        }
        files.write_bytes(path, sealed.dump(answer))
