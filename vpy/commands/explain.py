"""`-vpython-tool explain`: show what a start would use, and why.

Nothing is installed and no environment is made. What the spec's packages resolve to is taken from the
root where a start has resolved them before; else the source is asked as a start would ask it, and the
answers stay in the root for that start. Under `-vpython-offline`, or where the source gives no answer,
a package is marked unresolved, with the reason. A mistake in the spec is an error, as for a start.
`--why`, `--graph` and `--svg` tell who requires what, by the metadata of stored wheels, instead.
"""

from __future__ import annotations

import os

from bootstrap import shown
from vpy.commands.support import explain_changes, explain_graph, explain_packages, explain_target, text_output
from vpy.errors import UserError, VpythonError
from vpy.operations import local_venv, plan, remote_script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence
    from typing import Any

    from bootstrap.request import Request
    from vpy.commands.support.distribution_graph import Graph
    from vpy.commands.support.explain_graph import Answer
    from vpy.commands.support.text_output import Shorten
    from vpy.model import Discovery, Spec, Tag
    from vpy.operations.context import Context
    from vpy.spec.lockfile.model import Lockfile
    from vpy.target.discovery import FoundInterpreter

SHOWN_DIGITS = 12
KINDS = {
    "option": "named by -vpython-spec",
    "partner": "beside what is run",
    "inline": "a [VPYTHON:BEGIN] block",
    "script": "a PEP 723 block",
    "common": "the common file",
    "default": "named by VPYTHON_DEFAULT_SPEC",
}
LOCKFILE_FORMATS = {
    "uv-requirements": "requirements with hashes",
    "uv-script": "of uv lock --script",
    "pylock": "PEP 751",
    "embedded": "in the spec itself",
    "versions": "resolved versions of CIPD",
}


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Print the account, or a part of it: text for people, or JSON for programs."""
    from vpy.commands.support import invocation
    from vpy.operations.root import open_root

    asked = invocation.of(request, arguments, context)
    if arguments.why and (arguments.graph or arguments.svg):
        raise UserError("`explain` takes `--why`, or `--graph` and `--svg`, not both")
    open_root(context)
    if arguments.why or arguments.graph or arguments.svg:
        return _show_graph(asked, context, arguments)
    facts = account(asked, context)
    if arguments.json:
        text_output.show_json(facts)
    else:
        text_output.show(page(facts, context.environ))
    return 0


def _show_graph(request: Request, context: Context, arguments: Namespace) -> int:
    """Print who requires a distribution, or what each requires; return 1 where it is not there."""
    from vpy.commands.support import distribution_graph

    graph = explain_graph.read(request, context)
    install = " ".join(["vpython-tool install", *arguments.ours, *arguments.python])
    missing = explain_graph.missing(graph)
    answer = explain_graph.why(graph, arguments.why, install) if arguments.why else None
    if missing:
        fact = explain_graph.not_stored(missing)
        context.terminal.warning(f"requirements are missing from this: {fact}; `{install}` stores them")
    if answer is not None:
        return _show_why(graph, answer, context, arguments)
    if arguments.svg:
        _write_svg(graph, request, arguments.svg)
    if arguments.json:
        text_output.show_json({"graph": explain_graph.account(graph)})
    elif arguments.graph:
        lines = distribution_graph.branches(graph, explain_graph.described)
        text_output.show("\n".join(lines) or "no distributions")
    return 0


def _show_why(graph: Graph, answer: Answer, context: Context, arguments: Namespace) -> int:
    if arguments.json:
        text_output.show_json({"why": explain_graph.why_account(graph, answer)})
    elif answer.version is not None:
        text_output.show(explain_graph.why_text(graph, answer))
    if answer.version is None:
        context.terminal.error(explain_graph.absent(graph, answer))
        return 1
    return 0


def _write_svg(graph: Graph, request: Request, path: str) -> None:
    """Write a drawing to a file, `-` for stdout."""
    from vpy.commands.support import graph_svg

    text = graph_svg.draw(graph)
    if path == "-":
        text_output.show(text.rstrip("\n"))
    else:
        text_output.put(text, path, request)


def account(request: Request, context: Context) -> dict[str, Any]:
    """Return every decision from the spec to the environment, as JSON has it.

    Raises UserError for a spec that is wrong.
    """
    discovery, spec = plan.read_spec(request, context)
    facts: dict[str, Any] = {
        "script": remote_script.account(request.command.target, context.layout),
        "spec": _spec_account(discovery, spec),
        "searched": list(discovery.searched),
    }
    facts["sources"] = explain_packages.named_sources(spec, request, context)
    decided = None
    try:
        found = plan.find_interpreter(request, context, spec, discovery.source)
    except VpythonError as error:
        facts["python"] = {"executable": None, "reason": error.message, "hint": error.hint}
        tag, values = explain_target.assumed(spec, request, context)
        facts.update(explain_target.target(tag, values, assumed=tag is not None))
        facts.update(explain_packages.without_python(spec, tag, values))
        facts["lockfile"] = _lockfile_account(discovery, None)
    else:
        facts["python"] = _python_account(found)
        decided = plan.plan_for(discovery, spec, found, request, context)
        template = dict(decided.target.template)
        facts.update(explain_target.target(decided.target.tag, template, assumed=False))
        facts.update(explain_packages.account(decided, context))
        facts["lockfile"] = _lockfile_account(discovery, decided.lockfile)
    facts["local_venv"] = local_venv.account(request, discovery.source.path, facts["environment"]["path"])
    facts["before"] = explain_changes.changes(facts, discovery.source, decided, context.layout)
    facts["summary"] = explain_changes.summary(facts["before"], facts["environment"])
    return facts


def _spec_account(discovery: Discovery, spec: Spec) -> dict[str, Any]:
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


def _lockfile_account(discovery: Discovery, followed: Lockfile | None) -> dict[str, Any]:
    from vpy.spec.lockfile import find

    return {
        "path": followed.path if followed else None,
        "format": followed.format if followed else None,
        "distributions": len(followed.distributions) if followed else 0,
        "packages": len(followed.instances) if followed else 0,
        "searched": [path for path, _ in find.candidates(discovery.source)],
    }


def _tags(tags: tuple[Tag, ...]) -> list[dict[str, str]]:
    return [{"python": tag.python, "abi": tag.abi, "platform": tag.platform} for tag in tags]


def _python_account(found: FoundInterpreter) -> dict[str, Any]:
    interpreter = found.interpreter
    return {
        "executable": interpreter.executable,
        "version": interpreter.version_text,
        "implementation": interpreter.implementation,
        "platform": interpreter.platform,
        "found_as": found.path,
        "found_in": found.origin,
        "passed_over": [{"path": path, "reason": reason} for path, reason in found.passed_over],
    }


def page(facts: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Return the account as text."""
    short = text_output.shortener(environ)
    sections = [
        ("script", _script(facts["script"])),
        ("spec", _spec(facts["spec"], short)),
        ("warnings", facts["spec"]["warnings"]),
        ("searched", [short(path) for path in facts["searched"]]),
        ("lockfile", _lockfile(facts["lockfile"], short)),
        ("python", _python(facts["python"], short)),
        *text_output.target_sections(facts),
        ("source", [_source(source) for source in facts["sources"]]),
        ("resolved", _resolved(facts["resolved"])),
        ("packages", _packages(facts["packages"], several=len(facts["sources"]) > 1)),
        ("notes", facts["notes"]),
        ("wheels", _wheels(facts["wheels"])),
        ("environment", _environment(facts, short)),
        (".venv", _local_venv(facts["local_venv"], short)),
        ("before", _before(facts, short)),
    ]
    text = text_output.render(sections)
    return f"{shown.line(facts['summary'])}\n\n{text}" if facts["summary"] else text


