"""`-vpython-tool prune`: remove environments and packages that are not used."""

from __future__ import annotations

from vpy.commands.support import inventory, removal, selection, text_output
from vpy.errors import UserError
from vpy.prune import policy as policies
from vpy.prune import run as prune_run
from vpy.system import status_line
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from bootstrap.request import Request
    from vpy.operations.context import Context
    from vpy.prune.policy import Policy
    from vpy.prune.run import Report


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Prune now, and print what that freed, or would free.

    Everything old enough goes: `most_per_run` limits only the prunes that a start makes by itself.
    """
    policy = policy_of(arguments, context.config.prune_older_than_days)
    if arguments.keep_used_by:
        policy = replace(policy, keep=_used_by(arguments.keep_used_by, request, context))
    report, names = prune_run.Report(removed=()), None
    if removal.is_ours(context):
        with removal.alone(context, dry_run=policy.dry_run):
            names = removal.names(context)
            report = _prune(policy, context)

    if arguments.json:
        text_output.show_json(removal.account(report, names, dry_run=policy.dry_run))
    else:
        removal.show(report, names, dry_run=policy.dry_run, now=context.now())
    if report.in_use:
        context.terminal.info(f"{report.in_use} more would be removed, but are in use")
    if policy.max_size is not None and report.left is not None and report.left > policy.max_size:
        left = status_line.size(report.left)
        context.terminal.warning(f"{left} remain: what is in use, and vpython's own")
    return 0


def policy_of(arguments: Namespace, days: float) -> Policy:
    """Return the policy that the arguments name; `days` is the age where they name none."""
    older_than = days * policies.DAY if arguments.older_than is None else arguments.older_than
    if arguments.keep_used_by and arguments.older_than is None:
        older_than = policies.ANY_AGE
    return policies.Policy(older_than=older_than, max_size=arguments.max_size, dry_run=arguments.dry_run)


def _used_by(scripts: Sequence[str], request: Request, context: Context) -> frozenset[str]:
    """Return the key of the environment that each script used last; raise UserError where one has none."""
    found = inventory.take(context)
    keys = set()
    for script in scripts:
        chosen = selection.select([script], found, [], request.cwd or "/", context)
        if not chosen:
            raise UserError(f"no environment of `{script}` is here", hint="start it first, or `install` it")
        keys.add(max(chosen.values(), key=lambda each: (each.used, each.key)).key)
    return frozenset(keys)


def _prune(policy: Policy, context: Context) -> Report:
    from bootstrap import BUILD

    return prune_run.prune(context.layout, policy, build=BUILD, now=context.now)
