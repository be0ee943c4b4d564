"""Many at once: one build for each environment, waiters that know for whom they wait, takers over."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.e2e.trust.ground import OTHERS, WHEELS, Ground, signal_all
from tests.support.harness import BASE, TOP

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Ended = tuple[int, str, str]

MADE = re.compile(r"environment: `([^`]+)` \(made\)")
SPECS = [(wheel, other) for wheel in WHEELS for other in OTHERS]


def finish(children: Sequence[subprocess.Popen[str]]) -> list[Ended]:
    """How each child ends: exit code, stdout, stderr."""
    ended = []
    for child in children:
        with child:
            out, err = child.communicate(timeout=300)
        ended.append((child.returncode, out, err))
    return ended


def check(ended: Sequence[Ended], environments: int) -> None:
    """All went well, and each environment was made once."""
    assert [one for one in ended if one[0]] == []
    made = [path for _, _, err in ended for path in MADE.findall(err)]
    again = {path for path in made if made.count(path) > 1}
    told = "\n\n".join(err for _, _, err in ended if any(path in err for path in again))
    assert len(made) == len(set(made)) == environments, f"{made}\n{told}"


def start_at_once(ground: Ground, number: int, specs: int, *, prunes: bool = False) -> None:
    """So many starts at the same time, of so many specs, in a root without anything."""
    ground.environ["VPYTHON_LOG_TRACE"] = "1"
    scripts = [ground.put(f"s{spec}.py", *SPECS[spec]) for spec in range(specs)]
    began = time.monotonic()
    stop = ground.place / "stop"
    words = f"while ! test -e '{stop}'; do '{ground.file}' -vpython-tool prune --older-than 0 || exit 1; done"
    loop = ["/bin/sh", "-c", words if prunes else "true"]
    with subprocess.Popen(loop, env=ground.surroundings(), stdout=-3, stderr=-3) as pruning:
        ended = finish([ground.begin(script) for _ in range(number // specs) for script in scripts])
        stop.touch()
        assert pruning.wait() == 0
    took = time.monotonic() - began
    if prunes:
        assert [one for one in ended if one[0]] == []
    else:
        check(ended, specs)
    assert ground.leftovers() == []
    print(f"{number} starts of {specs} specs at once, {prunes=}: {took:.1f} s")


def test_16_starts_of_one_spec(ground: Ground) -> None:
    start_at_once(ground, 16, 1)


@pytest.mark.long
@pytest.mark.parametrize(("specs", "prunes"), [(1, False), (16, False), (16, True)])
def test_64_starts(ground: Ground, specs: int, prunes: bool) -> None:
    start_at_once(ground, 64, specs, prunes=prunes)


def wait_for(what: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)


def stopped(ground: Ground, pattern: str) -> subprocess.Popen[str]:
    """A builder that was stopped where `pattern` shows that it has come to, and not after its record."""
    for _ in range(20):
        builder = ground.begin()
        wait_for(lambda: any(ground.root.glob(pattern)))
        os.killpg(builder.pid, signal.SIGSTOP)
        if not ground.records():
            return builder
        signal_all(builder, signal.SIGKILL)
        builder.communicate()
        ground.forget(own_code=False)
    raise AssertionError("the builder was always too fast")


def take_over(ground: Ground, number: int, pattern: str) -> None:
    """Stop a builder at some stage, let others wait for it, kill it."""
    said = [ground.place / f"said{one}" for one in range(number)]
    with stopped(ground, pattern) as builder:
        assert builder.poll() is None
        waiters = []
        for path in said:
            with path.open("w") as file:
                waiters.append(ground.begin(stderr=file))
        told = f"vpython: waiting for process {builder.pid}, which makes an environment of the same spec: "
        wait_for(lambda: all(told in path.read_text() for path in said), 300)
        locks = ground.locks()
        assert [child.poll() for child in waiters] == [None] * number
        signal_all(builder, signal.SIGKILL)
        builder.communicate()
    ended = finish(waiters)
    assert {(code, *out.split()[1:]) for code, out, _ in ended} == {(0, *WHEELS)}, [
        path.read_text() for path in said
    ]
    assert locks.items() <= ground.locks().items()
    ground.good()


@pytest.mark.parametrize("pattern", ["staging/wheels-*"])
def test_a_waiter_takes_over(ground: Ground, pattern: str) -> None:
    take_over(ground, 12, pattern)


@pytest.mark.long
@pytest.mark.parametrize(
    "pattern",
    [
        "locks/probe-*",
        "staging/packages-*",
        "staging/template-*",
        "staging/environment-*",
        "environments-1/*",
    ],
)
def test_one_of_63_waiters_takes_over(ground: Ground, pattern: str) -> None:
    take_over(ground, 63, pattern)


def other_build(place: Path, module: str, more: str) -> Path:
    """Another vpython: with `more` at the end of one of its modules."""
    tree = place / "tree"
    tree.mkdir()
    for name in ("vpy", "bootstrap", "builder", "vendor"):
        shutil.copytree(TOP / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [*TOP.glob("*.py"), *TOP.glob("*.sh"), *TOP.glob("*.toml"), TOP / "LICENSE"]:
        shutil.copy2(path, tree)
    (tree / "build").symlink_to(TOP / "build")
    with (tree / module).open("a") as file:
        file.write(more)
    file_made = place / "other.pyz"
    command = [sys.executable, "build_zipapp.py", "--output", str(file_made)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    return file_made


@pytest.mark.thorough
def test_two_builds_on_one_root(tmp_path: Path, repository: Path) -> None:
    ours = Ground(tmp_path, repository)
    # It has a start hook of its own, so that its environments are others too.
    built = other_build(tmp_path, "vpy/environment/hook.py", "\n# Another build.\n")
    other = Ground(tmp_path, repository, file=built)
    for ground in (ours, other):
        ground.environ["VPYTHON_LOG_TRACE"] = "1"
    ended = finish([ground.begin() for _ in range(6) for ground in (ours, other)])
    check(ended, 2)
    for ground in (ours, other):
        del ground.environ["VPYTHON_LOG_TRACE"]
    assert ours.good() != other.good()
    ours.age()
    ours.prune()
    assert ours.good() != other.good()
    assert ours.doctor() == other.doctor() == (0, [])


# Starts SCRIPT so often, each tenth time by a Python, and prints each start that does not end as it should.
STARTS = """
number=0
while [ $number -lt "$1" ]; do
    number=$((number + 1))
    case $number in
        *0) said=$("$5" "$2" "$3" 2>&1) ;;
        *) said=$("$2" "$3" 2>&1) ;;
    esac
    code=$?
    if [ "$code $said" != "0 $4" ]; then echo "start $number: exit $code: $said"; fi
