"""A tree of packages behind any web server: the `directory` source by its address."""

from __future__ import annotations

import urllib.parse

from vpy.errors import ToolError
from vpy.packages.download import Download
from vpy.system import address
from vpy.system.patience import NetworkError, persist

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vpy.system.http import Client
    from vpy.system.progress import Progress

MISSING = (404, 410)


class WebReader:
    """A `directory.Reader`; `root` is the tree's address, which may end in a slash and has no query.

    Without a `client` nobody is asked (offline). Raises UserError for an address that may not be asked.
    """

    def __init__(self, root: str, client: Client | None, progress: Progress) -> None:
        self._root = address.check(root).rstrip("/")
        self._client = client
        self._progress = progress

    def _url(self, path: str) -> str:
        # `+` too: some buckets read a plain one as a blank.
        return f"{self._root}/{urllib.parse.quote(path, safe='/')}"

    def _asked(self) -> Client:
        if self._client is None:
            raise ToolError("nobody may be asked", hint="run it once without -vpython-offline")
        return self._client

    def read(self, path: str, most: int) -> bytes | None:
        client = self._asked()

        def once() -> bytes:
            with client.open(self._url(path), {}) as answer:
                return answer.small(most)

        try:
            return persist(once, client.patience, client.clockwork)
        except NetworkError as error:
            if error.status in MISSING:
                return None
            raise

    def stream(self, path: str) -> Iterable[bytes]:
        return Download(self._asked(), lambda: self._url(path), self._progress).pieces()

    def size(self, path: str) -> int | None:
        return None
