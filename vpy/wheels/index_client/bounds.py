"""Bounds of every response that is read in pip's process: bytes, overall time and a least rate.

They are set on urllib3's response, which pip's own reading goes through as well. A page has a bound in
unpacked bytes, which a compressed one must keep as well; a wheel in its own.
"""

from __future__ import annotations

import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# Bytes. The longest page of the public index, of one project's thousands of files, takes 30 MB.
LARGEST_PAGE = 128 << 20
LARGEST_WHEEL = 16 << 30
# Seconds that a page may take as a whole, and any chunk of a response.
PAGE_SECONDS = 120.0
CHUNK_SECONDS = 30.0
CHUNK_BYTES = 16 << 10
_TICK = 1.0


class OutOfBoundsError(OSError):
    """Response that broke a bound; its text says which."""


class Watch:
    """Thread that ends responses whose next chunk is not there in time: a read cannot be interrupted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deadlines: dict[int, tuple[float, Any]] = {}
        self._expired: set[int] = set()
        self._thread: threading.Thread | None = None

    def expect(self, response: Any, seconds: float) -> None:
        """Give a response this long for its next chunk."""
        with self._lock:
            self._deadlines[id(response)] = time.monotonic() + seconds, response
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def forget(self, response: Any) -> bool:
        """Stop watching a response; return whether it was ended."""
        with self._lock:
            self._deadlines.pop(id(response), None)
            expired = id(response) in self._expired
            self._expired.discard(id(response))
            return expired

    def _run(self) -> None:
        while True:
            time.sleep(_TICK)
            now = time.monotonic()
            with self._lock:
                late = [key for key, (deadline, _) in self._deadlines.items() if deadline < now]
                ended = [(key, self._deadlines.pop(key)[1]) for key in late]
                self._expired.update(key for key, _ in ended)
            for _, response in ended:
                _end(response)


def _end(response: Any) -> None:
    """Let the read that waits for a response fail now."""
    try:
        response.shutdown()
    except (OSError, ValueError, AttributeError):
        response.close()


_WATCH = Watch()


def limit(response_class: Any) -> None:
    """Set the bounds on `urllib3.response.HTTPResponse`, for whoever reads it by `stream`."""
    stream = response_class.stream

    def bounded(response: Any, amt: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:
        is_file = decode_content is False
        chunks = stream(response, min(amt or CHUNK_BYTES, CHUNK_BYTES), decode_content)
        return _bounded(response, chunks, is_file)

    response_class.stream = bounded


def _bounded(response: Any, chunks: Iterator[bytes], is_file: bool) -> Iterator[bytes]:
    most, began, size = LARGEST_WHEEL if is_file else LARGEST_PAGE, time.monotonic(), 0
    try:
        while True:
            _WATCH.expect(response, CHUNK_SECONDS)
            try:
                chunk = next(chunks, None)
            except Exception as error:
                if _WATCH.forget(response):
                    raise _slow() from error
                raise
            if _WATCH.forget(response):
                raise _slow()
            if chunk is None:
                return
            size += len(chunk)
            if size > most:
                raise OutOfBoundsError(f"the answer has more than {most >> 20} MiB")
            if not is_file and time.monotonic() - began > PAGE_SECONDS:
                raise OutOfBoundsError(f"the answer takes more than {PAGE_SECONDS:.0f} s")
            yield chunk
    finally:
        _WATCH.forget(response)


def _slow() -> OutOfBoundsError:
    return OutOfBoundsError(f"the answer is slower than {CHUNK_BYTES >> 10} KiB in {CHUNK_SECONDS:.0f} s")
