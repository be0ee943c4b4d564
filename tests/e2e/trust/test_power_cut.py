"""The power goes: what was not on disk has lost its bytes, not its name; the next start is right."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.trust.ground import WHEELS, Ground
from tests.e2e.trust.outage import Boot, lose
from tests.e2e.trust.test_kills import strace_works
from tests.support.harness import settled
from tests.support.notes import noting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HOW = ("zeros", "empty", "half")
TOLD = (
    "vpython: the machine stopped before all was on disk: "
    "what was made last is made again when it is needed\n"
)


def never_on_disk(ground: Ground) -> None:
    """A cold start whose work in the background is killed as it is about to see all to disk."""
    if not strace_works():
        pytest.skip("strace is not here, or may not trace")
    kill = ["-e", "trace=syncfs,sync", "-e", "inject=syncfs,sync:signal=SIGKILL"]
    with ground.begin(before=["strace", "-f", "-qq", "-o", os.devnull, *kill]) as child:
        out, err = child.communicate(timeout=120)
    assert (child.returncode, err) == (0, "")
    assert out.split()[1:] == list(WHEELS)


def right(boot: Boot, *, told: Sequence[str]) -> str:
    code, out, err = boot.see()
    assert code == 0, err
    assert out.split()[1:] == list(WHEELS)
    rest = err
    for line in told:
        rest = rest.replace(line, "", 1)
    own = "vpython: its own code in "
    assert all(line.startswith(own) for line in rest.splitlines()), err
    return out


def cut(ground: Ground, number: int, chance: random.Random) -> None:
    """What a cold start wrote loses its bytes; vpython's own code was on disk before, every other time."""
    how, share = HOW[number % 3], (1.0, 0.5, 0.1)[number // 3 % 3]
    if number % 2:
        ground.good()
        settled(ground.root)
    ground.forget(own_code=number % 2 == 0)
    began = time.time_ns()
    never_on_disk(ground)
    with noting(f"{number=}, {how=}, {share=}, in {ground.root}"):
        assert lose(ground.root, how, chance, share, began)
        boot = Boot(ground, number)
        right(boot, told=(TOLD,))
        settled(ground.root)
        assert right(boot, told=()) == right(Boot(ground, number + 1000), told=())
        code, lines, err = boot.see("-vpython-tool", "doctor")
        assert (code, lines) == (0, ""), err


@pytest.mark.parametrize(
    "number", [0, *(pytest.param(more, marks=pytest.mark.thorough) for more in range(1, 6))]
)
def test_a_power_cut(tmp_path: Path, repository: Path, number: int) -> None:
    ground = Ground(tmp_path, repository)
    cut(ground, number, random.Random(number))


@pytest.mark.long
def test_40_power_cuts(tmp_path: Path, repository: Path) -> None:
    ground = Ground(tmp_path, repository)
    chance = random.Random(7)
    for number in range(40):
        cut(ground, number, chance)


def test_what_is_on_disk_is_used_after_another_boot(ground: Ground) -> None:
    ground.good()
    settled(ground.root)
    records = {path: path.stat().st_mtime_ns for path in ground.records()}
    right(Boot(ground, 1), told=())
    assert {path: path.stat().st_mtime_ns for path in ground.records()} == records
    assert [os.readlink(env / "complete")[:4] for env in ground.environments()] == ["lib/"]


def test_nothing_lost_though_not_known_to_be_on_disk(ground: Ground) -> None:
    never_on_disk(ground)
    assert len(list(ground.root.glob("unsettled-*"))) == 2
    ground.good()  # warm, in the same boot
    right(Boot(ground, 1), told=(TOLD,))
    settled(ground.root)
    right(Boot(ground, 2), told=())
