"""HTTP: nothing else imports `urllib3`.

Every answer is bounded: in bytes, in silence and, for a small one, in time. Nothing is
followed to another host. An address is never shown whole in a message, since it may be signed.
"""

from __future__ import annotations

import contextlib
import copy
import threading
import urllib.parse

from vpy.system import address, trust
from vpy.system.patience import Clockwork, NetworkError, Patience
from vpy.value import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

PIECE = 1 << 18
MOST_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
PASSING = (408, 425, 429, 500, 502, 503, 504)
CONNECTIONS = 8
PATIENCE = Patience()


@value
class Reply:
    """A small answer, read whole. The names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Answer:
    """An answer that is being read: `status`, `headers` (names in lower case), then `pieces`."""

    def __init__(self, response: Any, url: str, client: Client) -> None:
        self.status: int = response.status
        self.headers = {name.lower(): text for name, text in response.headers.items()}
        self.url = url
        self._response = response
        self._client = client

    @property
    def length(self) -> int | None:
        """How many bytes the body is said to have."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes, unchanged; a NetworkError where it breaks off, stalls, or is encoded."""
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise NetworkError(f"`{address.shown(self.url)}` sent an encoded body that nobody asked for")
        clock, silence = self._client.clockwork.clock, self._client.patience.silence
        began, got = clock(), 0
        while True:
            with self._client.faults(self.url):
                piece = self._response.read1(PIECE, decode_content=False)
            if not piece:
                return
            got += len(piece)
            if clock() - began > silence:
                if got < silence:
                    raise NetworkError(
                        f"`{address.shown(self.url)}` sends less than a byte a second", passing=True
                    )
                began, got = clock(), 0
            yield piece

    def small(self, most: int) -> bytes:
        """The whole body of at most `most` bytes."""
        deadline = self._client.clockwork.clock() + self._client.patience.whole
        if (self.length or 0) > most:
            raise NetworkError(
                f"`{address.shown(self.url)}` sent {self.length} bytes where at most {most} are fit"
            )
        body = bytearray()
        for piece in self.pieces():
            body += piece
            if len(body) > most:
                raise NetworkError(f"`{address.shown(self.url)}` sent more than {most} bytes")
            if self._client.clockwork.clock() > deadline:
                raise NetworkError(f"`{address.shown(self.url)}` takes too long to answer", passing=True)
        return bytes(body)


class Client:
    """Connections to whoever is asked; any number of threads may share one.

    `environ` says whom to trust and which proxies there are; `agent` is the `User-Agent`.
    """

    def __init__(
        self, environ: Mapping[str, str], agent: str, clockwork: Clockwork, patience: Patience = PATIENCE
    ) -> None:
        self.clockwork = clockwork
        self.patience = patience
        self._environ = environ
        self._agent = agent
        self._lock = threading.Lock()
        self._pools: dict[str, Any] = {}
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Let every thread that still reads find out that nobody waits for it."""
        self._stopped.set()

    def hurried(self) -> Client:
        """The same client with less patience, for who can do without an answer."""
        made = copy.copy(self)
        mine = self.patience
        made.patience = replace(mine, connect=mine.connect / 3, silence=mine.silence / 3, attempts=2)
        return made

    def ask(
        self, method: str, url: str, *, body: bytes | None = None, headers: Mapping[str, str], most: int
    ) -> Reply:
        """One exchange with an answer of at most `most` bytes, whatever its status. Raises NetworkError."""
        with self._opened(method, url, body, headers) as answer:
            if answer.status in REDIRECTS:
                raise _redirected(url, answer.headers.get("location", ""))
            return Reply(answer.status, answer.headers, answer.small(most))

    @contextlib.contextmanager
    def open(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """GET an address, redirected within its own host at most; NetworkError for any status but success."""
        for _ in range(MOST_REDIRECTS):
            with self._opened("GET", url, None, headers) as answer:
                if answer.status not in REDIRECTS:
                    if answer.status not in (200, 206):
                        raise refusal(url, answer.status, answer.headers)
                    yield answer
                    return
                place = urllib.parse.urljoin(url, answer.headers.get("location", ""))
            if not address.same_origin(url, place):
                raise _redirected(url, place)
            url = address.check(place)
        raise NetworkError(f"`{address.shown(url)}` redirects in a circle")

    @contextlib.contextmanager
    def _opened(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Iterator[Answer]:
        import urllib3

        pool = self._pool(address.check(url))
        timeout = urllib3.Timeout(connect=self.patience.connect, read=self.patience.silence)
        sent = {"User-Agent": self._agent, "Accept-Encoding": "identity", **headers}
        with self.faults(url):
            response = pool.request(
                method, url, body=body, headers=sent, timeout=timeout,
                retries=False, redirect=False, preload_content=False,
            )  # fmt: skip
        try:
            yield Answer(response, url, self)
            response.drain_conn() if response.length_remaining == 0 else None
        finally:
            response.close()

    def _pool(self, url: str) -> Any:
        """The connections for an address, which hang on the proxy in the way."""
        import urllib3

        proxy = address.proxy_for(url, self._environ)
        secure = url.startswith("https:") or str(proxy).startswith("https:")
        key = f"{proxy} {secure}"
        with self._lock:
            if key not in self._pools:
                told: dict[str, Any] = {
                    "maxsize": CONNECTIONS,
                    "ssl_context": trust.context(self._environ) if secure else None,
                }
                self._pools[key] = urllib3.PoolManager(**told) if proxy is None else _proxied(proxy, told)
            return self._pools[key]

    @contextlib.contextmanager
    def faults(self, url: str) -> Iterator[None]:
        """Turn what urllib3 raises into a NetworkError that names the host, and never the whole address."""
        import urllib3

        if self._stopped.is_set():
            raise NetworkError("stopped")
        try:
            yield
        except (urllib3.exceptions.HTTPError, OSError) as error:
            from vpy.system import httpfault

            raise httpfault.explain(error, url, self.patience, urllib3.exceptions) from error


def _proxied(proxy: str, told: dict[str, Any]) -> Any:
    import urllib3

    parts = urllib.parse.urlsplit(proxy)
    headers = None
    if parts.username is not None:
        name, password = urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or "")
        headers = urllib3.make_headers(proxy_basic_auth=f"{name}:{password}")
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return urllib3.ProxyManager(bare, proxy_headers=headers, proxy_ssl_context=told["ssl_context"], **told)


def refusal(url: str, status: int, headers: Mapping[str, str]) -> NetworkError:
    """The fault that a status tells."""
    return NetworkError(
        f"`{address.shown(url)}` answered with status {status}",
        passing=status in PASSING,
        wait=retry_after(headers),
        status=status,
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, where the other side says when to come back (a date is passed over)."""
    text = headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def _redirected(url: str, place: str) -> NetworkError:
    there = address.shown(urllib.parse.urljoin(url, place))
    return NetworkError(
        f"`{address.shown(url)}` redirects to `{there}`, which is refused",
        hint="name the address itself, if it is to be trusted",
    )
