"""Requirements of a resolution, and the candidates that meet them as pip chooses them."""

from __future__ import annotations

import functools
import importlib

from vpy.wheels.index_client.errors import UncoveredError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from vpy.wheels.index_client.pages import File, Page


class Candidate:
    """One version of a project, with the extras that are asked for, and its best wheel.

    `missing_extras` are those that the project does not have, known once it is chosen.
    """

    __slots__ = ("extras", "file", "missing_extras", "name", "version")

    def __init__(self, name: str, extras: frozenset[str], version: Any, file: File) -> None:
        self.name = name
        self.extras = extras
        self.version = version
        self.file = file
        self.missing_extras: list[str] = []


class Same:
    """Requirement of the very version that a candidate with extras has; no text says it."""

    text = ""

    def __init__(self, candidate: Candidate) -> None:
        self.name = candidate.name
        self.extras: frozenset[str] = frozenset()
        self.version = candidate.version

    def __eq__(self, other: object) -> bool:
        """Return whether another requires the same."""
        return isinstance(other, Same) and (self.name, self.version) == (other.name, other.version)

    def __hash__(self) -> int:
        """Return a hash of what is required."""
        return hash((self.name, self.version))

    @property
    def key(self) -> str:
        """What tells this from other requirements of the project."""
        return f"same {self.version}"

    def allows(self, version: Any) -> bool:
        """Return whether this is the version."""
        return bool(version == self.version)

    bounds = None

    def among(self, versions: Iterable[Any]) -> Iterable[Any]:
        """Return the version where it is one of these."""
        return [version for version in versions if version == self.version]


class Wanted:
    """PEP 508 requirement, and the hex sha256 that its wheel may have, () for any."""

    def __init__(self, requirement: Any, hashes: Iterable[str] = ()) -> None:
        utils = importlib.import_module("pip._vendor.packaging.utils")
        if requirement.url:
            raise UncoveredError("a direct reference")
        self.name = utils.canonicalize_name(requirement.name)
        self.extras = frozenset(utils.canonicalize_name(extra) for extra in requirement.extras)
        self.specifier = requirement.specifier
        self.hashes = frozenset(hashes)
        self._requirement = requirement
        self._allowed: dict[Any, bool] = {}

    @functools.cached_property
    def key(self) -> str:
        """What tells this from other requirements of the project."""
        return str(self.specifier)

    @functools.cached_property
    def text(self) -> str:
        """PEP 508 requirement without its marker."""
        extras = f"[{','.join(sorted(self._requirement.extras))}]" if self._requirement.extras else ""
        return f"{self._requirement.name}{extras}{self.key}"

    def allows(self, version: Any) -> bool:
        """Return whether a version fits, be it a pre-release; each round of a resolution asks that."""
        if version not in self._allowed:
            self._allowed[version] = bool(self.specifier.contains(version, prereleases=True))
        return self._allowed[version]

    def among(self, versions: Iterable[Any]) -> Iterable[Any]:
        """Return those of versions that fit, pre-releases too: much faster than one by one."""
        fitting: Iterable[Any] = self.specifier.filter(versions, prereleases=True)
        return fitting

    @functools.cached_property
    def bounds(self) -> tuple[Any, ...] | None:
        """Parts of the specifier, where each is a bound; else None."""
        parts = tuple(self.specifier)
        return parts if all(part.operator in (">=", ">", "<", "<=") for part in parts) else None

    def alone(self) -> Any:
        """Return the PEP 508 requirement without its marker."""
        return importlib.import_module("pip._vendor.packaging.requirements").Requirement(self.text)

    def bare(self) -> Wanted:
        """Return this requirement for any version."""
        requirement = self.alone()
        requirement.specifier = type(requirement.specifier)()
        return Wanted(requirement)


def matching(page: Page, requirements: Iterable[Any]) -> Iterator[tuple[Any, File]]:
    """Yield the versions that all requirements allow, newest first, each with its best wheel.

    A yanked file counts where a version is pinned and nothing else is left (PEP 592); a pre-release
    where a requirement names one or no final version fits (PEP 440).
    """
    specifier, hashes, same = None, None, None
    for requirement in requirements:
        if isinstance(requirement, Same):
            same = requirement.version
            continue
        specifier = requirement.specifier if specifier is None else specifier & requirement.specifier
        if requirement.hashes:
            hashes = requirement.hashes if hashes is None else hashes & requirement.hashes
    releases = (release for release in page.releases if same is None or release.version == same)
    if specifier is not None:
        # A version that a candidate with extras has was chosen there, be it a pre-release.
        releases = specifier.filter(
            releases, prereleases=True if same is not None else None, key=lambda release: release.version
        )

    yanked, is_left = [], True
    for release in releases:
        if file := _best(release.files, hashes):
            if file.yanked:
                yanked.append((release.version, file))
            else:
                is_left = False
                yield release.version, file
    if is_left and (same is not None or (specifier is not None and any(map(_is_pin, specifier)))):
        yield from yanked


def preferring(
    rows: Iterator[tuple[Any, File]], page: Page, requirements: Iterable[Any], versions: Sequence[Any]
) -> Iterator[tuple[Any, File]]:
    """Yield rows of `matching`, those of preferred versions first: final ones that are not yanked."""
    first = []
    for version in versions:
        if version.is_prerelease or not all(requirement.allows(version) for requirement in requirements):
            continue
        release = page.find(version)
        if release is not None and not release.files[0].yanked:
            first.append((version, release.files[0]))
    yield from first
    known = {version for version, _ in first}
    yield from (row for row in rows if row[0] not in known)


def _best(files: Sequence[File], hashes: frozenset[str] | None) -> File | None:
    """Return the best wheel of a version that has an allowed hash."""
    if hashes is None:
        return files[0]
    if any(not file.sha256 for file in files):
        raise UncoveredError("a page without hashes")
    return next((file for file in files if file.sha256 in hashes), None)


def _is_pin(part: Any) -> bool:
    return part.operator == "===" or (part.operator == "==" and not part.version.endswith(".*"))
