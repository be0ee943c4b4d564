"""Cache in the root of what an index said: pages, which are revalidated, and METADATA of wheels.

A page is kept as what it comes to for one target. Each entry is a file named by a hash of its key, for the
user's eyes alone; one that is not as it was written counts as absent. A URL is kept without its user name
and password, or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from urllib.parse import urlsplit

from vpy.system import files, sealed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_RENEWED_AFTER = 24 * 3600.0  # seconds until an entry that is used gets a new mtime, for the prune


class Cache:
    """Cache for one target in a directory; where that is "" nothing is kept.

    `offline`: the index is not to be asked, so an entry serves as it is.
    """

    def __init__(self, directory: str = "", target: str = "", *, offline: bool = False) -> None:
        self._directory = directory
        self._target = target
        self.offline = offline

    @classmethod
    def of(cls, job: Mapping[str, Any]) -> Cache:
        """Return the cache that a job names."""
        target = json.dumps([job["tags"], job["version"]]).encode()
        offline = bool(job.get("offline"))
        return cls(job.get("pages", ""), hashlib.sha256(target).hexdigest(), offline=offline)

    def page(self, url: str) -> dict[str, Any] | None:
        """Return a page as it was kept: {etag, modified, body, releases}."""
        return self._read(self._page_key(url))

    def keep_page(self, url: str, headers: Mapping[str, str], body: str, releases: list[Any] | None) -> None:
        """Keep what a page comes to; forget it where the headers of its answer forbid to store it.

        `releases` is None where there is no such page. `body` is the sha256 of its bytes: not every index
        has a validator for them.
        """
        key = self._page_key(url)
        urls = (row[1] for _, rows in releases or () for row in rows)
        if forbids(headers) or any("@" in url and "@" in urlsplit(url).netloc for url in urls):
            with contextlib.suppress(OSError):
                os.unlink(self._path(key))
            return
        validators = {"etag": headers.get("ETag", ""), "modified": headers.get("Last-Modified", "")}
        self._write(key, {**validators, "body": body, "releases": releases})

    def metadata(self, key: str) -> dict[str, Any] | None:
        """Return METADATA as it was kept."""
        return self._read(f"metadata {key}")

    def keep_metadata(self, key: str, entry: dict[str, Any]) -> None:
        """Keep METADATA."""
        self._write(f"metadata {key}", entry)

    def drop_metadata(self, key: str) -> None:
        """Drop METADATA that is not the wheel's own."""
        if self._directory:
            with contextlib.suppress(OSError):
                os.unlink(self._path(f"metadata {key}"))

    def _page_key(self, url: str) -> str:
        return f"page-2 {self._target} {without_user(url)}"

    def _path(self, key: str) -> str:
        return os.path.join(self._directory, hashlib.sha256(key.encode()).hexdigest())

    def _read(self, key: str) -> dict[str, Any] | None:
        if not self._directory:
            return None
        path = self._path(key)
        try:
            entry: dict[str, Any] = sealed.read(path)
            if entry.pop("key") != key:
                return None
            if time.time() - os.stat(path).st_mtime > _RENEWED_AFTER:
                os.utime(path)
        except (OSError, ValueError, RecursionError):
            return None
        return entry

    def _write(self, key: str, entry: dict[str, Any]) -> None:
        """Write an entry; a disk that takes none makes the next resolution slower, no more."""
        if self._directory:
            with contextlib.suppress(OSError):
                files.write_bytes(self._path(key), sealed.dump({"key": key, **entry}), mode=0o600)


def forbids(headers: Mapping[str, str]) -> bool:
    """Return whether an answer's headers forbid to store it (RFC 9111, 5.2.2.5)."""
    fields = headers.get("Cache-Control", "").lower().split(",")
    return "no-store" in (field.strip() for field in fields)


def without_user(url: str) -> str:
    """Return a URL without the user name and password in it."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"
