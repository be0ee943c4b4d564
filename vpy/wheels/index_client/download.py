"""Download of the wheels of a resolution, side by side; each is hashed as it comes and compared."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from concurrent.futures import as_completed

from vpy.wheels.index_client import errors
from vpy.wheels.index_client.bounds import CHUNK_BYTES
from vpy.wheels.index_client.conversation import Conversation
from vpy.wheels.index_client.web import PLAIN, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from typing import Any

    from vpy.wheels.index_client.pages import File
    from vpy.wheels.index_client.web import Web

_ATTEMPTS = 3
_PAUSE = 0.5
_NOT_SATISFIABLE = 416
_PIECE = 1 << 18


class Wheels:
    """Wheels fetched into a directory, each once.

    `partial` is the beginning of the path that a wheel has while it is not whole, where it is to be gone on
    with by another process; the rest is its sha256. "" for none.
    """

    def __init__(
        self, web: Web, directory: str, *, partial: str = "", conversation: Conversation | None = None
    ) -> None:
        self.directory = directory
        self._partial = partial
        self._conversation = conversation or Conversation()
        self._web = web
        self._lock = threading.Lock()
        self._running: dict[str, Future[str]] = {}

    def ask(self, file: File) -> Future[str]:
        """Let a wheel be fetched; the result is the hex sha256 of its bytes."""
        with self._lock:
            if file.url not in self._running:
                self._running[file.url] = self._web.workers.submit(self._fetch, file)
            return self._running[file.url]

    def is_asked(self, file: File) -> bool:
        """Return whether a wheel is being fetched, or was."""
        with self._lock:
            return file.url in self._running

    def here(self, file: File) -> str:
        """Fetch a wheel and wait for it; return its path. Not for a worker, which would wait for itself."""
        self.ask(file).result()
        return self.path(file)

    def path(self, file: File) -> str:
        """Return where a wheel is once it is fetched."""
        return os.path.join(self.directory, os.path.basename(file.filename))

    def fetched(self, files: Sequence[File]) -> Iterator[tuple[File, str]]:
        """Fetch wheels, the largest first; yield each with its hex sha256, as it is here."""
        running = {self.ask(file): file for file in sorted(files, key=lambda file: -file.size)}
        for done in as_completed(running):
            yield running[done], done.result()

    def _fetch(self, file: File) -> str:
        """Fetch a wheel, and go on where a connection or an earlier process broke off; return its hex sha256.

        Raises RefusedError where the bytes are others than the page says.
        """
        self._conversation.fetching(file.filename, file.size)
        with _opened(self._partial + file.sha256 if self._partial else "", file, self.path(file)) as out:
            earlier = out.seek(0, os.SEEK_END)
            got = self._fill(file, out)
            if earlier and file.sha256 and got != file.sha256:  # what was kept is no part of it
                out.seek(0)
                out.truncate()
                got = self._fill(file, out)
            if file.sha256 and got != file.sha256:
                os.unlink(out.name)
                sides = {"allowed": {"sha256": [file.sha256]}, "got": {"sha256": got}}
                raise errors.RefusedError({"kind": "hash", "requirement": file.filename, **sides})
            if out.name != self.path(file):
                os.replace(out.name, self.path(file))
        return got

    def _fill(self, file: File, out: Any) -> str:
        """Fetch what a file lacks of a wheel; return the hex sha256 of the whole."""
        hasher = _hash_of(out)
        if file.size and out.tell() == file.size:
            return str(hasher.hexdigest())
        for attempt in range(_ATTEMPTS):
            try:
                hasher = self._go_on(file, out, hasher)
                break
            except errors.UncoveredError:
                hasher = _hash_of(out)
                if attempt + 1 == _ATTEMPTS:
                    raise
                time.sleep(_PAUSE * 2**attempt)
        out.flush()
        return str(hasher.hexdigest())

    def _go_on(self, file: File, out: Any, hasher: Any) -> Any:
        """Read a wheel from where `out` ends and return its hash; start over where the server does."""
        start = out.tell()
        headers = {**PLAIN, **({"Range": f"bytes={start}-", "Cache-Control": "no-cache"} if start else {})}
        response = self._web.get(file.url, headers, stream=True)
        if start and response.status_code in (200, _NOT_SATISFIABLE):
            out.seek(0)
            out.truncate()
            hasher = hashlib.sha256()
        if start and response.status_code == _NOT_SATISFIABLE:
            return self._go_on(file, out, hasher)
        if response.status_code not in ((200, 206) if start else (200,)):
            raise errors.UncoveredError(f"status {response.status_code} at {shown(file.url)}")
        expected = int(response.headers.get("Content-Length") or -1)
        got = 0
        try:
            for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
                out.write(chunk)
                hasher.update(chunk)
                got += len(chunk)
                self._conversation.came(file.filename, len(chunk))
        except Exception as error:
            raise self._web.failure(error, file.url) from error
        if 0 <= expected != got:
            raise errors.UncoveredError(f"{shown(file.url)} broke off")
        return hasher


@contextlib.contextmanager
def _opened(partial: str, file: File, path: str) -> Iterator[Any]:
    """Open what there is of a wheel, to be gone on with; `path` itself where another process is at it."""
    if partial and file.sha256:
        with open(partial, "a+b") as out:
            if _is_ours(out):
                yield out
                return
    with open(path, "w+b") as out:
        yield out


def _is_ours(out: Any) -> bool:
    """Lock an open file for as long as it is open; return False where another process has it, or had it."""
    try:
        import fcntl
    except ImportError:  # Windows cannot rename what is open
        return False
    try:
        fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(out.fileno()), os.stat(out.name))
    except OSError:
        return False


def _hash_of(out: Any) -> Any:
    """Return the hash, to be gone on with, of what was written so far; go to its end."""
    out.flush()
    out.seek(0)
    hasher = hashlib.sha256()
    while chunk := out.read(_PIECE):
        hasher.update(chunk)
    return hasher
