"""Values of a lockfile, the same for every format that one is written in."""

from __future__ import annotations

from vpy.system import vcs_url
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    # uv-requirements: what `uv pip compile --generate-hashes` prints, a requirements file with hashes.
    # uv-script: the TOML file of `uv lock --script`. pylock: PEP 751. versions: CIPD's resolved versions.
    # embedded: a requirements file in the script's own block.
    LockfileFormat = Literal["uv-requirements", "uv-script", "pylock", "versions", "embedded"]


@value
class LockedFile:
    """One wheel or sdist as a lockfile has it.

    `url` may be relative to the lockfile, or "" where only an index knows it; `size` is in bytes, 0
    where it is not locked; `sha256` is hex.
    """

    filename: str
    url: str
    sha256: str
    size: int = 0


@value
class LockedDistribution:
    """One distribution at one version.

    `marker` is a PEP 508 marker, "" for always; `requires_python` a specifier set. `files` are the wheels
    that may be installed, `sdist` is what one may be built of; a format that has only hashes has neither.
    `hashes` are the sha256 of all of these files. `url` is a direct reference, "" for an index. `line` is its
    1-based line. `via` are the names of those that asked for it, "" for the spec, where that is known.
    One that is built of a commit has a `url` that says which, no version and no files; `revision` is what was
    asked for.
    """

    name: str
    version: str
    marker: str = ""
    requires_python: str = ""
    files: tuple[LockedFile, ...] = ()
    hashes: tuple[str, ...] = ()
    url: str = ""
    line: int = 0
    sdist: LockedFile | None = None
    via: tuple[str, ...] = ()
    revision: str = ""

    @property
    def is_commit(self) -> bool:
        """Whether this is built of a commit of a repository."""
        return vcs_url.is_reference(self.url)

    @property
    def requirement(self) -> str:
        """PEP 508 requirement of exactly this version, where it is needed."""
        head = f"{self.name} @ {self.url}" if self.url else f"{self.name}=={self.version}"
        return f"{head} ; {self.marker}" if self.marker else head


@value
class Dependency:
    """Edge of a lockfile's graph: a name, its extras and marker, and the version where several are locked."""

    name: str
    extras: tuple[str, ...] = ()
    marker: str = ""
    version: str = ""


@value
class Lockfile:
    """Content of a lockfile. `digest` is the hex sha256 of its bytes.

    `requirements` are what it was made for, as normalized PEP 508 texts, None where the format does not
    say; `direct` are the normalized names that were asked for directly, None where that is unknown.
    `edges` are the dependencies of each distribution by (name, version, extra), empty where all
    distributions whose marker holds are installed. `declared_python` is the `requires-python` of the spec
    where the lockfile is for fewer Pythons, None where that is not said; `settings` are those of the spec
    that narrow the versions, a line for each, None where that is not said. `instances` are the packages of a
    text spec: name, version, instance id.
    """

    path: str
    format: LockfileFormat
    digest: str
    distributions: tuple[LockedDistribution, ...]
    requires_python: str = ""
    environments: tuple[str, ...] = ()
    requirements: tuple[str, ...] | None = None
    direct: frozenset[str] | None = None
    edges: tuple[tuple[tuple[str, str, str], tuple[Dependency, ...]], ...] = ()
    declared_python: str | None = None
    settings: tuple[str, ...] | None = None
    instances: tuple[tuple[str, str, str], ...] = ()
