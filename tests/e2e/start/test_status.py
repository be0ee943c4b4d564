"""What a person sees on a terminal during a first start from an index, and what a bot's log has."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.awkward_index import AwkwardIndex
from tests.support.terminals import OnTerminal, drawings, screen
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.harness import Harness

SCRIPT = """\
# /// script
# dependencies = ["one", "two"]
# ///
import one, two
print("started")
"""
PERSON = {"TERM": "xterm"}


class First:
    """A first start of a script with two wheels, which an index sends slowly."""

    def __init__(self, harness: Harness, place: Path) -> None:
        for name in ("one", "two"):
            make_wheel(place / "wheels", name)
        self.index = AwkwardIndex(place / "wheels")
        self.harness = harness
        self.script = place / "s.py"
        self.script.write_text(SCRIPT)
        harness.use_loopback()
        harness.environ["VPYTHON_PACKAGE_SOURCE"] = f"index:{self.index.url}"

    def on_terminal(self, *options: str, columns: int = 80, env: dict[str, str] | None = None) -> OnTerminal:
        environ = self.harness.surroundings({**PERSON, **(env or {})})
        return OnTerminal(self.harness.file, *options, self.script, environ=environ, columns=columns)


@pytest.fixture
def first(harness: Harness, tmp_path: Path) -> Iterator[First]:
    first = First(harness, tmp_path)
    first.index.pause = 0.7
    yield first
    first.index.stop()


@pytest.mark.parametrize("columns", [80, 30])
def test_one_line_on_a_terminal(first: First, columns: int) -> None:
    began = time.monotonic()
    terminal = first.on_terminal(columns=columns, env={"NO_COLOR": "1"})
    terminal.wait_for(lambda text: "vpython: " in text)
    silence = time.monotonic() - began
    assert terminal.end() == 0
    assert silence < 5  # 0.4 s on an idle machine
    shown = " ".join(drawings(terminal.text))
    assert "resolving 2 requirements"[: columns - 10] in shown
    assert "\x1b" not in terminal.text
    assert screen(terminal.text, columns) == ["started", ""]


def test_nothing_when_warm(first: First) -> None:
    first.index.pause = 0
    assert first.harness.run(first.script, env=PERSON).stdout == "started\n"
    terminal = first.on_terminal()
    assert terminal.end() == 0
    assert terminal.text == "started\r\n"


def test_the_trace_between(first: First) -> None:
    terminal = first.on_terminal("-vpython-log-level=debug")
    assert terminal.end() == 0
    assert len(drawings(terminal.text)) > 5
    *rows, started, last = screen(terminal.text, 1000)
    assert (started, last) == ("started", "")
    assert len(rows) > 5
    assert all(row.startswith("vpython: ") and row.count("vpython: ") == 1 for row in rows)
    assert not any("resolving" in row for row in rows)


def test_ctrl_c(first: First) -> None:
    first.index.pause = 30
    terminal = first.on_terminal()
    terminal.wait_for(lambda text: "resolving" in text)
    terminal.press("\x03")
    assert terminal.end() == 130
    assert screen(terminal.text, 80) == ["vpython: interrupted while resolving 2 requirements", ""]


def test_terminated(first: First) -> None:
    first.index.pause = 30
    terminal = first.on_terminal()
    terminal.wait_for(lambda text: "resolving" in text)
    terminal.child.send_signal(signal.SIGTERM)
    assert terminal.end() == -signal.SIGTERM
    assert screen(terminal.text, 80) == [""]


def test_an_error(first: First) -> None:
    first.script.write_text(SCRIPT.replace('"two"', '"two", "three"'))
    terminal = first.on_terminal()
    assert terminal.end() == 2
    seen = screen(terminal.text, 80)
    assert seen[0].startswith("vpython: ")
    assert "three" in seen[0]
    assert not any("resolving" in row for row in seen)


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"CI": "1"}])
def test_a_terminal_that_nobody_or_nothing_redraws(first: First, env: dict[str, str]) -> None:
    """A start that is quick enough writes nothing: the first line comes after 5 seconds."""
    terminal = first.on_terminal(env=env)
    assert terminal.end() == 0
    assert terminal.text.splitlines()[-1] == "started"
    assert "\r" not in terminal.text.replace("\r\n", "\n")


def test_lines_on_a_bot(first: First) -> None:
    first.index.pause = 6.5
    done = first.harness.run(first.script, env={**PERSON, "CI": "1"})
    assert (done.returncode, done.stdout) == (0, "started\n")
    lines = done.stderr.splitlines()
    assert 1 <= len(lines) <= 3
    assert lines[0].startswith("vpython: fetching and installing, 0 of 2 wheels, ")


def test_nothing_elsewhere(first: First) -> None:
    first.index.pause = 3.2
    done = first.harness.run(first.script, env=PERSON)
    assert (done.returncode, done.stdout, done.stderr) == (0, "started\n", "")


def test_waiting_for_another(first: First) -> None:
    """The line says whom one waits for and how far that one is; nothing of it stays."""
    first.index.pause = 3
    owner = first.on_terminal()
    owner.wait_for(lambda text: "resolving" in text)
    other = first.script.with_name("other.py")
    other.write_text(SCRIPT)
    environ = first.harness.surroundings(PERSON)
    waiter = OnTerminal(first.harness.file, other, environ=environ, columns=200)
    wanted = (
        f"vpython: waiting for process {owner.child.pid}, which makes an environment of the same spec: "
        "resolving 2 requirements, "
    )
    waiter.wait_for(lambda text: wanted in text)
    assert (owner.end(), waiter.end()) == (0, 0)
    assert screen(waiter.text, 200) == ["started", ""]
    assert os.listdir(first.harness.root / "environments-1")
