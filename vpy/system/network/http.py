"""HTTP: nothing else imports `urllib3`.

Every answer is bounded: in bytes, in idle time and, for a small one, in total time. A redirect is
followed to another host only where the caller says so, without what logs in there. An address is
never shown whole in a message, since it may be signed.
"""

from __future__ import annotations

import contextlib
import copy
import ssl
import threading
import urllib.parse

from vpy.errors import ToolError, UserError
from vpy.system import files
from vpy.system.lean.dataclasses import replace, value
from vpy.system.network import tls, urls
from vpy.system.network.retry import Clock, NetworkError, RetryPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from typing import Any

PIECE = 1 << 18
MOST_REDIRECTS = 5
LOGIN_HEADERS = ("authorization", "cookie")
REDIRECTS = (301, 302, 303, 307, 308)
PASSING = (408, 425, 429, 500, 502, 503, 504)
COMPRESSED = ("gzip", "x-gzip", "deflate")
CONNECTIONS = 8
CERTIFICATE_HINT = "where an authority of your own signs it, name its certificate with SSL_CERT_FILE"
POLICY = RetryPolicy()


@value
class Reply:
    """Small answer, read whole. The names of `headers` are in lower case, `url` is what answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""


@value
class FilePart:
    """Part of a file to send: `size` bytes of it from `first` on."""

    path: str
    first: int
    size: int


class Answer:
    """Answer that is being read: `status`, `headers` (names in lower case), then `pieces`."""

    def __init__(self, response: Any, url: str, client: Client) -> None:
        self.status: int = response.status
        # One that came several times has its texts with commas between them (RFC 9110, section 5.3).
        self.headers = {name.lower(): response.headers[name] for name in response.headers}
        self.url = url
        self._response = response
        self._client = client

    @property
    def length(self) -> int | None:
        """Size of the body in bytes, where the server says it."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it comes; raise NetworkError where it breaks off, stalls, or is encoded."""
        if self._encoding not in ("", "identity"):
            raise NetworkError(f"`{urls.shown(self.url)}` sent an encoded body, which was not asked for")
        yield from self._raw_pieces()

    @property
    def _encoding(self) -> str:
        encoding: str = self.headers.get("content-encoding", "identity")
        return encoding.strip().lower()

    def _raw_pieces(self) -> Iterator[bytes]:
        now, policy = self._client.clock.now, self._client.policy
        started, received = now(), 0
        while True:
            with self._client.faults(self.url):
                piece = self._response.read1(PIECE, decode_content=False)
            if not piece:
                return
            received += len(piece)
            if now() - started > policy.idle_timeout:
                if received < policy.least_bytes:
                    rate = f"{policy.least_bytes} bytes in {policy.idle_timeout:g} s"
                    raise NetworkError(f"`{urls.shown(self.url)}` sends less than {rate}", transient=True)
                started, received = now(), 0
            yield piece

    def small(self, most: int, *, unpack: bool = False) -> bytes:
        """Return the whole body of at most `most` bytes; `unpack` one that was compressed unasked, too."""
        if unpack and self._encoding in COMPRESSED:
            return self._unpacked(self._whole(self._raw_pieces(), most), most)
        return self._whole(self.pieces(), most)

    def _unpacked(self, body: bytes, most: int) -> bytes:
        import zlib

        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, by its head
        try:
            result = unpacker.decompress(body, most + 1)
        except zlib.error:
            raise NetworkError(f"`{urls.shown(self.url)}` sent a compressed body that is damaged") from None
        if len(result) > most:
            raise NetworkError(f"`{urls.shown(self.url)}` sent more than {most} bytes")
        if not unpacker.eof:
            raise NetworkError(f"`{urls.shown(self.url)}` sent a compressed body that is cut off")
        return result

    def _whole(self, pieces: Iterator[bytes], most: int) -> bytes:
        deadline = self._client.clock.now() + self._client.policy.total_timeout
        if (self.length or 0) > most:
            raise NetworkError(
                f"`{urls.shown(self.url)}` sent {self.length} bytes where at most {most} are allowed"
            )
        body = bytearray()
        for piece in pieces:
            body += piece
            if len(body) > most:
                raise NetworkError(f"`{urls.shown(self.url)}` sent more than {most} bytes")
            if self._client.clock.now() > deadline:
                raise NetworkError(f"`{urls.shown(self.url)}` takes too long to answer", transient=True)
        return bytes(body)


