"""`doctor --fix`: what is not as it was made is dropped, and what was made of it is made again."""

from __future__ import annotations

import contextlib
import os

from vpy import decision, story
from vpy.environment import doctor, hold
from vpy.errors import VpythonError
from vpy.model import Discovery, SpecSource
from vpy.system import files, locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.context import Context
    from vpy.environment.doctor import Case
    from vpy.tools.doctor import Finding
    from vpython import Request

DROPPED = {
    "package": "dropped; it is fetched when it is needed",
    "copy": "dropped; the next start keeps another",
    "wheel": "dropped; it is installed when it is needed",
    "skeleton": "dropped; it is made when it is needed",
}


def run(findings: Sequence[Finding], request: Request, context: Context) -> int:
    """Mend what was found, a line on stdout for each; 1 where something is left as it is."""
    root = context.layout.root
    stored = [finding for finding in findings if finding.kind != "environment"]
    left = 0
    if stored:
        waiting = "waiting: another process makes an environment"
        with locks.exclusive(context.layout.store_lock, waiting=lambda: context.terminal.warning(waiting)):
            for finding in stored:
                _drop(finding.path, context)
                print(f"{os.path.relpath(finding.path, root)}: {DROPPED[finding.kind]}")
    with locks.shared(context.layout.store_lock):
        for finding in findings:
            if finding.kind == "environment":
                mended, said = _mend(finding, request, context)
                print(f"{os.path.relpath(finding.path, root)}: {said}")
                left += not mended
        _install_again(findings, request, context)
    return 1 if left else 0


def _drop(path: str, context: Context) -> None:
    with (
        files.disk_errors("drop", path),
        files.staging_directory(context.layout.staging, "drop-") as aside,
        contextlib.suppress(FileNotFoundError),
    ):
        os.rename(path, os.path.join(aside, "dropped"))


def _install_again(findings: Sequence[Finding], request: Request, context: Context) -> None:
    """Bring back the dropped wheels of environments that are sound themselves: they are held against them."""
    dropped = {os.path.basename(os.path.dirname(one.path)) for one in findings if one.kind == "wheel"}
    for key in doctor.keys(context.layout) if dropped else ():
        case = doctor.case_of(context.layout, key)
        if isinstance(case, str) or dropped.isdisjoint(sha256 for _, sha256 in case.wheels):
            continue
        try:
            rebuild(case, request, context)
        except (VpythonError, KeyError) as error:
            context.terminal.debug(f"wheels of `{case.path}` are not back: {error}")


def _mend(finding: Finding, request: Request, context: Context) -> tuple[bool, str]:
    """Whether the environment is right now, and what was done to it."""
    layout, key = context.layout, os.path.basename(finding.path)
    if doctor.LOCK in finding.facts:
        locks.ensure_lock_file(layout.lock("environment", key))
        if len(finding.facts) > 1:
            return False, "left: without its lock file nobody can tell who runs in it; run again"
        return True, "has a lock file again"
    case = doctor.case_of(layout, key)
    if set(finding.facts) != {"complete"}:
        trash = hold.take_away(layout, key, lambda: True)
        if trash is None:
            return False, "left: it is in use"
        files.remove_tree(trash)
    if isinstance(case, str):
        return True, "removed; the next start makes it"
    if not os.access(case.python, os.X_OK):
        return True, "removed; the next start chooses another Python"
    try:
        made = rebuild(case, request, context)
    except (VpythonError, KeyError) as error:
        reason = error.message.splitlines()[0] if isinstance(error, VpythonError) else "it is too old"
        return True, f"removed; the next start makes it, which cannot be done now: {reason}"
    return True, "made again" if made == key else f"made again, as `{made}`"


def rebuild(case: Case, request: Request, context: Context) -> str:
    """Make the environment that its `why.json` tells of; return its key."""
    from vpy.spec import read
    from vpython import Request as AnyRequest

    told = case.why["spec"]
    source = SpecSource(kind=told["kind"], format=told["format"], path=told["path"], text=told["text"])
    words = ["-vpython-root", context.layout.root, "-vpython-interpreter", case.python]
    asked = AnyRequest(request.caller, [*words, "-vpython-source", case.why["source"]], dict(context.environ))
    spec = read.read(source)
    found = decision.find_interpreter(asked, context, spec)
    choice = decision.decide(Discovery(source, (), ()), spec, found, asked, context)
    made, _ = story.provide(choice, context)
    return made.key
