"""SIGKILL at any point of `ensure` and `mirror`: the next run leaves the directory as if nothing had been."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.trust.ground import WHEELS, Ground

if TYPE_CHECKING:
    from pathlib import Path


def contents(top: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(top)): path.read_bytes() if path.is_file() else b"" for path in top.rglob("*")
    }


def survive(ground: Ground, words: list[str | Path], top: Path, times: int) -> None:
    began = time.monotonic()
    assert ground.see(*words)[0] == 0
    seconds = time.monotonic() - began
    right, chance = contents(top), random.Random(times)
    assert right
    for number in range(times):
        shutil.rmtree(top)
        if number % 2:
            shutil.rmtree(ground.root / "packages-1", ignore_errors=True)
        with ground.begin(*words) as child:
            time.sleep(chance.random() * seconds)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        top.mkdir(exist_ok=True)
        code, _, err = ground.see(*words)
        assert (code, err) == (0, ""), number
        assert contents(top) == right, number


def kill_commands(ground: Ground, times: int) -> None:
    ground.good()
    listed = ground.place / "ensure.txt"
    listed.write_text("".join(f"infra/python/wheels/{wheel}-py3 version:1.0\n" for wheel in WHEELS))
    top, mirror = ground.place / "top", ground.place / "mirror"
    survive(ground, ["-vpython-tool", "ensure", "--root", top, listed], top, times)
    survive(ground, ["-vpython-tool", "mirror", "--output", mirror, ground.script], mirror, times)


@pytest.mark.thorough
def test_killed_commands(ground: Ground) -> None:
    kill_commands(ground, 3)


@pytest.mark.long
def test_60_killed_commands(ground: Ground) -> None:
    kill_commands(ground, 30)