class Client:
    """HTTP client with a pool of connections; any number of threads may share it.

    `environ` names proxies and trusted certificates; `agent` is the `User-Agent`.
    """

    def __init__(
        self, environ: Mapping[str, str], agent: str, clock: Clock, policy: RetryPolicy = POLICY
    ) -> None:
        self.clock = clock
        self.policy = policy
        self._environ = environ
        self._agent = agent
        self._lock = threading.Lock()
        self._pools: dict[str, Any] = {}
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Make every request of another thread fail, since its answer is no longer needed."""
        self._stopped.set()

    def hurried(self) -> Client:
        """Return the same client with less policy, for who can do without an answer."""
        hurried = copy.copy(self)
        mine = self.policy
        hurried.policy = replace(
            mine,
            connect_timeout=mine.connect_timeout / 3,
            idle_timeout=mine.idle_timeout / 3,
            attempts=1 if mine.retry_seconds == 0 else 2,
            retry_seconds=None,
        )
        return hurried

    def patient(self) -> Client:
        """Return the same client for the end of an upload, on which a server may work before it answers."""
        patient = copy.copy(self)
        seconds = self.policy.closing_timeout
        patient.policy = replace(self.policy, idle_timeout=seconds, total_timeout=seconds)
        return patient

    def ask(
        self, method: str, url: str, *, body: bytes | None = None, headers: Mapping[str, str], most: int
    ) -> Reply:
        """Send a request and return the reply, of at most `most` bytes, whatever its status."""
        with self._opened(method, url, body, headers) as answer:
            if answer.status in REDIRECTS:
                raise _redirected(url, answer.headers.get("location", ""))
            return Reply(answer.status, answer.headers, answer.small(most), url)

    @contextlib.contextmanager
    def open(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """GET an address, redirected within its own host at most; NetworkError for any status but success."""
        with self.exchange("GET", url, headers) as answer:
            if answer.status not in (200, 206):
                raise refusal(answer.url, answer.status, answer.headers)
            yield answer

    @contextlib.contextmanager
    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: bytes | FilePart | None = None,
        elsewhere: bool = False,
    ) -> Iterator[Answer]:
        """Send a request and yield the answer, whatever its status but a redirect, which is followed.

        To another host only where `elsewhere` says so, and then only GET and HEAD, without what logs in;
        never from https to plain http.
        """
        for _ in range(MOST_REDIRECTS + 1):
            with self._opened(method, url, body, headers) as answer:
                if answer.status not in REDIRECTS:
                    yield answer
                    return
                location = urllib.parse.urljoin(url, answer.headers.get("location", ""))
            asks = method in ("GET", "HEAD")
            is_own = urls.same_origin(url, location)
            if not (is_own or (elsewhere and asks and not is_downgrade(url, location))):
                raise _redirected(url, location)
            if not asks and answer.status not in (307, 308):  # others make a GET of it
                raise _redirected(url, location)
            if not is_own:
                headers = {name: text for name, text in headers.items() if name.lower() not in LOGIN_HEADERS}
            url = _checked_location(url, location)
        raise NetworkError(f"`{urls.shown(url)}` redirects in a circle")

    @contextlib.contextmanager
    def _opened(
        self, method: str, url: str, body: bytes | FilePart | None, headers: Mapping[str, str]
    ) -> Iterator[Answer]:
        import urllib3

        pool = self._pool(urls.check(url))
        timeout = urllib3.Timeout(connect=self.policy.connect_timeout, read=self.policy.idle_timeout)
        sent = {"User-Agent": self._agent, "Accept-Encoding": "identity", **headers}
        with contextlib.ExitStack() as stack:
            data: bytes | Iterator[bytes] | None = body if isinstance(body, bytes) else None
            if isinstance(body, FilePart):
                sent["Content-Length"] = str(body.size)
                data = stack.enter_context(contextlib.closing(self._read_part(body)))
            stack.enter_context(self.faults(url))
            response = pool.request(
                method, url, body=data, headers=sent, timeout=timeout,
                retries=False, redirect=False, preload_content=False,
            )  # fmt: skip
        try:
            yield Answer(response, url, self)
            response.drain_conn() if response.length_remaining == 0 else None
        finally:
            response.close()

    def _read_part(self, part: FilePart) -> Generator[bytes]:
        """Yield the bytes of a part of a file; raise ToolError where there are fewer."""
        end = self.clock.now() + self.policy.longest_download
        left = part.size
        with files.disk_errors("read", part.path), open(part.path, "rb") as file:
            file.seek(part.first)
            while left:
                if self.clock.now() > end:
                    hours = self.policy.longest_download / 3600
                    raise NetworkError(f"sending `{part.path}` takes more than {hours:g} h")
                if self._stopped.is_set():
                    raise NetworkError("stopped")
                piece = file.read(min(PIECE, left))
                if not piece:
                    raise ToolError(f"`{part.path}` became shorter while it was sent")
                left -= len(piece)
                yield piece

    def _pool(self, url: str) -> Any:
        """Return the connection pool for an address, by the proxy that it needs."""
        import urllib3

        proxy = urls.proxy_for(url, self._environ)
        secure = url.startswith("https:") or str(proxy).startswith("https:")
        key = f"{proxy} {secure}"
        with self._lock:
            if key not in self._pools:
                options: dict[str, Any] = {
                    "maxsize": CONNECTIONS,
                    "ssl_context": tls.context(self._environ) if secure else None,
                }
                pool = urllib3.PoolManager(**options) if proxy is None else _proxied(proxy, options)
                pool.pool_classes_by_scheme = _timely_pools()
                self._pools[key] = pool
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
            raise explain(error, url, self.policy, self._proxy_named(url)) from error

    def _proxy_named(self, url: str) -> str:
        """Return which proxy is asked for an address and which variable names it, for a message."""
        proxy = urls.proxy_for(url, self._environ)
        if proxy is None:
            return ""
        return f" `{urls.shown(proxy)}` of `{urls.proxy_variable(url, self._environ)}`"


def _timely_pools() -> dict[str, Any]:
    """Return classes of pools, by scheme, in which the head of an answer comes in time."""
    from urllib3 import connection, connectionpool

    from vpy.system.network.response_head import TimelyResponse

    class Plain(connection.HTTPConnection):
        response_class = TimelyResponse

    class Secure(connection.HTTPSConnection):
        response_class = TimelyResponse

    class PlainPool(connectionpool.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(connectionpool.HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _proxied(proxy: str, options: dict[str, Any]) -> Any:
    import urllib3

    parts = urllib.parse.urlsplit(proxy)
    headers = None
    if parts.username is not None:
        name, password = urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or "")
        headers = urllib3.make_headers(proxy_basic_auth=f"{name}:{password}")
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return urllib3.ProxyManager(
        bare, proxy_headers=headers, proxy_ssl_context=options["ssl_context"], **options
    )


def refusal(url: str, status: int, headers: Mapping[str, str]) -> NetworkError:
    """Return the error of an HTTP status."""
    return NetworkError(
        f"`{urls.shown(url)}` answered with status {status}",
        transient=status in PASSING,
        wait=retry_after(headers),
        status=status,
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` asks for; None for none, or for a date."""
    text = headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def is_downgrade(url: str, location: str) -> bool:
    """Return whether a server that was asked by https names an address of plain http."""
    return url.startswith("https:") and not location.startswith("https:")


