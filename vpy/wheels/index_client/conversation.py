"""Conversation of `pip_download` with vpython: it reports at once what is decided and fetched.

Each event is a line of JSON on stdout, {event, …}, before the answer, which is the last line:

    decided {wheels, sizes}    the rows of the answer, and the sizes in bytes (0: not known) of those that
                               are not here; vpython replies {here}: by file name the path of what it has
                               got elsewhere, and "" for what it had
    fetching {filename, size}  the download of a wheel starts; its size in bytes, 0 for unknown
    came {bytes}               bytes that came since the last such event, by file name
    fetched {wheel}            a row of the answer whose wheel lies in the job's directory
"""

from __future__ import annotations

import json
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TextIO

_EVERY = 0.2  # seconds between events that only show that something goes on


class Conversation:
    """Events to a reader that replies; silent where there is none. Any thread may tell."""

    def __init__(self, events: TextIO | None = None, replies: TextIO | None = None) -> None:
        self._events = events
        self._replies = replies
        self._lock = threading.Lock()
        self._came: dict[str, int] = {}
        self._next = 0.0

    def decided(self, wheels: Sequence[dict[str, Any]], sizes: Mapping[str, int]) -> Mapping[str, str]:
        """Tell which wheels the answer has; return the reply by the file names that need not be fetched."""
        if self._events is None or self._replies is None:
            return {}
        with self._lock:
            self._tell("decided", wheels=list(wheels), sizes=sizes)
        here: dict[str, str] = json.loads(self._replies.readline())["here"]
        return here

    def fetching(self, filename: str, size: int) -> None:
        """Tell that the download of a wheel starts."""
        with self._lock:
            self._tell("fetching", filename=filename, size=size)

    def came(self, filename: str, size: int) -> None:
        """Note bytes of a wheel, and tell now and then of all that came."""
        with self._lock:
            self._came[filename] = self._came.get(filename, 0) + size
            if self._is_due():
                self._tell("came", bytes=self._came)
                self._came = {}

    def fetched(self, wheel: dict[str, Any]) -> None:
        """Tell that a wheel is here, whole and with the right hash."""
        with self._lock:
            self._tell("fetched", wheel=wheel)

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _EVERY
        return True

    def _tell(self, event: str, **facts: object) -> None:
        if self._events is not None:
            self._events.write(json.dumps({"event": event, **facts}) + "\n")
            self._events.flush()
