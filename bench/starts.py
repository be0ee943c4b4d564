"""Warm starts: what stands between a user and their script when everything is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chapter import Chapter, Goal, added, series_table, span, times
from chart import Bar, bars
from contestants import Uv, VenvPip, Vpython, inline
from timing import Contestant, Job, Series, interleave, told

if TYPE_CHECKING:
    from yard import Effort, Yard

BARE = "bare Python, `-c pass`"
PLAIN = "plain venv"
HOOK = "the environment's own Python"
HEAD = "vpython, through the shell"
DOOR = "vpython, `python3 vpython.pyz`"
PEP723 = "vpython, PEP 723 script"
UV = "`uv run --script`"
WHEELS = 3
HEAD_BAR, HOOK_BAR, DOOR_BAR, SHARE_BAR = 0.003, 0.0015, 0.010, 0.2

TEXT = f"""\
A script that does nothing lies eight directories below its common spec of {WHEELS} wheels. In each round it
is started once in every way; what a way adds is its time less that of the plain venv in the same round. The
plain venv holds the same wheels; uv and the PEP 723 row start the same script with the same wheels named in
a PEP 723 block.
"""


def measure(yard: Yard, effort: Effort) -> Chapter:
    series = interleave(_contestants(yard), effort.rounds(300, 40))
    plain = series[PLAIN]
    head, hook, door, uv = (series[name].over(plain) for name in (HEAD, HOOK, DOOR, UV))
    most = series[BARE].median + DOOR_BAR
    goals = (
        Goal(
            what="warm, through the shell, over a plain venv's Python",
            ours=added(head),
            bar=f"+{span(HEAD_BAR)} or less",
            met=head.median <= HEAD_BAR,
        ),
        Goal(
            what="the same against what uv adds",
            ours=added(head),
            rival=f"`uv run --script`: {added(uv)}",
            ratio=times(head.median / uv.median),
            bar=f"{SHARE_BAR} x or less",
            met=head.median <= SHARE_BAR * uv.median,
        ),
        Goal(
            what="the start hook alone, over a plain venv's Python",
            ours=added(hook),
            bar=f"+{span(HOOK_BAR)} or less",
            met=hook.median <= HOOK_BAR,
        ),
        Goal(
            what="warm, `python3 vpython.pyz`, over a plain venv's Python",
            ours=added(door),
            rival=f"one bare start: {span(series[BARE].median)}",
            ratio=times(door.median / series[BARE].median),
            bar=f"one bare start + {span(DOOR_BAR)}",
            met=door.median <= most,
        ),
    )
    return Chapter(
        title="Warm starts",
        text=TEXT,
        goals=goals,
        tables=(series_table(series.values(), plain),),
        charts=(("warm.svg", "What a warm start adds to a plain venv's Python", _chart(series)),),
    )


def _contestants(yard: Yard) -> list[Contestant]:
    home = yard.place / "starts"
    selection = yard.shelf.take(WHEELS)
    ours = Vpython(yard, home / "vpython", selection)
    inlined = Vpython(yard, home / "inline", selection)
    inlined.script = home / "inline.py"
    inlined.script.write_text(inline(selection.requirements))
    inlined.environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(selection.folder)}
    venv = VenvPip(yard, home / "venv", selection)
    for job in venv.make():
        told(job)
    own = ours.environment() / "bin" / "python"
    jobs = {
        BARE: Job(words=(yard.python, "-c", "pass"), environ=yard.environ),
        PLAIN: venv.start(ours.script),
        HOOK: Job(words=(str(own), str(ours.script)), environ=yard.environ),
        HEAD: ours.start(),
        DOOR: ours.start_by_python(),
        PEP723: inlined.start(),
        UV: Uv(yard, home / "uv", selection).run_script(),
    }
    return [Contestant(name=name, jobs=(job,)) for name, job in jobs.items()]


def _chart(series: dict[str, Series]) -> str:
    rows = []
    for name in (HOOK, HEAD, PEP723, DOOR, UV):
        more = series[name].over(series[PLAIN])
        rows.append(
            Bar(label=name.replace("`", ""), value=more.median, spread=more.quartiles, ours=name != UV)
        )
    return bars("What a warm start adds to a plain venv's Python", rows)
