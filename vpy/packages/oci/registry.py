"""Registry as the OCI distribution specification 1.1 has it: manifests and blobs of one repository.

Nothing that a registry sends is believed before it has the hash that it is named by.
"""

from __future__ import annotations

import contextlib
import json
import os
import re

from vpy.errors import ToolError
from vpy.packages.oci.connection import Connection
from vpy.packages.oci.image import INDEX, LARGEST_DOCUMENT, MANIFEST
from vpy.packages.oci.reference import (
    ALGORITHMS,
    check_digest,
    check_repository,
    check_tag,
    digest_of,
    is_digest,
    is_tag,
)
from vpy.packages.oci.upload import Upload
from vpy.system import files
from vpy.system.network import urls
from vpy.system.network.download import Download
from vpy.system.network.retry import NetworkError
from vpy.system.status import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vpy.packages.oci.credentials import Credentials
    from vpy.packages.oci.reference import Reference
    from vpy.system.network.http import Answer, Client

LARGEST_PAGE = 4 << 20
MOST_PAGES = 1000
MOST_TAGS = 100_000
CHUNK = 32 << 20
MEDIA_TYPES = (
    MANIFEST,
    INDEX,
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_LINK = re.compile(r'<([^<>"]*)>((?:[ \t]*;[ \t]*[^,;]*)*)')


class Registry:
    """One repository of a registry; any number of threads may share it.

    `status` shows what is under way. Blobs of more than `chunk` bytes are uploaded in chunks. A method raises
    NetworkError where the registry cannot be asked, refuses, or sends what it should not.
    """

    def __init__(
        self,
        client: Client,
        reference: Reference,
        credentials: Credentials,
        *,
        status: Status | None = None,
        chunk: int = CHUNK,
    ) -> None:
        self.reference = reference
        self._connection = Connection(client, reference, credentials)
        self._status = status or Status()
        self._chunk = chunk
        self._host = reference.host
        self._pull = self._connection.scope("pull")
        self._push = self._connection.scope("pull,push")

    def stop(self) -> None:
        """Make every request of another thread fail, since its answer is no longer needed."""
        self._connection.client.stop()

    def manifest(self, name: str = "") -> tuple[bytes, str] | None:
        """Return the bytes and media type of a manifest or index; None where there is none.

        `name` is a tag or a digest; "" stands for the reference's own.
        """
        name = name or self.reference.name
        url = self._connection.url(f"manifests/{_checked(name)}")
        headers = {"Accept": ", ".join(MEDIA_TYPES)}
        reply = self._connection.ask(
            "GET", url, self._pull, (200, 404), headers=headers, most=LARGEST_DOCUMENT
        )
        if reply.status == 404:
            return None
        named = reply.headers.get("docker-content-digest", "")
        for digest in (name, named):
            if digest.partition(":")[0] in ALGORITHMS and ":" in digest:
                self._check_hash(digest, digest_of(reply.body, digest.partition(":")[0]))
        return reply.body, self._media_type(reply.headers, reply.body)

    def put_manifest(self, name: str, data: bytes, media_type: str) -> None:
        """Upload a manifest or index under a tag or its digest."""
        if len(data) > LARGEST_DOCUMENT:
            raise ToolError(
                f"a manifest has {len(data)} bytes, and registries take at most {LARGEST_DOCUMENT}"
            )
        url = self._connection.url(f"manifests/{_checked(name)}")
        own = digest_of(data, name.partition(":")[0] if is_digest(name) else "sha256")
        if is_digest(name) and own != name:
            raise ToolError(f"a manifest with the hash `{own}` cannot be uploaded as `{name}`")
        headers = {"Content-Type": media_type}
        reply = self._connection.ask(
            "PUT", url, self._push, (200, 201, 202, 204), headers=headers, body=data, most=LARGEST_PAGE
        )
        taken = reply.headers.get("docker-content-digest", own)
        if taken.partition(":")[0] == own.partition(":")[0] and taken != own:
            raise NetworkError(f"`{self._host}` took the manifest `{own}` for `{taken}`")

    def has_blob(self, digest: str, size: int) -> bool:
        """Return whether a blob is there; NetworkError for another size. A size of 0 is not known."""
        return self._has_blob(digest, size, self._pull)

    def _has_blob(self, digest: str, size: int, scope: str) -> bool:
        reply = self._connection.ask("HEAD", self._blob_url(digest), scope, (200, 404))
        if reply.status == 404:
            return False
        length = reply.headers.get("content-length", "")
        if size and length and length != str(size):
            raise NetworkError(f"`{self._host}` has `{digest}` with {length} bytes where it must have {size}")
        return True

    def read_blob(self, digest: str, most: int) -> bytes:
        """Return a blob of at most `most` bytes."""
        reply = self._connection.ask("GET", self._blob_url(digest), self._pull, (200,), most=most)
        self._check_hash(digest, digest_of(reply.body, digest.partition(":")[0]))
        return reply.body

    def fetch_blob(
        self, digest: str, size: int, path: str, *, progress: Callable[[int], None] | None = None
    ) -> bool:
        """Write a blob to a new file; return False where it is not there. A size of 0 is not known.

        `progress` gets the number of bytes of each piece. Where this raises, there is no file.
        """
        import hashlib

        url = self._blob_url(digest)
        algorithm = digest.partition(":")[0]
        hasher = hashlib.new(algorithm)
        download = Download(
            self._connection.client, lambda: url, digest[: len(algorithm) + 13], self._status,
            opener=self._open_blob, size=size or None,
        )  # fmt: skip
        is_new = is_whole = False

        def pieces() -> Iterator[bytes]:
            nonlocal is_new
            is_new = True  # nothing is taken before the file is there
            for piece in download.pieces():
                hasher.update(piece)
                yield piece
                if progress is not None:
                    progress(len(piece))

        try:
            with files.disk_errors("write", path):
                files.write_new(path, pieces(), 0o666)
            self._check_hash(digest, f"{algorithm}:{hasher.hexdigest()}")
            is_whole = True
        except NetworkError as error:
            if error.status != 404 or error.is_final:
                raise
        finally:
            if is_new and not is_whole:
                with contextlib.suppress(OSError):
                    os.unlink(path)
        return is_whole

    def put_blob(self, digest: str, size: int, source: str | bytes, *, mount: Sequence[str] = ()) -> bool:
        """Upload a blob from a file, or from bytes, unless it is there; return whether it was sent.

        `mount` are other repositories of the same registry that it may be taken from instead.
        """
        if self._has_blob(digest, size, self._push):
            return False
        upload = Upload(
            self._connection, digest, size, source, chunk=self._chunk, progress=self._status.advance
        )
        others = [check_repository(name) for name in mount if name != self.reference.repository]
        if upload.mount(others):
            return False
        self._status.expect(size)
        with self._status.under_way(digest[:19]):
            upload.send()
        return True

    def tags(self) -> list[str]:
        """Return all tags of the repository, none where it is not there."""
        url = self._connection.url("tags/list?n=1000")
        found: dict[str, None] = {}
        for _ in range(MOST_PAGES):
            reply = self._connection.ask("GET", url, self._pull, (200, 404), most=LARGEST_PAGE)
            if reply.status == 404:
                return list(found)
            before = len(found)
            found.update(dict.fromkeys(self._tags_of(reply.body)))
            url = self._next_page(reply.headers.get("link", ""), reply.url)
            if not url:
                return list(found)
            if len(found) == before or len(found) > MOST_TAGS:
                break
        raise NetworkError(f"`{self._host}` has no end of tags of `{self.reference.repository}`")

    def _tags_of(self, data: bytes) -> list[str]:
        try:
            names = json.loads(data)["tags"] or []
            is_sound = isinstance(names, list)
            is_sound = is_sound and all(isinstance(name, str) and is_tag(name) for name in names)
        except (ValueError, RecursionError, LookupError, TypeError):
            is_sound = False
        if not is_sound:
            raise NetworkError(f"`{self._host}` sent no list of tags for `{self.reference.repository}`")
        return names

    def _next_page(self, text: str, url: str) -> str:
        """Return the address of the next page by a `Link` (RFC 8288); "" for none."""
        for match in _LINK.finditer(text):
            if re.search(r';[ \t]*rel[ \t]*=[ \t]*"?next"?[ \t]*(?:;|$)', match[2], re.IGNORECASE):
                location = self._connection.place(url, match[1])
                if urls.same_origin(self.reference.url, location):
                    return location
                raise NetworkError(f"`{self._host}` goes on with its tags at `{urls.shown(location)}`")
        return ""

    @contextlib.contextmanager
    def _open_blob(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        with self._connection.opened("GET", url, self._pull, headers) as answer:
            if answer.status not in (200, 206):
                raise self._connection.failure(answer)
            yield answer

    def _blob_url(self, digest: str) -> str:
        return self._connection.url(f"blobs/{check_digest(digest)}")

    def _check_hash(self, expected: str, found: str) -> None:
        if expected != found:
            raise NetworkError(f"`{self._host}` sent other bytes than those of `{expected}`: `{found}`")

    def _media_type(self, headers: Mapping[str, str], data: bytes) -> str:
        """Return what a document is by its header, or by itself where a server knows only JSON."""
        sent = headers.get("content-type", "").partition(";")[0].strip().lower()
        if sent in MEDIA_TYPES:
            return sent
        try:
            own = json.loads(data)["mediaType"]
        except (ValueError, RecursionError, LookupError, TypeError):
            own = None
        if own not in MEDIA_TYPES:
            raise NetworkError(
                f"`{self._host}` sent `{sent or 'something'}` where a manifest was asked for",
                hint="is it a registry, and is a proxy or a login page in between?",
            )
        return str(own)


def _checked(name: str) -> str:
    return check_digest(name) if ":" in name else check_tag(name)
