"""Index on this machine in front of the real one, so that all who resolve see the same pages.

Pages and METADATA are fetched once and kept; each wheel is offered with its METADATA (PEP 658), whatever the
real index does. There is no sdist, no wheel that is for Windows, macOS or another processor alone, and of the
wheels there are only the names.
"""

from __future__ import annotations

import functools
import http.server
import io
import json
import os
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

JSON = "application/vnd.pypi.simple.v1+json"
MISSING = (404, 410)
# Bytes of a wheel's end that are looked at for METADATA, one after another; 0 for the whole wheel.
TAILS = (1 << 16, 1 << 20, 1 << 24, 0)
TIMEOUT = 60.0
# Wheels that are for other platforms alone: most of some pages.
ELSEWHERE = ("win", "macos", "aarch64", "i686", "ppc64", "s390x", "armv", "riscv", "ios", "android", "wasm")


class CachingIndex:
    """`looked_at` has the file names of wheels whose METADATA was asked for, `pages` the projects' files."""

    def __init__(self, index: str, directory: Path) -> None:
        self.pages: dict[str, list[dict[str, Any]] | None] = {}
        self.looked_at: set[str] = set()
        self._made: dict[str, bytes] = {}
        self._index = index.rstrip("/")
        self._directory = directory
        self._urls: dict[str, str] = {}
        for name in ("pages", "metadata"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple/"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def page(self, project: str) -> bytes | None:
        """Return a project's page of wheels; None where the index has no such project."""
        if project not in self.pages:
            self.pages[project] = self._read(project)
        files = self.pages[project]
        if files is None:
            return None
        if project not in self._made:
            whole = {"meta": {"api-version": "1.1"}, "name": project, "files": files}
            self._made[project] = json.dumps(whole).encode()
        return self._made[project]

    def metadata(self, filename: str) -> bytes:
        """Return the METADATA of a wheel that stood on a page."""
        self.looked_at.add(filename)
        return self.known_metadata(filename)

    def known_metadata(self, filename: str) -> bytes:
        kept = self._directory / "metadata" / filename
        if not kept.exists():
            _write(kept, _metadata_of(self._urls[filename]))
        return kept.read_bytes()

    def _read(self, project: str) -> list[dict[str, Any]] | None:
        data = self._kept_page(project)
        if not data:
            return None
        url = f"{self._index}/{project}/"
        found = []
        for row in json.loads(data)["files"]:
            name = row["filename"]
            if name.endswith(".whl") and not any(word in name.rpartition("-")[2] for word in ELSEWHERE):
                self._urls[name] = urllib.parse.urljoin(url, row["url"])
                kept = {
                    key: row.get(key) for key in ("filename", "hashes", "requires-python", "yanked", "size")
                }
                found.append({**kept, "url": f"/files/{name}", "core-metadata": True})
        return found

    def _kept_page(self, project: str) -> bytes:
        """Return the bytes of a page, kept or fetched now; b"" for no such project."""
        kept = self._directory / "pages" / project
        if not kept.exists():
            try:
                data = _fetch(f"{self._index}/{project}/", {"Accept": JSON})
            except urllib.error.HTTPError as error:
                if error.code not in MISSING:
                    raise
                data = b""
            _write(kept, data)
        return kept.read_bytes()


def _write(path: Path, data: bytes) -> None:
    """Write a file that has its name when it is whole."""
    part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    part.write_bytes(data)
    part.replace(path)


def _metadata_of(url: str) -> bytes:
    """Return the METADATA of a wheel, from as little of its end as holds it."""
    for count in TAILS:
        try:
            data = _fetch(url, {"Range": f"bytes=-{count}"} if count else {})
            # What stands before the end is not there; `zipfile` takes the offsets from the end.
            with zipfile.ZipFile(io.BytesIO(data)) as wheel:
                names = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
                return wheel.read(min(names, key=len))
        except (zipfile.BadZipFile, ValueError, OSError):
            if not count:
                raise
    raise AssertionError


@functools.cache
def _opener() -> urllib.request.OpenerDirector:
    """Return what opens all URLs: to read the certificates for each costs more than the rest."""
    handler = urllib.request.HTTPSHandler(context=ssl.create_default_context())
    return urllib.request.build_opener(handler)


def _fetch(url: str, headers: dict[str, str]) -> bytes:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  (the user says which index)
    with _opener().open(request, timeout=TIMEOUT) as response:
        data: bytes = response.read()
        return data


def _handler(index: CachingIndex) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            kind, body = self.found()
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def found(self) -> tuple[str, bytes | None]:
            _, room, *rest = urllib.parse.unquote(self.path).split("/")
            if room == "simple" and rest[0]:
                return JSON, index.page(rest[0])
            name = rest[0] if rest else ""
            if room == "files" and name.endswith(".metadata"):
                return "text/plain", index.metadata(name.removesuffix(".metadata"))
            return "text/plain", None

        def log_message(self, *_: object) -> None:
            pass

    return Handler
