"""Download of the wheels of a resolution, side by side; each is hashed as it comes and compared."""

from __future__ import annotations

import hashlib
import os
import threading
import time

from vpy.wheels.index_client import errors
from vpy.wheels.index_client.bounds import CHUNK_BYTES
from vpy.wheels.index_client.web import PLAIN, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from typing import Any

    from vpy.wheels.index_client.pages import File
    from vpy.wheels.index_client.web import Web

_ATTEMPTS = 3
_PAUSE = 0.5


class Wheels:
    """Wheels fetched into a directory, each once."""

    def __init__(self, web: Web, directory: str) -> None:
        self.directory = directory
        self._web = web
        self._lock = threading.Lock()
        self._running: dict[str, Future[str]] = {}

    def ask(self, file: File) -> Future[str]:
        """Let a wheel be fetched; the result is the hex sha256 of its bytes."""
        with self._lock:
            if file.url not in self._running:
                self._running[file.url] = self._web.workers.submit(_fetch, self._web, file, self.directory)
            return self._running[file.url]

    def here(self, file: File) -> str:
        """Fetch a wheel and wait for it; return its path. Not for a worker, which would wait for itself."""
        self.ask(file).result()
        return self.path(file)

    def path(self, file: File) -> str:
        """Return where a wheel is once it is fetched."""
        return os.path.join(self.directory, os.path.basename(file.filename))

    def fetch_all(self, files: Sequence[File]) -> dict[str, str]:
        """Fetch wheels, the largest first; return the hex sha256 of each by its file name."""
        for file in sorted(files, key=lambda file: -file.size):
            self.ask(file)
        return {file.filename: self.ask(file).result() for file in files}


def _fetch(web: Web, file: File, directory: str) -> str:
    """Fetch one wheel, and go on where a connection broke off; return its hex sha256.

    Raises RefusedError where the bytes are others than the page says.
    """
    path = os.path.join(directory, os.path.basename(file.filename))
    hasher = hashlib.sha256()
    with open(path, "wb") as out:
        for attempt in range(_ATTEMPTS):
            try:
                hasher = _go_on(web, file, out, hasher)
                break
            except errors.UncoveredError:
                hasher = _hash_of(path, out)
                if attempt + 1 == _ATTEMPTS:
                    raise
                time.sleep(_PAUSE * 2**attempt)
    got = hasher.hexdigest()
    if file.sha256 and got != file.sha256:
        sides = {"allowed": {"sha256": [file.sha256]}, "got": {"sha256": got}}
        raise errors.RefusedError({"kind": "hash", "requirement": file.filename, **sides})
    return got


def _hash_of(path: str, out: Any) -> Any:
    """Return the hash, to be gone on with, of what was written so far."""
    out.flush()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256")


def _go_on(web: Web, file: File, out: Any, hasher: Any) -> Any:
    """Read a wheel from where `out` ends and return its hash; start over where the server does."""
    start = out.tell()
    headers = {**PLAIN, **({"Range": f"bytes={start}-", "Cache-Control": "no-cache"} if start else {})}
    response = web.get(file.url, headers, stream=True)
    if start and response.status_code == 200:
        out.seek(0)
        out.truncate()
        hasher = hashlib.sha256()
    elif response.status_code != (206 if start else 200):
        raise errors.UncoveredError(f"status {response.status_code} at {shown(file.url)}")
    expected = int(response.headers.get("Content-Length") or -1)
    got = 0
    try:
        for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
            out.write(chunk)
            hasher.update(chunk)
            got += len(chunk)
    except Exception as error:
        raise web.failure(error, file.url) from error
    if 0 <= expected != got:
        raise errors.UncoveredError(f"{shown(file.url)} broke off")
    return hasher
