"""`-vpython-tool explain [--json] [SCRIPT | -m MODULE | -c CODE]`: what a start would use, and why.

Nothing is installed and no environment is made. What the spec's packages come to is taken from
the root where a start has found it out before; else the source is asked as a start would ask it,
and what it sends stays in the root for that start. Under `-vpython-offline`, or where the source
gives no answer, a package is marked unresolved, with the reason. A mistake in the spec is an error here
as it is anywhere.
"""

from __future__ import annotations

import json

from vpy import decision
from vpy.errors import VpythonError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vpy.context import Context
    from vpy.model import Discovery, Spec, Tag
    from vpy.target.search import Found
    from vpython import Request


def run(request: Request, context: Context) -> int:
    """Print the account: a page for people, or JSON for programs."""
    from vpy import cli
    from vpy.tools import page, subject

    words = request.options.tool_words
    as_json = words[:1] == ["--json"]
    asked = subject.of(request, words[1:] if as_json else words)
    cli.open_root(context)
    told = account(asked, context)
    page.show(json.dumps(told, indent=1) if as_json else page.explanation(told, context.environ))
    return 0


def account(request: Request, context: Context) -> dict[str, Any]:
    """Every decision from the spec to the environment, as JSON has it; UserError for a spec that is wrong."""
    from vpy.tools import before, parcels, pretended

    discovery, spec = decision.read_spec(request, context)
    told: dict[str, Any] = {"spec": _spec(discovery, spec), "searched": list(discovery.searched)}
    told["sources"] = [parcels.source(spec, request, context)]
    try:
        found = decision.find_interpreter(request, context, spec)
    except VpythonError as error:
        told["python"] = {"executable": None, "reason": error.message, "hint": error.hint}
        told.update(pretended.rest(spec, request, context))
    else:
        told["python"] = _python(found)
        choice = decision.decide(discovery, spec, found, request, context)
        told.update(target(choice.target.tag, dict(choice.target.template), assumed=False))
        told.update(parcels.rest(choice, context))
    told["before"] = before.changes(told, context.layout)
    return told


def target(tag: Tag | None, template: dict[str, str], *, assumed: bool) -> dict[str, Any]:
    """The tag that names packages, and what fills templates in; `assumed` where no Python said so."""
    return {"tag": tag and str(tag), "assumed": assumed, "template": template}


def _spec(discovery: Discovery, spec: Spec) -> dict[str, Any]:
    source = discovery.source
    return {
        "kind": source.kind,
        "format": source.format,
        "path": source.path,
        "line": source.first_line,
        "text": source.text,
        "python_version": spec.python_version,
        "requires_python": spec.requires_python,
        "wheels": [
            {
                "name": wheel.name,
                "version": wheel.version,
                "match_tags": _tags(wheel.match_tags),
                "not_match_tags": _tags(wheel.not_match_tags),
            }
            for wheel in spec.wheels
        ],
        "dependencies": list(spec.dependencies),
        "verify_tags": _tags(spec.verify_tags),
        "warnings": list(spec.warnings),
    }


def _tags(tags: tuple[Tag, ...]) -> list[dict[str, str]]:
    return [{"python": tag.python, "abi": tag.abi, "platform": tag.platform} for tag in tags]


def _python(found: Found) -> dict[str, Any]:
    interpreter = found.interpreter
    return {
        "executable": interpreter.executable,
        "version": interpreter.version_text,
        "implementation": interpreter.implementation,
        "platform": interpreter.platform,
        "found_as": found.path,
        "found_in": found.place,
    }
