"""Doctor: compare everything in the root with what it was when it was made, and repair it."""

from __future__ import annotations

import os

from vpy.commands.support import text_output
from vpy.system import locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence

    from bootstrap.request import Request
    from vpy.commands.support.doctor_advice import Advice
    from vpy.commands.support.doctor_fix import Repair
    from vpy.commands.support.examination import Finding, Report
    from vpy.operations.context import Context

MOST_SHOWN = 10


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Print each fault, with `--fix` each repair, then what to do; return 1 where anything stays wrong."""
    from bootstrap.root import check
    from vpy.commands.support import doctor_advice, doctor_fix, examination

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
    to_do = doctor_advice.advise(report.findings, context) if report.findings else {}
    looked = ", ".join(f"{number} {kind}{'s' * (number != 1)}" for kind, number in report.looked.items())
    found = f"{len(report.findings)} differ from what was made" if report.findings else "all intact"
    context.terminal.warning(f"checked {looked}: {found}")

    repairs = []
    if report.findings and arguments.fix:
        for repair in doctor_fix.repair(report.findings, request, context):
            if not arguments.json:
                text_output.show(f"{os.path.relpath(repair.path, context.layout.root)}: {repair.action}")
            repairs.append(repair)
    if arguments.json:
        text_output.show_json(account(report, repairs, to_do))
    else:
        mended = {repair.path for repair in repairs if repair.is_whole}
        _show_to_do([to_do[each.path] for each in report.findings if each.path not in mended])
    is_whole = all(repair.is_whole for repair in repairs) if arguments.fix else not report.findings
    return 0 if is_whole else 1


def account(report: Report, repairs: Sequence[Repair], to_do: Mapping[str, Advice]) -> dict[str, object]:
    """Return the examination and the repairs, as JSON has them."""
    return {
        "examined": dict(report.looked),
        "damaged": [
            {
                "kind": finding.kind,
                "path": finding.path,
                "facts": dict(finding.facts),
                "name": to_do[finding.path].name,
                "hint": to_do[finding.path].hint,
            }
            for finding in report.findings
        ],
        "repairs": [
            {"path": repair.path, "action": repair.action, "whole": repair.is_whole} for repair in repairs
        ],
    }


def _show_to_do(advice: Sequence[Advice]) -> None:
    """Print each way out once, with what it is for."""
    named: dict[str, list[str]] = {}
    for each in advice:
        named.setdefault(each.hint, []).append(each.name)
    if not named:
        return
    text_output.show("\nto do:")
    for hint, names in named.items():
        more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
        text_output.show(f"  {', '.join(names[:MOST_SHOWN])}{more}: {hint}")


def _show(finding: Finding, root: str) -> None:
    directory = os.path.relpath(finding.path, root)
    for path, fact in sorted(finding.facts.items())[:MOST_SHOWN]:
        text_output.show(f"{directory}/{path}: {fact}" if path else f"{directory}: {fact}")
    if len(finding.facts) > MOST_SHOWN:
        text_output.show(f"{directory}: and {len(finding.facts) - MOST_SHOWN} more")
