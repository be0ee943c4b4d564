"""A file from the web as a stream of bytes that survives broken connections."""

from __future__ import annotations

from vpy.system import address
from vpy.system.patience import NetworkError, enough, give_up, pause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vpy.system.http import Answer, Client
    from vpy.system.progress import Progress

LARGEST = 4 << 30
STALE = (401, 403, 404, 410)


class Download:
    """One file: `locate` tells its address, again each time where an address may go stale."""

    def __init__(self, client: Client, locate: Callable[[], str], progress: Progress) -> None:
        self._client = client
        self._locate = locate
        self._progress = progress
        self._url = ""
        self._got = 0
        self._total: int | None = None
        self._mark = ""
        self._whole = False

    def pieces(self) -> Iterator[bytes]:
        """The bytes in order, each once, taken up where a connection broke.

        A server that does not continue is asked for the whole again, and what came before is passed
        over. NetworkError where it cannot be had; whether the bytes are the right ones is not judged here.
        """
        failures = resumes = 0
        with self._progress.download():
            while True:
                before = self._got
                try:
                    self._url = self._url or self._locate()
                    yield from self._rest()
                    return
                except NetworkError as error:
                    resumes += 1
                    failures = 1 if self._got > before else failures + 1
                    self._judge(error, failures, resumes)

    def _judge(self, error: NetworkError, failures: int, resumes: int) -> None:
        """Wait, and go on with a new address where the old one may be stale; or raise the error."""
        patience = self._client.patience
        stale = error.status in STALE and self._got > 0
        if error.tried or not (error.passing or stale):
            raise error
        if failures >= enough(error, patience) or resumes > patience.resumes:
            give_up(error, resumes)
        pause(error, failures, patience, self._client.clockwork)
        self._url = ""

    def _rest(self) -> Iterator[bytes]:
        headers = {}
        if self._got and not self._whole:
            headers["Range"] = f"bytes={self._got}-"
            if self._mark:
                headers["If-Range"] = self._mark
        with self._client.open(self._url, headers) as answer:
            passed_over = self._begin(answer)
            for each in answer.pieces():
                piece = each[passed_over:]
                passed_over -= len(each) - len(piece)
                self._got += len(piece)
                if self._got > LARGEST:
                    raise NetworkError(f"`{address.shown(self._url)}` sends more than {LARGEST} bytes")
                self._progress.advance(len(piece))
                if piece:
                    yield piece
        if self._total is not None and self._got < self._total:
            raise NetworkError(
                f"`{address.shown(self._url)}` sent {self._got} of {self._total} bytes", passing=True
            )

    def _begin(self, answer: Answer) -> int:
        """Check what the answer begins with; how many of its bytes we have already."""
        place = address.shown(self._url)
        if answer.status == 206:
            first, total = _content_range(answer.headers.get("content-range", ""))
            if not self._got or first != self._got or self._total not in (None, total):
                self._whole = True
                raise NetworkError(f"`{place}` continues at another place than asked", passing=True)
            return 0
        total = answer.length
        if total is not None and total > LARGEST:
            raise NetworkError(f"`{place}` offers {total} bytes, more than the {LARGEST} that are taken")
        if self._got and total != self._total:
            raise NetworkError(f"`{place}` has another file now than when the download began")
        if not self._got and self._total is None and total is not None:
            self._total = total
            self._progress.expect(total)
        mark = answer.headers.get("etag", "")
        self._mark = mark if not mark.startswith("W/") else ""
        return self._got


def _content_range(text: str) -> tuple[int, int | None]:
    """First byte and size in all of `bytes 5-9/10`; (-1, None) for what is not that."""
    unit, _, rest = text.partition(" ")
    span, _, total = rest.partition("/")
    first, _, last = span.partition("-")
    if unit != "bytes" or not all(part.isascii() and part.isdigit() for part in (first, last, total)):
        return -1, None
    if len(total) > 20 or len(first) > 20 or len(last) > 20 or int(last) + 1 != int(total):
        return -1, None
    return int(first), int(total)
