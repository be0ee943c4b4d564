"""Reasons why requirements cannot be met, as facts of which `vpy.packages.index.errors` makes sentences."""

from __future__ import annotations

import bisect
import itertools

from vpy.wheels.index_client.errors import NoResolutionError, UncoveredError
from vpy.wheels.index_client.proof import Prover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from vpy.wheels.index_client.pages import Page

    # A project's normalized name, and the extras that are asked for.
    Identifier = tuple[str, frozenset[str]]
    # Who needs something, in which version by its position, and what; None where the script does.
    Fact = tuple[Identifier | None, int, Any]

# Versions that are chosen before a proof is given up, and a search for a way out.
_MOST_CHOICES = 10_000
_FEW_CHOICES = 300
_MOST_TEXTS = 2
_MOST_NAMES = 4
_MOST_LOOSENED = 3


class Universe:
    """Versions that a proof is about.

    Final ones that are not yanked, and those that were offered to the resolution all the same; with
    `everything` all of them, which a proof for any resolution needs. `needs` returns the dependencies
    of a version.
    """

    def __init__(
        self,
        page: Callable[[str], Page],
        needs: Callable[[Identifier, Any], Iterable[Any]],
        offered: Mapping[str, set[Any]],
        *,
        everything: bool,
    ) -> None:
        self._page = page
        self._needs = needs
        self._offered = offered
        self._everything = everything
        self._versions: dict[str, list[Any]] = {}
        self._allowed: dict[tuple[str, str], int] = {}
        self._sorted: dict[str, bool] = {}
        self._plain: dict[str, int] = {}

    def refute(
        self, wanted: Sequence[Any], most: int = _MOST_CHOICES
    ) -> tuple[list[Fact] | None, dict[str, str]]:
        """Return the facts that contradict each other; where there are none, versions that go together."""
        prover = Prover(self.count, self.needs)
        asked = ((_identifier(each), self.allowed(each), (None, -1, each)) for each in wanted)
        facts: Any = prover.refute(asked, most)
        chosen: Mapping[Any, int] = prover.chosen() if prover.is_solved else {}
        return facts, {name[0]: str(self.versions(name[0])[at]) for name, at in chosen.items()}

    def versions(self, name: str) -> list[Any]:
        """Return the versions of a project that count, newest first."""
        if name not in self._versions:
            offered = self._offered.get(name, ())
            self._versions[name] = [
                version
                for version, release in self._page(name).by_version.items()
                if self._everything
                or version in offered
                or not (version.is_prerelease or release.files[0].yanked)
            ]
        return self._versions[name]

    def is_prerelease(self, identifier: Identifier, at: int) -> bool:
        """Return whether the version at a position is a pre-release."""
        return bool(self.versions(identifier[0])[at].is_prerelease)

    def overlooks(self, facts: Iterable[Fact], is_met: Callable[[Any], bool]) -> bool:
        """Return whether facts rest on a requirement that only versions fit which do not count here."""
        return any(each.text and not self.allowed(each) and is_met(each) for _, _, each in facts)

    def count(self, identifier: Any) -> int:
        """Return how many versions a project has."""
        return len(self.versions(identifier[0]))

    def needs(self, identifier: Any, at: int) -> Iterator[tuple[Identifier, int, Fact]]:
        """Yield what a version needs."""
        for requirement in self._needs(identifier, self.versions(identifier[0])[at]):
            yield _identifier(requirement), self.allowed(requirement), (identifier, at, requirement)

    def allowed(self, requirement: Any) -> int:
        """Return the versions that a requirement allows, as the bits of an int."""
        key = requirement.name, requirement.key
        if key not in self._allowed:
            self._allowed[key] = self._fitting(requirement)
        return self._allowed[key]

    def _fitting(self, requirement: Any) -> int:
        versions = self.versions(requirement.name)
        if requirement.bounds is not None and self._is_sorted(requirement.name):
            found = (1 << len(versions)) - 1
            for part in requirement.bounds:
                found &= self._bounded(requirement.name, part)
            return found
        fitting = set(map(id, requirement.among(versions)))
        return sum(1 << at for at, each in enumerate(versions) if id(each) in fitting)

    def _is_sorted(self, name: str) -> bool:
        """Return whether the versions of a project stand in their order, newest first."""
        if name not in self._sorted:
            versions = self.versions(name)
            self._sorted[name] = all(one > two for one, two in itertools.pairwise(versions))
        return self._sorted[name]

    def _bounded(self, name: str, part: Any) -> int:
        """Return the versions within a bound: some of the newest of all, or some of the oldest."""
        key = name, str(part)
        if key not in self._allowed:
            versions = self.versions(name)
            is_lower = part.operator.startswith(">")
            count = bisect.bisect_left(
                versions, True, key=lambda each: part.contains(each, prereleases=True) != is_lower
            )
            newest = (1 << count) - 1
            self._allowed[key] = newest if is_lower else ((1 << len(versions)) - 1) & ~newest
        return self._allowed[key]

    def is_plainly_met(self, requirement: Any) -> bool:
        """Return whether a requirement allows a final version that is not yanked."""
        name = requirement.name
        if name not in self._plain:
            releases = self._page(name).by_version
            self._plain[name] = sum(
                1 << at
                for at, each in enumerate(self.versions(name))
                if not (each.is_prerelease or releases[each].files[0].yanked)
            )
        return bool(self.allowed(requirement) & self._plain[name])


