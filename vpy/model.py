"""Values that travel between rooms: frozen, hashable, made once at the edge."""

from __future__ import annotations

import os

from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Literal, overload

    TagSequence = Sequence["Tag"]

    SpecKind = Literal["option", "partner", "inline", "script", "common", "default", "empty"]
    SourceKind = Literal["cipd", "directory", "index", "oci"]
    SpecFormat = Literal["text", "toml", "script", "requirements", "pylock", "empty"]
    Forbidden = Literal["startup-code", "native-code"]
    OriginKind = Literal["script", "directory"]
    ObservationKind = Literal[
        "no-file", "absent", "exists", "content", "same", "real", "variable", "unset", "command",
        "listing", "signature", "until",
    ]  # fmt: skip
else:
    TagSequence = object


@value
class Tag:
    """PEP 425 tag. In a spec's match rules an empty field stands for "any"."""

    python: str = ""
    abi: str = ""
    platform: str = ""

    def __str__(self) -> str:
        return f"{self.python}-{self.abi}-{self.platform}"


class Tags(TagSequence):
    """Tags of a Python in its order of preference: a read-only sequence of `Tag`.

    A Python has a thousand, and a start seldom needs more than one: they are kept as rows of
    (python, abi, platforms), and a `Tag` is made when it is asked for.
    """

    __slots__ = ("_made", "_rows")

    def __init__(self, rows: Iterable[tuple[str, str, Sequence[str]]]) -> None:
        self._rows = tuple((python, abi, tuple(platforms)) for python, abi, platforms in rows)
        self._made: tuple[Tag, ...] = ()

    @classmethod
    def of(cls, tags: Iterable[Tag]) -> Tags:
        """Tags that follow one another and differ in the platform alone make one row."""
        rows: list[tuple[str, str, list[str]]] = []
        for tag in tags:
            if not rows or rows[-1][:2] != (tag.python, tag.abi):
                rows.append((tag.python, tag.abi, []))
            rows[-1][2].append(tag.platform)
        return cls(rows)

    @property
    def rows(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """Rows of (python, abi, platforms), in order of preference."""
        return self._rows

    def texts(self) -> Iterator[str]:
        """Each as a file name has it: `cp311-cp311-linux_x86_64`."""
        for python, abi, platforms in self._rows:
            for platform in platforms:
                yield f"{python}-{abi}-{platform}"

    def _all(self) -> tuple[Tag, ...]:
        if not self._made:
            self._made = tuple(
                Tag(python, abi, platform) for python, abi, platforms in self._rows for platform in platforms
            )
        return self._made

    def __iter__(self) -> Iterator[Tag]:
        return iter(self._all())

    def __len__(self) -> int:
        return sum(len(platforms) for _, _, platforms in self._rows)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, position: int) -> Tag: ...

        @overload
        def __getitem__(self, position: slice) -> tuple[Tag, ...]: ...

    def __getitem__(self, position: int | slice) -> Tag | tuple[Tag, ...]:
        return self._all()[position]

    def __eq__(self, other: object) -> bool:
        return self._all() == other._all() if isinstance(other, Tags) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return f"Tags({' '.join(self.texts())})"


@value
class Wheel:
    """One `wheel` entry of a text spec: a package name (a CIPD template) and its version."""

    name: str
    version: str
    match_tags: tuple[Tag, ...] = ()
    not_match_tags: tuple[Tag, ...] = ()


@value
class ProjectSource:
    """Origin of one project: a wheel's `url`, or the address of an `index`; the other one is "".

    It counts on targets for which the PEP 508 `marker` holds, "" for all.
    """

    project: str
    url: str = ""
    index: str = ""
    marker: str = ""


@value
class ResolutionSettings:
    """Settings of a spec that narrow what its requirements come to.

    `indexes` are addresses asked before the default index: the first that has a project is asked alone.
    `exclude_newer` is a time in UTC (RFC 3339), or an age in seconds: files that are newer do not exist.
    `constraints` and `overrides` are PEP 508 requirements, as uv means them; `build_constraints` narrow what
    the build of an sdist requires.
    """

    indexes: tuple[str, ...] = ()
    sources: tuple[ProjectSource, ...] = ()
    exclude_newer: str = ""
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    build_constraints: tuple[str, ...] = ()

    def rows(self) -> dict[str, list[object]]:
        """Return what is set, as JSON has it; {} for nothing."""
        rows: dict[str, list[object]] = {
            "indexes": list(self.indexes),
            "sources": [[each.project, each.url, each.index, each.marker] for each in self.sources],
            "exclude_newer": [self.exclude_newer] if self.exclude_newer else [],
            "constraints": list(self.constraints),
            "overrides": list(self.overrides),
            "build_constraints": list(self.build_constraints),
        }
        return {name: row for name, row in rows.items() if row}


