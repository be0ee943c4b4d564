"""Download of a file as a stream of bytes that survives broken connections."""

from __future__ import annotations

from vpy.system.network import urls
from vpy.system.network.retry import NetworkError, again, give_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from vpy.system.network.http import Answer, Client
    from vpy.system.status import Status

    Opener = Callable[[str, Mapping[str, str]], AbstractContextManager[Answer]]

LARGEST = 4 << 30
STALE = (401, 403, 404, 410)


class Download:
    """Download of the file called `name`; `locate` returns its address, again each time one has expired.

    `opener` opens an address in place of the client's own `open`. Another size than `size` is refused.
    """

    def __init__(
        self,
        client: Client,
        locate: Callable[[], str],
        name: str,
        status: Status,
        *,
        opener: Opener | None = None,
        size: int | None = None,
    ) -> None:
        self._open = opener or client.open
        self._size = size
        self._client = client
        self._locate = locate
        self._name = name
        self._status = status
        self._url = ""
        self._received = 0
        self._total: int | None = None
        self._validator = ""
        self._whole = False
        self._failing: float | None = None
        self._end = client.clock.now() + client.policy.longest_download

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes in order, each once, resumed where a connection broke.

        A server that does not resume is asked for the whole file again, and the bytes that came
        before are skipped. Raises NetworkError; the bytes are not verified here.
        """
        failures = resumes = 0
        with self._status.under_way(self._name):
            while True:
                before = self._received
                try:
                    self._url = self._url or self._locate()
                    yield from self._rest()
                    return
                except NetworkError as error:
                    resumes += 1
                    if self._received > before or self._failing is None:
                        failures, self._failing = 0, self._client.clock.now()
                    failures += 1
                    self._judge(error, failures, self._failing, resumes)

    def _judge(self, error: NetworkError, failures: int, began: float, resumes: int) -> None:
        """Wait before the next attempt, with a new address where the old one may have expired; or raise."""
        policy = self._client.policy
        stale = error.status in STALE and self._received > 0
        if error.is_final or not (error.transient or stale):
            raise error
        if resumes > policy.resumes and policy.retry_seconds is None:
            give_up(error, resumes)
        again(error, failures, began, policy, self._client.clock)
        self._url = ""

    def _rest(self) -> Iterator[bytes]:
        headers = {}
        if self._received and not self._whole:
            headers["Range"] = f"bytes={self._received}-"
            if self._validator:
                headers["If-Range"] = self._validator
        with self._open(self._url, headers) as answer:
            skipped = self._begin(answer)
            for each in answer.pieces():
                piece = each[skipped:]
                skipped -= len(each) - len(piece)
                self._received += len(piece)
                most = LARGEST if self._size is None else self._size
                if self._received > most:
                    raise NetworkError(f"`{urls.shown(self._url)}` sent more than {most} bytes")
                if self._client.clock.now() > self._end:
                    hours = self._client.policy.longest_download / 3600
                    raise NetworkError(f"`{urls.shown(self._url)}` takes more than {hours:g} h for one file")
                self._status.advance(len(piece))
                if piece:
                    yield piece
        if self._total is not None and self._received < self._total:
            raise NetworkError(
                f"`{urls.shown(self._url)}` sent {self._received} of {self._total} bytes", transient=True
            )

    def _begin(self, answer: Answer) -> int:
        """Check the head of an answer; return how many of its bytes came before."""
        shown = urls.shown(self._url)
        if answer.status == 206:
            first, total = _content_range(answer.headers.get("content-range", ""))
            if not self._received or first != self._received or self._total not in (None, total):
                self._whole = True
                raise NetworkError(
                    f"`{shown}` continues the download at another position than asked", transient=True
                )
            return 0
        total = self._size if answer.length is None else answer.length
        if self._size is not None and total != self._size:
            raise NetworkError(f"`{shown}` offers {total} bytes where there must be {self._size}")
        if total is not None and total > LARGEST:
            raise NetworkError(f"`{shown}` offers {total} bytes, more than the {LARGEST} that are allowed")
        if self._received and total != self._total:
            raise NetworkError(f"`{shown}` has another file than when the download began")
        if not self._received and self._total is None and total is not None:
            self._total = total
            self._status.expect(total)
        validator = answer.headers.get("etag", "")
        self._validator = validator if not validator.startswith("W/") else ""
        return self._received


def _content_range(text: str) -> tuple[int, int | None]:
    """Return the first byte and the total size of `bytes 5-9/10`; (-1, None) for anything else."""
    unit, _, rest = text.partition(" ")
    span, _, total = rest.partition("/")
    first, _, last = span.partition("-")
    if unit != "bytes" or not all(part.isascii() and part.isdigit() for part in (first, last, total)):
        return -1, None
    if len(total) > 20 or len(first) > 20 or len(last) > 20 or int(last) + 1 != int(total):
        return -1, None
    return int(first), int(total)
