"""Doctor: compare everything in the root with what it was when it was made, and repair it."""

from __future__ import annotations

import os

from vpy.commands.support import text_output
from vpy.system import locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from bootstrap.request import Request
    from vpy.commands.support.doctor_fix import Repair
    from vpy.commands.support.examination import Finding, Report
    from vpy.operations.context import Context

MOST_SHOWN = 10


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Print a line for each fault, and with `--fix` for each repair; return 1 where anything stays wrong."""
    from bootstrap.root import check
    from vpy.commands.support import doctor_fix, examination

    if not os.path.isdir(context.layout.root):
        if arguments.json:
            text_output.show_json({"examined": {}, "damaged": [], "repairs": []})
        return 0

    check(context.layout.root)
    with locks.shared(context.layout.store_lock):
        report = examination.examine(context)
    if not arguments.json:
        for finding in report.findings:
            _show(finding, context.layout.root)
    looked = ", ".join(f"{number} {kind}{'s' * (number != 1)}" for kind, number in report.looked.items())
    found = f"{len(report.findings)} not as made" if report.findings else "all as made"
    context.terminal.warning(f"looked at {looked}: {found}")

    repairs = []
    if report.findings and arguments.fix:
        for repair in doctor_fix.repair(report.findings, request, context):
            if not arguments.json:
                text_output.show(f"{os.path.relpath(repair.path, context.layout.root)}: {repair.action}")
            repairs.append(repair)
    if arguments.json:
        text_output.show_json(account(report, repairs))
    is_whole = all(repair.is_whole for repair in repairs) if arguments.fix else not report.findings
    return 0 if is_whole else 1


def account(report: Report, repairs: Sequence[Repair]) -> dict[str, object]:
    """Return the examination and the repairs, as JSON has them."""
    return {
        "examined": dict(report.looked),
        "damaged": [
            {"kind": finding.kind, "path": finding.path, "facts": dict(finding.facts)}
            for finding in report.findings
        ],
        "repairs": [
            {"path": repair.path, "action": repair.action, "whole": repair.is_whole} for repair in repairs
        ],
    }


def _show(finding: Finding, root: str) -> None:
    directory = os.path.relpath(finding.path, root)
    for path, fact in sorted(finding.facts.items())[:MOST_SHOWN]:
        text_output.show(f"{directory}/{path}: {fact}" if path else f"{directory}: {fact}")
    if len(finding.facts) > MOST_SHOWN:
        text_output.show(f"{directory}: and {len(finding.facts) - MOST_SHOWN} more")
