"""Heads of HTTP answers that end in time: the standard library waits for each byte of one, for ever."""

from __future__ import annotations

import http.client
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class SlowHeadError(http.client.HTTPException):
    """Head of an answer that comes byte by byte, or again and again as `100 Continue`."""


class TimelyResponse(http.client.HTTPResponse):
    """Answer whose head is complete within twice the time that its socket waits for a byte."""

    def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._timeout: float | None = sock.gettimeout()

    def begin(self, **options: Any) -> None:
        """Read the head; later Pythons give an option."""
        if self._timeout is None:
            super().begin(**options)
            return
        file: Any = self.fp
        head: Any = _Head(file, time.monotonic() + 2 * self._timeout)
        self.fp = head
        try:
            super().begin(**options)
        finally:
            if getattr(self, "fp", None) is head:  # else there is no body, and it is closed
                self.fp = file


class _Head:
    """File of a socket whose lines come before `end`, by the monotonic clock."""

    def __init__(self, file: Any, end: float) -> None:
        self._file = file
        self._end = end

    def readline(self, limit: int) -> bytes:
        line = bytearray()
        while len(line) < limit and not line.endswith(b"\n"):
            if time.monotonic() > self._end:
                raise SlowHeadError
            held = self._file.peek(1)[: limit - len(line)]  # one read from the socket at most
            if not held:
                break
            line += self._file.read(held.find(b"\n") + 1 or len(held))
        return bytes(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
