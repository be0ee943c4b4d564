"""Starts, builds and prunes at the same time: no start fails, and none runs in another environment."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.prune.cache import Cache, age, complaints
from tests.support.harness import BASE, TOP

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTLE = 0.3
TELL = """
import own0, shared.part3, sys
print(sys.prefix, own0.__file__.startswith(sys.prefix))
"""


@contextmanager
def looping_prune(cache: Cache, environment: Path) -> Iterator[list[int]]:
    """Prune in a loop; afterwards the list has the number of environments that were removed."""
    stop = cache.place / "stop"
    arguments = [sys.executable, Path(__file__).with_name("looping.py")]
    arguments += [TOP, cache.root, environment, str(SETTLE), stop]
    removed: list[int] = []
    with subprocess.Popen(list(map(str, arguments)), stdout=subprocess.PIPE, text=True) as child:
        try:
            yield removed
        finally:
            stop.touch()
            said, _ = child.communicate(timeout=60)
            stop.unlink()
    removed.append(int(said))


def start(cache: Cache, door: str) -> tuple[int, str, str]:
    """Return the exit code, stdout and complaints of one start."""
    arguments = [str(cache.file), str(cache.work / "one.py")]
    ended = subprocess.run(
        [str(BASE), *arguments] if door == "python" else arguments,
        cwd=cache.work,
        env=cache.surroundings(),
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout, complaints(ended.stderr)


def race(cache: Cache, number: int) -> int:
    """Start `number` times while prunes loop; return how many environments these removed.

    The starts come ten at a time, two at once, and some of them after a pause that is just long enough
    for a prune to find the environment unused.
    """
    environment = cache.make("one.py", "own0", "shared", text=TELL)
    chance = random.Random(number)
    seen: list[tuple[int, str, str]] = []
    with looping_prune(cache, environment) as removed, ThreadPoolExecutor(2) as pool:
        for _ in range(number // 10):
            if chance.random() < 0.4:
                time.sleep(SETTLE + chance.uniform(-0.05, SETTLE))
            doors = [chance.choice(["head"] * 9 + ["python"]) for _ in range(10)]
            seen += pool.map(start, [cache] * 10, doors)
    wrong = [row for row in seen if row != (0, f"{environment} True\n", "")]
    assert wrong == [], f"seed {number}"
    assert len(seen) == number
    return removed[0]


@pytest.mark.thorough
def test_starts(cache: Cache) -> None:
    removed = race(cache, 300)
    print(removed)
    assert removed > 0


@pytest.mark.long
def test_many_starts(cache: Cache) -> None:
    assert race(cache, 1500) > 0


def test_starts_while_the_command_prunes(cache: Cache) -> None:
    """An environment in steady use stays while a user loops the command."""
    environment = cache.make("one.py", "own0", "shared", text=TELL)
    loop_text = (
        f"while ! test -e {cache.place}/stop; do '{cache.file}' -vpython-tool prune --older-than 0; done"
    )
    with subprocess.Popen(["/bin/sh", "-c", loop_text], env=cache.surroundings(), stdout=-3) as loop:
        seen = [start(cache, "head") for _ in range(60)]
        (cache.place / "stop").touch()
        assert loop.wait(60) == 0
    assert set(seen) == {(0, f"{environment} True\n", "")}


def test_builders(cache: Cache) -> None:
    """Environments of shared wheels are built while everything stored and unused is being removed."""
    environment = cache.make("one.py", "own0", "shared", text=TELL)
    scripts = [cache.script(f"script{n}.py", f"own{n}", "shared") for n in range(4)]

    def rounds(share: list[Path]) -> list[str]:
        return [cache.start(script) for _ in range(4) for script in share]

    with looping_prune(cache, environment), ThreadPoolExecutor(2) as pool:
        streams = [pool.submit(rounds, scripts[:2]), pool.submit(rounds, scripts[2:])]
        seen = [stream.result() for stream in streams]
    assert [len(set(prefixes)) for prefixes in seen] == [2, 2]


def test_prune_dies(cache: Cache) -> None:
    """An environment serves as before after a prune that was killed just after it put `complete` aside."""
    environment = cache.make("one.py", "own0")
    inode = environment.stat().st_ino
    (environment / "complete").rename(environment / "complete.aside")
    assert cache.start(cache.work / "one.py") == str(environment)
    assert environment.stat().st_ino == inode
    assert (environment / "complete").is_file()


def test_prune_dies_under_a_process(cache: Cache) -> None:
    environment = cache.make("one.py", "own0")
    with subprocess.Popen(
        [environment / "bin" / "python", "-c", "print(1, flush=True); input(); import own0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"1\n"
        (environment / "complete").rename(environment / "complete.aside")
        assert cache.start(cache.work / "one.py") == str(environment)
        child.communicate(b"\n")
        assert child.returncode == 0


def test_without_complete(cache: Cache) -> None:
    """An environment without `complete` goes like others: when it is old and unused."""
    environment = cache.make("one.py", "own0")
    (environment / "complete").unlink()
    cache.prune()
    assert environment.exists()
    age(environment / "used")
    with subprocess.Popen(
        [environment / "bin" / "python", "-c", "print(1, flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"1\n"
        cache.prune()
        assert environment.exists()
        child.communicate(b"\n")
    cache.prune()
    assert not environment.exists()


@pytest.mark.thorough
def test_killed_prunes(cache: Cache) -> None:
    """Prunes killed at any moment leave nothing that a start trusts; the next prune removes the rest."""
    environment = cache.make("one.py", "own0", "shared", text=TELL)
    chance = random.Random(4)
    for _ in range(8):
        age(environment / "used")
        child = subprocess.Popen(
            [cache.file, "-vpython-tool", "prune"], env=cache.surroundings(), stdout=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.0, 0.3) + (1 if chance.random() < 0.2 else 0))
        child.kill()
        child.wait()
        assert cache.start(cache.work / "one.py") == f"{environment} True"
    age(environment / "used")
    cache.prune()
    assert not environment.exists()
    assert os.listdir(cache.root / "trash") == []
