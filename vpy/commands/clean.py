"""`clean`: remove the environments of a script, or everything that no process holds."""

from __future__ import annotations

from bootstrap.command_line import is_address
from vpy.commands.support import inventory, removal, script_links, selection, text_output
from vpy.errors import UserError
from vpy.prune import policy as policies
from vpy.prune import run as prune_run
from vpy.system import status_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence

    from bootstrap.request import Request
    from vpy.commands.support.inventory import Environment
    from vpy.commands.support.removal import Names
    from vpy.commands.support.script_links import Launcher
    from vpy.operations.context import Context
    from vpy.prune.run import Report


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Remove environments, and print what that freed; return 1 where one that was named is in use."""
    if bool(arguments.names) == arguments.all:
        raise UserError("`clean` needs either SCRIPT, NAME or KEY, or `--all`")
    dry_run: bool = arguments.dry_run
    if not removal.is_ours(context):
        names, report = None, prune_run.Report(removed=())
    else:
        with removal.alone(context, dry_run=dry_run):
            names = removal.names(context)
            report = (
                _everything(names, context, dry_run)
                if arguments.all
                else _named(arguments.names, names, request, context, dry_run)
            )

    if arguments.json:
        text_output.show_json(removal.account(report, names, dry_run=dry_run))
    else:
        removal.show(report, names, dry_run=dry_run, now=context.now())
        if arguments.all and report.left:
            left = status_line.size(report.left)
            text_output.show(f"\n{left} remain: vpython's own code, locks, and what is in use")
    if report.kept:
        _explain_kept(report, context)
    return 1 if report.kept and not arguments.all else 0


def _everything(names: Names, context: Context, dry_run: bool) -> Report:
    from bootstrap import BUILD

    for key, who in names.inventory.builders.items():
        made = key[: inventory.SHORT_KEY]
        context.terminal.warning(
            f"environment {made} is being made by {inventory.command(who[0])}: "
            "what it may need is not removed"
        )
    policy = policies.whole_root(dry_run=dry_run)
    return prune_run.prune(context.layout, policy, build=BUILD, now=context.now)


def _named(words: Sequence[str], names: Names, request: Request, context: Context, dry_run: bool) -> Report:
    from bootstrap import BUILD

    chosen = selection.select(words, names.inventory, _launchers(context), request.cwd or "/", context)
    scripts = [selection.kept(word, context) for word in words if is_address(word)]
    report = prune_run.clean(
        context.layout, chosen.keys(), dry_run=dry_run, build=BUILD, now=context.now, scripts=scripts
    )
    _name_sharers(chosen, report, context)
    return report


def _launchers(context: Context) -> list[Launcher]:
    try:
        return script_links.installed(script_links.default_directory(context.environ))
    except UserError:  # there is no home
        return []


def _name_sharers(chosen: Mapping[str, Environment], report: Report, context: Context) -> None:
    """Tell of environments that several scripts share: each of them makes it again."""
    for key, each in chosen.items():
        scripts = [origin for origin in each.origins if origin.kind == "script"]
        others = list(dict.fromkeys(origin.address or origin.path for origin in scripts))
        if len(others) > 1 and key not in report.kept:
            shared = ", ".join(f"`{path}`" for path in others)
            context.terminal.warning(f"environment {key[: inventory.SHORT_KEY]} is shared by {shared}")


def _explain_kept(report: Report, context: Context) -> None:
    """Say of each environment that stayed who holds it."""
    shorten = text_output.shortener(context.environ)
    for each in inventory.take(context).environments:
        if each.key not in report.kept:
            continue
        name = f"the environment {each.key[: inventory.SHORT_KEY]} of {inventory.label(each, shorten)}"
        if each.is_held:
            context.terminal.warning(f"{name} is held by {inventory.holder(each)}: it is not removed")
        else:
            context.terminal.warning(f"{name} is not removed: it was started just now, or could not be moved")
