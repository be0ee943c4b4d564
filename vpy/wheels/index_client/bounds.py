"""Bounds of every response that is read in pip's process: bytes, overall time and a least rate.

They are set on urllib3's response, which pip's own reading goes through as well. A page is bounded in
unpacked bytes and in those that came over the wire, which may unpack to nothing; a wheel in its own.
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
# Seconds that a page and a wheel may take as a whole, and any chunk of a response.
PAGE_SECONDS = 120.0
WHEEL_SECONDS = 6 * 3600.0
CHUNK_SECONDS = 30.0
CHUNK_BYTES = 16 << 10
_TICK = 1.0
_SLOW = f"the answer is slower than {CHUNK_BYTES >> 10} KiB in {CHUNK_SECONDS:.0f} s"


class OutOfBoundsError(OSError):
    """Response that broke a bound; its text says which."""


class Watch:
    """Thread that ends responses whose next chunk is not there in time: a read cannot be interrupted.

    It ends those, too, that meanwhile read more bytes from the wire than they may.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deadlines: dict[int, tuple[float, int, Any]] = {}
        self._ended: dict[int, str] = {}
        self._thread: threading.Thread | None = None

    def expect(self, response: Any, seconds: float, most: int) -> None:
        """Give a response this long for its next chunk, and this many bytes of the wire in all."""
        with self._lock:
            self._deadlines[id(response)] = time.monotonic() + seconds, most, response
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def forget(self, response: Any) -> str:
        """Stop watching a response; return why it was ended, "" where it was not."""
        with self._lock:
            self._deadlines.pop(id(response), None)
            return self._ended.pop(id(response), "")

    def _run(self) -> None:
        while True:
            time.sleep(_TICK)
            now = time.monotonic()
            ended = []
            with self._lock:
                for key, (deadline, most, response) in list(self._deadlines.items()):
                    reason = _SLOW if deadline < now else _too_much(response.tell(), most)
                    if reason:
                        del self._deadlines[key]
                        self._ended[key] = reason
                        ended.append(response)
            for response in ended:
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
    most, seconds = (LARGEST_WHEEL, WHEEL_SECONDS) if is_file else (LARGEST_PAGE, PAGE_SECONDS)
    began, size = time.monotonic(), 0
    try:
        while True:
            _WATCH.expect(response, CHUNK_SECONDS, most)
            try:
                chunk = next(chunks, None)
            except Exception as error:
                if reason := _WATCH.forget(response):
                    raise OutOfBoundsError(reason) from error
                raise
            if reason := _WATCH.forget(response):
                raise OutOfBoundsError(reason)
            if chunk is None:
                return
            size += len(chunk)
            if reason := _too_much(max(size, response.tell()), most):
                raise OutOfBoundsError(reason)
            if time.monotonic() - began > seconds:
                raise OutOfBoundsError(f"the answer takes more than {seconds:.0f} s")
            yield chunk
    finally:
        _WATCH.forget(response)


def _too_much(size: int, most: int) -> str:
    return f"the answer has more than {most >> 20} MiB" if size > most else ""
