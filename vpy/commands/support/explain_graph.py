"""Graph of a start's distributions for `explain`, by the metadata of stored wheels; nothing is installed."""

from __future__ import annotations

import os

from vpy.commands.parser import nearest
from vpy.commands.support import distribution_graph, explain_packages
from vpy.commands.support.distribution_graph import Distribution, Edge
from vpy.errors import ToolError
from vpy.operations import environment, plan, wheel_set
from vpy.system.lean.dataclasses import value
from vpy.wheels import filename, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from bootstrap.request import Request
    from vpy.commands.support.distribution_graph import Graph
    from vpy.operations.context import Context
    from vpy.operations.plan import Plan
    from vpy.operations.wheel_set import WheelSet

MOST_CHAINS = 10
NO_SPEC = "(no spec)"
MOST_NAMED = 4


@value
class Answer:
    """Why a distribution is in an environment: the chains that lead to it, and whether there are more.

    `version` is None where it is not in it; `near` is a name in it that may have been meant.
    """

    name: str
    version: str | None
    chains: tuple[tuple[Edge, ...], ...]
    is_more: bool
    near: str | None


def read(request: Request, context: Context) -> Graph:
    """Return the graph of a start; raise VpythonError where its packages cannot be resolved.

    What is not stored has no requirements, and `path` None.
    """
    discovery, spec = plan.read_spec(request, context)
    found = plan.find_interpreter(request, context, spec, discovery.source)
    decided = plan.plan_for(discovery, spec, found, request, context)
    resolved = explain_packages.resolved(decided, context)
    names = {wheel.package: filename.parse(wheel.filename).name for wheel in resolved.wheels}
    packages = [
        Edge(names[wanted.name], f"{wanted.name} {wanted.version}")
        for wanted in decided.packages
        if wanted.name in names
    ]
    root = os.path.basename(discovery.source.path) or NO_SPEC
    known = _distributions(decided, resolved, context)
    return distribution_graph.graph(root, spec.dependencies, packages, known, decided.interpreter)


def _distributions(decided: Plan, resolved: WheelSet, context: Context) -> dict[str, Distribution]:
    """Return the distributions of a plan, stored or as its environment has them, else by name alone."""
    from vpy.environment import build

    known: dict[str, Distribution] = {}
    installed = distribution_graph.installed
    scheme = dict(decided.interpreter.scheme)
    places = dict.fromkeys((scheme["purelib"], scheme["platlib"]))
    key = build.key_of(environment.ingredients_of(decided, resolved, context))
    for tree in wheel_set.trees(resolved, decided.interpreter, context.layout):
        name = filename.parse(tree.filename)
        bases = [os.path.join(tree.path, store.TREE), context.layout.environment(key)]
        if not store.is_stored(tree):
            del bases[0]
        directories = [os.path.join(base, place) for base in bases for place in places]
        known[name.name] = next(
            (found[name.name] for path in directories if name.name in (found := installed(path))),
            Distribution(project=name.name, name=name.distribution, version=name.version, path=None),
        )
    return known


def missing(graph: Graph) -> list[str]:
    """Return the names of what is not stored, whose requirements are not known."""
    return [each.name for each in graph.known.values() if each.path is None]


def why(graph: Graph, name: str, install: str) -> Answer:
    """Return why a distribution is in the environment.

    Raises ToolError where only wheels that are not stored could tell, which the command `install` stores.
    """
    from packaging.utils import canonicalize_name

    project = canonicalize_name(name)
    each = graph.known.get(project)
    if each is None:
        return Answer(name=name, version=None, chains=(), is_more=False, near=nearest(project, graph.known))
    chains = []
    for chain in distribution_graph.chains(graph, project):
        chains.append(chain)
        if len(chains) > MOST_CHAINS:
            break
    if not chains and (unknown := missing(graph)):
        fact = f"who requires `{each.name}` {each.version} is not known: {not_stored(unknown)}"
        raise ToolError(fact, hint=f"`{install}` stores them")
    return Answer(
        name=each.name,
        version=each.version,
        chains=tuple(chains[:MOST_CHAINS]),
        is_more=len(chains) > MOST_CHAINS,
        near=None,
    )


def not_stored(names: Iterable[str]) -> str:
    """Return that the wheels of distributions are not stored."""
    every = list(names)
    more = f" and {len(every) - MOST_NAMED} more" if len(every) > MOST_NAMED else ""
    named = ", ".join(f"`{name}`" for name in every[:MOST_NAMED])
    return f"wheels are not stored: {named}{more}"


def absent(graph: Graph, answer: Answer) -> ToolError:
    """Return the error of a distribution that is not in the environment."""
    where = "the bare environment" if graph.root == NO_SPEC else f"the environment of `{graph.root}`"
    fact = f"`{answer.name}` is not in {where}"
    return ToolError(f"{fact}: did you mean `{answer.near}`?" if answer.near else fact)


def described(each: Distribution) -> str:
    """Return a distribution as a line of the tree has it."""
    return f"{each.name} {each.version}{'' if each.path else '  (not stored)'}"


def why_text(graph: Graph, answer: Answer) -> str:
    """Return the chains, a line for each."""
    lines = [chain_line(graph, chain) for chain in answer.chains]
    if not lines:
        lines = [f"{answer.name} {answer.version}: nothing that is known requires it"]
    return "\n".join([*lines, *(["and more"] if answer.is_more else [])])


def chain_line(graph: Graph, chain: Iterable[Edge]) -> str:
    """Return a chain as text: each requirement, and the version that it came to."""
    steps = (f"{edge.text} ({graph.known[edge.project].version})" for edge in chain)
    return " -> ".join([graph.root, *steps])


def why_account(graph: Graph, answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON has it."""
    chains = [
        [
            {
                "name": graph.known[edge.project].name,
                "version": graph.known[edge.project].version,
                "requirement": edge.text,
            }
            for edge in chain
        ]
        for chain in answer.chains
    ]
    return {
        "root": graph.root,
        "name": answer.name,
        "version": answer.version,
        "chains": chains,
        "more": answer.is_more,
        "near": answer.near,
        "not_stored": missing(graph),
    }


def account(graph: Graph) -> dict[str, Any]:
    """Return a graph as JSON has it."""

    def rows(edges: Iterable[Edge]) -> list[dict[str, str]]:
        return [
            {"name": graph.known[edge.project].name, "requirement": edge.text}
            for edge in edges
            if edge.project in graph.known
        ]

    return {
        "root": graph.root,
        "asked": rows(graph.asked),
        "distributions": [
            {
                "name": each.name,
                "version": each.version,
                "stored": each.path is not None,
                "requires": rows(graph.edges[each.project]),
            }
            for each in graph.known.values()
        ],
    }
