"""Live status of a start: its stage, how much of it is done, the bytes that came, what takes longest.

On a terminal it is one line that is drawn again and again, and erased in the end; on a bot it is a
few lines. Whoever does a part of the work reports it here, from any thread.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import RLock, allocate_lock, start_new_thread

from bootstrap import shown
from vpy.system import status_line
from vpy.system.lean import contextlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Literal

    Display = Literal["live", "lines", "off"]

FIRST_DRAWN = 0.15  # seconds from the beginning to the first drawing; as long again is gone before
REDRAWN = 0.1  # seconds from one drawing to the next
FIRST_LINE = 5.0  # seconds from the beginning to the first line on a bot; the next come at 10, 20, 40
RATE_WINDOW = 3.0  # seconds of which the rate is the average
LONGEST_STOP = 1.0  # seconds to wait for the drawing thread, which a stopped terminal may hold up
PREFIX = "vpython: "


class Stage:
    """Stage of a start: its text, or a function that returns it, and how far it is."""

    def __init__(self, text: str | Callable[[], str]) -> None:
        self._text = text
        self.done = 0
        self.total = 0
        self.noun = ""
        self.received = 0
        self.expected = 0
        self._samples: list[tuple[float, int]] = []

    def text(self) -> str:
        """Return one printable line."""
        return shown.line(self._text if isinstance(self._text, str) else self._text())

    def advance(self, size: int) -> None:
        """Note that so many bytes have come; the rate counts from the first of them."""
        if not self._samples:
            self._samples.append((time.monotonic(), 0))
        self.received += size

    def rate(self, now: float) -> float:
        """Return the bytes a second over the time of the last few calls."""
        self._samples.append((now, self.received))
        while len(self._samples) > 2 and self._samples[1][0] <= now - RATE_WINDOW:
            del self._samples[0]
        began, before = self._samples[0]
        return max(0.0, (self.received - before) / max(now - began, REDRAWN))


class Status:
    """What a start is doing now, shown by a `display`: "live" on a terminal, "lines" on a bot, or "off".

    The thread that shows it runs while a stage or a transfer is under way, and never while this
    process forks; it is none of `threading`, which need not be loaded for it. `tell` gets the stage
    and its count whenever they change.
    """

    def __init__(self, display: Display = "off", tell: Callable[[str], None] = lambda _: None) -> None:
        self.display = display
        self.interrupted: Stage | None = None  # the stage that Ctrl-C ended
        self._tell = tell
        self._began = time.monotonic()
        self._due = self._began + (FIRST_DRAWN if display == "live" else FIRST_LINE)
        self._state = RLock()  # guards what is reported
        self._output = RLock()  # guards stderr, which a stopped terminal may hold up
        self._switch = RLock()  # guards the start and the end of the thread
        self._ticker: Ticker | None = None
        self._is_drawing = False
        self._is_forking = False
        self._knows_forks = False
        self._drawn = 0
        self._stages: list[Stage] = []
        self._between = Stage("downloading")  # for what comes outside every stage
        self._under_way: list[tuple[str, float]] = []

    @contextlib.contextmanager
    def stage(self, text: str | Callable[[], str]) -> Iterator[None]:
        """Show `text` while the block runs, instead of the stage around it."""
        stage = Stage(text)
        with self._state:
            self._stages.append(stage)
        try:
            self._update()
            self._tell_summary()
            yield
        except KeyboardInterrupt:
            self.interrupted = self.interrupted or stage
            raise
        finally:
            with self._state:
                self._stages.remove(stage)
            self._update()

    def count(self, done: int, total: int, noun: str) -> None:
        """Note that the stage has `done` so many of `total` things called `noun`."""
        with self._state:
            stage = self._current()
            stage.done, stage.total, stage.noun = done, total, noun
        self._tell_summary()

    def expect(self, size: int) -> None:
        """Note that so many more bytes will come."""
        with self._state:
            self._current().expected += size

    def advance(self, size: int) -> None:
        """Note that so many more bytes have come; a negative number takes back those of a failed attempt."""
        with self._state:
            self._current().advance(size)

    def begin(self, name: str) -> None:
        """Note that a transfer, or other work that may take long, is under way from now on."""
        with self._state:
            self._under_way.append((name, time.monotonic()))
        self._update()

    def end(self, name: str) -> None:
        """Note that it has ended, whatever came of it."""
        with self._state:
            found = next((each for each in self._under_way if each[0] == name), None)
            if found is not None:
                self._under_way.remove(found)
        self._update()

    @contextlib.contextmanager
    def under_way(self, name: str) -> Iterator[None]:
        """Note that something is under way while the block runs."""
        self.begin(name)
        try:
            yield
        finally:
            self.end(name)

    def write(self, text: str) -> None:
        """Write whole lines to stderr; a live line is erased before them, and drawn again below."""
        with self._output:
            _put(self._take_erasure() + text)

    def _current(self) -> Stage:
        return self._stages[-1] if self._stages else self._between

    def _is_active(self) -> bool:
        return bool(self._stages or self._under_way)

    def _tell_summary(self) -> None:
        with self._state:
            stage = self._current()
            text = status_line.summary(stage.text(), stage.done, stage.total, stage.noun)
        self._tell(text)

    def _snapshot(self, now: float) -> status_line.Snapshot:
        with self._state:
            stage = self._current()
            awaited = bool(stage.received < stage.expected or (stage.received and self._under_way))
            slowest, since = min(self._under_way, key=lambda each: each[1], default=("", now))
            return status_line.Snapshot(
                stage=stage.text(),
                seconds=now - self._began,
                done=stage.done,
                total=stage.total,
                noun=stage.noun,
                received=stage.received,
                expected=stage.expected,
                rate=stage.rate(now) if awaited else None,
                slowest=slowest,
                slowest_seconds=now - since,
            )

    def _update(self) -> None:
        """Start the thread where something is under way, and end it where nothing is."""
        if self.display == "off":
            return
        with self._switch:
            is_wanted = self._is_active() and not self._is_forking
            if is_wanted and self._ticker is None:
                self._stand_back_at_forks()
                self._is_drawing = True
                self._ticker = Ticker(self._tick)
                self._ticker.start()
            elif not is_wanted and self._ticker is not None:
                self._erase()
                self._ticker.stop()
                self._ticker = None
            if not self._is_active():
                self._between = Stage("downloading")

    def _stand_back_at_forks(self) -> None:
        """Let no thread run while this process forks; a forked process shows nothing."""
        if self._knows_forks or not hasattr(os, "register_at_fork"):
            return
        self._knows_forks = True

        def fork(is_forking: bool) -> None:
            self._is_forking = is_forking
            self._update()

        os.register_at_fork(before=lambda: fork(True), after_in_parent=lambda: fork(False))

    def _tick(self) -> float:
        """Show the status where it is time; return the seconds until it is time again."""
        now = time.monotonic()
        if now >= self._due:
            snapshot = self._snapshot(now)
            if self.display == "live":
                self._draw(snapshot)
                self._due = now + REDRAWN
            else:
                self.write(f"{PREFIX}{status_line.whole(snapshot)}\n")
                while self._due <= now:
                    self._due += self._due - self._began
        return max(0.0, self._due - now)

    def _draw(self, snapshot: status_line.Snapshot) -> None:
        """Draw the line over the one before; the cursor goes to its beginning, where `^C` will be echoed."""
        columns = _columns()
        encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        text = status_line.fitted(PREFIX, snapshot, columns - 1).encode(encoding, "replace").decode(encoding)
        width = status_line.width(text)
        with self._output:
            if self._is_drawing and columns:
                _put(f"\r{text}{' ' * max(0, min(self._drawn, columns - 1) - width)}\r")
                self._drawn = width

    def _erase(self) -> None:
        with self._output:
            self._is_drawing = False
            if erasure := self._take_erasure():
                _put(erasure)

    def _take_erasure(self) -> str:
        """Return what erases the live line, "" where there is none."""
        columns = min(self._drawn, _columns() - 1) if self._drawn else 0
        self._drawn = 0
        return f"\r{' ' * columns}\r" if columns > 0 else ""


class Ticker:
    """Thread that calls `tick` again after the seconds that it returned, until it is stopped."""

    def __init__(self, tick: Callable[[], float]) -> None:
        self._tick = tick
        self._going = allocate_lock()
        self._running = allocate_lock()

    def start(self) -> None:
        """Start the thread; where the system has none left, nothing is shown."""
        self._going.acquire()
        self._running.acquire()
        try:
            start_new_thread(self._run, ())
        except RuntimeError:
            self._running.release()

    def stop(self) -> None:
        """End the thread and wait for it; a second call does nothing."""
        if self._going.locked():
            self._going.release()
            self._running.acquire(timeout=LONGEST_STOP)

    def _run(self) -> None:
        _block_signals()
        try:
            # What goes wrong in a display must not disturb the work.
            with contextlib.suppress(Exception):
                while not self._going.acquire(timeout=self._tick()):
                    pass
        finally:
            self._running.release()


def _block_signals() -> None:
    """Leave signals to the main thread: what it waits for would not be interrupted by one that comes here."""
    import _signal  # type: ignore[import-not-found]  # `signal` would load `enum` to give them names

    if hasattr(_signal, "pthread_sigmask"):
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())


def _columns() -> int:
    """Return the width of the terminal; 0 while another job has it."""
    try:
        terminal = sys.stderr.fileno()
        columns = os.get_terminal_size(terminal).columns or 80
    except (AttributeError, OSError, ValueError):
        return 80
    with contextlib.suppress(AttributeError, OSError):  # it may be nobody's controlling terminal
        if os.tcgetpgrp(terminal) not in (0, os.getpgrp()):
            return 0
    return columns


def _put(text: str) -> None:
    """Write a text to stderr, if there is one that takes it."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        sys.stderr.flush()
    except (OSError, ValueError):
        pass
