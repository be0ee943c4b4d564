#!/usr/bin/env vpython3
# /// script
# requires-python = ">=3.11"
# dependencies = ["uv==0.13.8"]
# ///
"""Do ten everyday tasks with uv and with vpython: what is typed, how long it takes, how it ends.

    dist/vpython.pyz bench/tasks.py [--rounds N] [--uv FILE]

The real index is asked, as a user would. `bench/run.py` has the same as a chapter of its page.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chapter import Chapter, Goal, Table, span
from page import table_text
from timing import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from yard import Effort, Yard

TOP = Path(__file__).resolve().parents[1]
LIMIT = 300.0
DROPPED = ("VPYTHON_", "UV_", "VIRTUAL_ENV")
SECOND_PYTHONS = ("3.12", "3.13", "3.14", "3.11", "3.10")
SCRIPT = """\
# /// script
# requires-python = ">=3.10"
# dependencies = ["rich>=13,<15", "humanize"]
# ///
import humanize, rich, sys

rich.print(humanize.intcomma(sys.version_info[1] * 1000))
"""
# An older version, so that there is something to upgrade.
OLD = SCRIPT.replace('"humanize"', '"humanize==4.9.0"')
TEXT = """\
Each task begins in a directory of its own, which has a script `s.py` with a PEP 723 block of two requirements
(the first task has none). Both tools do each task once untimed, which fetches what it needs, then they take
turns. "Typed" is the number of commands. Both ask the index whenever they want to: how fast that answers is
in the times, which are medians, those of CPU in brackets. "Errors" counts the commands that ended with
another exit code than 0.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something that people do often; `files` are in the directory before."""

    what: str
    uv: tuple[str, ...]
    vpython: tuple[str, ...]
    script: str = SCRIPT


def tasks_with(python: str) -> tuple[Task, ...]:
    """Return the tasks; `python` is the version of a second Python of this machine."""
    return (
        Task(
            what="begin a script, add a requirement, run it",
            uv=("uv init --script s.py", "uv add --script s.py humanize", "uv run s.py"),
            vpython=("vpython-tool init s.py", "vpython-tool add s.py humanize", "vpython s.py"),
            script="",
        ),
        Task(
            what="add a requirement",
            uv=("uv add --script s.py tabulate",),
            vpython=("vpython-tool add s.py tabulate",),
        ),
        Task(
            what=f"run it with another Python, {python}",
            uv=(f"uv run -p {python} s.py",),
            vpython=(f"vpython -vpython-python {python} s.py",),
        ),
        Task(
            what="run it with one more distribution, this once",
            uv=("uv run --with tabulate s.py",),
            vpython=("vpython -vpython-with tabulate s.py",),
        ),
        Task(
            what="lock it, and run what is locked",
            uv=("uv lock --script s.py", "uv run --locked s.py"),
            vpython=("vpython-tool lock s.py", "vpython -vpython-locked s.py"),
        ),
        Task(
            what="upgrade one distribution in the lockfile",
            uv=("uv lock --script s.py", "uv lock --script s.py -P rich"),
            vpython=("vpython-tool lock s.py", "vpython-tool lock s.py -P rich"),
        ),
        Task(
            what="see who asks for what", uv=("uv tree --script s.py",), vpython=("vpython-tool tree s.py",)
        ),
        Task(
            what="see what is outdated",
            uv=("uv tree --script s.py --outdated",),
            vpython=("vpython-tool outdated s.py",),
            script=OLD,
        ),
        Task(
            what="run a tool that nothing declares",
            uv=("uvx pycowsay hello",),
            vpython=("vpython -vpython-with pycowsay -m pycowsay hello",),
        ),
        Task(
            what="lock it, and export a requirements file",
            uv=("uv lock --script s.py", "uv export --script s.py -o r.txt"),
            vpython=("vpython-tool lock s.py", "vpython-tool export s.py -o r.txt"),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a task took once: seconds on the clock and of CPU; `failed` counts commands that ended badly."""

    seconds: float
    cpu: float
    failed: int


