"""A child and the process that it forks: two conversations, and nobody is left behind."""

from __future__ import annotations

import os
import sys
import time

import pytest

from vpy.system import process

# Forks a process that answers on the descriptors of its last argument; then it does the same itself.
CHILD = """
import os, sys
numbers = [int(text) for text in sys.argv[1].split(",")]
name = b"child"
if not os.fork():
    name = b"forked"
    for standard, number in enumerate(numbers):
        os.dup2(number, standard)
for number in numbers:
    os.close(number)
sys.stderr.write(f"{name.decode()} speaks\\n")
sys.stderr.flush()
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(b"%s %d %s" % (name, os.getpid(), line))
    sys.stdout.buffer.flush()
"""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing can be forked here")


def both() -> tuple[process.Talk, process.Talk]:
    return process.talk_to_both([sys.executable, "-I", "-S", "-c", CHILD], dict(os.environ))


def is_there(number: int) -> bool:
    """Return whether a process is running after a while: its pipes are closed before it is gone."""
    late = time.monotonic() + 20
    while is_running := _is_running(number):
        if time.monotonic() > late:
            break
        time.sleep(0.01)
    return is_running


def _is_running(number: int) -> bool:
    try:
        with open(f"/proc/{number}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def first_word(talk: process.Talk, text: bytes) -> tuple[bytes, int]:
    talk.tell(text)
    name, number, rest = next(talk.answers()).split()
    assert rest == text.strip()
    return name, int(number)


def test_each_answers_its_own() -> None:
    child, forked = both()
    with forked, child:
        assert first_word(forked, b"one\n")[0] == b"forked"
        assert first_word(child, b"two\n")[0] == b"child"
        assert forked.code() is None
        assert child.code() == 0
    assert (child.said, forked.said) == (b"child speaks\n", b"forked speaks\n")


@pytest.mark.parametrize("spoken_to", [(), ("child",), ("forked",), ("child", "forked")])
def test_both_end_with_what_needs_them(spoken_to: tuple[str, ...]) -> None:
    child, forked = both()
    numbers = []
    with forked, child:
        if "child" in spoken_to:
            numbers.append(first_word(child, b"x\n")[1])
        if "forked" in spoken_to:
            numbers.append(first_word(forked, b"x\n")[1])
    assert not any(map(is_there, numbers))


def test_a_child_that_cannot_be_started() -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="No such file"):
        process.talk_to_both(["/nowhere/python"], {})
    assert len(os.listdir("/proc/self/fd")) == len(before)
