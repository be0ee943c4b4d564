"""HTTP of a resolution: pip's session with as many connections as help, and one way to read an answer.

Nothing goes into pip's own cache of HTTP, whose adapter writes each answer into a temporary file beside.
"""

from __future__ import annotations

import importlib
import math
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from vpy.wheels.index_client import errors, faults
from vpy.wheels.index_client.bounds import OutOfBoundsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vpy.wheels.index_client.cache import Cache

# Each costs a TLS handshake: more of them bring less than they cost.
CONNECTIONS = 10
# Hundreds of small answers are worth more of them.
_MOST_CONNECTIONS = 32
PLAIN = {"Accept-Encoding": "identity"}
_MANY = 1 << 30
_LONGEST_PAUSE = 8  # seconds
OFFLINE = "not in the root, and network access is disabled by `-vpython-offline`"


class Web:
    """Session that several threads use; `workers` runs what is fetched ahead, `cache` has what is here."""

    def __init__(self, session: Any, cache: Cache) -> None:
        self.session = session
        self.cache = cache
        self.workers = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="index")
        self._more_workers: ThreadPoolExecutor | None = None
        self._caching: dict[Any, Any] = {}
        _read_environment_once(session)
        for adapter in set(session.adapters.values()):
            if hasattr(adapter, "poolmanager"):
                adapter.poolmanager.connection_pool_kw["maxsize"] = _MOST_CONNECTIONS
            if hasattr(adapter, "cacheable_methods"):
                self._caching[adapter] = adapter.cacheable_methods
                adapter.cacheable_methods = ()

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, stream: bool = False) -> Any:
        """Return the response to a GET, whatever its status; raise RefusedError where there is none."""
        if self.is_away(url):
            raise errors.network(f"{OFFLINE}: `{shown(url)}`", "")
        try:
            response = self.session.get(url, headers=dict(headers or {}), stream=True)
            if not stream:
                _ = response.content  # reads it, within bounds
        except Exception as error:
            raise self.failure(error, url) from error
        return response

    def more_workers(self) -> ThreadPoolExecutor:
        """Return what runs hundreds of small requests."""
        if self._more_workers is None:
            self._more_workers = ThreadPoolExecutor(_MOST_CONNECTIONS, thread_name_prefix="many")
        return self._more_workers

    def is_away(self, url: str) -> bool:
        """Return whether an address must not be asked: offline all but files of this machine."""
        return self.cache.offline and not url.startswith("file:")

    def failure(self, error: Exception, url: str) -> Exception:
        """Return what a failed request means: a final error for a broken bound, else pip's to explain."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, OutOfBoundsError):
                return errors.network(str(cause), shown(url))
            cause = cause.__cause__ or cause.__context__
        return errors.NetworkError(f"{type(error).__name__} at {shown(url)}")

    def stop_retrying(self) -> None:
        """Let every further request of the session be tried once."""
        for adapter in self.session.adapters.values():
            if hasattr(adapter, "max_retries"):
                adapter.max_retries = adapter.max_retries.new(total=0)

    def close(self) -> None:
        """Drop what was fetched ahead and is not needed; pip's resolver may use its cache again."""
        for workers in (self.workers, self._more_workers):
            if workers is not None:
                workers.shutdown(wait=False, cancel_futures=True)
        for adapter, methods in self._caching.items():
            adapter.cacheable_methods = methods


def _read_environment_once(session: Any) -> None:
    """Let requests go through all variables, for proxies and certificates, once for each host."""
    read = session.merge_environment_settings
    known: dict[tuple[object, ...], Any] = {}

    def merge(url: str, proxies: Mapping[str, str], *settings: Any) -> Any:
        origin = urlsplit(url)
        key = (origin.scheme, origin.netloc, *sorted(proxies.items()), *settings)
        if key not in known:
            known[key] = read(url, dict(proxies), *settings)
        return dict(known[key])

    session.merge_environment_settings = merge


def retry_with_sense(session: Any) -> None:
    """Let a session repeat no request that fails for a reason which stays."""
    urllib3 = importlib.import_module("pip._vendor.urllib3")

    class SensibleRetry(urllib3.Retry):  # type: ignore[misc, name-defined]
        """`urllib3.Retry` that ends where `is_vain` says so."""

        def increment(self, *words: Any, **named: Any) -> Any:
            """Return the settings for the next attempt; raise MaxRetryError where there is none."""
            is_vain = faults.is_vain(named.get("error"), len(self.history) + 1)
            return urllib3.Retry.increment(self.new(total=0) if is_vain else self, *words, **named)

    for adapter in session.adapters.values():
        if (known := getattr(adapter, "max_retries", None)) is not None:
            adapter.max_retries = SensibleRetry(
                total=known.total,
                status_forcelist=known.status_forcelist,
                backoff_factor=known.backoff_factor,
            )


def retry_for(session: Any, seconds: float) -> None:
    """Let a session repeat a request that fails for so many seconds after its first failure."""
    urllib3 = importlib.import_module("pip._vendor.urllib3")

    class TimedRetry(urllib3.Retry):  # type: ignore[misc, name-defined]
        """`urllib3.Retry` with an end in time in the place of a count."""

        end = math.inf

        def increment(self, *words: Any, **named: Any) -> Any:
            """Return the settings for the next attempt; raise MaxRetryError after the last."""
            now = time.monotonic()
            end = min(self.end, now + seconds)
            current = self if now < end else self.new(total=0)
            following = urllib3.Retry.increment(current, *words, **named)
            following.end = end
            return following

        def get_backoff_time(self) -> float:
            """Return the seconds to wait, no more than are left."""
            return min(float(super().get_backoff_time()), max(0.0, self.end - time.monotonic()))

        def get_retry_after(self, response: Any) -> float | None:
            """Return the seconds that the server asks for, no more than are left."""
            asked = super().get_retry_after(response)
            return None if asked is None else min(float(asked), max(0.0, self.end - time.monotonic()))

    for adapter in session.adapters.values():
        if (known := getattr(adapter, "max_retries", None)) is not None:
            adapter.max_retries = TimedRetry(
                total=_MANY,
                status_forcelist=known.status_forcelist,
                backoff_factor=known.backoff_factor,
                backoff_max=_LONGEST_PAUSE,
            )


class NoNetwork:
    """Adapter of a session that may ask nobody."""

    def send(self, request: Any, **_: Any) -> Any:
        """Raise pip's error of a network, which names what is missing."""
        kind = importlib.import_module("pip._internal.exceptions").NetworkConnectionError
        raise kind(f"{OFFLINE}: `{shown(request.url)}`", request=request)

    def close(self) -> None:
        """Do nothing."""


def disconnect(session: Any) -> None:
    """Let a session ask nobody; files of this machine it still reads."""
    for prefix in list(session.adapters):
        if not prefix.startswith("file:"):
            session.mount(prefix, NoNetwork())


def shown(url: str) -> str:
    """Return a URL without its password; one that cannot be parsed without all that stands before an @."""
    redact = importlib.import_module("pip._internal.utils.misc").redact_auth_from_url
    try:
        return str(redact(url))
    except ValueError:
        return url.rpartition("@")[2]