@value
class EmbeddedLock:
    """Lockfile in a script's own block: `packages` are lines of a requirements file with hashes.

    `requirements`, `settings` and `requires_python` are what it was made for, as a lockfile has them.
    """

    packages: tuple[str, ...]
    requirements: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    requires_python: str = ""


@value
class Spec:
    """Declaration of an environment.

    Text specs fill `python_version`, `wheels` and `verify_tags`; PEP 723 blocks and
    `vpython.toml` fill `requires_python` (a PEP 440 specifier set) and `dependencies` (PEP 508).
    `warnings` are lines for stderr. `source` is the package source that it names, "" for none;
    `path` is the file that names it. `dev_dependencies` count where they are asked for.
    `no_build` are projects that may not be built from their source, `*` for all.

    `notices` are lines for stderr too, shown once for each text of the spec. `resolution` narrows what the
    requirements come to. `refresh_after` is the age in seconds at which an index is asked again, 0 for none.
    `required_version` is what vpython's own version must be. `verify_platforms` are those that `verify` looks
    at. `forbidden` says which wheels are refused. `lock` is what a script carries of its own lockfile.
    `store` is the OCI repository that is asked for files, "" for none.
    """

    python_version: str = ""
    wheels: tuple[Wheel, ...] = ()
    verify_tags: tuple[Tag, ...] = ()
    requires_python: str = ""
    dependencies: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    source: str = ""
    path: str = ""
    dev_dependencies: tuple[str, ...] = ()
    no_build: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    resolution: ResolutionSettings = ResolutionSettings()
    refresh_after: int = 0
    required_version: str = ""
    verify_platforms: tuple[str, ...] = ()
    forbidden: tuple[Forbidden, ...] = ()
    lock: EmbeddedLock | None = None
    store: str = ""


@value
class Observation:
    """One fact that a choice hangs on; it becomes a row of the start's record.

    no-file PATH        no regular file is there (a directory does not count)
    absent PATH         nothing at all is there
    exists PATH         something is there
    content PATH BYTES  a regular file with exactly these bytes (fields: path, latin-1 text of bytes)
    same PATH PATH      both name one file (device and inode)
    real PATH PATH      the second is where the first leads, every link in it followed
    variable NAME VALUE / unset NAME
    command NAME RESULT the first executable NAME on PATH ("" where there is none)
    listing PATH MTIME  a directory whose mtime is MTIME nanoseconds
    signature PATH SIZE MTIME INODE CTIME   a file unchanged since it was read (times in ns)
    until SECONDS       the choice holds up to this time since the epoch
    """

    kind: ObservationKind
    fields: tuple[str, ...]


@value
class SpecSource:
    """Text of a spec, and where it was found.

    `path` is the file that holds it ("" for the empty spec; `<string>` for a `-c` argument);
    `first_line` is the 1-based line in `path` of the first line of `text`; `column` is how many
    characters stand before the spec's text in each of its lines (an inline prefix). `included` are path and
    text of the files that a requirements file names. `is_fetched`: it is in a script that came from an
    address, so that no relative path in it means anything.
    """

    kind: SpecKind
    format: SpecFormat
    path: str
    text: str
    first_line: int = 1
    column: int = 0
    included: tuple[tuple[str, str], ...] = ()
    is_fetched: bool = False


@value
class Discovery:
    """Spec that was found, every path that was searched before it, and what the search depends on.

    `warnings` are lines for stderr.
    """

    source: SpecSource
    searched: tuple[str, ...]
    observations: tuple[Observation, ...]
    warnings: tuple[str, ...] = ()


@value
class Origin:
    """What environments are made for: a script, or the directory of starts without one (`-m`, `-c`).

    `address` is what the script came from, None for a file.
    """

    kind: OriginKind
    path: str
    address: str | None = None


@value
class Interpreter:
    """Base Python, as one probe described it.

    `executable` is the real, versioned binary; `landmark` is its `os.py`; `signature` is
    (size, mtime in ns, inode) of the executable; `tags` are in its own order of preference;
    `markers` is its PEP 508 environment as sorted pairs; `platform` is `sysconfig.get_platform()`;
    `scheme` maps purelib, platlib, headers, scripts, data to paths relative to a venv's prefix
    (`headers` without the distribution's name), as sorted pairs.
    """

    executable: str
    version: tuple[int, int, int]
    version_text: str
    implementation: str
    platform: str
    base_prefix: str
    landmark: str
    signature: tuple[int, int, int]
    tags: Tags
    markers: tuple[tuple[str, str], ...]
    scheme: tuple[tuple[str, str], ...]