def _checked_location(url: str, location: str) -> str:
    try:
        return urls.check(location)
    except UserError:
        raise _redirected(url, location) from None


def _redirected(url: str, location: str) -> NetworkError:
    there = urls.shown(urllib.parse.urljoin(url, location))
    return NetworkError(
        f"`{urls.shown(url)}` redirects to `{there}`, which is refused",
        hint="name the address itself, if it is to be trusted",
    )


def explain(error: Exception, url: str, policy: RetryPolicy, proxy: str = "") -> NetworkError:
    """Return the NetworkError of an error of urllib3 or of the system; `proxy` says which is in the way.

    Broken connections and timeouts are transient. An exception's own text is never shown, since it
    may quote a signed address.
    """
    from urllib3 import exceptions

    path = f"`{urls.shown(url)}`"
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, ssl.SSLCertVerificationError):
            reason = each.verify_message or "it is not valid"
            return NetworkError(f"the certificate of {path} is not trusted: {reason}", hint=CERTIFICATE_HINT)
    if isinstance(error, exceptions.ProxyError):
        nobody = (
            exceptions.NewConnectionError,
            exceptions.NameResolutionError,
            exceptions.ConnectTimeoutError,
        )
        absent = any(isinstance(each, nobody) for each in chain)
        fact = f"cannot reach {path} through the proxy{proxy}: {_reason(chain)}"
        return NetworkError(fact, transient=True, unreachable=absent)
    if isinstance(error, exceptions.NameResolutionError):
        return NetworkError(f"cannot find {path}: its name is not known", transient=True, unreachable=True)
    if isinstance(error, exceptions.NewConnectionError):
        return NetworkError(f"cannot connect to {path}: {_reason(chain)}", transient=True, unreachable=True)
    if isinstance(error, exceptions.ConnectTimeoutError):
        within = f"within {policy.connect_timeout:g} s"
        return NetworkError(f"{path} did not answer {within}", transient=True, unreachable=True)
    if isinstance(error, (exceptions.ReadTimeoutError, TimeoutError)):
        return NetworkError(f"{path} sent nothing for {policy.idle_timeout:g} s", transient=True)
    for each in chain:
        if isinstance(each, ssl.SSLError) and not isinstance(each, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            return NetworkError(f"no secure connection to {path}: {_words(each.reason)}")
    if isinstance(error, (exceptions.ProtocolError, exceptions.SSLError, OSError)):
        return NetworkError(f"the connection to {path} broke: {_reason(chain)}", transient=True)
    return NetworkError(f"{path} cannot be read: {_words(type(error).__name__)}")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and its causes, each once."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        each = todo.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        todo += [each.__cause__, each.__context__]
        todo += [item for item in each.args if isinstance(item, BaseException)]


def _reason(chain: list[BaseException]) -> str:
    """Return the system's text for the innermost error."""
    for each in reversed(chain):
        if isinstance(each, OSError) and each.strerror:
            return each.strerror
    names = {
        "IncompleteRead": "its body is shorter than announced",
        "RemoteDisconnected": "the other side closed it",
        "SlowHeadError": "the head of its answer has no end",
    }
    for each in chain:
        if type(each).__name__ in names:
            return names[type(each).__name__]
    return _words(type(chain[-1]).__name__)


def _words(name: str | None) -> str:
    """Return `BadStatusLine` as `bad status line`, `WRONG_VERSION_NUMBER` as `wrong version number`."""
    if not name:
        return "no reason given"
    if name.isupper():
        return name.replace("_", " ").lower()
    return "".join(f" {item.lower()}" if item.isupper() else item for item in name).strip()
