"""HTTP of a resolution: pip's session with as many connections as help, and one way to read an answer."""

from __future__ import annotations

import importlib
from concurrent.futures import ThreadPoolExecutor

from vpy.wheels.index_client import errors
from vpy.wheels.index_client.bounds import OutOfBoundsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Each costs a TLS handshake and the loading of all certificates: more of them bring less than they cost.
CONNECTIONS = 10
PLAIN = {"Accept-Encoding": "identity"}


class Web:
    """Session that several threads use; `workers` runs what is fetched ahead."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.workers = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="index")
        for adapter in set(session.adapters.values()):
            if hasattr(adapter, "poolmanager"):
                adapter.poolmanager.connection_pool_kw["maxsize"] = CONNECTIONS

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, stream: bool = False) -> Any:
        """Return the response to a GET, whatever its status; raise RefusedError where there is none."""
        try:
            response = self.session.get(url, headers=dict(headers or {}), stream=True)
            if not stream:
                _ = response.content  # reads it, within bounds
        except Exception as error:
            raise self.failure(error, url) from error
        return response

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
        """Drop what was fetched ahead and is not needed."""
        self.workers.shutdown(wait=False, cancel_futures=True)


def shown(url: str) -> str:
    """Return a URL without its password; one that cannot be parsed without all that stands before an @."""
    redact = importlib.import_module("pip._internal.utils.misc").redact_auth_from_url
    try:
        return str(redact(url))
    except ValueError:
        return url.rpartition("@")[2]
