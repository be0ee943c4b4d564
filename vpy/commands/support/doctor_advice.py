"""Advice about what `doctor` finds: for each thing its name, and the way out."""

from __future__ import annotations

import os

from vpy.commands.support import inventory, text_output
from vpy.environment import compiled, verify
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.commands.support.examination import Finding
    from vpy.commands.support.inventory import Environment
    from vpy.operations.context import Context

FIX = "`vpython-tool doctor --fix`"
STORED = {
    "package": f"{FIX} drops it; it is fetched when it is needed",
    "copy": f"{FIX} drops it; the next start keeps another",
    "script": f"{FIX} drops it; it is fetched when it is started by its address",
    "wheel": f"{FIX} drops it; it is installed when it is needed",
    "venv template": f"{FIX} drops it; it is made when it is needed",
}


@value
class Advice:
    """Name for people of a damaged thing, and what to do about it."""

    name: str
    hint: str


def advise(findings: Sequence[Finding], context: Context) -> dict[str, Advice]:
    """Return the advice about each finding, by its path."""
    taken = inventory.take(context)
    known = {each.key: each for each in taken.environments}
    stored = inventory.stored_names(taken, context.layout)
    shorten = text_output.shortener(context.environ)
    advice = {}
    for finding in findings:
        short = os.path.basename(finding.path)[: inventory.SHORT_KEY]
        if finding.kind != "environment":
            name = stored.get(os.path.relpath(finding.path, context.layout.root), short)
            advice[finding.path] = Advice(f"{finding.kind} {name}", STORED[finding.kind])
            continue
        environment = known.get(os.path.basename(finding.path))
        whose = f" of {inventory.label(environment, shorten)}" if environment else ""
        advice[finding.path] = Advice(f"environment {short}{whose}", _hint(finding, environment))
    return advice


def _hint(finding: Finding, environment: Environment | None) -> str:
    """Return what to do about an environment; one that a process holds is not repaired."""
    if set(finding.facts) == {verify.LOCK}:
        return f"{FIX} makes its lock file again"
    if all(fact in (compiled.FORGED, compiled.UNREADABLE) for fact in finding.facts.values()):
        return f"{FIX} drops the compiled code"
    if set(finding.facts) == {"complete"}:
        return f"{FIX} makes its mark again"
    if environment is not None and environment.is_held:
        return f"end {inventory.holder(environment)}, then {FIX} makes it again"
    if verify.LOCK in finding.facts:
        return f"{FIX} makes its lock file again; run it a second time for the rest"
    if "its Python" in finding.facts:
        return f"{FIX} removes it; the next start chooses another Python"
    if "" in finding.facts:
        return f"{FIX} removes it; the next start makes it again"
    return f"{FIX} makes it again"
