"""`tree`: the distributions of an environment, who asked for each, its size and its licence."""

from __future__ import annotations

import os

from vpy.system import status_line
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping, Sequence
    from email.message import Message

    from bootstrap.request import Request
    from vpy.model import Interpreter, Spec
    from vpy.operations.context import Context

INDENT = "  "
LONGEST_LICENCE = 40


@value
class Distribution:
    """Installed distribution; `requires` are (project, requirement as written) that hold on its Python."""

    project: str
    name: str
    version: str
    licence: str
    size: int
    requires: tuple[tuple[str, str], ...]


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Make the environment where it is missing, and print its distributions as a tree."""
    from vpy.commands.support import invocation, text_output
    from vpy.operations import plan, start

    asked = invocation.of(request, arguments, context.config)
    started = start.start(asked, context)
    discovery, spec = plan.read_spec(asked, context)
    interpreter = plan.find_interpreter(asked, context, spec, discovery.source).interpreter
    purelib = os.path.join(started.environment, dict(interpreter.scheme)["purelib"])
    known = installed(purelib, interpreter)
    tops = _tops(spec, known)
    if arguments.json:
        rows = [_account(each, known, tops) for each in known.values()]
        text_output.show_json({"environment": started.environment, "distributions": rows})
        return 0
    lines = [line for top in tops for line in _branch(top, "", known, ())]
    text_output.show("\n".join(lines) if lines else "no distributions")
    if known:
        total = sum(each.size for each in known.values())
        count = "1 distribution" if len(known) == 1 else f"{len(known)} distributions"
        text_output.show(f"\n{count}, {status_line.size(total)}")
    return 0


def installed(purelib: str, interpreter: Interpreter) -> dict[str, Distribution]:
    """Return the distributions of a directory by project, those of the environment itself left out."""
    found = {}
    for name in sorted(os.listdir(purelib)):
        path = os.path.join(purelib, name)
        if name.endswith(".dist-info") and os.path.isfile(os.path.join(path, "METADATA")):
            distribution = _read(path, interpreter)
            found[distribution.project] = distribution
    return found


def _read(path: str, interpreter: Interpreter) -> Distribution:
    import email.parser

    from vpy.spec import edit

    with open(os.path.join(path, "METADATA"), "rb") as file:
        fields = email.parser.BytesHeaderParser().parse(file)
    name = str(fields["Name"] or "").strip()
    return Distribution(
        project=edit.project(name),
        name=name,
        version=str(fields["Version"] or "").strip(),
        licence=_licence(fields),
        size=_size(path),
        requires=tuple(_requires(map(str, fields.get_all("Requires-Dist", [])), interpreter)),
    )


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


def _requires(entries: Iterator[str], interpreter: Interpreter) -> Iterator[tuple[str, str]]:
    """Yield the requirements without extras that hold on a Python."""
    from packaging.requirements import InvalidRequirement, Requirement

    from vpy.spec import edit

    environment = {**dict(interpreter.markers), "extra": ""}
    for entry in entries:
        try:
            requirement = Requirement(entry)
            holds = requirement.marker is None or requirement.marker.evaluate(environment)
        except (InvalidRequirement, ValueError):
            continue
        if holds:
            yield edit.project(requirement.name), entry.partition(";")[0].strip()


def _tops(spec: Spec, known: Mapping[str, Distribution]) -> list[str]:
    """Return what the spec asks for, then what nobody else does."""
    from vpy.spec import edit

    asked = [edit.project(entry) for entry in spec.dependencies]
    wanted = {project for each in known.values() for project, _ in each.requires}
    return list(dict.fromkeys([each for each in asked if each in known] + sorted(set(known) - wanted)))


def _branch(
    project: str, asked_as: str, known: Mapping[str, Distribution], above: Sequence[str]
) -> Iterator[str]:
    each = known[project]
    wanted = f"  [{asked_as}]" if asked_as and asked_as != each.name else ""
    size = status_line.size(each.size)
    yield f"{INDENT * len(above)}{each.name} {each.version}  ({each.licence}, {size}){wanted}"
    for name, requirement in each.requires:
        if name in known and name not in (*above, project):
            yield from _branch(name, requirement, known, (*above, project))


def _account(each: Distribution, known: Mapping[str, Distribution], tops: Sequence[str]) -> dict[str, object]:
    askers = [
        other.name for other in known.values() for project, _ in other.requires if project == each.project
    ]
    return {
        "name": each.name,
        "version": each.version,
        "licence": each.licence,
        "size": each.size,
        "asked_for_by": [*(["spec"] if each.project in tops else []), *dict.fromkeys(askers)],
        "requires": [requirement for _, requirement in each.requires],
    }
