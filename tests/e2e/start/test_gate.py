"""Many starts of one kind are to be decided: one decides, the others wait with next to nothing loaded."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.start.stage import WHICH, Stage, spec
from tests.support.harness import BASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOCKS = Path("/proc/locks")
TELLING = ("-X", "importtime")  # what a Python is told so that it names the modules that it imports


@pytest.fixture
def record(stage: Stage) -> Path:
    """The record of a start of `s.py`, which was made by one."""
    stage.put("s.py", WHICH)
    stage.put("s.py.vpython3", spec("one"))
    stage.forget()
    stage.warm("s.py")
    (record,) = stage.records()
    return record


def lock_of(stage: Stage, record: Path) -> Path:
    (lock,) = stage.root.joinpath("locks").glob(f"start-{zlib.crc32(os.fsencode(record)) % 4096:03x}")
    return lock


@contextmanager
def held(lock: Path) -> Iterator[Callable[[], None]]:
    """The lock is somebody else's; what is yielded gives it back."""
    descriptor = os.open(lock, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield lambda: fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def begin(stage: Stage, *options: str) -> subprocess.Popen[str]:
    """A start of `s.py` by the Python door, which names the modules that it imports on stderr."""
    return subprocess.Popen(
        [str(BASE), *TELLING, str(stage.file), *options, "s.py"],
        cwd=stage.work,
        env=stage.surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def see_it_wait(child: subprocess.Popen[str]) -> None:
    """Until the system says that the process waits for a lock."""
    if not LOCKS.exists():
        pytest.skip("this system does not tell who waits for a lock")
    end = time.monotonic() + 60
    while not any(
        "->" in row.split() and str(child.pid) in row.split() for row in LOCKS.read_text().splitlines()
    ):
        assert child.poll() is None
        assert time.monotonic() < end, "it never waited"
        time.sleep(0.002)


def ended(child: subprocess.Popen[str]) -> tuple[int, str, list[str]]:
    """Exit code, stdout, and the modules of the door: the environment's own Python names none."""
    out, err = child.communicate(timeout=120)
    return child.returncode, out, [row.rpartition("|")[2].strip() for row in err.splitlines()]


def after_a_wait(stage: Stage, record: Path, left: bytes = b"") -> tuple[int, str, list[str]]:
    """How a start ends that waits for another, which leaves a record of the text `left`, if any."""
    with held(lock_of(stage, record)) as leave:
        child = begin(stage)
        see_it_wait(child)
        if left:
            record.write_bytes(left)
        leave()
        return ended(child)


def is_own(module: str) -> bool:
    return module.startswith("vpy.")


def test_who_waits_has_loaded_none_of_the_long_ways_modules(stage: Stage, record: Path) -> None:
    text = record.read_bytes()
    record.unlink()
    code, out, modules = after_a_wait(stage, record, text)
    assert (code, out) == (0, "one\n")
    assert "bootstrap.start_lock" in modules
    assert [module for module in modules if is_own(module)] == []


def test_who_finds_no_record_decides_for_itself(stage: Stage, record: Path) -> None:
    """As where the one that passed first has failed."""
    record.unlink()
    code, out, modules = after_a_wait(stage, record)
    assert (code, out) == (0, "one\n")
    assert any(map(is_own, modules))
    assert record.exists()


def test_a_record_that_was_there_before_is_not_believed(stage: Stage, record: Path) -> None:
    """A start that the hook sent back to decide anew would come back again and again."""
    stage.put("s.py.vpython3", spec("two"))
    code, out, _ = after_a_wait(stage, record)
    assert (code, out) == (0, "two\n")


@pytest.mark.parametrize("level", ["warning", "error"])
def test_who_waits_long_says_for_whom(stage: Stage, record: Path, level: str) -> None:
    text = record.read_bytes()
    record.unlink()
    lock = lock_of(stage, record)
    note = b"4711 wheels: 3 in the store\n"
    lock.write_bytes(note + lock.read_bytes()[len(note) :])
    with held(lock) as leave:
        child = begin(stage, "-vpython-log-level", level)
        see_it_wait(child)
        time.sleep(2.5)
        record.write_bytes(text)
        leave()
        out, err = child.communicate(timeout=120)
    assert (child.returncode, out) == (0, "one\n")
    said = [row for row in err.splitlines() if row.startswith("vpython: ")]
    waiting = "vpython: waiting for process 4711, which makes an environment of the same spec"
    assert said == ([f"{waiting}: wheels: 3 in the store"] if level == "warning" else [])


def test_who_decides_signs_the_lock(stage: Stage, record: Path) -> None:
    """So that one who waits can say for whom, and how far that one is."""
    lock = lock_of(stage, record)
    record.unlink()
    lock.write_bytes(b"\n")
    assert stage.see("s.py")[:2] == (0, "one\n")
    number, _, text = lock.read_text().splitlines()[0].partition(" ")
    assert int(number) > 1
    assert text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_waits_ends_at_a_signal(stage: Stage, record: Path, number: signal.Signals) -> None:
    record.unlink()
    with held(lock_of(stage, record)):
        child = begin(stage)
        see_it_wait(child)
        child.send_signal(number)
        code, out, _ = ended(child)
    assert (code, out) == (130 if number == signal.SIGINT else -number, "")


def test_a_running_script_keeps_nobody_waiting(stage: Stage, record: Path) -> None:
    """Whoever decided the start let go of the lock when it became the script."""
    lock = lock_of(stage, record)
    record.unlink()
    stage.put("s.py", "print(flush=True); input()")
    with subprocess.Popen(
        [str(stage.file), "s.py"],
        cwd=stage.work,
        env=stage.surroundings(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with held(lock):
            child.communicate("\n", timeout=60)
    assert child.returncode == 0