class Desk:
    """Home of one tool: its caches, and the directory of the task at hand."""

    def __init__(self, place: Path, programs: Mapping[str, str], outer: Mapping[str, str], path: str) -> None:
        self._place = place
        commands = place / "bin"
        commands.mkdir(parents=True)
        for name, target in programs.items():
            (commands / name).symlink_to(target)
        self._environ = {
            **{name: text for name, text in outer.items() if not name.startswith(DROPPED)},
            "HOME": str(place),
            "XDG_CACHE_HOME": str(place / "cache"),
            "PATH": f"{commands}{os.pathsep}{path}",
            "UV_PYTHON_DOWNLOADS": "never",
        }

    def do(self, commands: tuple[str, ...], script: str) -> Sample:
        """Do a task in an empty directory."""
        work = self._place / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        if script:
            (work / "s.py").write_text(script)
        seconds, failed = 0.0, 0
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for command in commands:
            words = shlex.split(command)
            words[0] = str(self._place / "bin" / words[0])
            began = time.perf_counter()
            done = subprocess.run(
                words, cwd=work, env=self._environ, capture_output=True, text=True, timeout=LIMIT, check=False
            )
            seconds += time.perf_counter() - began
            failed += done.returncode != 0
            if done.returncode:
                print(f"$ {command}\n{done.stderr[-2000:]}", file=sys.stderr)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Sample(seconds=seconds, cpu=cpu, failed=failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came out for one task in all rounds; of the first, which fetches, only whether it failed."""

    task: Task
    uv: tuple[Sample, ...]
    vpython: tuple[Sample, ...]
    failed: int

    @property
    def is_met(self) -> bool:
        """Return whether vpython takes no more commands than uv."""
        return len(self.task.vpython) <= len(self.task.uv)


def compare(place: Path, uv: str, vpython: Path, outer: Mapping[str, str], rounds: int) -> Iterator[Result]:
    """Do every task by turns, and yield what came out."""
    version, directory = second_python(outer)
    path = os.pathsep.join((outer.get("PATH", os.defpath), directory))
    uvx = os.path.join(os.path.dirname(uv), "uvx")
    ours = {name: str(vpython) for name in ("vpython", "vpython3", "vpython-tool")}
    desks = (
        Desk(place / "uv", {"uv": uv, "uvx": uvx}, outer, path),
        Desk(place / "vpython", ours, outer, path),
    )
    for task in tasks_with(version):
        samples: tuple[list[Sample], list[Sample]] = ([], [])
        failed = 0
        for number in range(rounds + 1):
            for side in (0, 1) if number % 2 else (1, 0):
                sample = desks[side].do((task.uv, task.vpython)[side], task.script)
                failed += sample.failed
                if number:
                    samples[side].append(sample)
        yield Result(task=task, uv=tuple(samples[0]), vpython=tuple(samples[1]), failed=failed)


def second_python(outer: Mapping[str, str]) -> tuple[str, str]:
    """Return the version of a Python here that is not this one, and the directory of its executable."""
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for version in SECOND_PYTHONS:
        found = shutil.which(f"python{version}", path=outer.get("PATH"))
        if version == own or found is None:
            continue
        look = "import sys; print(sys._base_executable)"
        done = subprocess.run([found, "-I", "-c", look], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return version, os.path.dirname(os.path.realpath(done.stdout.strip()))
    raise BenchError(f"there is no second Python on PATH: one of {', '.join(SECOND_PYTHONS)}")


def measure(yard: Yard, effort: Effort) -> Chapter:
    results = compare(yard.place / "tasks", yard.uv, yard.vpython, yard.outer, effort.rounds(15, 3))
    return chapter_of(tuple(results))


def chapter_of(results: tuple[Result, ...]) -> Chapter:
    """Return the table of what came out, and how it stands to the goal: nowhere more commands than uv."""
    more = [result.task.what for result in results if not result.is_met or result.failed]
    goal = Goal(
        what="ten everyday tasks: nowhere more commands than uv, no errors",
        ours=f"{sum(len(result.task.vpython) for result in results)} commands",
        rival=f"uv: {sum(len(result.task.uv) for result in results)} commands",
        bar="as many or fewer in each",
        met=not more,
    )
    head = ("task", "with uv", "with vpython", "typed", "characters", "uv", "vpython", "errors")
    return Chapter(
        title="Ten everyday tasks",
        text=TEXT,
        goals=(goal,),
        tables=(Table(head=head, rows=tuple(map(_row, results))),),
    )


def _row(result: Result) -> tuple[str, ...]:
    task = result.task
    return (
        task.what,
        "; ".join(f"`{command}`" for command in task.uv),
        "; ".join(f"`{command}`" for command in task.vpython),
        f"{len(task.uv)} : {len(task.vpython)}",
        f"{sum(map(len, task.uv))} : {sum(map(len, task.vpython))}",
        _times(result.uv),
        _times(result.vpython),
        str(result.failed),
    )


def _times(samples: tuple[Sample, ...]) -> str:
    seconds = span(statistics.median(sample.seconds for sample in samples))
    return f"{seconds} ({span(statistics.median(sample.cpu for sample in samples))})"


def main() -> int:
    """Do the tasks and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds after the first, which is not timed")
    parser.add_argument("--uv", default=shutil.which("uv") or "", help="the program uv")
    parser.add_argument("--file", type=Path, default=TOP / "dist" / "vpython.pyz", help="the built file")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as place:
            uv, file = os.path.abspath(arguments.uv), arguments.file.absolute()
            results = tuple(compare(Path(place), uv, file, os.environ, arguments.rounds))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(table_text(chapter_of(results).tables[0]), end="")
    return int(any(result.failed or not result.is_met for result in results))


if __name__ == "__main__":
    sys.exit(main())