def explain(
    universe: Universe, wanted: Sequence[Any], causes: Iterable[Any], is_met: Callable[[Any], bool]
) -> NoResolutionError | None:
    """Return why requirements cannot be met; None where nothing in the universe forbids it.

    `causes` are those of the last conflict; `is_met` says whether any candidate fits a requirement alone.
    """
    facts, _ = universe.refute(wanted)
    if facts is None or universe.overlooks(facts, is_met):
        return None
    by_parent = [(name, at, each) for name, at, each in facts if name]
    final_first = sorted(by_parent, key=lambda fact: (universe.is_prerelease(*fact[:2]), fact[1]))
    in_proof = [(each, _parent(universe, name, at)) for name, at, each in final_first]
    sides = [*_sides(wanted, causes), *in_proof]
    lacking = _lacking(sides, lambda each: universe.is_plainly_met(each) or is_met(each))
    row = _row(universe, wanted, facts)
    if not lacking:
        row["loosened"] = _loosened(universe, wanted, row["asked"])
    return NoResolutionError(row, lacking)


def conflict(
    wanted: Sequence[Any], causes: Iterable[Any], is_met: Callable[[Any], bool]
) -> NoResolutionError:
    """Return the last conflict of a resolution, where there is no shorter reason."""
    sides = _sides((), causes) or _sides(wanted, ())
    row = {"kind": "conflict", "sides": sorted({(parent, each.text) for each, parent in sides if each.text})}
    return NoResolutionError(row, _lacking([*_sides(wanted, ()), *sides], is_met))


def _sides(wanted: Iterable[Any], causes: Iterable[Any]) -> list[tuple[Any, str]]:
    """Return requirements, each with the text of who wants it: "" is the script."""
    rows = [(each, "") for each in wanted]
    for each in causes:
        parent = f"{each.parent.name} {each.parent.version}" if each.parent is not None else ""
        rows.append((each.requirement, parent))
    return rows


def _lacking(sides: Iterable[tuple[Any, str]], is_met: Callable[[Any], bool]) -> list[tuple[Any, str]]:
    """Return the requirements that no candidate fits, each once."""
    found: dict[str, tuple[Any, str]] = {}
    for each, parent in sides:
        if each.text and each.text not in found and not is_met(each):
            found[each.text] = each.alone(), parent
    return list(found.values())


