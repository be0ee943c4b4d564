"""Resolution by resolvelib in pip's order of preference, with pages and METADATA fetched ahead."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import math
import threading
from collections import Counter
from types import MappingProxyType

from vpy.wheels.index_client import metadata, pages, reasons
from vpy.wheels.index_client.candidates import Candidate, Same, Wanted, matching, preferring
from vpy.wheels.index_client.errors import RefusedError, UncoveredError
from vpy.wheels.index_client.pages import Repeatable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor, Future
    from typing import Any

    from vpy.wheels.index_client.download import Wheels
    from vpy.wheels.index_client.errors import NoResolutionError
    from vpy.wheels.index_client.metadata import Metadata
    from vpy.wheels.index_client.pages import File, Page, Target
    from vpy.wheels.index_client.rules import Rules
    from vpy.wheels.index_client.web import Web

    # A project's normalized name, and the extras that are asked for.
    Identifier = tuple[str, frozenset[str]]
    # What is asked of a project: its name, extras, versions.
    Account = tuple[str, frozenset[str], str]

_MOST_ROUNDS = 20_000
# Refused candidates after which it is tried once whether there can be an answer: a proof skips what repeats.
_DOUBTFUL = 100
# Versions of a project that are tried before the METADATA of so many older ones is fetched ahead.
_TRIED = 2
_AHEAD = 20
# Versions of a project that are tried before so many are asked for that it takes more connections.
_MANY_TRIED = 40
_FAR_AHEAD = 100
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
        elsewhere: frozenset[str],
        rules: Rules,
    ) -> None:
        self.wheels = wheels
        self.rules = rules
        self._elsewhere = elsewhere
        self.target = target
        self._web = web
        self._indexes = tuple(indexes)
        self._lock = threading.Lock()
        self._pages: dict[str, Future[Page]] = {}
        self._metadata: dict[str, Future[Metadata | None]] = {}

    def ask(self, project: str, *, ahead: bool = True) -> None:
        """Let a page be fetched; with `ahead` the METADATA of its newest version too."""
        self._ask_page(project, ahead=ahead)

    def _ask_page(self, project: str, *, ahead: bool = True) -> Future[Page]:
        if project in self._elsewhere:
            raise UncoveredError("a project with files in a directory of find-links")
        with self._lock:
            known = self._pages.get(project)
            if known is not None:
                return known
            known = self._web.workers.submit(self._read_page, project)
            self._pages[project] = known
        # A page that is here already is looked at now, and that takes the lock.
        if ahead:
            known.add_done_callback(self._look_ahead)
        return known

    def _read_page(self, project: str) -> Page:
        """Read what the rules leave of a project's page from the first index that has it."""
        groups = self.rules.groups(self._indexes, project)
        return pages.read(self._web, groups, project, self.target).narrowed(self.rules, project)

    def page(self, project: str) -> Page:
        """Return a project's page."""
        return self._ask_page(project).result()

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

    def look_further(self, project: str, version: Any, count: int) -> None:
        """Ask for the METADATA of versions of a project that are older than one."""
        workers = self._web.workers if count <= _AHEAD else self._web.more_workers()
        older = (each for each in self.page(project).releases if each.version < version)
        files = (each.files[0] for each in older)
        for file in itertools.islice((file for file in files if not file.yanked), count):
            self._ask_metadata(file, workers)

    def _ask_metadata(self, file: File, workers: Executor | None = None) -> Future[Metadata | None]:
        with self._lock:
            if file.url not in self._metadata:
                by = workers or self._web.workers
                self._metadata[file.url] = by.submit(metadata.read, self._web, file)
            return self._metadata[file.url]

    def _look_ahead(self, done: Future[Page]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._ask_newest(done.result())

    def _ask_newest(self, page: Page) -> None:
        """Ask for the METADATA of the newest final version, which is nearly always the one."""
        for release in page.releases:
            file = release.files[0]
            if not file.yanked and not release.version.is_prerelease:
                with contextlib.suppress(RuntimeError):  # the resolution has ended meanwhile
                    self._ask_metadata(file)
                return


class Provider:
    """What resolvelib asks (`resolvelib.AbstractProvider`), answered as pip's own provider answers.

    `preferred` are versions by project that are tried before newer ones, in this order.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        wanted: Sequence[Wanted],
        *,
        dependencies: bool,
        preferred: Mapping[str, Sequence[Any]] = MappingProxyType({}),
    ) -> None:
        self._catalogue = catalogue
        self._order: dict[Identifier, int] = {}
        for number, each in enumerate(wanted):
            self._order.setdefault(self.identify(each), number)
        self._wanted = wanted
        constraints = catalogue.rules.constraints.items()
        self._constraints = {name: frozenset(map(Wanted, rows)) for name, rows in constraints}
        self._has_hashes = any(each.hashes for each in wanted)
        self.dependencies = dependencies
        self._preferred = preferred
        self._conflicts: Counter[Identifier] = Counter()
        self._promoted: set[Identifier] = set()
        self._refused = 0
        self._tried: dict[str, set[Any]] = {}
        self._known: dict[int, Wanted] = {}
        self._matching: dict[tuple[str, frozenset[Any]], Repeatable] = {}
        self.proof: Proof | None = None

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
        asked = frozenset(requirements[identifier])
        refused = {candidate.version for candidate in incompatibilities[identifier]}
        rows = self._rows(name, asked)

        def matches() -> Iterator[Candidate]:
            for version, file in rows:
                if version not in refused:
                    yield Candidate(name, extras, version, file)

        return matches

    def _rows(self, name: str, asked: frozenset[Any]) -> Repeatable:
        """Return what `matching` yields, which is asked for again after each conflict."""
        if (name, asked) not in self._matching:
            self._matching[name, asked] = Repeatable(self._candidates(name, asked))
        return self._matching[name, asked]

    def _candidates(self, name: str, asked: frozenset[Any]) -> Iterator[tuple[Any, File]]:
        page = self._catalogue.page(name)
        every = asked | self._constraints.get(name, frozenset())
        return preferring(matching(page, every), page, every, self._preferred.get(name, ()))

    def straight(self) -> list[Candidate] | None:
        """Return the answer where no choice has to be taken back; None where that is not certain.

        Whichever of the requirements on a project is known first, alone and with those that are known from
        the beginning it must lead to the version that all others allow: then every order leads to it.
        """
        if self._has_hashes:
            return None
        asked: dict[Identifier, frozenset[Any]] = {}
        for each in self._wanted:
            asked[self.identify(each)] = asked.get(self.identify(each), frozenset()) | {each}
        versions: dict[str, Any] = {}
        found: dict[Identifier, Candidate] = {}
        waiting = list(self._wanted)
        while waiting:
            requirement = waiting.pop()
            identifier = self.identify(requirement)
            name, extras = identifier
            row = next(self._candidates(name, asked.get(identifier, frozenset()) | {requirement}), None)
            if row is None or versions.setdefault(name, row[0]) != row[0]:
                return None
            if identifier not in found:
                found[identifier] = Candidate(name, extras, *row)
                waiting += self.get_dependencies(found[identifier])
        return list(found.values())

    def is_satisfied_by(self, requirement: Any, candidate: Candidate) -> bool:
        """Return whether a candidate meets a requirement; a pre-release does where it was chosen."""
        return bool(requirement.allows(candidate.version))

    def get_dependencies(self, candidate: Candidate) -> list[Any]:
        """Return what a candidate needs on the target, and let those pages be fetched."""
        if not self.dependencies:
            return []
        self._look_further(candidate)
        found = self._catalogue.metadata(candidate.file)
        if not self._catalogue.target.allows(found.requires_python):
            raise UncoveredError("METADATA has another Requires-Python than the page")
        asked: list[Any] = [Same(candidate)] if candidate.extras else []
        for requirement in self._catalogue.rules.overridden(found.requirements(candidate.extras)):
            if applies(requirement, candidate.extras, self._catalogue.target.markers):
                wanted = self._wanted_once(requirement)
                self._catalogue.ask(wanted.name)
                asked.append(wanted)
        return asked

    def _wanted_once(self, requirement: Any) -> Wanted:
        """Return one value for all times that METADATA yields a requirement, which is kept there."""
        if id(requirement) not in self._known:
            self._known[id(requirement)] = Wanted(requirement)
        return self._known[id(requirement)]

    def _look_further(self, candidate: Candidate) -> None:
        """Let the METADATA of older versions be fetched where several were tried: more will be."""
        tried = self._tried.setdefault(candidate.name, set())
        if candidate.version in tried:
            return
        tried.add(candidate.version)
        if len(tried) > _TRIED and len(tried) % (_AHEAD // 2) == _TRIED + 1:
            count = _AHEAD if len(tried) < _MANY_TRIED else _FAR_AHEAD
            self._catalogue.look_further(candidate.name, candidate.version, count)

    def failure(self, error: Any) -> Exception:
        """Return why there is no resolution, from resolvelib's own error."""
        if self._has_hashes:
            return UncoveredError("no file has the hash")
        causes = getattr(error, "causes", None)
        if causes is None:
            names = [name for (name, _), _ in self._conflicts.most_common()]
            _, together = self._universe(everything=False).refute(self._wanted)
            return reasons.too_deep(_MOST_ROUNDS, names, together)
        # What only pre-releases fit may be met by itself: it is not to blame alone.
        explained = self._explained(causes, everything=False) or self._explained(causes, everything=True)
        return explained or reasons.conflict(self._wanted, causes, self._is_met)

    def note_refused(self, criterion: Any, candidate: Candidate) -> None:
        """Raise NoResolutionError where candidates go on being refused and it can be proved that all will."""
        del criterion, candidate
        self._refused += 1
        if self._refused == _DOUBTFUL and not self._has_hashes:
            read = Proof(tuple(map(_account, self._wanted)), {}, {})
            explained = self._explained((), everything=True, read=read)
            if explained is not None:
                read.error, self.proof = explained, read
                raise explained

    def is_refuted_by(self, proof: Proof) -> bool:
        """Return whether a proof for another target is one here, too: it read what is to be read here."""
        try:
            return (
                proof.wanted == tuple(map(_account, self._wanted))
                and all(_listed(self._catalogue.page(name)) == rows for name, rows in proof.pages.items())
                and all(list(map(_account, self._needs(*each))) == rows for each, rows in proof.needs.items())
            )
        except (KeyError, RefusedError, UncoveredError):
            return False

    def _explained(
        self, causes: Sequence[Any], *, everything: bool, read: Proof | None = None
    ) -> NoResolutionError | None:
        """Return why there is no answer; None where there is no proof, or it leads to what is not covered.

        Notes in `read` what the proof rests on.
        """
        try:
            universe = self._universe(everything=everything, read=read)
            return reasons.explain(universe, self._wanted, causes, self._is_met)
        except UncoveredError:
            return None

    def _universe(self, *, everything: bool, read: Proof | None = None) -> reasons.Universe:
        def page(name: str) -> Page:
            found = self._catalogue.page(name)
            if read is not None and name not in read.pages:
                read.pages[name] = _listed(found)
            return found

        def needs(identifier: Identifier, version: Any) -> list[Any]:
            found = self._needs(identifier, version)
            if read is not None:
                read.needs[identifier, version] = list(map(_account, found))
            return found

        return reasons.Universe(page, needs, self._offered(), everything=everything)

    def _offered(self) -> dict[str, set[Any]]:
        """Return the versions that were candidates though they are pre-releases or yanked."""
        found: dict[str, set[Any]] = {}
        for (name, _), rows in self._matching.items():
            unusual = {version for version, file in rows if version.is_prerelease or file.yanked}
            found.setdefault(name, set()).update(unusual)
        return found

    def _needs(self, identifier: Identifier, version: Any) -> list[Any]:
        """Return what a version of a project needs."""
        name, extras = identifier
        file = self._catalogue.page(name).by_version[version].files[0]
        return self.get_dependencies(Candidate(name, extras, version, file))

    def _is_met(self, requirement: Any) -> bool:
        """Return whether any candidate fits a requirement by itself."""
        return any(matching(self._catalogue.page(requirement.name), [requirement]))


class Proof:
    """Proof that there is no answer: the `error`, and all that was read for it.

    That is what was asked for, the versions on each page with whether they are yanked, and what each version
    needs.
    """

    def __init__(
        self,
        wanted: tuple[Account, ...],
        pages: dict[str, list[tuple[str, bool]]],
        needs: dict[tuple[Identifier, Any], list[Account]],
    ) -> None:
        self.wanted = wanted
        self.pages = pages
        self.needs = needs
        self.error: NoResolutionError | None = None


def _account(requirement: Any) -> Account:
    return requirement.name, requirement.extras, requirement.key


def _listed(page: Page) -> list[tuple[str, bool]]:
    return [(release.text, release.files[0].yanked) for release in page.releases]


def applies(requirement: Any, extras: frozenset[str], markers: Mapping[str, str]) -> bool:
    """Return whether a dependency counts; what counts without extras counts for the project itself."""
    marker = requirement.marker
    if not extras:
        return marker is None or bool(marker.evaluate(markers))
    return marker is not None and any(marker.evaluate({**markers, "extra": extra}) for extra in extras)


def resolve(catalogue: Catalogue, wanted: Sequence[Wanted], *, dependencies: bool) -> list[Candidate]:
    """Return a candidate for each project that requirements come to, sorted by name.

    Raises NoResolutionError where there is no answer.
    """
    found = resolve_extras(catalogue, wanted, Provider(catalogue, wanted, dependencies=dependencies))
    by_name = {candidate.name: candidate for candidate in found}
    for candidate in filter(lambda each: each.extras, found) if dependencies else ():
        provided = catalogue.metadata(candidate.file).extras
        by_name[candidate.name].missing_extras += sorted(candidate.extras.difference(provided))
    return [by_name[name] for name in sorted(by_name)]


def resolve_extras(catalogue: Catalogue, wanted: Sequence[Wanted], provider: Provider) -> list[Candidate]:
    """Return a candidate for each project and each set of its extras that requirements come to.

    Raises NoResolutionError where there is no answer.
    """
    for each in wanted:
        catalogue.ask(each.name, ahead=provider.dependencies)
    # What fails on this way may not be needed on the other; where it is, that fails as well.
    with contextlib.suppress(RefusedError, UncoveredError):
        found = provider.straight()
        if found is not None:
            return found
    resolvelib = importlib.import_module("pip._vendor.resolvelib")
    reporter = resolvelib.BaseReporter()
    reporter.rejecting_candidate = provider.note_refused
    resolver = resolvelib.Resolver(provider, reporter)
    try:
        result = resolver.resolve(list(wanted), max_rounds=_MOST_ROUNDS)
    except resolvelib.ResolutionError as error:
        raise provider.failure(error) from error
    return list(result.mapping.values())
