"""Distributions of an environment and their requirements, from installed metadata: chains and trees."""

from __future__ import annotations

import heapq
import itertools
import os

from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    from vpy.model import Interpreter

INDENT = "  "


@value
class Edge:
    """Requirement of a project as PEP 508 writes it, without its marker.

    `extras` are those that it asks for. It holds where one of `needs` is asked for, "" for always.
    """

    project: str
    text: str
    extras: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset({""})


@value
class Distribution:
    """Distribution by its metadata; `path` is its `.dist-info`, None where it is not stored."""

    project: str
    name: str
    version: str
    path: str | None
    requirements: tuple[Requirement, ...] = ()


@value
class Graph:
    """Distributions by project, what the spec `root` asks for, and what each requires on one Python."""

    root: str
    asked: tuple[Edge, ...]
    known: Mapping[str, Distribution]
    edges: Mapping[str, tuple[Edge, ...]]

    @property
    def tops(self) -> tuple[Edge, ...]:
        """What the spec asks for, then what nobody else does."""
        asked = tuple(edge for edge in self.asked if edge.project in self.known)
        wanted = {edge.project for edges in (asked, *self.edges.values()) for edge in edges}
        return (*asked, *(Edge(name, "") for name in sorted(set(self.known) - wanted)))


def installed(directory: str) -> dict[str, Distribution]:
    """Return the distributions of a directory by project, those of the environment itself left out."""
    found = {}
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
        path = os.path.join(directory, name)
        if name.endswith(".dist-info") and os.path.isfile(os.path.join(path, "METADATA")):
            distribution = _read(path)
            found[distribution.project] = distribution
    return found


def _read(path: str) -> Distribution:
    import email.parser

    from packaging.requirements import InvalidRequirement, Requirement

    from vpy.spec import edit

    with open(os.path.join(path, "METADATA"), "rb") as file:
        fields = email.parser.BytesHeaderParser().parse(file)
    name = str(fields["Name"] or "").strip()
    requirements = []
    for entry in map(str, fields.get_all("Requires-Dist", [])):
        try:
            requirements.append(Requirement(entry))
        except InvalidRequirement:
            continue
    return Distribution(
        project=edit.project(name),
        name=name,
        version=str(fields["Version"] or "").strip(),
        path=path,
        requirements=tuple(requirements),
    )


def graph(
    root: str,
    requirements: Iterable[str],
    packages: Iterable[Edge],
    known: Mapping[str, Distribution],
    interpreter: Interpreter,
) -> Graph:
    """Return the graph of what is `known`: the spec asks for `requirements`, or for `packages`."""
    from packaging.requirements import Requirement

    markers = dict(interpreter.markers)
    asked = (*_holding(map(Requirement, requirements), {""}, markers), *packages)
    extras: dict[str, set[str]] = {}
    _add_extras(asked, extras)
    edges: dict[str, tuple[Edge, ...]] = {}
    # An extra that is asked for may ask for another one.
    while True:
        before = sum(map(len, extras.values()))
        for project, each in known.items():
            wanted = _holding(each.requirements, {"", *extras.get(project, ())}, markers)
            _add_extras(wanted, extras)
            edges[project] = tuple(dict.fromkeys(wanted))
        if sum(map(len, extras.values())) == before:
            return Graph(root, asked, known, edges)


def _holding(
    requirements: Iterable[Requirement], extras: Iterable[str], markers: Mapping[str, str]
) -> list[Edge]:
    from packaging.utils import canonicalize_name

    found = []
    for each in requirements:
        try:
            needs = [
                extra
                for extra in sorted(extras)
                if each.marker is None or each.marker.evaluate({**markers, "extra": extra})
            ]
        except ValueError:  # a comparison that has no meaning, which pip passes over as well
            continue
        if needs:
            text = str(each).removesuffix(str(each.marker or "")).rstrip("; ")
            asked = frozenset(map(canonicalize_name, each.extras))
            found.append(Edge(canonicalize_name(each.name), text, asked, frozenset(needs)))
    return found


def _add_extras(edges: Iterable[Edge], extras: dict[str, set[str]]) -> None:
    for edge in edges:
        extras.setdefault(edge.project, set()).update(edge.extras)


def chains(graph: Graph, project: str) -> Iterator[tuple[Edge, ...]]:
    """Yield the chains of requirements from the spec to a project, the shortest first."""
    distance = _distances(graph, project)
    numbers = itertools.count()
    heap: list[tuple[int, int, tuple[str, ...], int, tuple[Edge, ...]]] = []

    def push(chain: tuple[Edge, ...]) -> None:
        last = chain[-1].project
        if last in distance and last not in {edge.project for edge in chain[:-1]}:
            texts = tuple(edge.text for edge in chain)
            heapq.heappush(heap, (len(chain) + distance[last], -len(chain), texts, next(numbers), chain))

    # By the length that a chain has at least, so that no more of them are looked at than are asked for.
    for edge in graph.asked:
        push((edge,))
    while heap:
        *_, chain = heapq.heappop(heap)
        if chain[-1].project == project:
            yield chain
            continue
        extras = _extras(graph, chain[-1])
        for edge in graph.edges[chain[-1].project]:
            if edge.needs & extras:
                push((*chain, edge))


def _extras(graph: Graph, asked: Edge) -> set[str]:
    """Return the extras that a requirement brings: one may bring others of its own project."""
    extras = {"", *asked.extras}
    own = [edge for edge in graph.edges[asked.project] if edge.project == asked.project]
    for _ in own:
        extras.update(*(edge.extras for edge in own if edge.needs & extras))
    return extras


def _distances(graph: Graph, project: str) -> dict[str, int]:
    """Return how many requirements each distribution is away from one, of those that lead to it."""
    askers: dict[str, list[str]] = {}
    for asker, edges in graph.edges.items():
        for edge in edges:
            askers.setdefault(edge.project, []).append(asker)
    distance = {project: 0}
    queue = [project]
    for name in queue:
        for asker in askers.get(name, ()):
            if asker not in distance:
                distance[asker] = distance[name] + 1
                queue.append(asker)
    return distance


def branches(graph: Graph, describe: Callable[[Distribution], str]) -> list[str]:
    """Return the distributions as a tree, each below those that require it; nothing is repeated."""
    lines: list[str] = []
    shown: set[str] = set()

    def branch(edge: Edge, above: Sequence[str]) -> None:
        each = graph.known[edge.project]
        below = [one for one in graph.edges[edge.project] if one.project in graph.known]
        repeated = edge.project in shown and bool(below)
        wanted = f"  [{edge.text}]" if edge.text not in ("", each.name) and above else ""
        more = "  (see above)" if repeated else ""
        lines.append(f"{INDENT * len(above)}{describe(each)}{wanted}{more}")
        shown.add(edge.project)
        for one in below if not repeated else ():
            if one.project not in (*above, edge.project):
                branch(one, (*above, edge.project))

    for project in dict.fromkeys(edge.project for edge in graph.tops):
        branch(Edge(project, ""), ())
    return lines
