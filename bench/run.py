#!/usr/bin/env vpython3
# /// script
# requires-python = ">=3.11"
# dependencies = ["pip==26.3", "uv==0.13.8"]
# ///
"""Measure vpython against its goals, side by side with uv and with venv and pip.

    dist/vpython.pyz bench/run.py [--quick] [--rounds N] [--only NAME]…

A full run takes a quarter of an hour and 10 GB on a quiet machine, and writes `docs/benchmarks.md`
and its charts; a quick or a partial one writes beside its scratch files. Both print the page. The
index is asked for the wheels of `wheels.txt`, once, and for those of a real spec.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import builds
import chromium
import crowd
import curves
import index
import roots
import space
import starts
import tasks
from machine import facts
from page import render
from timing import BenchError
from yard import Effort, Yard, open_yard

if TYPE_CHECKING:
    from collections.abc import Callable

    from chapter import Chapter

TOP = Path(__file__).resolve().parents[1]
MEASUREMENTS: dict[str, Callable[[Yard, Effort], Chapter]] = {
    "starts": starts.measure,
    "new": builds.measure_new,
    "first": builds.measure_first,
    "chromium": chromium.measure,
    "index": index.measure,
    "wheels": curves.measure,
    "crowd": crowd.measure,
    "roots": roots.measure,
    "memory": space.measure_memory,
    "disk": space.measure_disk,
    "tasks": tasks.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure vpython against uv and against venv and pip")
    parser.add_argument("--quick", action="store_true", help="few samples")
    parser.add_argument(
        "--only", action="append", choices=MEASUREMENTS, help="measure this alone; repeatable"
    )
    parser.add_argument("--rounds", type=int, help="rounds of each measurement, instead of its own number")
    parser.add_argument("--uv", default="", help="the program uv, instead of this environment's")
    parser.add_argument("--file", type=Path, default=TOP / "dist" / "vpython.pyz", help="the built file")
    parser.add_argument("--work", type=Path, default=TOP / "build" / "bench", help="wheels and scratch files")
    parser.add_argument("--output", type=Path, help="where the page goes")
    parser.add_argument("--specs", type=Path, default=TOP.parent / "shared" / "specs", help="real spec files")
    arguments = parser.parse_args()
    names = arguments.only or list(MEASUREMENTS)
    whole = not arguments.quick and not arguments.rounds and names == list(MEASUREMENTS)
    work = arguments.work.absolute()
    try:
        output = arguments.output or (TOP / "docs" if whole else work)
        measure(names, Effort(quick=arguments.quick, fixed=arguments.rounds), arguments, output.absolute())
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(work / "scratch", ignore_errors=True)
    return 0


def measure(names: list[str], effort: Effort, arguments: argparse.Namespace, output: Path) -> None:
    """Measure and write the page and its charts to `output`, the page to stdout too."""
    file, specs = arguments.file.absolute(), arguments.specs.absolute()
    yard = open_yard(arguments.work.absolute(), file, specs, arguments.uv)
    machine = facts(yard)
    chapters = []
    for name in names:
        print(f"bench: {name}", file=sys.stderr, flush=True)
        chapters.append(MEASUREMENTS[name](yard, effort))
    page = render(chapters, machine, quick=effort.quick)
    print(page)
    output.mkdir(parents=True, exist_ok=True)
    (output / "benchmarks.md").write_text(page)
    for chapter in chapters:
        for chart, _, svg in chapter.charts:
            (output / chart).write_text(svg)


if __name__ == "__main__":
    sys.exit(main())
