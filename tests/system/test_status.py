"""The live status, driven by hand: when it shows, what it leaves, and that forks and threads are safe."""

from __future__ import annotations

import os
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.support.terminals import drawings, screen
from vpy.system import fork, status, terminal
from vpy.system.status import Stage, Status
from vpy.system.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable


class Stream:
    """A stderr that keeps what is written; a terminal or not."""

    encoding = "utf-8"

    def __init__(self, is_terminal: bool) -> None:
        self.text = ""
        self.is_terminal = is_terminal

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    stream = Stream(is_terminal=True)
    for module in (status, terminal):  # pytest sets `sys.stderr` itself when the test begins
        monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=stream))
    monkeypatch.setattr(status, "FIRST_DRAWN", 0.0)
    monkeypatch.setattr(status, "REDRAWN", 0.01)
    return stream


def wait_for(is_true: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_stage_in_a_stage(stream: Stream) -> None:
    live = Status("live")
    with live.stage("planning"):
        wait_for(lambda: "planning" in stream.text)
        with live.stage("resolving"):
            wait_for(lambda: "resolving" in stream.text)
            stream.text = ""
        wait_for(lambda: "planning" in stream.text)
    assert screen(stream.text, 80) == [""]
    quiet = stream.text
    time.sleep(0.05)
    assert stream.text == quiet


def test_it_is_erased_after_an_error(stream: Stream) -> None:
    live = Status("live")

    def fail() -> None:
        with live.stage("planning"):
            wait_for(lambda: stream.text)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert screen(stream.text, 80) == [""]


def test_a_transfer_outside_every_stage(stream: Stream) -> None:
    live = Status("live")
    live.begin("gone")
    with live.under_way("here"):
        live.end("gone")
        live.expect(4_000_000)
        live.advance(1_000_000)
        wait_for(lambda: "vpython: downloading, 1.0 of 4.0 MB, " in stream.text)
        live.advance(-1_000_000)
        wait_for(lambda: "vpython: downloading, 0 B of 4.0 MB, " in stream.text)
    assert screen(stream.text, 80) == [""]
    with live.under_way("again"):
        stream.text = ""
        wait_for(lambda: "vpython: downloading, 0 s" in stream.text)


def test_the_slowest_is_named(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vpy.system.status_line.NAMED_AFTER", 0.02)
    live = Status("live")
    with live.stage("fetching"), live.under_way("first.whl"):
        live.begin("second.whl")
        wait_for(lambda: "vpython: fetching, `first.whl` for 0 s" in stream.text)
        live.end("first.whl")
        wait_for(lambda: "vpython: fetching, `second.whl` for 0 s" in stream.text)
        live.end("second.whl")
        live.end("second.whl")


def test_lines_do_not_meet_the_live_one(stream: Stream) -> None:
    writer = Terminal("warning", {"TERM": "xterm"})
    with writer.status.stage("a stage with quite a long text"):
        for number in range(5):
            wait_for(lambda: "vpython: a stage" in stream.text.rpartition("\n")[2])
            writer.warning(str(number))
    assert screen(stream.text, 80) == [*(f"vpython: {number}" for number in range(5)), ""]


def test_threads_report_at_once(stream: Stream) -> None:
    live = Status("live")

    def report() -> None:
        for _ in range(200):
            with live.under_way("x"):
                live.expect(1)
                live.advance(1)

    with live.stage("fetching"):
        threads = [threading.Thread(target=report) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_for(lambda: "vpython: fetching, 1.6 of 1.6 kB" in stream.text)
    assert screen(stream.text, 80) == [""]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_no_thread_runs_while_the_process_forks(stream: Stream) -> None:
    """Nor does the thread count as one that forbids to fork; the child shows nothing."""
    live = Status("live")
    before = threading.active_count()
    with live.stage("linking"):
        wait_for(lambda: stream.text)
        assert threading.active_count() == before
        reader, writer = os.pipe()

        def work() -> object:
            os.write(writer, str(live._ticker).encode())
            with live.stage("in the child"):
                time.sleep(0.05)
            return stream.text

        with fork.in_child(work) as wait:
            shown = wait()
        stream.text = ""
        wait_for(lambda: "vpython: linking" in stream.text)
    assert os.read(reader, 100) == b"None"
    assert "in the child" not in shown
    assert screen(shown, 80) == [""]
    os.close(reader)
    os.close(writer)


def test_lines_on_a_bot(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    """At doubling intervals: after 0.1 s, 0.2 s, 0.4 s …"""
    monkeypatch.setattr(status, "FIRST_LINE", 0.1)
    began = time.monotonic()
    bot = Status("lines")
    with bot.stage("fetching"):
        bot.count(1, 9, "wheels")
        wait_for(lambda: stream.text.count("\n") == 3)
    assert time.monotonic() - began >= 0.4
    assert stream.text == "vpython: fetching, 1 of 9 wheels\n" * 3


def test_a_late_line_comes_once(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "FIRST_LINE", 0.02)
    bot = Status("lines")
    time.sleep(0.1)
    with bot.stage("fetching"):
        wait_for(lambda: stream.text)
        time.sleep(0.01)
        assert stream.text.count("\n") == 1


def test_a_broken_text_does_no_harm(stream: Stream) -> None:
    live = Status("live")
    asked = []

    def text() -> str:
        asked.append(1)
        if len(asked) > 1:
            raise RuntimeError("broken")
        return "planning"

    with live.stage(text):
        wait_for(lambda: len(asked) > 1)
    assert screen(stream.text, 80) == [""]


def test_the_rate_is_that_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(status, "time", SimpleNamespace(monotonic=lambda: now))
    stage = Stage("fetching")
    seen = []
    for size in (1000, 1000, 4000, 0, 0, 0, 0, 0):
        stage.advance(size)
        now += 1
        seen.append(round(stage.rate(now)))
    assert seen == [1000, 1000, 2000, 1667, 1333, 0, 0, 0]


@pytest.mark.parametrize(("environ", "level", "is_terminal", "display"), [
    ({"TERM": "xterm"}, "warning", True, "live"),
    ({"TERM": "xterm", "NO_COLOR": "1"}, "debug", True, "live"),
    ({"TERM": "dumb"}, "warning", True, "lines"),
    ({"TERM": "xterm", "CI": "1"}, "warning", True, "lines"),
    ({"CI": "1"}, "warning", False, "lines"),
    ({"SWARMING_HEADLESS": "1"}, "info", False, "lines"),
    ({"SWARMING_BOT_ID": "b"}, "error", False, "off"),
    ({}, "debug", False, "off"),
    ({"TERM": "xterm"}, "error", True, "off"),
])  # fmt: skip
def test_who_sees_what(
    stream: Stream, environ: dict[str, str], level: str, is_terminal: bool, display: str
) -> None:
    stream.is_terminal = is_terminal
    assert Terminal(level, environ).status.display == display


def test_nothing_is_shown_where_it_is_off(stream: Stream) -> None:
    off = Status("off")
    with off.stage("planning"), off.under_way("x"):
        off.advance(1)
        assert off._ticker is None
    assert stream.text == ""


def test_those_who_wait_hear_of_stages_and_counts() -> None:
    owner = Terminal("error")
    heard: list[str] = []
    with owner.status.stage("before"), owner.listened(heard.append), owner.status.stage("installing"):
        owner.status.count(3, 9, "wheels")
    with owner.status.stage("after"):
        pass
    assert heard == ["installing", "installing, 3 of 9 wheels"]


def test_drawings_come_at_most_ten_times_a_second(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "REDRAWN", 0.1)
    live = Status("live")
    with live.stage("fetching"):
        for number in range(500):
            live.count(number, 500, "wheels")
            time.sleep(0.001)
    assert 1 <= len(drawings(stream.text)) <= 20
