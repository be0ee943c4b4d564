"""`list`: the environments in the root, whose they are and who runs in them, and the launchers of scripts."""

from __future__ import annotations

import os

from vpy.commands.support import fitted_table, inventory, script_links, text_output
from vpy.commands.support.fitted_table import Column
from vpy.errors import UserError
from vpy.prune import sizes
from vpy.system import status_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence

    from bootstrap.request import Request
    from vpy.commands.support.inventory import Environment, Inventory
    from vpy.commands.support.script_links import Launcher
    from vpy.operations.context import Context

    Sizes = Mapping[str, tuple[int, int]]

COLUMNS = (
    Column("made for", cut="start"),
    Column("python", rank=4),
    Column("wheels", rank=5, is_number=True),
    Column("size", rank=3, is_number=True),
    Column("last use", rank=1),
    Column("key"),
    Column("held by", rank=2, cut="end"),
)
LAUNCHERS = (Column("launcher", cut="start"), Column("script", cut="start"))


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Print a line for each environment, the last used first, then one for each launcher."""
    from bootstrap.root import check

    found = inventory.Inventory((), {}, {})
    if os.path.isdir(context.layout.root):
        check(context.layout.root)
        found = inventory.take(context)
    launchers = _launchers(request, context, arguments)
    measure = sizes.Measure(context.layout.root)
    measured = {each.key: measure.environment(each.path) for each in found.environments}

    if arguments.json:
        text_output.show_json(account(found, measured, launchers))
        return 0
    _show(found, measured, launchers, context)
    for key, who in found.builders.items():
        made = key[: inventory.SHORT_KEY]
        context.terminal.warning(f"environment {made} is being made by {inventory.command(who[0])}")
    if not found.environments:
        context.terminal.warning(f"there are no environments in `{context.layout.root}`")
    return 0


def _launchers(request: Request, context: Context, arguments: Namespace) -> list[Launcher]:
    try:
        directory = arguments.directory or script_links.default_directory(context.environ)
    except UserError:  # without a home there are none but where `--directory` says
        return []
    return script_links.installed(os.path.abspath(os.path.join(request.cwd or "/", directory)))


def _show(found: Inventory, measured: Sizes, launchers: Sequence[Launcher], context: Context) -> None:
    shorten = text_output.shortener(context.environ)
    width = fitted_table.terminal_width()
    now = context.now()
    blocks = []
    if found.environments:
        rows = [_row(each, measured[each.key][0], shorten, now) for each in found.environments]
        blocks.append(fitted_table.lines(COLUMNS, rows, width))
    if launchers:
        rows = [
            (shorten(each.path), shorten(each.script) + ("" if os.path.exists(each.script) else " (gone)"))
            for each in launchers
        ]
        blocks.append(fitted_table.lines(LAUNCHERS, rows, width))
    if blocks:
        text_output.show("\n\n".join("\n".join(block) for block in blocks))


def _row(each: Environment, size: int, shorten: text_output.Shorten, now: float) -> tuple[str, ...]:
    state = "" if each.state == "complete" else f" ({each.state})"
    return (
        inventory.label(each, shorten) + state,
        each.python or "?",
        "?" if each.wheels is None else str(each.wheels),
        status_line.size(size),
        fitted_table.ago(now - each.used),
        each.key[: inventory.SHORT_KEY],
        inventory.holder(each),
    )


def account(found: Inventory, measured: Sizes, launchers: Sequence[Launcher]) -> dict[str, object]:
    """Return the inventory as JSON has it.

    `size` and `own` are bytes of disk: of all files, and of those that nothing else in the root shares.
    """
    return {
        "environments": [
            {
                "key": each.key,
                "path": each.path,
                "state": each.state,
                "python": each.python or None,
                "wheels": each.wheels,
                "size": measured[each.key][0],
                "own": measured[each.key][1],
                "last_used": each.used,
                "made_for": [
                    {
                        "kind": origin.kind,
                        "path": origin.path,
                        "address": origin.address,
                        "exists": inventory.exists(origin),
                    }
                    for origin in each.origins
                ],
                "spec": each.spec or None,
                "held": each.is_held,
                "processes": inventory.process_account(each.processes),
            }
            for each in found.environments
        ],
        "being_made": [
            {"key": key, "processes": inventory.process_account(who)} for key, who in found.builders.items()
        ],
        "launchers": [
            {"path": each.path, "script": each.script, "exists": os.path.exists(each.script)}
            for each in launchers
        ],
    }
