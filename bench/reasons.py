"""Why a goal may be missed, for the page: by what the goal is of, as `Goal.what` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chapter import Goal

REASONS = {
    "warm, through the shell, over a plain venv's Python": (
        "Half of it is the start hook (below), the other half a shell that looks for the environment. "
        "Fewer checks would let a start use an environment that does not fit its spec any more."
    ),
    "the same against what uv adds": ("Missed with the one above: uv adds 16.5 ms."),
    "the start hook alone, over a plain venv's Python": (
        "It imports `fcntl`, takes the lock that keeps a prune from removing the environment, and "
        "compares each thing that the start depends on."
    ),
    "new environment, 27 wheels stored, spec resolved before": (
        "Two starts of Python are in it, vpython's own and the script's, about 40 ms together. uv is "
        "a compiled program, and has none. Without them it is about what uv takes."
    ),
    "the same, where uv too starts the script": (
        "vpython starts a Python of its own besides, about 20 ms, which uv need not."
    ),
    "new environment, 27 wheels stored, new spec": (
        "Reading a new spec and choosing its wheels is done by libraries in Python (protobuf, "
        "packaging), whose import and work take about 80 ms. It is paid once per spec."
    ),
    "the same against uv with an empty cache": (
        "pip installs, a Python program that has to be unpacked and imported first. Wheels are "
        "compared with their RECORD file by file besides."
    ),
    "the real spec of depot_tools: new environment": (
        "As for any new environment, above: two starts of Python."
    ),
    "64 starts at once of one unbuilt spec (empty root)": (
        "The one start that works shares two cores with 63 that begin to wait, and unpacks vpython "
        "itself first. The bar allows it the time of a start that is alone."
    ),
    "10 environments sharing wheels": (
        "Files are shared, directories cannot be: they are 0.6 MB of the 0.9 MB that a further "
        "environment takes. uv takes 1.1 MB."
    ),
}


def reasons(goals: Iterable[Goal]) -> str:
    """Return a line for each goal that was missed, "" for none."""
    missed = [goal for goal in goals if goal.met is False]
    lines = [f"- **{goal.what}.** {REASONS.get(goal.what, 'Not looked into yet.')}\n" for goal in missed]
    return "### Why some were missed\n\n" + "".join(lines) if lines else ""