@value
class Address:
    """URL or path of a directory, as it is asked; its text is without a user name and password."""

    asked: str

    def __str__(self) -> str:
        from bootstrap.shown import without_passwords

        return without_passwords(self.asked)

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"


@value
class Source:
    """Package source, as `-vpython-source` spells it: its kind and its address.

    The address is None for the default service or index. The text of a source may be shown and written.
    """

    kind: SourceKind
    address: Address | None = None

    def __str__(self) -> str:
        return self.kind if self.address is None else f"{self.kind}:{self.address}"

    @property
    def folder(self) -> str | None:
        """Path of a local directory of packages; None for everything else."""
        return self.local_path if self.kind == "directory" else None

    @property
    def local_path(self) -> str | None:
        """Path of a directory of packages or of an OCI image layout; None for what needs a network."""
        if self.address is None or self.kind not in ("directory", "oci"):
            return None
        is_remote = self.address.asked.startswith("//") if self.kind == "oci" else "://" in self.address.asked
        return None if is_remote else self.address.asked


@value
class Sources:
    """Package sources in the order in which they are asked: a package comes from the first that has it."""

    members: tuple[Source, ...]

    def __str__(self) -> str:
        return ",".join(map(str, self.members))

    @property
    def index(self) -> Source | None:
        """The first index among them; None where there is none."""
        return next((source for source in self.members if source.kind == "index"), None)

    @property
    def images(self) -> Source | None:
        """The first place of OCI images among them; None where there is none."""
        return next((source for source in self.members if source.kind == "oci"), None)

    @property
    def is_index(self) -> bool:
        """Whether an index is the only one."""
        return len(self.members) == 1 and self.index is not None

    @property
    def directories(self) -> tuple[Source, ...]:
        """The directories among them."""
        return tuple(source for source in self.members if source.kind == "directory")

    def beside(self, index: Source) -> Sources:
        """Return an index with the directories among these."""
        return Sources((*self.directories, index))

    @property
    def find_links(self) -> tuple[str, ...]:
        """Absolute paths and URLs of the directories, whose wheels count beside an index."""
        return tuple(
            os.path.abspath(source.folder) if source.folder else source.address.asked
            for source in self.directories
            if source.address is not None
        )


@value
class Target:
    """Python that will run, the tag chosen from its tags, and the template values."""

    interpreter: Interpreter
    tag: Tag
    template: tuple[tuple[str, str], ...]


@value
class Wanted:
    """One package to resolve: the name after expansion, the name as written, its version.

    `instance_id` is what a lockfile pins it to, None where the source says what it is.
    """

    name: str
    template: str
    version: str
    instance_id: str | None = None


@value
class Pin:
    """One resolved package.

    `instance_id` is CIPD's id of the file's bytes (of the wheel file for the index source);
    `origin` says which source answered (as `-vpython-source` spells it, one of several); `note` is a line for
    stderr, or ""; `until` is when a ref must be asked again (seconds since the epoch; 0: never);
    `filename` is the wheel's file name where the package file is a wheel itself, else None.
    """

    name: str
    template: str
    version: str
    instance_id: str
    origin: str
    note: str = ""
    until: int = 0
    filename: str | None = None


@value
class Locked:
    """Distribution as a lockfile has it for a target.

    `filename`, `url`, `sha256` (hex) and `size` (bytes, 0 for unknown) are those of its wheel; where a
    lockfile has hashes alone they are empty, and `hashes` are the sha256 of every file that is allowed.
    """

    name: str
    version: str
    filename: str = ""
    url: str = ""
    sha256: str = ""
    size: int = 0
    hashes: tuple[str, ...] = ()


@value
class Resolution:
    """Pins that packages or requirements came to at a source, in the order they were asked for.

    `notes` are lines for stderr; `observations` are what the answer depends on.
    """

    pins: tuple[Pin, ...]
    notes: tuple[str, ...] = ()
    observations: tuple[Observation, ...] = ()


@value
class WheelFile:
    """Wheel on disk: its file name (PEP 427), sha256 as hex, path, and the package that brought it."""

    filename: str
    sha256: str
    path: str
    package: str = ""


@value
class StoredWheel:
    """Wheel installed once for one scheme: `path` is its tree under `wheels-1`."""

    filename: str
    sha256: str
    path: str
