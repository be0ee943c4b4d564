"""Signals at each stage of a build, a base Python that becomes another, homes that are none."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.trust.ground import Ground, signal_all
from tests.e2e.trust.test_many import stopped, wait_for
from tests.support.everybody import python_for_everybody
from tests.support.harness import BASE, BUILT, settled

if TYPE_CHECKING:
    from tests.support.harness import Door

STAGES = ("locks/probe-*", "staging/packages-*", "staging/wheels-*", "staging/template-*")


def is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(
    ("number", "pattern"),
    [
        pytest.param(
            number,
            pattern,
            id=f"{number.name}-{pattern}",
            marks=[] if number == signal.SIGINT or pattern == STAGES[2] else [pytest.mark.thorough],
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for pattern in STAGES
    ],
)
def test_ended_while_building(ground: Ground, pattern: str, number: signal.Signals) -> None:
    """Ctrl-C comes to all of the terminal's processes, the others to vpython alone: none is left behind."""
    with stopped(ground, pattern) as builder:
        (os.killpg if number == signal.SIGINT else os.kill)(builder.pid, number)
        signal_all(builder, signal.SIGCONT)
        out, err = builder.communicate(timeout=60)
    assert (builder.returncode, out, err) == (130 if number == signal.SIGINT else -number, "", "")
    wait_for(lambda: is_gone(builder.pid))
    assert ground.leftovers() == []
    ground.good()


def is_stopped(group: int) -> bool:
    """Whether one of the group is; where that one was just being started, the others wait for it."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, leader = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if (state, leader) == ("T", str(group)):
            return True
    return False


def stop_and_continue(group: int) -> None:
    os.killpg(group, signal.SIGTSTP)
    try:
        wait_for(lambda: is_stopped(group))
    finally:
        os.killpg(group, signal.SIGCONT)


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="asks /proc whether a process is stopped")
def test_stopped_and_continued(ground: Ground) -> None:
    """Ctrl-Z and `fg`: while an environment is made, and in the script."""
    ground.script.write_text("import one\nprint('ready', flush=True)\ninput()\n")
    with subprocess.Popen(
        [str(ground.file), str(ground.script)],
        cwd=ground.place,
        env=ground.surroundings(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as child:
        assert child.stdout is not None
        try:
            wait_for(lambda: any(ground.root.glob("staging/wheels-*")))
            stop_and_continue(child.pid)
            assert child.stdout.readline() == "ready\n"
            stop_and_continue(child.pid)
            _, err = child.communicate("\n", timeout=60)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    assert (child.returncode, err) == (0, "")


def other_python() -> Path | None:
    """The directory of a Python of another minor version beside ours, where there is one."""
    places = BASE.parents[2]
    found = sorted(path for path in places.glob("3.*/bin/python3") if path.exists())
    ours = f"{sys.version_info[0]}.{sys.version_info[1]}."
    return next((path.parents[1] for path in found if not path.parents[1].name.startswith(ours)), None)


@pytest.mark.parametrize("door", ["head", "python"])
def test_the_base_python_becomes_another_minor_version(ground: Ground, door: Door) -> None:
    """As where a system is upgraded: the same name, another Python behind it."""
    other = other_python()
    if other is None:
        pytest.skip("there is no second Python beside this one")
    base = ground.place / "python"
    base.symlink_to(BASE.parents[1])
    (ground.commands / "python3").unlink()
    (ground.commands / "python3").symlink_to(base / "bin" / "python3")
    ground.script.write_text("import sys, one\nprint(*sys.version_info[:2], sep='.')\n")
    told = []
    for place in (BASE.parents[1], other, BASE.parents[1]):
        base.unlink()
        base.symlink_to(place)
        for _ in ("cold", "warm"):
            done = ground.run(ground.script, door=door)
            assert done.returncode == 0, done.stderr
            assert re.fullmatch(
                r"(vpython: the Python of `[^`]+` no longer exists: choosing another\n)?", done.stderr
            )
            told.append(done.stdout.strip())
        assert done.stderr == ""
    first, second = f"{sys.version_info[0]}.{sys.version_info[1]}", ".".join(other.name.split(".")[:2])
    assert told == [first, first, second, second, first, first]


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can become somebody else")
@pytest.mark.parametrize("door", ["head", "python"])
@pytest.mark.parametrize("home", ["unset", "/nonexistent", "unwritable"])
def test_a_home_that_is_none(home: str, door: Door) -> None:
    """As somebody without a place for a cache: TMPDIR will do; without one, one line, and the way out."""
    python = python_for_everybody()
    if python is None:
        pytest.skip("no Python 3.11 that everybody can run")
    place = Path("/var/tmp") / f"vpython-home-{os.getpid()}"
    place.mkdir()
    try:
        shutil.copy(BUILT, place / "vpython.pyz")
        (place / "s.py").write_text("print('started')")
        (place / "root").mkdir()
        os.chown(place / "root", 65534, 65534)
        environ = {"PATH": "/usr/bin:/bin", "TMPDIR": str(place / "temporary")}
        if home != "unset":
            environ["HOME"] = home.replace("unwritable", str(place))
        words = [*([python] if door == "python" else []), str(place / "vpython.pyz")]

        def see(*more: str) -> tuple[int, str, str]:
            done = subprocess.run(
                [*words, *more, "s.py"],
                cwd=place,
                env=environ,
                user=65534,
                group=65534,
                extra_groups=[],
                capture_output=True,
                text=True,
                check=False,
            )
            return done.returncode, done.stdout, done.stderr

        code, out, err = see()
        assert (code, out) == (1, "")
        assert re.fullmatch(
            r"vpython: cannot make the root `[^`\n]+`: [^\n]+\n\nhint: name another with -vpython-root DIR\n",
            err,
        ), err
        (place / "temporary").mkdir()
        (place / "temporary").chmod(0o1777)
        assert see() == (0, "started\n", "")
        assert (place / "temporary" / "vpython-root.65534").stat().st_mode & 0o777 == 0o700
        (place / "root").chmod(0o700)
        assert see("-vpython-root", str(place / "root")) == (0, "started\n", "")
    finally:
        settled(place / "root")
        settled(place / "temporary" / "vpython-root.65534")
        shutil.rmtree(place)
