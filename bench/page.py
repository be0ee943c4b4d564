"""Page: Markdown of all chapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chapter import Chapter, Goal, Table
from reasons import reasons

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEAD = """\
# Benchmarks

Made by `dist/vpython.pyz bench/run.py`: every figure of a table comes from one run, its contestants
measured in turn, round by round, with the same wheels, the same Python and the same filesystem. Figures are
medians; what stands in brackets, or under "quartiles", is where the middle half of the samples lies.
"""
GOALS = """\
What was aimed at before it was built, and what came of it. The *start hook* is a few lines of code that
each environment's Python runs first: they check that the environment still fits its spec, and keep it from
being removed meanwhile. *Cold* is a start that has to make its environment, *warm* one that finds it.
"""
QUICK = """
**A quick run**: few samples, for those who change the code.
"""


def render(chapters: Sequence[Chapter], machine: Mapping[str, str], *, quick: bool) -> str:
    """Return the whole page; charts are named as files beside it."""
    goals = [goal for chapter in chapters for goal in chapter.goals]
    parts = [HEAD + (QUICK if quick else ""), "## The machine\n", table_text(_machine(machine))]
    if goals:
        parts += ["## Goals\n", GOALS, table_text(_goals(goals)), *filter(None, [reasons(goals)])]
    for chapter in chapters:
        parts += [f"## {chapter.title}\n", chapter.text]
        parts += [f"![{title}]({name})\n" for name, title, _ in chapter.charts]
        parts += [table_text(table) for table in chapter.tables]
    return "\n".join(parts)


def _machine(machine: Mapping[str, str]) -> Table:
    return Table(head=("what", "which"), rows=tuple(machine.items()))


def _goals(goals: Sequence[Goal]) -> Table:
    return Table(
        head=("what", "ours", "rival", "ratio", "bar", "verdict"),
        rows=tuple((goal.what, goal.ours, goal.rival, goal.ratio, goal.bar, goal.verdict) for goal in goals),
    )


def table_text(table: Table) -> str:
    """Return a table in Markdown."""
    lines = [table.head, ("---",) * len(table.head), *table.rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
