"""SIGKILL at any point of a cold start: the next start works, and no leftover survives a prune."""

from __future__ import annotations

import collections
import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.e2e.trust.ground import WHEELS, Ground
from tests.support.notes import noting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# All by which a cold start changes what others can see.
CHANGES = "rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat,unlink,unlinkat,rmdir,chmod"


@contextlib.contextmanager
def load(processes: int) -> Iterator[None]:
    """Keep so many processes busy."""
    command = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(command) for _ in range(processes)]
    try:
        yield
    finally:
        for child in busy:
            child.kill()
            child.wait()


def cold_seconds(ground: Ground, own_code: bool) -> float:
    """How long a cold start takes here and now."""
    ground.forget(own_code=own_code)
    began = time.monotonic()
    ground.good()
    return time.monotonic() - began


def kill_and_start(ground: Ground, points: list[float]) -> collections.Counter[str]:
    """Kill a cold start at each point of its length, then start well; count the stages that were hit.

    Two of three starts have vpython's own code there already, which would else be half of each.
    Where a start is over before it is killed, the length was too long a guess.
    """
    hit: collections.Counter[str] = collections.Counter()
    lengths = {own_code: cold_seconds(ground, own_code) for own_code in (True, False)}
    for number, point in enumerate(points):
        own_code = number % 3 == 0
        with noting(f"kill {number}, at {point:.4f} of {lengths[own_code]:.2f} s, {hit}, in {ground.root}"):
            ground.forget(own_code=own_code)
            before = ground.traces()
            while (took := ground.kill_after(lengths[own_code] * point)) is not None:
                lengths[own_code] = took
                ground.forget(own_code=own_code)
                before = ground.traces()
            hit[ground.stage(before)] += 1
            ground.good()
            ground.good()
    return hit


def prune_all(ground: Ground) -> None:
    """Everything that kills left behind goes with one prune."""
    ground.age()
    ground.prune()
    assert ground.leftovers() == []
    ground.good()
    assert ground.doctor() == (0, [])


def survive(place: Path, repository: Path, kills: int, busy: int, seed: int) -> collections.Counter[str]:
    """Two roots side by side, so many kills in all, at points spread over a cold start's length."""
    grounds = [Ground(place / str(number), repository) for number in range(2)]
    with noting(f"seed {seed}"), load(busy), ThreadPoolExecutor(2) as pool:
        chance = random.Random(seed)
        points = [(number + chance.random()) / kills for number in range(kills)]
        chance.shuffle(points)
        hits = pool.map(kill_and_start, grounds, [points[::2], points[1::2]])
        hit = sum(hits, collections.Counter[str]())
    for ground in grounds:
        prune_all(ground)
    print(f"{kills} kills under {busy} busy processes: {dict(hit)}")
    return hit


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.thorough)])
def test_kills_at_random_points(tmp_path: Path, repository: Path, kills: int) -> None:
    assert sum(survive(tmp_path, repository, kills, 0, 1).values()) == kills


@pytest.mark.long
@pytest.mark.parametrize("busy", [0, 4])
def test_200_kills_at_random_points(tmp_path: Path, repository: Path, busy: int) -> None:
    hit = survive(tmp_path, repository, 200, busy, 2 + busy)
    assert len(hit) > 5


def changes(ground: Ground, own_code: bool) -> list[tuple[str, int]]:
    """The system calls of a cold start that change files: each name, with each number up to the most.

    So many as the process made that made most of them; strace counts each name for itself.
    """
    trace = ground.place / "trace"
    ground.forget(own_code=own_code)
    with ground.begin(before=["strace", "-f", "-qq", "-e", f"trace={CHANGES}", "-o", str(trace)]) as child:
        _, err = child.communicate()
    assert child.returncode == 0, err
    calls = re.findall(r"^(\d+) +(\w+)\(", trace.read_text(), re.MULTILINE)
    most: dict[str, int] = {}
    for (_, name), count in collections.Counter(calls).items():
        most[name] = max(count, most.get(name, 0))
    return [(name, number) for name in sorted(most) for number in range(1, most[name] + 1)]


def strace_works() -> bool:
    if not shutil.which("strace"):
        return False
    done = subprocess.run(["strace", "-f", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False)
    return done.returncode == 0


def kill_at(ground: Ground, name: str, number: int) -> str:
    """Kill whatever process of a cold start is about to call `name` for the so-and-so-manieth time."""
    fault = f"inject={name}:signal=SIGKILL:when={number}"
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={name}", "-e", fault]
    before = ground.traces()
    with ground.begin(before=command) as child:
        out, err = child.communicate(timeout=120)
    if child.returncode == 0:
        assert out.split()[1:] == list(WHEELS)
        return "none"  # one call less than the last time
    if child.returncode == 1:  # a child of the start was killed, and the start said so
        assert re.match(r"vpython: .+\n", err), err
        assert "Traceback" not in err
    return ground.stage(before)


def step(ground: Ground, points: list[tuple[bool, str, int]]) -> collections.Counter[str]:
    hit: collections.Counter[str] = collections.Counter()
    for own_code, name, number in points:
        with noting(f"{name=}, {number=}, {own_code=}, in {ground.root}"):
            ground.forget(own_code=own_code)
            hit[kill_at(ground, name, number)] += 1
            ground.good()
    return hit


def survive_calls(place: Path, repository: Path, kept: int, forgotten: int) -> None:
    """Kill at so many calls of a start that has vpython's own code, and of one that has not."""
    if not strace_works():
        pytest.skip("strace is not here, or may not trace")
    grounds = [Ground(place / str(number), repository) for number in range(2)]
    for ground in grounds:
        ground.good()
    points, told = [], []
    for own_code, wanted in ((False, kept), (True, forgotten)):
        calls = changes(grounds[0], own_code)
        chosen = calls[:: max(1, len(calls) // wanted)]
        points += [(own_code, *call) for call in chosen]
        told.append(f"{len(chosen)} of {len(calls)}")
    with ThreadPoolExecutor(2) as pool:
        hits = pool.map(step, grounds, [points[::2], points[1::2]])
        hit = sum(hits, collections.Counter[str]())
    for ground in grounds:
        prune_all(ground)
    print(f"{' and '.join(told)} system calls killed: {dict(hit)}")
    assert hit["none"] < len(points) / 4


@pytest.mark.thorough
def test_kills_at_system_calls(tmp_path: Path, repository: Path) -> None:
    survive_calls(tmp_path, repository, 4, 3)


@pytest.mark.long
def test_kills_at_85_system_calls(tmp_path: Path, repository: Path) -> None:
    survive_calls(tmp_path, repository, 60, 25)