done
echo "$number starts"
"""


def warm_starts(ground: Ground, number: int) -> None:
    """Start over and over while one loop prunes what is not in use and one builds other environments.

    Two shells start, so that the time goes into the starts.
    """
    environment = ground.good()
    scripts = [ground.put(f"other{spec}.py", *SPECS[spec]) for spec in range(4)]
    over = threading.Event()
    done = {"prunes": 0, "builds": 0}
    failed: list[Ended] = []

    def prune() -> None:
        while not over.is_set():
            ended = ground.see("-vpython-tool", "prune", "--older-than", "0")
            failed.extend([ended] if ended[0] else [])
            done["prunes"] += 1

    def build() -> None:
        while not over.is_set():
            for script in scripts:
                ended = ground.see(script)
                failed.extend([ended] if ended[0] or ended[2] else [])
                done["builds"] += 1

    words = [number // 2, ground.file, ground.script, f"{environment} {' '.join(WHEELS)}", BASE]
    command = ["/bin/sh", "-c", STARTS, "sh", *map(str, words)]
    with ThreadPoolExecutor(2) as pool:
        loops = [pool.submit(prune), pool.submit(build)]
        try:
            shells = [
                subprocess.Popen(command, cwd=ground.place, env=ground.surroundings(), stdout=-1, text=True)
                for _ in range(2)
            ]
            said = [shell.communicate()[0] for shell in shells]
        finally:
            over.set()
        for loop in loops:
            loop.result()
    print(f"{number} warm starts during {done['prunes']} prunes and {done['builds']} builds")
    assert said == [f"{number // 2} starts\n"] * 2
    assert failed == []
    assert min(done.values()) > 0


@pytest.mark.thorough
def test_warm_starts_under_prunes_and_builds(ground: Ground) -> None:
    warm_starts(ground, 300)


@pytest.mark.long
def test_10_000_warm_starts_under_prunes_and_builds(ground: Ground) -> None:
    warm_starts(ground, 10_000)
