"""Resolution by resolvelib in pip's order of preference, with pages and METADATA fetched ahead."""

from __future__ import annotations

import importlib
import itertools
import math
import threading
from collections import Counter

from vpy.wheels.index_client import metadata, pages
from vpy.wheels.index_client.errors import UncoveredError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from typing import Any

    from vpy.wheels.index_client.download import Wheels
    from vpy.wheels.index_client.metadata import Metadata
    from vpy.wheels.index_client.pages import File, Page, Target
    from vpy.wheels.index_client.web import Web

    # A project's normalized name, and the extras that are asked for.
    Identifier = tuple[str, frozenset[str]]

_MOST_ROUNDS = 20_000
# How often an undecided project may be part of a conflict before it is decided first.
_CONFLICTS = 5


class Catalogue:
    """Pages and METADATA of an index, each fetched once and ahead of its need."""

    def __init__(
        self,
        web: Web,
        indexes: Sequence[str],
        target: Target,
        wheels: Wheels,
        elsewhere: frozenset[str] = frozenset(),
    ) -> None:
        self.wheels = wheels
        self._elsewhere = elsewhere
        self.target = target
        self._web = web
        self._indexes = tuple(indexes)
        self._lock = threading.Lock()
        self._pages: dict[str, Future[Page]] = {}
        self._metadata: dict[str, Future[Metadata | None]] = {}

    def ask(self, project: str, *, ahead: bool = True) -> Future[Page]:
        """Let a page be fetched; with `ahead` the METADATA of its newest version too."""
        if project in self._elsewhere:
            raise UncoveredError("a project with files in a directory of find-links")
        with self._lock:
            known = self._pages.get(project)
            if known is not None:
                return known
            known = self._web.workers.submit(pages.read, self._web, self._indexes, project, self.target)
            self._pages[project] = known
        # A page that is here already is looked at now, and that takes the lock.
        if ahead:
            known.add_done_callback(self._look_ahead)
        return known

    def page(self, project: str) -> Page:
        """Return a project's page."""
        return self.ask(project).result()

    def metadata(self, file: File) -> Metadata:
        """Return the METADATA of a wheel."""
        found = self._ask_metadata(file).result()
        if found is None:
            # Asked for ahead, at a server without ranges: only what is needed is fetched as a whole.
            found = metadata.of_wheel(self._web, file, self.wheels.here(file))
        return found

    def known_metadata(self, file: File) -> Metadata | None:
        """Return the METADATA of a wheel where it was fetched."""
        known = self._metadata.get(file.url)
        return known.result() if known is not None and known.done() and not known.exception() else None

    def _ask_metadata(self, file: File) -> Future[Metadata | None]:
        with self._lock:
            if file.url not in self._metadata:
                self._metadata[file.url] = self._web.workers.submit(metadata.read, self._web, file)
            return self._metadata[file.url]

    def _look_ahead(self, done: Future[Page]) -> None:
        """Ask for the METADATA of the newest final version, which is nearly always the one."""
        if done.cancelled() or done.exception() is not None:
            return
        for release in done.result().releases:
            file = release.files[0]
            if not file.yanked and not release.version.is_prerelease:
                try:
                    self._ask_metadata(file)
                except RuntimeError:  # the resolution has ended meanwhile
                    return
                return


class Candidate:
    """One version of a project, with the extras that are asked for, and its best wheel."""

    __slots__ = ("extras", "file", "name", "version")

    def __init__(self, name: str, extras: frozenset[str], version: Any, file: File) -> None:
        self.name = name
        self.extras = extras
        self.version = version
        self.file = file


class Same:
    """Requirement of the very version that a candidate with extras has."""

    def __init__(self, candidate: Candidate) -> None:
        self.name = candidate.name
        self.extras: frozenset[str] = frozenset()
        self.version = candidate.version


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
        self._allowed: dict[Any, bool] = {}

    def allows(self, version: Any) -> bool:
        """Return whether a version meets the requirement, which is asked in each round of a resolution."""
        if version not in self._allowed:
            self._allowed[version] = bool(self.specifier.contains(version, prereleases=True))
        return self._allowed[version]


