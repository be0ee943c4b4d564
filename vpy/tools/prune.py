"""`-vpython-tool prune [--older-than DAYS] [--max-size BYTES] [--dry-run]`: remove what nobody uses."""

from __future__ import annotations

import contextlib
import os

from vpy.environment import prune
from vpy.errors import UserError
from vpy.system import locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from vpy.context import Context
    from vpy.environment.prune import Policy, Report
    from vpy.environment.reaper import Removed
    from vpython import Request

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def run(request: Request, context: Context) -> int:
    """Prune now, and print what that freed: a row for each kind, then the sum, in bytes of disk.

    All that is old enough goes, however much it is: the limit of `most_per_run` is for prunes that
    nobody asked for.
    """
    from vpython import BUILD

    policy = read(request.options.tool_words, context.config.prune_older_than_days)
    layout = context.layout
    if not prune.is_ours(layout):
        if os.path.isdir(layout.root):
            context.terminal.warning(f"the root `{layout.root}` does not bear our mark: nothing is touched")
        show(prune.Report(removed=()), policy)
        return 0
    from vpython_root import check

    check(layout.root)
    with _turn(context, policy):
        report = prune.run(layout, policy, build=BUILD, now=context.now)
    show(report, policy)
    if report.in_use:
        context.terminal.info(f"{report.in_use} more would go, but are in use")
    if policy.max_size is not None and report.left is not None and report.left > policy.max_size:
        context.terminal.warning(f"{report.left} bytes are left: the rest is in use, or vpython's own")
    return 0


def _turn(context: Context, policy: Policy) -> AbstractContextManager[None]:
    """One prune at a time; looking needs no turn."""
    if policy.dry_run:
        return contextlib.nullcontext()

    def waiting() -> None:
        context.terminal.info("waiting: another process is pruning the root")

    return locks.exclusive(context.layout.prune_lock, waiting=waiting)


def read(words: Sequence[str], days: float) -> Policy:
    """The policy that the tool's words ask for; `days` is the age where they name none."""
    older_than, max_size, dry_run = days, None, False
    rest = list(words)
    while rest:
        name, equals, text = rest.pop(0).partition("=")
        if name == "--dry-run" and not equals:
            dry_run = True
            continue
        if name not in ("--older-than", "--max-size"):
            raise UserError(
                f"`prune` does not know `{name}`: it takes --older-than DAYS, --max-size BYTES, --dry-run"
            )
        if not equals:
            if not rest:
                raise UserError(f"`{name}` lacks its value")
            text = rest.pop(0)
        if name == "--older-than":
            older_than = _days(text)
        else:
            max_size = _size(text)
    return prune.Policy(older_than=older_than * prune.DAY, max_size=max_size, dry_run=dry_run)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days < float("inf"):
        raise UserError(f"`--older-than` takes a number of days, got `{text}`")
    return days


def _size(text: str) -> int:
    number, unit = (text[:-1], UNITS[text[-1].upper()]) if text[-1:].upper() in UNITS else (text, 1)
    if not (number.isascii() and number.isdecimal()):
        raise UserError(f"`--max-size` takes a number of bytes, with K, M, G or T behind it, got `{text}`")
    return int(number) * unit


def show(report: Report, policy: Policy) -> None:
    """Print the table; a dry run lists every single thing first."""
    if policy.dry_run:
        for one in report.removed:
            print(f"{one.size:>15,}  {one.path}")
    kinds: dict[str, list[Removed]] = {}
    for one in report.removed:
        kinds.setdefault(one.kind, []).append(one)
    for kind, rows in kinds.items():
        print(f"{kind:<13} {len(rows):>6} {sum(one.size for one in rows):>16,}")
    total = sum(one.size for one in report.removed)
    verb = "would be freed" if policy.dry_run else "freed"
    print(f"{total:,} bytes {verb}")
