"""Pool of forked workers: every line is done once, by as many processes as it needs, and none is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.harness import TOP

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from vpy.system import worker_pool

def work(line):
    word, _, rest = line.partition(b" ")
    if word == b"sleep":
        time.sleep(float(rest))
    if word == b"die":
        os.kill(os.getpid(), 9)
    if word == b"raise":
        raise ValueError("it went wrong")
    return b"%d %s" % (os.getpid(), line if len(line) < 100 else b"%d" % len(line))

try:
    worker_pool.serve(worker_pool.Lines(0), 1, work, int(sys.argv[2]), is_once=sys.argv[3] == "once")
except ChildProcessError as error:
    sys.exit(str(error))
except EOFError:
    sys.exit("broken off")
"""


class Pool:
    """Program that serves lines by so many workers."""

    def __init__(self, workers: int, *, is_once: bool = False) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", PROGRAM, str(TOP), str(workers), "once" if is_once else ""],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def send(self, *lines: bytes) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(b"".join(line + b"\n" for line in lines))
        self.child.stdin.flush()

    def finish(self) -> list[tuple[int, bytes]]:
        """Return the process and the answer to each line, in the order in which they came."""
        answers, said = self.child.communicate(timeout=60)
        assert said == b""
        rows = [line.partition(b" ") for line in answers.splitlines()]
        return [(int(number), answer) for number, _, answer in rows]


@pytest.fixture(params=[1, 2, 5])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    made = Pool(request.param)
    yield made
    made.child.kill()
    made.child.wait()


def test_every_line_is_done_once(pool: Pool) -> None:
    lines = [b"line %d" % number for number in range(200)]
    pool.send(*lines, b"")
    found = pool.finish()
    assert sorted(answer for _, answer in found) == sorted(lines)
    assert pool.child.returncode == 0


def test_long_lines(pool: Pool) -> None:
    pool.send(b"a" * 200_000, b"b" * 300_000, b"")
    assert sorted(answer for _, answer in pool.finish()) == [b"200000", b"300000"]


def test_nothing_to_do(pool: Pool) -> None:
    pool.send(b"")
    assert pool.finish() == []


def test_no_more_workers_than_there_is_work_for() -> None:
    pool = Pool(5)
    for number in range(3):
        pool.send(b"line %d" % number)
        assert pool.child.stdout is not None
        assert pool.child.stdout.readline()
    assert len(children(pool.child.pid)) == 1
    pool.send(b"")
    assert pool.finish() == []


def test_a_worker_for_each_line() -> None:
    pool = Pool(2, is_once=True)
    lines = [b"line %d" % number for number in range(9)]
    pool.send(*lines, b"")
    found = pool.finish()
    assert sorted(answer for _, answer in found) == lines
    assert len({number for number, _ in found}) == 9
    assert pool.child.returncode == 0


def test_a_long_line_holds_nobody_up() -> None:
    pool = Pool(2)
    pool.send(b"sleep 30", *(b"line %d" % number for number in range(20)))
    assert pool.child.stdout is not None
    workers = {pool.child.stdout.readline().partition(b" ")[0] for _ in range(20)}
    assert len(workers) == 1
    end(pool)


def test_a_worker_that_dies_is_no_answer() -> None:
    pool = Pool(2)
    pool.send(b"die", b"sleep 0.1", b"")
    _, said = pool.child.communicate(timeout=60)
    assert said == b"worker process failed: it ended by signal 9\n"
    assert pool.child.returncode == 1


def test_what_a_worker_raises_is_said() -> None:
    pool = Pool(2)
    pool.send(b"raise", b"")
    _, said = pool.child.communicate(timeout=60)
    assert said == b"ValueError: it went wrong\n\n"


def test_workers_end_with_whoever_sent_the_lines() -> None:
    pool = Pool(3)
    pool.send(*(b"sleep 0.2" for _ in range(3)))
    while len(children(pool.child.pid)) < 3:
        time.sleep(0.01)
    workers = children(pool.child.pid)
    assert pool.child.communicate(timeout=60)[1] == b"broken off\n"
    while any(os.path.exists(f"/proc/{number}") for number in workers):
        time.sleep(0.05)


def children(parent: int) -> list[int]:
    """The children of a process, by `/proc` (proc(5))."""
    with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
        return [int(number) for number in file.read().split()]


def end(pool: Pool) -> None:
    os.killpg(pool.child.pid, signal.SIGKILL)
    pool.child.communicate()
