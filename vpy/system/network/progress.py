"""Progress bar on a terminal: nothing else imports `tqdm`."""

from __future__ import annotations

import contextlib
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

DELAY_SECONDS = 0.3


def is_wanted(environ: Mapping[str, str], level: int) -> bool:
    """Return whether stderr is a terminal that can show progress, of a person, who wants more than errors."""
    try:
        looked_at = sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False
    return looked_at and environ.get("TERM") != "dumb" and not environ.get("CI") and level < 3


class Progress:
    """Progress bar of all running downloads together, removed when the last of them ends.

    Any thread may report. Nothing appears where it is not `shown`, nor for a download that is quick.
    """

    def __init__(self, shown: bool) -> None:
        self._shown = shown
        self._lock = threading.RLock()
        self._under_way = 0
        self._bar: Any = None

    @contextlib.contextmanager
    def download(self) -> Iterator[None]:
        """Count one download as running."""
        with self._lock:
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
                if not self._under_way and self._bar is not None:
                    self._bar.close()
                    self._bar = None

    def expect(self, size: int) -> None:
        """Add `size` bytes to the total."""
        with self._lock:
            if self._shown and self._under_way:
                if self._bar is None:
                    self._bar = _make_bar(self._lock)
                self._bar.total += size

    def advance(self, size: int) -> None:
        """Add `size` bytes to what has arrived; a negative number takes back bytes of a failed attempt."""
        with self._lock:
            if self._bar is not None:
                self._bar.update(size)


def _make_bar(lock: Any) -> Any:
    from tqdm.std import tqdm

    tqdm.monitor_interval = 0  # no thread of its own
    tqdm.set_lock(lock)  # nor a lock between processes, which starts a helper process
    return tqdm(
        total=0, desc="vpython: downloading", unit="B", unit_scale=True, unit_divisor=1024,
        leave=False, delay=DELAY_SECONDS, dynamic_ncols=True, file=sys.stderr,
    )  # fmt: skip