def too_deep(rounds: int, names: Iterable[str], together: Mapping[str, str]) -> NoResolutionError:
    """Return that a resolution was given up: what conflicts kept being about, and what goes together."""
    listed = list(dict.fromkeys(names))[:_MOST_NAMES]
    row = {
        "kind": "rounds",
        "rounds": rounds,
        "names": listed,
        "together": [f"{name}=={together[name]}" for name in listed if name in together],
    }
    return NoResolutionError(row, [])


def _row(universe: Universe, wanted: Sequence[Any], facts: Sequence[Fact]) -> dict[str, Any]:
    """Return the error for a proof: what was asked for, and what needs what, from there down."""
    used = {id(requirement) for _, _, requirement in facts}
    asked = [each for each in wanted if id(each) in used]
    return {
        "kind": "conflict",
        "asked": list(dict.fromkeys(each.text for each in asked)),
        "because": _because(universe, asked, facts),
        "is_clash": len(asked) > 1 or _is_clash(universe, facts),
    }


def _loosened(universe: Universe, wanted: Sequence[Any], asked: Sequence[str]) -> list[str]:
    """Return which version would go with the others, for each of the first requirements that bound one."""
    bounded = [each for each in wanted if each.text in asked and each.key]
    if len({each.name for each in bounded}) < len(bounded):
        return []
    found = []
    for each in bounded[:_MOST_LOOSENED]:
        others = [other for other in wanted if other.name != each.name]
        try:
            _, together = universe.refute([*others, each.bare()], _FEW_CHOICES)
        except UncoveredError:
            continue
        if each.name in together:
            found.append(f"{each.name}=={together[each.name]}")
    return found


def _is_clash(universe: Universe, facts: Sequence[Fact]) -> bool:
    """Return whether different requirements of one project are part of a proof."""
    sides: dict[Identifier, set[int]] = {}
    for _, _, requirement in facts:
        if requirement.text and (allowed := universe.allowed(requirement)):
            sides.setdefault(_identifier(requirement), set()).add(allowed)
    return any(len(each) > 1 for each in sides.values())


def _because(universe: Universe, asked: Sequence[Any], facts: Sequence[Fact]) -> list[dict[str, Any]]:
    """Return for each pair of projects what one needs of the other, walking from the script down."""
    groups: dict[Identifier, dict[Identifier, list[tuple[int, Any]]]] = {}
    for parent, at, requirement in sorted(facts, key=lambda fact: (fact[1], fact[2].text)):
        if parent is not None:
            children = groups.setdefault(parent, {})
            children.setdefault(_identifier(requirement), []).append((at, requirement))

    rows = []
    waiting = [_identifier(each) for each in reversed(asked)]
    while waiting:
        parent = waiting.pop()
        children = groups.pop(parent, {})
        # What is walked below a child stands behind it.
        waiting += reversed(children)
        rows += [_group(universe, parent, needs) for needs in children.values() if needs[0][1].text]
    return rows


def _group(universe: Universe, parent: Identifier, needs: Sequence[tuple[int, Any]]) -> dict[str, Any]:
    """Return what versions of a project need of another: the first few texts, each with its versions."""
    versions = universe.versions(parent[0])
    by_text: dict[str, list[int]] = {}
    for at, requirement in needs:
        by_text.setdefault(requirement.text, []).append(at)
    final_first = sorted(by_text, key=lambda text: all(versions[at].is_prerelease for at in by_text[text]))
    texts = final_first[:_MOST_TEXTS]
    distinct = {at for each in by_text.values() for at in each}
    return {
        "parent": parent[0] + (f"[{','.join(sorted(parent[1]))}]" if parent[1] else ""),
        "needs": [[text, [str(versions[at]) for at in by_text[text]]] for text in texts],
        "project": needs[0][1].name,
        "others": len(distinct - {at for text in texts for at in by_text[text]}),
        "all": len(distinct) == len(versions),
    }


def _identifier(requirement: Any) -> Identifier:
    return requirement.name, requirement.extras


def _parent(universe: Universe, identifier: Identifier, at: int) -> str:
    return f"{identifier[0]} {universe.versions(identifier[0])[at]}"
