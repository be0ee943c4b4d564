"""What `prune` and `clean` remove, or would remove: a summary, then each thing with size and reason."""

from __future__ import annotations

import contextlib
import os

from vpy.commands.support import fitted_table, inventory, text_output
from vpy.commands.support.fitted_table import Column
from vpy.errors import ToolError
from vpy.prune import run as prune_run
from vpy.system import locks, status_line
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from vpy.commands.support.inventory import Inventory
    from vpy.operations.context import Context
    from vpy.prune.run import Report
    from vpy.prune.trash import Removed

# What a kind of thing is called; those of SMALL are shown by their number alone.
NOUNS = {
    "environments": ("environment", "environments"),
    "wheels": ("stored wheel", "stored wheels"),
    "packages": ("package", "packages"),
    "pythons": ("unpacked package", "unpacked packages"),
    "interpreters": ("venv template", "venv templates"),
    "scripts": ("fetched script", "fetched scripts"),
    "apps": ("copy of vpython's code", "copies of vpython's code"),
    "formats": ("directory of another format", "directories of other formats"),
    "incomplete": ("incomplete thing", "incomplete things"),
    "pages": ("index page", "index pages"),
    "resolutions": ("cached answer", "cached answers"),
    "records": ("record", "records"),
    "copies": ("copy of a spec", "copies of specs"),
    "directories": ("empty directory", "empty directories"),
}
SMALL = ("pages", "resolutions", "records", "copies", "directories")
COLUMNS = (
    Column("what"),
    Column("name", cut="start"),
    Column("size", rank=1, is_number=True),
    Column("why", rank=2),
)


@value
class Names:
    """Names for people of what is in the root, by path in it; they are read before anything goes."""

    inventory: Inventory
    stored: Mapping[str, str]


def names(context: Context) -> Names:
    """Read the names of what is in the root."""
    taken = inventory.take(context)
    shorten = text_output.shortener(context.environ)
    found = inventory.stored_names(taken, context.layout)
    for each in taken.environments:
        found[os.path.relpath(each.path, context.layout.root)] = inventory.label(each, shorten)
    return Names(taken, found)


def is_ours(context: Context) -> bool:
    """Return whether the root is there, safe and marked as vpython's; warn of one that is not marked.

    One in which no environment was made yet has only what each command makes.
    """
    from bootstrap.root import check

    layout = context.layout
    if not prune_run.is_ours(layout):
        new = {os.path.basename(path) for path in (layout.apps, layout.locks)}
        if os.path.isdir(layout.root) and not new.issuperset(os.listdir(layout.root)):
            context.terminal.warning(f"the root `{layout.root}` is not vpython's: nothing is removed")
        return False
    check(layout.root)
    return True


def alone(context: Context, *, dry_run: bool) -> AbstractContextManager[None]:
    """Hold the lock of prunes; a dry run needs none. ToolError where the root cannot be written."""
    root = context.layout.root
    if dry_run:
        return contextlib.nullcontext()
    if not os.access(root, os.W_OK):
        raise ToolError(
            f"nothing can be removed from the root `{root}`: it is not writable",
            hint="make it writable, or run this as the user to whom it belongs",
        )

    def waiting() -> None:
        context.terminal.info("waiting: another process is pruning the root")

    return locks.exclusive(context.layout.prune_lock, waiting=waiting)


def account(report: Report, found: Names | None, *, dry_run: bool) -> dict[str, object]:
    """Return the report as JSON has it; sizes are bytes of disk, times seconds since the epoch."""
    stored = found.stored if found else {}
    known = {each.key: each for each in found.inventory.environments} if found else {}
    return {
        "dry_run": dry_run,
        "removed": [
            {
                "kind": removed.kind,
                "path": removed.path,
                "name": stored.get(removed.path),
                "size": removed.size,
                "reason": removed.reason,
                "last_used": removed.used,
            }
            for removed in sorted(report.removed, key=_order)
        ],
        "freed": sum(removed.size for removed in report.removed),
        "in_use": report.in_use,
        "kept": [
            {
                "key": key,
                "processes": inventory.process_account(known[key].processes if key in known else ()),
            }
            for key in report.kept
        ],
        "left": report.left,
    }


def show(report: Report, found: Names | None, *, dry_run: bool, now: float) -> None:
    """Print the summary, then a line for each thing; of small things one for all of a kind."""
    width = fitted_table.terminal_width()
    text_output.show("\n".join(text_output.wrapped(summary(report.removed, dry_run=dry_run), width)))
    stored = found.stored if found else {}
    rows = [*_rows(report.removed, stored, now), *_rows_of_small(report.removed, now)]
    if rows:
        text_output.show("")
        text_output.show("\n".join(fitted_table.lines(COLUMNS, rows, width)))


def summary(removed: Sequence[Removed], *, dry_run: bool) -> str:
    """Return how many things of each kind go, and the bytes of disk that this frees."""
    counts = [(kind, sum(each.kind == kind for each in removed)) for kind in NOUNS]
    named = ", ".join(f"{count} {NOUNS[kind][count != 1]}" for kind, count in counts if count)
    if not named:
        return "nothing to remove"
    freed = status_line.size(sum(each.size for each in removed))
    return f"{'would remove' if dry_run else 'removed'} {named}: {freed}"


def _rows(removed: Sequence[Removed], stored: Mapping[str, str], now: float) -> Iterator[tuple[str, ...]]:
    big = [each for each in removed if each.kind not in SMALL]
    for each in sorted(big, key=lambda each: (_order(each)[0], -each.size, each.path)):
        name = stored.get(each.path) or os.path.basename(each.path)[: inventory.SHORT_KEY]
        yield NOUNS[each.kind][0], name, status_line.size(each.size), reason(each, now)


def _order(removed: Removed) -> tuple[int, str]:
    return list(NOUNS).index(removed.kind), removed.path


def _rows_of_small(removed: Sequence[Removed], now: float) -> Iterator[tuple[str, ...]]:
    for kind in SMALL:
        each_of_them = [each for each in removed if each.kind == kind]
        if not each_of_them:
            continue
        count = len(each_of_them)
        reasons = dict.fromkeys(reason(each, now) for each in each_of_them)
        why = next(iter(reasons)) if len(reasons) == 1 else ""
        size = status_line.size(sum(each.size for each in each_of_them))
        yield NOUNS[kind][count != 1], str(count), size, why


def reason(removed: Removed, now: float) -> str:
    """Return why something goes."""
    if removed.reason == "unused" and removed.used is not None:
        idle = now - removed.used
        return "used just now" if idle < 60 else f"not used for {fitted_table.duration(idle)}"
    if removed.reason == "asked":
        return "" if removed.used is None else f"last used {fitted_table.ago(now - removed.used)}"
    return {"unused": "not used", "max-size": "over --max-size"}.get(removed.reason, removed.reason)
