"""Upload of one blob, in one request or in chunks, which goes on where a connection broke."""

from __future__ import annotations

import contextlib
import re
import urllib.parse

from vpy.system.network.http import FilePart
from vpy.system.network.retry import NetworkError, again, give_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vpy.packages.oci.connection import Connection
    from vpy.system.network.http import Client, Reply

MOST_MOUNTS = 3
LARGEST_MINIMUM = 1 << 30
BINARY = {"Content-Type": "application/octet-stream"}
# A registry that knows no chunks has one of these for the first.
CHUNKLESS = (400, 404, 405, 411, 415, 501)
# It no longer knows the upload, or not how much of it has come.
SESSION_LOST = (400, 404, 409, 410)
OUT_OF_ORDER = 416
_SENT = re.compile(r"(?:bytes=)?0-([0-9]{1,18})")


class Upload:
    """Upload of the blob `digest`, whose `size` bytes are in `source`: a file's path, or themselves.

    More than `chunk` bytes are sent in chunks of that size, or of the least that the registry takes.
    `progress` gets how many more have arrived; a negative number takes back what must be sent again.
    """

    def __init__(
        self,
        connection: Connection,
        digest: str,
        size: int,
        source: str | bytes,
        *,
        chunk: int,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._connection = connection
        self._digest = digest
        self._size = size
        self._source = source
        self._chunk = chunk
        self._scope = connection.scope("pull,push")
        algorithm = digest.partition(":")[0]
        query = "" if algorithm == "sha256" else f"?digest-algorithm={algorithm}"
        self._url = connection.url("blobs/uploads/")
        self._begin_url = f"{self._url}{query}"
        self._progress = progress
        self._in_chunks = size > chunk
        self._location = ""  # of the upload; "" before it begins
        self._least = 0  # bytes of a chunk
        self._offset = 0  # bytes that have arrived
        self._is_unsure = False  # whether the registry may have others
        self._is_closing = False  # whether it may have all

    def mount(self, repositories: Sequence[str]) -> bool:
        """Let the registry take the blob from another repository of its own; False where it does not."""
        for name in repositories[:MOST_MOUNTS]:
            query = urllib.parse.urlencode({"mount": self._digest, "from": name})
            scope = f"{self._scope} {self._connection.scope('pull', name)}"
            try:
                reply = self._connection.ask("POST", f"{self._url}?{query}", scope, (201, 202), headers=EMPTY)
            except NetworkError as error:
                if error.transient or not error.status:
                    raise
                continue  # it may not be read there, or is not there
            self._cancel()  # what the request before this one began
            if reply.status == 201:
                self._check(reply)
                return True
            self._begin_at(reply)
        return False

    def send(self) -> None:
        """Send the blob; raise NetworkError where that cannot be done."""
        policy, clock = self._connection.client.policy, self._connection.client.clock
        failures = resumes = reached = 0
        began: float | None = None
        while True:
            try:
                return self._attempt()
            except NetworkError as error:
                if error.is_final or not (error.transient or self._may_go_on(error)):
                    if error.status:
                        self._cancel()
                    raise
                resumes += 1
                if self._offset > reached or began is None:
                    failures, began = 0, clock.now()
                reached = max(reached, self._offset)
                failures += 1
                if resumes > policy.resumes and policy.retry_seconds is None:
                    give_up(error, resumes)
                again(error, failures, began, policy, clock)
                self._is_unsure = True

    def _attempt(self) -> None:
        if self._is_unsure and self._is_sent():
            return
        self._is_unsure = False
        if not self._location:
            self._begin_at(self._ask("POST", self._begin_url, (202,)))
        if self._in_chunks:
            while self._offset < self._size:
                self._send_chunk()
        self._close()

    def _begin_at(self, reply: Reply) -> None:
        self._reach(0)
        self._move(reply)
        if not self._location:
            self._location = self._connection.place(reply.url, "")
        text = reply.headers.get("oci-chunk-min-length", "")
        self._least = min(int(text), LARGEST_MINIMUM) if re.fullmatch("[0-9]{1,18}", text) else 0

    def _send_chunk(self) -> None:
        """Send the next chunk, and note how much of it has arrived."""
        size = min(max(self._chunk, self._least), self._size - self._offset)
        headers = {**BINARY, "Content-Range": f"{self._offset}-{self._offset + size - 1}"}
        part = self._part(self._offset, size)
        reply = self._ask("PATCH", self._location, (200, 201, 202, 204), headers, part)
        before, sent = self._offset, self._offset + size
        arrived = self._arrived(reply, sent)
        self._move(reply)
        if before < arrived <= sent:
            self._reach(arrived)
        else:
            fact = f"has {arrived} bytes of an upload where {sent} were sent"
            raise NetworkError(f"`{self._connection.reference.host}` {fact}", transient=arrived == before)

    def _close(self) -> None:
        """End the upload with the digest of all of it; what is not sent in chunks comes with that."""
        parts = urllib.parse.urlsplit(self._location)
        own = urllib.parse.urlencode({"digest": self._digest})
        url = parts._replace(query=f"{parts.query}&{own}" if parts.query else own).geturl()
        self._is_closing = True
        headers, body = (EMPTY, None) if self._in_chunks else (BINARY, self._part(0, self._size))
        reply = self._ask("PUT", url, (201, 204), headers, body, client=self._connection.client.patient())
        self._reach(self._size)
        self._check(reply)

    def _is_sent(self) -> bool:
        """Ask how much has arrived; True for all of it, closed. An upload that is not known begins again."""
        if self._is_closing:
            reply = self._ask("HEAD", self._connection.url(f"blobs/{self._digest}"), (200, 404))
            self._is_closing = False
            if reply.status == 200:
                return True
        if self._location and self._in_chunks:
            try:
                reply = self._ask("GET", self._location, (200, 202, 204))
            except NetworkError as error:
                if error.transient:
                    raise
                self._location = ""
            else:
                self._move(reply)
                arrived = self._arrived(reply, -1)
                if 0 <= arrived <= self._size:
                    self._reach(arrived)
                else:
                    self._location = ""
        else:
            self._location = ""
        return False

    def _may_go_on(self, error: NetworkError) -> bool:
        """Return whether a refusal only means that the upload must be resumed or begin again."""
        if not self._location or (self._is_closing and error.status == 400):
            return False
        if self._in_chunks and not self._offset and error.status in CHUNKLESS:
            self._in_chunks, self._location = False, ""
            return True
        if error.status in SESSION_LOST:
            self._location = ""
        return error.status in SESSION_LOST or error.status == OUT_OF_ORDER

    def _cancel(self) -> None:
        """Let the registry forget an upload; whether it does matters to nobody."""
        if self._location:
            with contextlib.suppress(NetworkError):
                self._ask("DELETE", self._location, (200, 202, 204))
        self._location = ""

    def _ask(
        self,
        method: str,
        url: str,
        expected: Sequence[int],
        headers: Mapping[str, str] | None = None,
        body: bytes | FilePart | None = None,
        *,
        client: Client | None = None,
    ) -> Reply:
        return self._connection.ask(
            method, url, self._scope, expected, headers=headers, body=body, again=False, client=client
        )

    def _part(self, first: int, size: int) -> bytes | FilePart:
        if isinstance(self._source, bytes):
            return self._source[first : first + size]
        return FilePart(self._source, first, size)

    def _reach(self, offset: int) -> None:
        """Note how much has arrived."""
        self._progress(offset - self._offset)
        self._offset = offset

    def _move(self, reply: Reply) -> None:
        """Go on where the answer says, if it says so."""
        text = reply.headers.get("location", "")
        if text:
            self._location = self._connection.place(reply.url, text)

    def _arrived(self, reply: Reply, silent: int) -> int:
        """Return how many bytes a `Range` says have arrived, `silent` where there is none.

        `0-0` is what registries say of no byte at all, too; no chunk is as small as one.
        """
        text = reply.headers.get("range", "")
        found = _SENT.fullmatch(text)
        if not text:
            return silent
        if found is None:
            raise NetworkError(f"`{self._connection.reference.host}` has no readable `Range` for an upload")
        return int(found[1]) + 1 if int(found[1]) else 0

    def _check(self, reply: Reply) -> None:
        """Refuse a registry that took the blob for another."""
        other = reply.headers.get("docker-content-digest", self._digest)
        if other != self._digest:
            raise NetworkError(f"`{self._connection.reference.host}` took `{self._digest}` for `{other}`")


EMPTY: Mapping[str, str] = {"Content-Length": "0"}
