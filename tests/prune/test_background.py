"""Pruning that nobody asked for: after a build, once a day otherwise, never on a warm start, unseen."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

from tests.prune.cache import DAY, Cache, age, wait_for

if TYPE_CHECKING:
    from pathlib import Path

# Tells its children, its process group's and its parent's numbers, and what else is open.
TELL = """
import os, time
time.sleep(0.2)
own = os.getpid()
with open("/proc/self/task/%d/children" % own) as file:
    print(own, repr(file.read()), sorted(map(int, os.listdir("/proc/self/fd")))[:-1])
"""


def old(cache: Cache, number: int) -> list[Path]:
    """So many environments that nobody used for a year; a build's own prune has not seen them so."""
    made = [cache.make(f"old{n}.py", f"own{n}") for n in range(number)]
    age(*(path / "used" for path in made))
    return made


def there(paths: list[Path]) -> int:
    return sum(path.exists() for path in paths)


def settled(cache: Cache) -> None:
    """Come back when no prune is at work."""

    def free() -> bool:
        lock = cache.root / "locks" / "prune-all"
        return subprocess.run(["flock", "-n", lock, "true"], check=False).returncode == 0

    time.sleep(0.2)
    wait_for(free)


def test_after_a_build(cache: Cache) -> None:
    """Three environments go when another is made; not one more."""
    made = old(cache, 5)
    cache.start(cache.script("new.py", "own10"))
    wait_for(lambda: there(made) == 2)
    settled(cache)
    assert there(made) == 2
    cache.start(cache.script("newer.py", "own11"))
    wait_for(lambda: there(made) == 0)


def test_never_on_a_warm_start(cache: Cache) -> None:
    """Nor by a start that makes nothing on the same day; then by one on the next."""
    environment = cache.make("one.py", "own10")
    stamp = cache.root / "locks" / "pruned"
    made = old(cache, 2)
    age(stamp, seconds=3 * DAY)
    for _ in range(3):
        cache.start(cache.work / "one.py")
    settled(cache)
    assert there(made) == 2
    assert time.time() - stamp.stat().st_mtime > 2 * DAY
    age(stamp, seconds=DAY / 2)
    assert cache.start(cache.script("two.py", "own10")) == str(environment)
    settled(cache)
    assert there(made) == 2
    age(stamp, seconds=DAY * 1.01)
    assert cache.start(cache.script("three.py", "own10")) == str(environment)
    wait_for(lambda: there(made) == 0)
    assert time.time() - stamp.stat().st_mtime < DAY


def test_stamp_of_tomorrow(cache: Cache) -> None:
    """A clock that was ahead once does not end all pruning."""
    cache.make("one.py", "own10")
    made = old(cache, 1)
    age(cache.root / "locks" / "pruned", seconds=-30 * DAY)
    cache.start(cache.script("two.py", "own10"))
    wait_for(lambda: there(made) == 0)


def test_unseen(cache: Cache) -> None:
    """The script gets no child and no descriptor of it; who reads its output waits for nobody else."""
    made = old(cache, 3)
    seen = []
    for _ in ("cold", "warm"):
        with subprocess.Popen(
            [cache.file, cache.script("new.py", "own10", text=TELL)],
            cwd=cache.work,
            env=cache.surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as child:
            assert child.stdout is not None
            seen.append(child.stdout.read().replace(str(child.pid), "PID"))
        assert child.returncode == 0
    assert seen[0].startswith("PID '' [0, 1, 2, ")
    assert seen[0] == seen[1]
    wait_for(lambda: there(made) == 0)


def test_temporary_root(cache: Cache, tmp_path: Path) -> None:
    """A root that goes with its start is not pruned before."""
    aside = tmp_path / "aside"
    aside.mkdir()
    path = cache.script("one.py", "own0")
    done = cache.run(path, env={"VPYTHON_VIRTUALENV_ROOT": "", "TMPDIR": str(aside)}, cwd=cache.work)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.listdir(aside) == []


def test_held_ones_do_not_count(cache: Cache) -> None:
    """Old environments that are in use do not keep others from going."""
    made = old(cache, 5)
    running = [
        subprocess.Popen([path / "bin" / "python", "-c", "print(); input()"], stdin=-1, stdout=-1)
        for path in made[:3]
    ]
    for child in running:
        assert child.stdout is not None
        child.stdout.readline()
    cache.start(cache.script("new.py", "own10"))
    wait_for(lambda: there(made) == 3)
    for child in running:
        child.communicate(b"\n")
    assert there(made[:3]) == 3
