"""`tree`: the distributions of an environment, who asked for each, its size and its licence."""

from __future__ import annotations

import os

from vpy.commands.support import distribution_graph
from vpy.system import status_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from email.message import Message

    from bootstrap.request import Request
    from vpy.commands.support.distribution_graph import Distribution, Graph
    from vpy.operations.context import Context

LONGEST_LICENCE = 40


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Make the environment where it is missing, and print its distributions as a tree."""
    from vpy.commands.support import invocation, text_output
    from vpy.operations import plan, start

    asked = invocation.of(request, arguments, context)
    started = start.start(asked, context)
    discovery, spec = plan.read_spec(asked, context)
    interpreter = plan.find_interpreter(asked, context, spec, discovery.source).interpreter
    purelib = os.path.join(started.environment, dict(interpreter.scheme)["purelib"])
    known = distribution_graph.installed(purelib)
    graph = distribution_graph.graph("spec", spec.dependencies, (), known, interpreter)
    details = {project: _details(each) for project, each in known.items()}
    if arguments.json:
        rows = [_account(each, graph, *details[each.project]) for each in known.values()]
        text_output.show_json({"environment": started.environment, "distributions": rows})
        return 0

    def describe(each: Distribution) -> str:
        licence, size = details[each.project]
        return f"{each.name} {each.version}  ({licence}, {status_line.size(size)})"

    text_output.show("\n".join(distribution_graph.branches(graph, describe)) or "no distributions")
    if known:
        total = sum(size for _, size in details.values())
        count = "1 distribution" if len(known) == 1 else f"{len(known)} distributions"
        text_output.show(f"\n{count}, {status_line.size(total)}")
    return 0


def _details(each: Distribution) -> tuple[str, int]:
    """Return the licence and the size in bytes of an installed distribution."""
    import email.parser

    assert each.path is not None
    with open(os.path.join(each.path, "METADATA"), "rb") as file:
        fields = email.parser.BytesHeaderParser().parse(file)
    return _licence(fields), _size(each.path)


def _licence(fields: Message) -> str:
    """Return the licence as the metadata names it: an expression, a classifier, or a line of text."""
    expression = str(fields["License-Expression"] or "").strip()
    every = map(str, fields.get_all("Classifier", []))
    classifiers = [each for each in every if each.startswith("License ::")]
    named = [each.rpartition("::")[2].strip() for each in classifiers]
    text = str(fields["License"] or "").strip().partition("\n")[0]
    short = text if len(text) <= LONGEST_LICENCE else ""
    return expression or ", ".join(each for each in named if each != "OSI Approved") or short or "unknown"


def _size(path: str) -> int:
    """Return the bytes of what RECORD lists and is there."""
    import csv

    total = 0
    purelib = os.path.dirname(path)
    try:
        with open(os.path.join(path, "RECORD"), encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                if row and os.path.isfile(member := os.path.join(purelib, row[0])):
                    total += os.path.getsize(member)
    except (OSError, ValueError):
        pass
    return total


def _account(each: Distribution, graph: Graph, licence: str, size: int) -> dict[str, object]:
    askers = [
        graph.known[asker].name
        for asker, edges in graph.edges.items()
        if any(edge.project == each.project for edge in edges)
    ]
    is_top = any(edge.project == each.project for edge in graph.tops)
    return {
        "name": each.name,
        "version": each.version,
        "licence": licence,
        "size": size,
        "asked_for_by": [*(["spec"] if is_top else []), *askers],
        "requires": [edge.text for edge in graph.edges[each.project]],
    }
