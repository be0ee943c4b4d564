"""One lockfile of the resolutions for several targets: each version with the marker of where it is needed.

A marker is what the requirements that lead to a distribution say, and which Pythons and platforms a version
was chosen for where there are several. It is tried on every target; where it says anything else than the
resolution there, the targets themselves are listed.
"""

from __future__ import annotations

import re

from vpy.spec.lockfile import markers
from vpy.spec.lockfile.markers import ALWAYS, NOWHERE, Condition, TooManyTermsError
from vpy.system.lean import contextlib
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    from vpy.spec.lockfile.markers import Span

    # Name and version.
    Key = tuple[str, str]
    # Name and extra, "" for the distribution itself.
    Node = tuple[str, str]
    # `sys_platform` and `platform_machine`.
    Platform = tuple[str, str]
    # Project, where it comes from, and the marker of where that counts.
    Origin = tuple[str, str, str]

_PROJECT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_SEPARATORS = re.compile(r"[-_.]+")
_EXTRA = re.compile(r"""\bextra\s*[=!]=\s*["']([^"']+)["']""")


@value
class ResolvedTarget:
    """Target, by its markers, and what was chosen on it: (name, version) sorted."""

    markers: tuple[tuple[str, str], ...]
    chosen: tuple[tuple[str, str], ...]


@value
class ResolvedDistribution:
    """Version that some target has: its dependencies as METADATA has them, PEP 508 texts.

    `version` is any text that tells it from others of its name. Where its project comes from different places
    on different targets, `origin` is the one of this version.
    """

    name: str
    version: str
    dependencies: tuple[str, ...]
    origin: str = ""


@value
class Placed:
    """Where a version is needed, as a marker ("" for everywhere), and who asks for it.

    `via` are the names of distributions, and "" for the spec itself.
    """

    marker: str
    via: tuple[str, ...]


def place(
    requirements: Sequence[str],
    targets: Sequence[ResolvedTarget],
    distributions: Sequence[ResolvedDistribution],
    requires_python: str,
    origins: Sequence[Origin] = (),
) -> dict[Key, Placed]:
    """Return where each version is needed, by (name, version).

    `origins` say where a project comes from: the first whose marker holds, and from "" where none does.
    """
    universe = _Universe(targets, requires_python, _Origins(distributions, origins))
    graph = _Graph(requirements, distributions, universe)
    placed = {}
    for distribution in distributions:
        key = (distribution.name, distribution.version)
        condition = graph.condition(key).within(universe.pythons)
        if not universe.agrees(key, condition):
            condition = universe.listed(key).within(universe.pythons)
        placed[key] = Placed(str(condition), tuple(sorted(graph.via(key))))
    return placed


class _Origins:
    """Conditions under which projects come from one place and not from another."""

    def __init__(self, distributions: Sequence[ResolvedDistribution], origins: Sequence[Origin]) -> None:
        self._of = {(each.name, each.version): each.origin for each in distributions}
        self._by_project: dict[str, dict[str, Condition]] = {}
        for project in dict.fromkeys(project for project, *_ in origins):
            rows = [(origin, marker) for each, origin, marker in origins if each == project]
            # Of what has no short opposite the targets themselves are listed.
            with contextlib.suppress(TooManyTermsError):
                self._by_project[project] = _in_turn(rows)

    def condition(self, key: Key) -> Condition | None:
        """Return where a version's project comes from where it does; None where there is but one place."""
        found = self._by_project.get(key[0], {}).get(self._of[key])
        return None if found == ALWAYS else found

    def is_same(self, key: Key, version: str) -> bool:
        """Return whether another version of a project comes from the same place."""
        return self._of.get((key[0], version)) == self._of[key]


def _in_turn(rows: Sequence[tuple[str, str]]) -> dict[str, Condition]:
    """Return where each origin counts of those with markers: the first whose marker holds, else ""."""
    found: dict[str, Condition] = {}
    left = ALWAYS
    for origin, marker in (*rows, ("", "")):
        holds = markers.parse(marker)
        found[origin] = found.get(origin, NOWHERE).or_(left.and_(holds))
        left = left.and_(holds.not_())
    return found


