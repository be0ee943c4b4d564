"""Memory, and bytes on disk."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chapter import Chapter, Goal, Table, size, times
from contestants import Uv, VenvPip, Vpython
from timing import Contestant, Job, sample, told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from shelf import Selection
    from yard import Effort, Yard

WHEELS = 27
TOGETHER = 10
MEMORY_BAR, SHARING_BAR, FILE_BAR = 120e6, 1.1, 6e6
MEMORY_TEXT = """\
The most memory that any one process had (the kernel's figure for the process or for a child that it waited
for) while an environment of {wheels} wheels was made. The measuring process itself, {floor}, is the least
that can be seen.
"""
DISK_TEXT = """\
Blocks of all files and directories, each inode counted once: vpython's root (without its own unpacked code
and with everything else), uv's cache and environments, environments of venv and pip. Of ten environments
each leaves out another one of {wheels} wheels, so that no two are the same. Directories cannot be shared as
files are: what they take is the least that a further environment takes on this filesystem.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Bytes on disk: all, and those of directories."""

    total: int
    directories: int


def measure_memory(yard: Yard, effort: Effort) -> Chapter:
    home = yard.place / "memory"
    selection = yard.shelf.take(WHEELS)
    ours = Vpython(yard, home / "vpython", selection)
    uv = Uv(yard, home / "uv", selection)
    pip = VenvPip(yard, home / "pip", selection)
    contestants = (
        Contestant(name="vpython, empty root", jobs=(ours.start(),), before=ours.forget_all),
        Contestant(name="vpython, spec never seen", jobs=(ours.start(),), before=ours.forget_specs),
        Contestant(
            name="vpython, spec resolved before", jobs=(ours.start(),), before=ours.forget_environments
        ),
        Contestant(name="vpython, warm", jobs=(ours.start(),)),
        Contestant(name="uv, empty cache", jobs=uv.make(), before=uv.forget_all),
        Contestant(name="uv, warm cache", jobs=uv.make(), before=uv.forget_environments),
        Contestant(name="venv + pip", jobs=pip.make(), before=pip.forget),
    )
    peaks: dict[str, int] = {}
    for contestant in contestants:
        for _ in range(effort.rounds(5, 1)):
            contestant.before()
            peaks[contestant.name] = max(sample(contestant).peak, peaks.get(contestant.name, 0))
    cold = peaks["vpython, empty root"]
    return Chapter(
        title="Memory",
        text=MEMORY_TEXT.format(
            wheels=WHEELS, floor=size(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        ),
        goals=(
            Goal(
                what=f"memory, cold, {WHEELS} wheels, any one process",
                ours=size(cold),
                rival=f"uv: {size(peaks['uv, empty cache'])}; venv + pip: {size(peaks['venv + pip'])}",
                ratio=times(cold / peaks["uv, empty cache"]),
                bar=f"under {size(MEMORY_BAR)}",
                met=cold < MEMORY_BAR,
            ),
        ),
        tables=(
            Table(head=("what", "peak"), rows=tuple((name, size(peak)) for name, peak in peaks.items())),
        ),
    )


def measure_disk(yard: Yard, effort: Effort) -> Chapter:
    """`effort` changes nothing here: bytes do not vary."""
    whole = yard.shelf.take(WHEELS)
    selections = [
        replace(whole, packages=(*whole.packages[:out], *whole.packages[out + 1 :]))
        for out in range(TOGETHER)
    ]
    rows = {
        "vpython": _ours(yard, selections),
        "uv": _uv(yard, selections),
        "venv + pip": _pip(yard, selections),
    }
    item, ten = (used.total for used in rows["vpython"])
    return Chapter(
        title="Bytes on disk",
        text=DISK_TEXT.format(wheels=WHEELS),
        goals=(
            Goal(
                what=f"{TOGETHER} environments sharing wheels",
                ours=f"{size(ten)} against {size(item)} for one",
                rival=f"uv: {size(rows['uv'][1].total)} against {size(rows['uv'][0].total)}",
                ratio=times(ten / item),
                bar=f"disk of one, {SHARING_BAR} x or less",
                met=ten <= SHARING_BAR * item,
            ),
            Goal(
                what="the file",
                ours=size(yard.vpython.stat().st_size),
                bar=f"under {size(FILE_BAR)}",
                met=yard.vpython.stat().st_size < FILE_BAR,
            ),
        ),
        tables=(
            Table(
                head=(
                    "what",
                    "one environment",
                    f"{TOGETHER} environments",
                    "each further one",
                    "its directories",
                ),
                rows=tuple(_row(name, item, ten) for name, (item, ten) in rows.items()),
            ),
        ),
    )


def _row(name: str, item: Used, ten: Used) -> tuple[str, ...]:
    more = [(ten.total - item.total) / (TOGETHER - 1), (ten.directories - item.directories) / (TOGETHER - 1)]
    return name, size(item.total), size(ten.total), *map(size, more)


def _ours(yard: Yard, selections: Sequence[Selection]) -> tuple[Used, Used]:
    home = yard.place / "disk" / "vpython"
    jobs = [
        (Vpython(yard, home, selection, f"checkout-{number}").start(),)
        for number, selection in enumerate(selections)
    ]
    return _one_and_all(jobs, (home / ".cache",))


def _uv(yard: Yard, selections: Sequence[Selection]) -> tuple[Used, Used]:
    home = yard.place / "disk" / "uv"
    venvs = home / "venvs"
    jobs = [
        Uv(yard, home, selection).make(venvs / str(number)) for number, selection in enumerate(selections)
    ]
    return _one_and_all(jobs, (home / "uv-cache", venvs))


def _pip(yard: Yard, selections: Sequence[Selection]) -> tuple[Used, Used]:
    home = yard.place / "disk" / "pip"
    venvs = home / "venvs"
    jobs = [
        VenvPip(yard, home, selection).make(venvs / str(number))
        for number, selection in enumerate(selections)
    ]
    return _one_and_all(jobs, (venvs,))


def _one_and_all(groups: Sequence[Sequence[Job]], paths: Sequence[Path]) -> tuple[Used, Used]:
    """Bytes after the jobs of the first environment, and after those of all."""
    for job in groups[0]:
        told(job)
    item = occupied(paths)
    for group in groups[1:]:
        for job in group:
            told(job)
    return item, occupied(paths)


def occupied(paths: Sequence[Path], *, own_code: bool = False) -> Used:
    """Bytes of the blocks of all that lies under the places, vpython's own code with `own_code` alone."""
    blocks: dict[tuple[int, int], int] = {}
    directories = 0
    waiting = [os.fspath(path) for path in paths]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                found = entry.stat(follow_symlinks=False)
                blocks[found.st_dev, found.st_ino] = found.st_blocks
                counts = own_code or not entry.name.startswith("app-")
                if counts and entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    directories += found.st_blocks
    return Used(total=512 * sum(blocks.values()), directories=512 * directories)
