"""`-vpython-tool prune`: remove environments and packages that are not used."""

from __future__ import annotations

import contextlib
import os

from vpy.commands.support import text_output
from vpy.prune import policy as policies
from vpy.prune import run as prune_run
from vpy.system import locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from contextlib import AbstractContextManager

    from bootstrap.request import Request
    from vpy.operations.context import Context
    from vpy.prune.policy import Policy
    from vpy.prune.run import Report
    from vpy.prune.trash import Removed


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Prune now, and print what that freed: a row for each kind, then the sum, in bytes of disk.

    Everything old enough goes: `most_per_run` limits only the prunes that a start makes by itself.
    """
    policy = policy_of(arguments, context.config.prune_older_than_days)
    report = _prune(policy, context)

    if arguments.json:
        text_output.show_json(account(report, policy))
    else:
        show(report, policy)
    if report.in_use:
        context.terminal.info(f"{report.in_use} more would go, but are in use")
    if policy.max_size is not None and report.left is not None and report.left > policy.max_size:
        context.terminal.warning(f"{report.left} bytes are left: the rest is in use, or vpython's own")
    return 0


def policy_of(arguments: Namespace, days: float) -> Policy:
    """Return the policy that the arguments name; `days` is the age where they name none."""
    older_than = days * policies.DAY if arguments.older_than is None else arguments.older_than
    return policies.Policy(older_than=older_than, max_size=arguments.max_size, dry_run=arguments.dry_run)


def _prune(policy: Policy, context: Context) -> Report:
    from bootstrap import BUILD
    from bootstrap.root import check

    layout = context.layout
    if not prune_run.is_ours(layout):
        if os.path.isdir(layout.root):
            context.terminal.warning(f"the root `{layout.root}` does not bear our mark: nothing is touched")
        return prune_run.Report(removed=())
    check(layout.root)
    with _alone(policy, context):
        return prune_run.prune(layout, policy, build=BUILD, now=context.now)


def _alone(policy: Policy, context: Context) -> AbstractContextManager[None]:
    """Hold the lock of prunes; a dry run needs none."""
    if policy.dry_run:
        return contextlib.nullcontext()

    def waiting() -> None:
        context.terminal.info("waiting: another process is pruning the root")

    return locks.exclusive(context.layout.prune_lock, waiting=waiting)


def account(report: Report, policy: Policy) -> dict[str, object]:
    """Return the report as JSON has it; sizes are bytes of disk, `left` is null without `--max-size`."""
    return {
        "dry_run": policy.dry_run,
        "removed": [
            {"kind": removed.kind, "path": removed.path, "size": removed.size} for removed in report.removed
        ],
        "freed": sum(removed.size for removed in report.removed),
        "in_use": report.in_use,
        "left": report.left,
    }


def show(report: Report, policy: Policy) -> None:
    """Print the table; a dry run lists everything first."""
    if policy.dry_run:
        for removed in report.removed:
            text_output.show(f"{removed.size:>15,}  {removed.path}")
    kinds: dict[str, list[Removed]] = {}
    for removed in report.removed:
        kinds.setdefault(removed.kind, []).append(removed)
    for kind, rows in kinds.items():
        text_output.show(f"{kind:<13} {len(rows):>6} {sum(row.size for row in rows):>16,}")
    total = sum(removed.size for removed in report.removed)
    verb = "would be freed" if policy.dry_run else "freed"
    text_output.show(f"{total:,} bytes {verb}")