def _script(script: Mapping[str, Any] | None) -> list[str]:
    """Return where a script was fetched, and the pin of what came."""
    if script is None:
        return []
    return [f"{script['address']}  (fetched {script['fetched']})", f"sha256 {script['sha256']}"]


def _spec(spec: Mapping[str, Any], short: Shorten) -> list[str]:
    if spec["kind"] == "empty":
        return ["none: a bare environment"]
    line = f":{spec['line']}" if spec["line"] > 1 else ""
    wants = [
        f"python_version {spec['python_version']}" if spec["python_version"] else "",
        f"requires-python {spec['requires_python']}" if spec["requires_python"] else "",
        _count(len(spec["wheels"]), "wheel"),
        _count(len(spec["dependencies"]), "dependency", "dependencies"),
        _count(len(spec["verify_tags"]), "verify tag"),
    ]
    return [
        f"{short(spec['path'])}{line}  ({KINDS[spec['kind']]})",
        ", ".join(filter(None, wants)) or "wants nothing",
    ]


def _lockfile(lockfile: Mapping[str, Any], short: Shorten) -> list[str]:
    """Return the lockfile that is followed, else the names that one could have, first match first."""
    if lockfile["path"] is None:
        searched = [os.path.basename(path) for path in lockfile["searched"]]
        return [f"none: {', '.join(searched)}"] if searched else []
    shown = LOCKFILE_FORMATS[lockfile["format"]]
    counts = (_count(lockfile["distributions"], "distribution"), _count(lockfile["packages"], "package"))
    return [f"{short(lockfile['path'])}  ({', '.join(filter(None, (shown, *counts)))})"]


