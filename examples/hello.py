#!/usr/bin/env vpython3
# /// script
# requires-python = ">=3.8"
# dependencies = ["rich==15.0.0", "humanize==4.17.0"]
# ///
"""Show the environment this script declared and got: which Python, which distributions, how large."""

import importlib.metadata
import platform
import sys
import time
from pathlib import Path

import humanize
from rich.console import Console
from rich.panel import Panel
from rich.table import Table


def size_of(distribution: importlib.metadata.Distribution) -> int:
    paths = [Path(distribution.locate_file(file)) for file in distribution.files or []]
    return sum(path.stat().st_size for path in paths if path.is_file())


def main() -> None:
    began = time.perf_counter()
    console = Console(width=min(80, Console().width))
    table = Table("distribution", "version", "on disk", "what it is", expand=True, header_style="bold cyan")
    total = 0
    for distribution in sorted(importlib.metadata.distributions(), key=lambda each: each.metadata["Name"]):
        size = size_of(distribution)
        total += size
        table.add_row(
            f"[green]{distribution.metadata['Name']}[/]",
            distribution.version,
            humanize.naturalsize(size, gnu=True),
            distribution.metadata["Summary"],
        )
    took = humanize.precisedelta(time.perf_counter() - began, minimum_unit="milliseconds")
    console.print(
        Panel.fit(
            f"Hello from Python [bold]{platform.python_version()}[/] on {platform.system()}\n"
            f"[dim]{sys.prefix}[/]",
            title="[bold magenta]vpython[/]",
            subtitle=f"{humanize.naturalsize(total, gnu=True)}, listed in {took}",
        )
    )
    console.print(table)


if __name__ == "__main__":
    main()
