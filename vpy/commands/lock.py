"""`lock`: the lockfile of a spec, for all of its platforms and Pythons."""

from __future__ import annotations

from bootstrap.shown import printable
from vpy.errors import ToolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from bootstrap.request import Request
    from vpy.operations.context import Context
    from vpy.operations.lock_files import Asked, Change, Relocked


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Write the lockfile of each spec; print what changed in it."""
    from vpy.commands.support import invocation, text_output
    from vpy.operations import lock_files
    from vpy.operations.root import open_root

    for path in (*arguments.specs, *arguments.python[:1]):
        invocation.check_local(path, request, context)
    open_root(context)
    asked = lock_files.Asked(
        upgrade=arguments.upgrade,
        upgrade_packages=tuple(arguments.upgrade_package or ()),
        kind="uv-requirements" if arguments.format == "uv" else "pylock",
        is_check=arguments.check,
        exclude_newer=arguments.exclude_newer or "",
        is_embedded=arguments.embed,
    )
    results = [lock(each, asked, context) for each in invocation.each(request, arguments, context)]
    for result in results:
        for warning in result.warnings:
            context.terminal.warning(f"{printable(result.path)}: {warning}")
    if arguments.json:
        text_output.show_json([account(result) for result in results])
    else:
        text_output.show("\n".join(line for result in results for line in lines(result)))
    stale = [result for result in results if result.is_changed]
    if arguments.check and stale:
        raise ToolError(
            [f"{printable(each.path)} is not current" for each in stale],
            hint="`vpython-tool lock` brings it up to date",
        )
    return 0


def lock(request: Request, asked: Asked, context: Context) -> Relocked:
    """Make the lockfile of a request's spec."""
    from vpy.commands.support import locking
    from vpy.operations import lock_files, sources

    with sources.asking_ahead(context) as ahead:
        spec = locking.read(request, ahead, packages_too=True)
        return lock_files.lock(spec.source, spec.spec, spec.interpreter, spec.packages, asked, ahead)


def account(result: Relocked) -> dict[str, Any]:
    """Return what was done as JSON has it."""
    return {
        "path": result.path,
        "new": result.is_new,
        "changed": result.is_changed,
        f"{result.noun}s": result.count,
        "changes": [
            {
                "name": each.name,
                "before": each.before or None,
                "after": each.after or None,
                "scripts": list(each.scripts),
                "pth": list(each.pth),
                "native": each.native,
            }
            for each in result.changes
        ],
        "warnings": list(result.warnings),
    }


def lines(result: Relocked) -> list[str]:
    """Return what was done as text: the file, then a line for each distribution that changed."""
    from vpy.commands.support import text_output
    from vpy.operations import lock_files

    count = f"{result.count} {result.noun}{'' if result.count == 1 else 's'}"
    state = "new" if result.is_new else "changed" if result.is_changed else "unchanged"
    shown = [] if result.is_new else [
        (
            each.name,
            lock_files.short(each.before) or "-",
            "->",
            lock_files.short(each.after) or "-",
            "; ".join(_news(each)),
        )
        for each in result.changes
    ]  # fmt: skip
    return [
        f"{printable(result.path)}: {count}, {state}",
        *(f"  {row}" for row in text_output.columns(shown)),
    ]


def _news(change: Change) -> list[str]:
    """Return what a change brings besides modules."""
    found = [f"scripts: {', '.join(change.scripts)}"] if change.scripts else []
    found += [f"runs at start-up: {', '.join(change.pth)}"] if change.pth else []
    return [*found, "native code"] if change.native else found