class Provider:
    """What resolvelib asks (`resolvelib.AbstractProvider`), answered as pip's own provider answers."""

    def __init__(self, catalogue: Catalogue, wanted: Sequence[Wanted], *, dependencies: bool) -> None:
        self._catalogue = catalogue
        self._order: dict[Identifier, int] = {}
        for number, each in enumerate(wanted):
            self._order.setdefault(self.identify(each), number)
        self._dependencies = dependencies
        self._conflicts: Counter[Identifier] = Counter()
        self._promoted: set[Identifier] = set()

    def identify(self, requirement_or_candidate: Any) -> Identifier:
        """Return the name and extras."""
        return requirement_or_candidate.name, requirement_or_candidate.extras

    def get_preference(
        self,
        identifier: Identifier,
        resolutions: Mapping[Identifier, Candidate],
        candidates: Mapping[Identifier, Iterator[Candidate]],
        information: Mapping[Identifier, Iterator[Any]],
        backtrack_causes: Sequence[Any],
    ) -> tuple[Any, ...]:
        """Return pip's order: pinned, with an upper bound, as asked for, with any bound, by name."""
        del resolutions, candidates, backtrack_causes
        operators = [
            (part.operator, part.version)
            for row in information[identifier]
            for part in getattr(row.requirement, "specifier", ())
        ]
        is_same = any(isinstance(row.requirement, Same) for row in information[identifier])
        pinned = is_same or any(op[:2] == "==" and "*" not in version for op, version in operators)
        bounded = any(op in ("<", "<=", "~=") or (op == "==" and "*" in version) for op, version in operators)
        return (
            identifier not in self._promoted,
            not pinned,
            not bounded,
            self._order.get(identifier, math.inf),
            not operators,
            identifier[0],
            sorted(identifier[1]),
        )

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[Identifier],
        resolutions: Mapping[Identifier, Candidate],
        candidates: Mapping[Identifier, Iterator[Candidate]],
        information: Mapping[Identifier, Iterator[Any]],
        backtrack_causes: Sequence[Any],
    ) -> Iterable[Identifier]:
        """Return what a conflict is about, else what conflicts keep being about, else everything."""
        del candidates, information
        causes: set[Identifier] = set()
        for row in backtrack_causes:
            sides = [row.requirement, *([row.parent] if row.parent is not None else [])]
            for name in map(self.identify, sides):
                causes.add(name)
                if name not in resolutions:
                    self._conflicts[name] += 1
                    if self._conflicts[name] >= _CONFLICTS:
                        self._promoted.add(name)
        everything = list(identifiers)
        now = [each for each in everything if each in causes]
        promoted = [each for each in everything if each in self._promoted and each not in causes]
        return now or promoted or everything

    def find_matches(
        self,
        identifier: Identifier,
        requirements: Mapping[Identifier, Iterator[Any]],
        incompatibilities: Mapping[Identifier, Iterator[Candidate]],
    ) -> Callable[[], Iterator[Candidate]]:
        """Return the candidates that meet all requirements, newest first."""
        name, extras = identifier
        asked = list(requirements[identifier])
        refused = {candidate.version for candidate in incompatibilities[identifier]}
        rows = _Repeatable(_matching(self._catalogue.page(name), asked))

        def matches() -> Iterator[Candidate]:
            for version, file in rows:
                if version not in refused:
                    yield Candidate(name, extras, version, file)

        return matches

    def is_satisfied_by(self, requirement: Any, candidate: Candidate) -> bool:
        """Return whether a candidate meets a requirement; a pre-release does where it was chosen."""
        if isinstance(requirement, Same):
            return bool(requirement.version == candidate.version)
        return bool(requirement.allows(candidate.version))

    def get_dependencies(self, candidate: Candidate) -> list[Any]:
        """Return what a candidate needs on the target, and let those pages be fetched."""
        if not self._dependencies:
            return []
        found = self._catalogue.metadata(candidate.file)
        if not self._catalogue.target.allows(found.requires_python):
            raise UncoveredError("METADATA has another Requires-Python than the page")
        asked: list[Any] = [Same(candidate)] if candidate.extras else []
        for requirement in found.requirements(candidate.extras):
            if self._applies(requirement, candidate.extras):
                wanted = Wanted(requirement)
                self._catalogue.ask(wanted.name)
                asked.append(wanted)
        return asked

    def _applies(self, requirement: Any, extras: frozenset[str]) -> bool:
        """Return whether a dependency counts; what counts without extras counts for the project itself."""
        marker, markers = requirement.marker, self._catalogue.target.markers
        if not extras:
            return marker is None or bool(marker.evaluate(markers))
        return marker is not None and any(marker.evaluate({**markers, "extra": extra}) for extra in extras)


class _Repeatable:
    """Rows of an iterator, which is read no further than somebody has asked for: most ask for the first."""

    def __init__(self, rows: Iterator[tuple[Any, File]]) -> None:
        self._rest = rows
        self._known: list[tuple[Any, File]] = []

    def __iter__(self) -> Iterator[tuple[Any, File]]:
        for at in itertools.count():
            if at == len(self._known):
                row = next(self._rest, None)
                if row is None:
                    return
                self._known.append(row)
            yield self._known[at]


def _matching(page: Page, requirements: Sequence[Any]) -> Iterator[tuple[Any, File]]:
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


def _best(files: Sequence[File], hashes: frozenset[str] | None) -> File | None:
    """Return the best wheel of a version that has an allowed hash."""
    if hashes is None:
        return files[0]
    if any(not file.sha256 for file in files):
        raise UncoveredError("a page without hashes")
    return next((file for file in files if file.sha256 in hashes), None)


def _is_pin(part: Any) -> bool:
    return part.operator == "===" or (part.operator == "==" and not part.version.endswith(".*"))


def resolve(catalogue: Catalogue, wanted: Sequence[Wanted], *, dependencies: bool) -> list[Candidate]:
    """Return a candidate for each project that requirements come to, sorted by name.

    Raises UncoveredError where there is no answer: pip's resolver then finds the reason.
    """
    resolvelib = importlib.import_module("pip._vendor.resolvelib")
    for each in wanted:
        catalogue.ask(each.name, ahead=dependencies)
    provider = Provider(catalogue, wanted, dependencies=dependencies)
    resolver = resolvelib.Resolver(provider, resolvelib.BaseReporter())
    try:
        result = resolver.resolve(list(wanted), max_rounds=_MOST_ROUNDS)
    except resolvelib.ResolutionError as error:
        raise UncoveredError("no resolution") from error
    by_name = {candidate.name: candidate for candidate in result.mapping.values()}
    return [by_name[name] for name in sorted(by_name)]
