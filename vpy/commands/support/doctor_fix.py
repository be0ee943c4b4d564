"""Repair of a root: what is damaged is dropped, and environments are made again."""

from __future__ import annotations

import contextlib
import os

from vpy.environment import compiled, seeds, venv_template, verify
from vpy.errors import VpythonError
from vpy.model import Discovery, SpecSource
from vpy.operations import plan, start
from vpy.system import files, locks, processes, usage_lock
from vpy.system.lean.dataclasses import replace, value
from vpy.target import probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootstrap.request import Request
    from vpy.commands.support.examination import Finding
    from vpy.environment.verify import Description
    from vpy.operations.context import Context

DROPPED = {
    "package": "dropped; it is fetched when it is needed",
    "copy": "dropped; the next start keeps another",
    "script": "dropped; it is fetched when it is started by its address",
    "wheel": "dropped; it is installed when it is needed",
    "venv template": "dropped; it is made when it is needed",
}


@value
class Repair:
    """What was done to one damaged thing, and whether it is right now."""

    path: str
    action: str
    is_whole: bool


def repair(findings: Sequence[Finding], request: Request, context: Context) -> Iterator[Repair]:
    """Repair what was found; yield what was done to each thing."""
    stored = [finding for finding in findings if finding.kind != "environment"]
    if stored:
        waiting = "waiting: another process makes an environment"
        with locks.exclusive(context.layout.store_lock, waiting=lambda: context.terminal.warning(waiting)):
            for finding in stored:
                _drop(finding.path, context)
                yield Repair(finding.path, DROPPED[finding.kind], True)
            _make_templates_again(findings, context)
    with locks.shared(context.layout.store_lock):
        for finding in findings:
            if finding.kind == "environment":
                is_whole, action = _repair(finding, request, context)
                yield Repair(finding.path, action, is_whole)
        _install_again(findings, request, context)


def _drop(path: str, context: Context) -> None:
    with (
        files.disk_errors("drop", path),
        files.staging_directory(context.layout.staging, "drop-") as aside,
        contextlib.suppress(FileNotFoundError),
    ):
        files.make_writable(path)
        files.rename(path, os.path.join(aside, "dropped"))


def _make_templates_again(findings: Sequence[Finding], context: Context) -> None:
    """Make the dropped venv templates again that environments have their seeds from."""
    dropped = {os.path.basename(finding.path) for finding in findings if finding.kind == "venv template"}
    for key in verify.keys(context.layout) if dropped else ():
        description = verify.describe(context.layout, key)
        if isinstance(description, str) or description.template not in dropped:
            continue
        try:
            python = probe.probe(description.python, layout=context.layout, environ=context.environ)
            wheels = seeds.wheels_of(python, context.app)
            if venv_template.identity(python, wheels) == description.template:
                venv_template.ensure(python, description.template, context.layout, context.environ, wheels)
        except (VpythonError, OSError) as error:
            context.terminal.debug(f"the venv template of `{description.path}` cannot be made again: {error}")


def _install_again(findings: Sequence[Finding], request: Request, context: Context) -> None:
    """Install the dropped wheels of intact environments again, which are compared with them."""
    dropped = {
        os.path.basename(os.path.dirname(finding.path)) for finding in findings if finding.kind == "wheel"
    }
    for key in verify.keys(context.layout) if dropped else ():
        description = verify.describe(context.layout, key)
        if isinstance(description, str) or dropped.isdisjoint(sha256 for _, sha256 in description.wheels):
            continue
        try:
            rebuild(description, request, context)
        except (VpythonError, KeyError) as error:
            context.terminal.debug(f"wheels of `{description.path}` cannot be installed again: {error}")


def _repair(finding: Finding, request: Request, context: Context) -> tuple[bool, str]:
    """Repair an environment; return whether it is whole now, and what was done."""
    layout, key = context.layout, os.path.basename(finding.path)
    if verify.LOCK in finding.facts:
        locks.ensure_lock_file(layout.lock("environment", key))
        if len(finding.facts) > 1:
            return False, "left: without its lock file it is not known what runs in it; run again"
        return True, "has a lock file again"
    if all(fact in (compiled.FORGED, compiled.UNREADABLE) for fact in finding.facts.values()):
        for path in finding.facts:
            os.unlink(os.path.join(finding.path, path))
        return True, "compiled code dropped; Python compiles it again"
    description = verify.describe(layout, key)
    if set(finding.facts) != {"complete"}:
        trash = usage_lock.remove_if_unused(
            layout, key, lambda: not processes.use(finding.path, context.layout.root, dict(context.environ))
        )
        if trash is None:
            return False, "left: it is in use"
        files.remove_tree(trash)
    if isinstance(description, str):
        return True, "removed; the next start makes it"
    if not os.access(description.python, os.X_OK):
        return True, "removed; the next start chooses another Python"
    try:
        result = rebuild(description, request, context)
    except (VpythonError, KeyError) as error:
        reason = error.lines[0] if isinstance(error, VpythonError) else "it is too old"
        return True, f"removed; the next start makes it, which cannot be done now: {reason}"
    return True, "made again" if result == key else f"made again, as `{result}`"


def rebuild(description: Description, request: Request, context: Context) -> str:
    """Make the environment that a `why.json` describes; return its key."""
    from bootstrap.request import Request as AnyRequest
    from vpy.spec import read

    spec_data = description.why["spec"]
    source = SpecSource(
        kind=spec_data["kind"], format=spec_data["format"], path=spec_data["path"], text=spec_data["text"]
    )
    words = ["-vpython-root", context.layout.root, "-vpython-interpreter", description.python]
    asked = AnyRequest(
        request.caller, [*words, "-vpython-source", description.why["source"]], dict(context.environ)
    )
    spec = read.read(source)
    found = plan.find_interpreter(asked, context, spec)
    choice = plan.plan_for(Discovery(source, (), ()), spec, found, asked, context)
    choice = replace(choice, origin=description.origin)
    environment, _ = start.provide(choice, context)
    return environment.key
