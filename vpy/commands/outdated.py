"""`outdated`: the distributions of a start of which the index has newer versions."""

from __future__ import annotations

from vpy.errors import UserError, VpythonError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from bootstrap.request import Request
    from vpy.commands.support.package_versions import PackageVersion
    from vpy.operations.context import Context
    from vpy.operations.plan import Plan


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Print a line for each, and whether the spec asks for it; nothing where all are the newest."""
    from vpy.commands.support import invocation, text_output
    from vpy.operations import plan
    from vpy.operations.root import open_root
    from vpy.spec import edit

    asked = invocation.of(request, arguments, context)
    open_root(context)
    decided = plan.make_plan(asked, context)
    if decided.is_empty:
        raise UserError("the spec names no packages")
    current = _current(decided, context)
    newest = _newest(sorted(current), decided, context)
    direct = {edit.project(entry) for entry in decided.spec.dependencies}
    rows = [
        {"name": name, "current": current[name], "newest": newest[name], "direct": name in direct}
        for name in sorted(current)
        if newest.get(name) and _is_newer(newest[name], current[name])
    ]
    if arguments.json:
        text_output.show_json(rows)
        return 0
    shown = [
        (str(row["name"]), str(row["current"]), f"-> {row['newest']}", "" if row["direct"] else "indirect")
        for row in rows
    ]
    if shown:
        text_output.show("\n".join(text_output.columns(shown)))
    return 0


def _current(decided: Plan, context: Context) -> dict[str, str]:
    """Return the version of each project that a start would use."""
    from vpy.operations import wheel_set
    from vpy.spec import edit

    found = wheel_set.cached(decided, context) or wheel_set.get(decided, context, installing=False)
    pairs = (wheel.filename.split("-")[:2] for wheel in found.wheels)
    versions = {edit.project(name): version for name, version in pairs}
    return versions or {edit.project(pin.name): pin.version for pin in found.pins}


def _newest(names: list[str], decided: Plan, context: Context) -> Mapping[str, str]:
    """Return the newest release of each project in the index that has a wheel for some platform."""
    from vpy.commands import find
    from vpy.commands.support import package_versions
    from vpy.model import Spec
    from vpy.operations import platform_targets

    if context.offline:
        raise UserError("`outdated` asks the index", hint="run it without -vpython-offline")
    targets = platform_targets.verified(Spec(), context.config, "config.toml")

    def ask(asked: list[str]) -> dict[str, list[PackageVersion]]:
        return package_versions.each_in_index(asked, find.SHOWN, decided.sources, targets, context)

    try:
        found = ask(names)
    except VpythonError:  # which of them cannot be asked for is seen one by one
        found = {}
        for name in names:
            try:
                found |= ask([name])
            except VpythonError as error:
                context.terminal.warning(f"`{name}`: {error.message}")
    for name in names:
        if name in found and not found[name]:
            context.terminal.warning(f"`{name}`: the index has no wheel of it")
    return {
        name: find.newest(versions).version.removeprefix("version:")
        for name, versions in found.items()
        if versions
    }


def _is_newer(text: str, other: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text) > Version(other)
    except InvalidVersion:
        return text != other