class _Universe:
    """Targets of a lockfile, as Python versions and platforms."""

    def __init__(self, targets: Sequence[ResolvedTarget], requires_python: str, origins: _Origins) -> None:
        self._origins = origins
        self._markers = [dict(target.markers) for target in targets]
        self._chosen = [dict(target.chosen) for target in targets]
        allowed = markers.spans_of(requires_python)
        self.spans = {
            version: between.terms[0].pythons
            for version, span in _spans(each["python_full_version"] for each in self._markers).items()
            if (between := markers.between([span]).and_(markers.between(allowed))).terms
        }
        self.pythons = allowed

    def _versions(self, name: str) -> dict[tuple[Platform, str], str]:
        """Return the version that each platform and Python has; those that have none are left out."""
        return {
            (_platform(each), each["python_full_version"]): chosen[name]
            for each, chosen in zip(self._markers, self._chosen, strict=True)
            if name in chosen
        }

    def where(self, key: Key) -> Condition:
        """Return what tells a version from the others of its name; ALWAYS where there are none."""
        name, version = key
        versions = self._versions(name)
        condition = self._origins.condition(key)
        if condition is not None:
            versions = {at: each for at, each in versions.items() if self._origins.is_same(key, each)}
        if len(set(versions.values())) < 2:
            return condition or ALWAYS
        pythons = sorted({python for _, python in versions}, key=_numbers)
        by_platform: dict[tuple[str, ...], list[Platform]] = {}
        for platform in dict.fromkeys(platform for platform, _ in versions):
            row = _filled([versions.get((platform, python), "") for python in pythons])
            by_platform.setdefault(row, []).append(platform)
        found = NOWHERE
        for row, platforms in by_platform.items():
            spans = _widened(row, pythons, self.spans, version)
            on_platforms = ALWAYS if len(by_platform) == 1 else self._platforms(platforms)
            found = found.or_(markers.between(spans).and_(on_platforms))
        return found if condition is None else found.and_(condition)

    def _platforms(self, platforms: Sequence[Platform]) -> Condition:
        """Return the condition of some platforms among all."""
        every = list(dict.fromkeys(map(_platform, self._markers)))
        found = NOWHERE
        for system in dict.fromkeys(system for system, _ in platforms):
            on_system = markers.comparison("sys_platform", "==", system)
            machines = [machine for each, machine in platforms if each == system]
            if len(machines) < sum(each == system for each, _ in every):
                named = NOWHERE
                for machine in machines:
                    named = named.or_(markers.comparison("platform_machine", "==", machine))
                on_system = on_system.and_(named)
            found = found.or_(on_system)
        return found

    def agrees(self, key: Key, condition: Condition) -> bool:
        """Return whether a condition holds on exactly the targets that have a version."""
        from packaging.markers import Marker

        text = str(condition)
        marker = Marker(text) if text else None
        return all(
            (marker is None or marker.evaluate(dict(each))) == (chosen.get(key[0]) == key[1])
            for each, chosen in zip(self._markers, self._chosen, strict=True)
        )

    def listed(self, key: Key) -> Condition:
        """Return the condition that lists the targets which have a version."""
        name, version = key
        by_pythons: dict[tuple[Span, ...], list[Platform]] = {}
        versions = self._versions(name)
        for platform in dict.fromkeys(map(_platform, self._markers)):
            spans = markers.between(
                span
                for python, each in self.spans.items()
                for span in each
                if versions.get((platform, python)) == version
            )
            if spans.terms:
                by_pythons.setdefault(spans.terms[0].pythons, []).append(platform)
        found = NOWHERE
        for pythons, platforms in by_pythons.items():
            found = found.or_(markers.between(pythons).and_(self._platforms(platforms)))
        return found


