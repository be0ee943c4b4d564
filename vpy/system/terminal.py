"""Messages on stderr: errors, warnings and, when asked for, the trace of a start."""

from __future__ import annotations

import sys
import time
from _thread import RLock

from bootstrap import shown
from vpy.system.lean import contextlib
from vpy.system.status import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vpy.errors import VpythonError
    from vpy.system.status import Display

LEVELS = ("debug", "info", "warning", "error")
# What bots and build services set.
BOT_VARIABLES = ("CI", "SWARMING_BOT_ID", "SWARMING_HEADLESS")


def is_bot(environ: Mapping[str, str]) -> bool:
    """Return whether this is a bot: nobody looks at the terminal, if there is one, or may decide anything."""
    return any(environ.get(name) for name in BOT_VARIABLES)


class Terminal:
    """Writer of lines to stderr, each beginning `vpython: `, from `level` upward.

    `debug` lines carry the milliseconds since the process began to work. `status` is the display
    of the work under way, shown where `environ`, the variables, and stderr are such that somebody sees it.
    """

    def __init__(self, level: str = "warning", environ: Mapping[str, str] | None = None) -> None:
        self.level = LEVELS.index(level)
        self.status = Status("off" if environ is None else _display(environ, self.level), self._tell)
        self._began = time.monotonic()
        self._listeners: list[Callable[[str], None]] = []
        self._listening = RLock()

    @contextlib.contextmanager
    def listened(self, listener: Callable[[str], None]) -> Iterator[None]:
        """Let `listener` get what is said of the work, whatever the level; none of it after the block."""
        with self._listening:
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._listening:
                self._listeners.remove(listener)

    def _tell(self, text: str) -> None:
        with self._listening:
            if self._listeners:
                shown_text = shown.line(text)
                for listener in self._listeners:
                    listener(shown_text)

    def _write(self, text: str) -> None:
        self.status.write(f"vpython: {shown.line(text)}\n")

    def debug(self, text: str) -> None:
        """Show a line of the trace."""
        self._tell(text)
        if self.level <= 0:
            self._write(f"[{(time.monotonic() - self._began) * 1000:7.1f} ms] {text}")

    def info(self, text: str) -> None:
        """Show what is being done."""
        self._tell(text)
        if self.level <= 1:
            self._write(text)

    def warning(self, text: str) -> None:
        """Show what the user should know."""
        if self.level <= 2:
            self._write(text)

    def interrupted(self) -> None:
        """Say what is kept after Ctrl-C, where somebody saw what was being done."""
        stage = self.status.interrupted
        if stage is None or self.status.display == "off":
            return
        if stage.total:
            kept = f"{stage.done} of {stage.total} {stage.noun} are kept"
            self._write(f"interrupted: {kept}, and the next start goes on with the rest")
        else:
            self._write(f"interrupted while {stage.text()}")

    def error(self, error: VpythonError) -> None:
        """Show the fact, the line that it is about, then the hint after a blank line."""
        self.status.write(f"vpython: {error.message}\n")
        if error.excerpt:
            self.status.write(f"{_fitted(shown.page(error.excerpt))}\n")
        if error.hint:
            self.status.write(f"\nhint: {shown.line(error.hint)}\n")


def _fitted(excerpt: str) -> str:
    """Return the part of an excerpt around its caret that fits on the terminal."""
    import os

    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (AttributeError, OSError, ValueError):
        return excerpt
    above, line, caret = excerpt.split("\n")
    margin = line.index(" | ") + 3
    room, place = max(10, columns - margin), len(caret) - 1 - margin
    start = max(0, min(place - room // 2, len(line) - margin - room))
    shown_line = line[margin + start : margin + start + room]
    return "\n".join((above, line[:margin] + shown_line, f"{caret[:margin]}{' ' * (place - start)}^"))


def _display(environ: Mapping[str, str], level: int) -> Display:
    """Return how the work under way is shown to whoever sees stderr, and wants more than errors."""
    try:
        is_terminal = sys.stderr.isatty()
    except (AttributeError, ValueError):
        is_terminal = False
    is_redrawable = is_terminal and environ.get("TERM") != "dumb"
    if level >= LEVELS.index("error"):
        return "off"
    if is_bot(environ):
        return "lines"
    if is_redrawable:
        return "live"
    return "lines" if is_terminal else "off"
