"""Prunes in the background: after a build, once in an interval, never on a warm start, unseen."""

from __future__ import annotations

import os
import subprocess
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

from tests.prune.cache import DAY, Cache, age, wait_for
from vpy.prune import schedule
from vpy.system.layout import Layout

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

LIMIT = 2.0 * DAY  # nine days, less the seven that an environment may be unused
# Prints its process id, its children and its open descriptors.
TELL = """
import os, time
time.sleep(0.2)
own = os.getpid()
with open("/proc/self/task/%d/children" % own) as file:
    print(own, repr(file.read()), sorted(map(int, os.listdir("/proc/self/fd")))[:-1])
"""


def old(cache: Cache, number: int) -> list[Path]:
    """Make environments that were last used a year ago, after the prunes that their builds started."""
    environments = [cache.make(f"old{n}.py", f"own{n}") for n in range(number)]
    age(*(path / "used" for path in environments))
    return environments


def there(paths: list[Path]) -> int:
    return sum(path.exists() for path in paths)


def wait_for_prunes(cache: Cache) -> None:
    """Wait until no prune runs."""

    def free() -> bool:
        lock = cache.root / "locks" / "prune-all"
        return subprocess.run(["flock", "-n", lock, "true"], check=False).returncode == 0

    time.sleep(0.2)
    wait_for(free)


def test_after_a_build(cache: Cache) -> None:
    """Three environments go after a build, not one more."""
    environments = old(cache, 5)
    cache.start(cache.script("new.py", "own10"))
    wait_for(lambda: there(environments) == 2)
    wait_for_prunes(cache)
    assert there(environments) == 2
    cache.start(cache.script("newer.py", "own11"))
    wait_for(lambda: there(environments) == 0)


def test_never_on_a_warm_start(cache: Cache) -> None:
    """Nor by a cold start without a build on the same day, but by one on the next."""
    environment = cache.make("one.py", "own10")
    stamp = cache.root / "locks" / "pruned"
    environments = old(cache, 2)
    age(stamp, seconds=3 * DAY)
    for _ in range(3):
        cache.start(cache.work / "one.py")
    wait_for_prunes(cache)
    assert there(environments) == 2
    assert time.time() - stamp.stat().st_mtime > 2 * DAY
    age(stamp, seconds=DAY / 2)
    assert cache.start(cache.script("two.py", "own10")) == str(environment)
    wait_for_prunes(cache)
    assert there(environments) == 2
    age(stamp, seconds=DAY * 1.01)
    assert cache.start(cache.script("three.py", "own10")) == str(environment)
    wait_for(lambda: there(environments) == 0)
    assert time.time() - stamp.stat().st_mtime < DAY


def test_stamp_of_tomorrow(cache: Cache) -> None:
    """A stamp from a clock that was ahead does not end all pruning."""
    cache.make("one.py", "own10")
    environments = old(cache, 1)
    age(cache.root / "locks" / "pruned", seconds=-30 * DAY)
    cache.start(cache.script("two.py", "own10"))
    wait_for(lambda: there(environments) == 0)


def test_unseen(cache: Cache) -> None:
    """The script gets no child and no descriptor of the prune; readers of its output do not wait for it."""
    environments = old(cache, 3)
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
    wait_for(lambda: there(environments) == 0)


def test_temporary_root(cache: Cache, tmp_path: Path) -> None:
    """A temporary root is not pruned before it is removed."""
    aside = tmp_path / "aside"
    aside.mkdir()
    path = cache.script("one.py", "own0")
    done = cache.run(path, env={"VPYTHON_VIRTUALENV_ROOT": "", "TMPDIR": str(aside)}, cwd=cache.work)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.listdir(aside) == []


def test_environments_in_use_do_not_count(cache: Cache) -> None:
    """Old environments in use do not count as removed."""
    environments = old(cache, 5)
    running = [
        subprocess.Popen([path / "bin" / "python", "-c", "print(); input()"], stdin=-1, stdout=-1)
        for path in environments[:3]
    ]
    for child in running:
        assert child.stdout is not None
        child.stdout.readline()
    cache.start(cache.script("new.py", "own10"))
    wait_for(lambda: there(environments) == 3)
    for child in running:
        child.communicate(b"\n")
    assert there(environments[:3]) == 3


def layout_of(root: Path, number: int, aged: int) -> Layout:
    """Make a root with `number` environments, the first `aged` of them unused for nine days."""
    layout = Layout(root=str(root))
    for index in range(number):
        used = root / "environments-1" / f"{index:040x}" / "used"
        used.parent.mkdir(parents=True)
        used.touch()
        os.utime(used, (0, 0) if index < aged else (9 * DAY, 9 * DAY))
    return layout


def test_few_are_all_looked_at(tmp_path: Path) -> None:
    for aged, number in enumerate((7, schedule.SAMPLE_SIZE - 1)):
        assert schedule._has_old(layout_of(tmp_path / str(number), number, aged), LIMIT) == bool(aged)


def test_of_many_a_sample_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = layout_of(tmp_path, 3 * schedule.SAMPLE_SIZE - 1, 1)
    asked: list[str] = []
    used = schedule._last_use

    def ask(path: str) -> float:
        asked.append(path)
        return used(path)

    monkeypatch.setattr(schedule, "_last_use", ask)
    clock = iter(range(100))
    monkeypatch.setattr(schedule, "time", SimpleNamespace(monotonic_ns=lambda: next(clock)))
    seen = [schedule._has_old(layout, LIMIT) for _ in range(3)]
    assert sorted(seen) == [False, False, True]
    assert len(asked) <= 3 * schedule.SAMPLE_SIZE
    assert len(set(asked)) == len(asked)