class _Graph:
    """Who needs what, and under which condition."""

    def __init__(
        self,
        requirements: Sequence[str],
        distributions: Sequence[ResolvedDistribution],
        universe: _Universe,
    ) -> None:
        self._where = {
            (each.name, each.version): universe.where((each.name, each.version)) for each in distributions
        }
        self._names = {each.name for each in distributions}
        self._distributions: dict[str, list[ResolvedDistribution]] = {}
        for each in distributions:
            self._distributions.setdefault(each.name, []).append(each)
        self._edges: dict[Node, list[tuple[Node, Condition, Key]]] = {}
        self._wanted: dict[Key, list[tuple[str, Requirement]]] = {}
        self._needed: dict[Node, Condition] = {}
        self._asked: dict[str, dict[str, Condition]] = {}
        self._pythons = markers.between(universe.pythons)
        self._is_too_long = False
        try:
            self._walk(requirements)
        except TooManyTermsError:
            self._is_too_long = True

    def condition(self, key: Key) -> Condition:
        """Return where a version is needed, NOWHERE where that is not known."""
        if self._is_too_long:
            return NOWHERE
        try:
            return self._needed.get((key[0], ""), NOWHERE).and_(self._where[key])
        except TooManyTermsError:
            return NOWHERE

    def via(self, key: Key) -> set[str]:
        """Return who asks for a version where it is needed."""
        if self._is_too_long:
            return set(self._asked.get(key[0], ()))
        where = self._where[key].and_(self._pythons)
        return {name for name, each in self._asked.get(key[0], {}).items() if _meet(each, where)}

    def _note(self, name: str, by: str, condition: Condition) -> None:
        rows = self._asked.setdefault(name, {})
        rows[by] = rows.get(by, NOWHERE).or_(condition)

    def _edges_of(self, source: Node) -> list[tuple[Node, Condition, Key]]:
        """Return what the versions of a project need with an extra: most extras nobody asks for."""
        if source not in self._edges:
            name, extra = source
            self._edges[source] = [
                (node, condition.and_(self._where[key]), key)
                for each in self._distributions[name]
                if not extra or extra in _extras(each)
                for key in ((each.name, each.version),)
                for project, requirement in self._requirements(key)
                if (condition := markers.of_marker(requirement.marker, extra)).terms
                for node in _nodes(project, requirement)
            ]
        return self._edges[source]

    def _requirements(self, key: Key) -> list[tuple[str, Requirement]]:
        """Return the dependencies of a version on projects that are needed somewhere."""
        from packaging.requirements import Requirement

        if key not in self._wanted:
            (distribution,) = (each for each in self._distributions[key[0]] if each.version == key[1])
            self._wanted[key] = [
                (project, Requirement(text))
                for text in distribution.dependencies
                if (project := _project(text)) in self._names
            ]
        return self._wanted[key]

    def _walk(self, requirements: Sequence[str]) -> None:
        """Follow the edges from the spec's own requirements until nothing is added."""
        from packaging.requirements import Requirement

        waiting: list[Node] = []
        for requirement in map(Requirement, requirements):
            name = _project(requirement.name)
            condition = markers.of_marker(requirement.marker)
            if name in self._names:
                self._note(name, "", condition)
                waiting += [node for node in _nodes(name, requirement) if self._grow(node, condition)]
        while waiting:
            source = waiting.pop()
            for node, condition, key in self._edges_of(source):
                on_way = self._needed[source].and_(condition)
                if on_way.terms:
                    if node[0] != key[0]:
                        self._note(node[0], key[0], on_way)
                    if self._grow(node, on_way):
                        waiting.append(node)

    def _grow(self, node: Node, condition: Condition) -> bool:
        """Add a condition to where a node is needed; return whether that is more than before."""
        known = self._needed.get(node, NOWHERE)
        self._needed[node] = known.or_(condition)
        return self._needed[node] != known


def _meet(one: Condition, two: Condition) -> bool:
    """Return whether two conditions can hold at once, also where that is not known."""
    try:
        return bool(one.and_(two).terms)
    except TooManyTermsError:
        return True


def _nodes(name: str, requirement: Requirement) -> Iterator[Node]:
    from packaging.utils import canonicalize_name

    yield name, ""
    for extra in sorted(requirement.extras):
        yield name, canonicalize_name(extra)


def _extras(distribution: ResolvedDistribution) -> set[str]:
    """Return the extras that the markers of dependencies name."""
    found = (each for text in distribution.dependencies for each in _EXTRA.findall(text))
    return {_SEPARATORS.sub("-", each).lower() for each in found}


def _project(requirement: str) -> str:
    """Return the normalized name of the project that a PEP 508 text begins with."""
    match = _PROJECT.match(requirement)
    return _SEPARATORS.sub("-", match[1]).lower() if match else ""


def _platform(each: Mapping[str, str]) -> Platform:
    return each["sys_platform"], each["platform_machine"]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _spans(versions: Iterable[str]) -> dict[str, Span]:
    """Return what each Python stands for: from behind the one before it, the last of a minor to its end."""
    ordered = sorted(set(versions), key=_numbers)
    found = {}
    for at, text in enumerate(ordered):
        numbers = _numbers(text)
        earlier = _numbers(ordered[at - 1]) if at else ()
        low = (*numbers[:2], earlier[2] + 1) if earlier[:2] == numbers[:2] else numbers[:2]
        is_last = at + 1 == len(ordered) or _numbers(ordered[at + 1])[:2] != numbers[:2]
        high = (numbers[0], numbers[1] + 1) if is_last else (*numbers[:2], numbers[2] + 1)
        found[text] = (low, high)
    if ordered:
        found[ordered[-1]] = (found[ordered[-1]][0], markers.NEVER)
    return found


def _filled(row: Sequence[str]) -> tuple[str, ...]:
    """Return a row in which what is absent is as what stands before it, at the beginning as what follows."""
    filled, last = [], next((each for each in row if each), "")
    for each in row:
        last = each or last
        filled.append(last)
    return tuple(filled)


def _widened(
    row: Sequence[str], pythons: Sequence[str], spans: Mapping[str, Sequence[Span]], version: str
) -> Iterator[Span]:
    """Yield the spans in which a row has a version; the first begins, and the last ends, with all Pythons."""
    for at, each in enumerate(row):
        if each == version:
            known = spans.get(pythons[at], ())
            low = known[0][0] if at and known else (0,)
            if at + 1 < len(row) and spans.get(pythons[at + 1]):
                high = spans[pythons[at + 1]][0][0]
            else:
                high = markers.NEVER
            yield low, high
