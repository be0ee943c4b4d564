"""Directory of packages behind any web server: the `directory:URL` source."""

from __future__ import annotations

import urllib.parse

from vpy.errors import ToolError
from vpy.system.network import urls
from vpy.system.network.download import Download
from vpy.system.network.retry import NetworkError, retry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vpy.system.network.http import Client
    from vpy.system.status import Status

MISSING = (404, 410)


class WebReader:
    """`directory.Reader` of a URL, `root`, which may end in a slash and has no query.

    Without a `client`, network access is disabled. Raises UserError for a URL that is refused.
    """

    def __init__(self, root: str, client: Client | None, status: Status) -> None:
        self._root = urls.check(root).rstrip("/")
        self._client = client
        self._status = status

    def _url(self, path: str) -> str:
        # `+` is quoted too: some buckets read a plain one as a blank.
        return f"{self._root}/{urllib.parse.quote(path, safe='/')}"

    def _online_client(self) -> Client:
        if self._client is None:
            raise ToolError(
                "network access is disabled by `-vpython-offline`",
                hint="run it once without -vpython-offline",
            )
        return self._client

    def read(self, path: str, limit: int) -> bytes | None:
        """Return the bytes of a small file, None where there is none; NetworkError for more than `limit`."""
        client = self._online_client()

        def get() -> bytes:
            with client.open(self._url(path), {}) as answer:
                return answer.small(limit)

        try:
            return retry(get, client.policy, client.clock)
        except NetworkError as error:
            if error.status in MISSING:
                return None
            raise

    def stream(self, path: str) -> Iterable[bytes]:
        """Yield the bytes of a file in pieces; NetworkError where it cannot be read."""
        return Download(self._online_client(), lambda: self._url(path), path, self._status).pieces()

    def size(self, path: str) -> int | None:
        """Return None: the size is not known without a request."""
        return None
