"""Messages on stderr: errors, warnings and, when asked for, the trace of a start."""

from __future__ import annotations

import sys
import time

from bootstrap import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vpy.errors import VpythonError

LEVELS = ("debug", "info", "warning", "error")


class Terminal:
    """Writer of lines to stderr, each beginning `vpython: `, from `level` upward.

    `debug` lines carry the milliseconds since the process began to work. Whatever the level,
    `listeners` get what is said of the work.
    """

    def __init__(self, level: str = "warning") -> None:
        self.level = LEVELS.index(level)
        self._began = time.monotonic()
        self.listeners: list[Callable[[str], None]] = []

    def _tell(self, text: str) -> None:
        if self.listeners:
            shown_text = shown.line(text)
            for listener in self.listeners:
                listener(shown_text)

    def _write(self, text: str) -> None:
        self._put(f"vpython: {shown.line(text)}\n")

    def _put(self, text: str) -> None:
        if sys.stderr is None:
            return
        try:
            sys.stderr.write(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
            sys.stderr.flush()
        except (OSError, ValueError):
            pass

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

    def error(self, error: VpythonError) -> None:
        """Show the fact, the line that it is about, then the hint after a blank line."""
        self._put(f"vpython: {error.message}\n")
        if error.excerpt:
            self._put(f"{shown.page(error.excerpt)}\n")
        if error.hint:
            self._put(f"\nhint: {shown.line(error.hint)}\n")