def _count(number: int, singular: str, plural: str = "") -> str:
    return f"{number} {singular if number == 1 else plural or singular + 's'}" if number else ""


def _python(python: Mapping[str, Any], short: Shorten) -> list[str]:
    if python["executable"] is None:
        return [f"none: {python['reason']}", *([f"({python['hint']})"] if python["hint"] else [])]
    shown = [f"{python['version']}  {short(python['executable'])}"]
    if python["found_as"] != python["executable"]:
        shown.append(f"found as {short(python['found_as'])}  ({python['found_in']})")
    else:
        shown = [f"{shown[0]}  ({python['found_in']})"]
    return [*shown, *(f"passed over {short(row['path'])}: {row['reason']}" for row in python["passed_over"])]


def _source(source: Mapping[str, Any]) -> str:
    return f"{source['source']}  ({source['named_by']}{', offline' if source['offline'] else ''})"


def _resolved(resolved: Mapping[str, Any] | None) -> list[str]:
    """Return when the source was asked, until when that holds, and how to ask again."""
    if resolved is None:
        return []
    until = f", holds until {resolved['until']}" if resolved["until"] else ""
    return [f"{resolved['asked']}{until}  (-vpython-refresh asks again)"]


def _packages(packages: Sequence[Mapping[str, Any]], *, several: bool) -> list[str]:
    """Return the name as written, the version, the instance; below it the name expanded, and reasons.

    Where there are `several` sources, the one that a package comes from is said below it, too.
    """
    lines = []
    common = common_reason(packages)
    named = text_output.columns([(row["name"], row["version"], _outcome(row)) for row in packages])
    for row, line in zip(packages, named):
        more = [f"= {row['expanded']}"] if row["expanded"] and "${" in row["name"] else []
        if row["state"] != "resolved" and row["reason"] not in (common, explain_packages.OTHERS):
            more += row["reason"].split("\n")
        more += [f"from {row['source']}"] if row["source"] and (several or "git+" in row["source"]) else []
        more += [row["note"]] if row["note"] else []
        lines.append("\n  ".join([line, *more]))
    return lines


def common_reason(packages: Sequence[Mapping[str, Any]]) -> str:
    """Return the reason that all unresolved packages share, where there are several: it is shown once."""
    reasons = [row["reason"] for row in packages if row["state"] == "unresolved"]
    return reasons[0] if len(reasons) > 1 and len(set(reasons)) == 1 else ""


def _outcome(row: Mapping[str, Any]) -> str:
    if row["state"] != "resolved":
        return str(row["state"])
    return f"{row['instance_id'][:SHOWN_DIGITS]}…" + (f"  ({row['reason']})" if row["reason"] else "")


def _wheels(wheels: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = text_output.columns(
        [
            (f"{row['sha256'][:SHOWN_DIGITS]}…", "stored" if row["stored"] else "not stored", row["filename"])
            for row in wheels
        ]
    )
    return [
        "".join([line, *(f"\n  runs at every start: {code}" for code in row["startup"] or ())])
        for row, line in zip(wheels, lines)
    ]


def _environment(facts: Mapping[str, Any], short: Shorten) -> list[str]:
    environment = facts["environment"]
    if environment["path"] is not None:
        return [f"{environment['state']}  {short(environment['path'])}"]
    unresolved = any(row["state"] == "unresolved" for row in facts["packages"])
    if unresolved and not common_reason(facts["packages"]):
        return ["unresolved, since packages are"]
    return [f"unresolved: {environment['reason']}".replace("\n", "\n  ")]


def _local_venv(venv: Mapping[str, str] | None, short: Shorten) -> list[str]:
    """Return the `.venv` beside the spec, and how it is made again unless it is current."""
    if venv is None:
        return []
    why = "" if venv["state"] == "current" else f"  (made by: {venv['again']})"
    return [f"{venv['state']}  {short(venv['path'])}{why}"]


def _before(facts: Mapping[str, Any], short: Shorten) -> list[str]:
    """Return the other environment that was used last, what has changed since, how many more there are."""
    before = facts["before"]
    if not before:
        return []
    known = facts["environment"]["path"] is not None
    changes = before[0]["changes"] + ([] if known else [explain_changes.UNKNOWN])
    lines = [short(before[0]["path"]), *(f"  {change}" for change in changes)]
    if len(before) > 1:
        lines.append(f"and {_count(len(before) - 1, 'older one')}")
    return lines
