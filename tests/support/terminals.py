"""Pseudo-terminals: a program that runs on one, what it writes there, and what a person sees of it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import termios
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PATIENCE = 60.0


class OnTerminal:
    """Program whose controlling terminal is a new one, so that `^C` reaches it as from a keyboard."""

    def __init__(
        self, *words: str | Path, environ: Mapping[str, str], columns: int = 80, cwd: Path | None = None
    ) -> None:
        self.text = ""
        self.columns = columns
        self._terminal, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, columns))
        # The leader of a session that opens a terminal gets it as its controlling one.
        command = ["/bin/sh", "-c", 'exec "$@" <>"$0" >&0 2>&0', os.ttyname(theirs), *map(str, words)]
        self.child = subprocess.Popen(command, env=dict(environ), start_new_session=True, cwd=cwd)
        self._theirs = theirs

    def wait_for(self, is_seen: Callable[[str], bool]) -> None:
        """Read what the program writes until the text so far is as wanted."""
        until = time.monotonic() + PATIENCE
        while not is_seen(self.text):
            assert self.child.poll() is None, self.text
            assert time.monotonic() < until, self.text
            self._read(0.05)

    def press(self, key: str) -> None:
        os.write(self._terminal, key.encode())

    def end(self) -> int:
        """Read all that the program writes; return its exit code."""
        until = time.monotonic() + PATIENCE
        while self.child.poll() is None:
            if time.monotonic() > until:
                self.child.send_signal(signal.SIGKILL)
                raise AssertionError(f"it does not end: {self.text}")
            self._read(0.05)
        while self._read(0.1):
            pass
        os.close(self._theirs)
        os.close(self._terminal)
        return self.child.returncode

    def _read(self, seconds: float) -> bool:
        if not select.select([self._terminal], [], [], seconds)[0]:
            return False
        self.text += os.read(self._terminal, 65536).decode(errors="replace")
        return True


def screen(text: str, columns: int) -> list[str]:
    """Return the rows that a person sees at the end, and where the cursor is: the last row is its own.

    Only what a plain line needs is known: `\\r`, `\\n`, and text that stays within the columns.
    """
    rows: list[list[str]] = [[]]
    column = 0
    for character in text:
        if character == "\r":
            column = 0
        elif character == "\n":
            rows.append([])
        else:
            assert character.isprintable(), repr(character)
            assert column < columns, f"a row is longer than {columns} columns: {''.join(rows[-1])}"
            rows[-1] += " " * (column + 1 - len(rows[-1]))
            rows[-1][column] = character
            column += 1
    return ["".join(row).rstrip() for row in rows]


def wrapped(text: str, columns: int) -> list[str]:
    """Return the rows that a person sees at the end, long lines continued in the next; blanks are kept.

    The escape codes that a program could send are none of vpython's: one fails here.
    """
    rows: list[list[str]] = [[]]
    column = 0
    for character in text.replace("\r\n", "\n"):
        if character == "\r":
            column = 0
        elif character == "\n":
            rows.append([])
            column = 0
        else:
            assert character.isprintable(), repr(character)
            if column == columns:
                rows.append([])
                column = 0
            rows[-1] += " " * (column + 1 - len(rows[-1]))
            rows[-1][column] = character
            column += 1
    return ["".join(row) for row in rows]


def drawings(text: str) -> list[str]:
    """Return the live lines that were drawn, in their order, without those that erase."""
    return [each.rstrip() for each in text.split("\r") if each.startswith("vpython: ")]
