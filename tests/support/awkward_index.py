"""Package index over real HTTP that can be told to be slow, to break off, to lie or to lack features."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.server
import json
import os
import re
import sys
import threading
import time
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from pathlib import Path

_MODIFIED = "Mon, 01 Jun 2026 10:00:00 GMT"


class Server(http.server.ThreadingHTTPServer):
    """Server that is silent about clients which go away, or do not trust it."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class AwkwardIndex:
    """Index of the wheels in a folder; each setting is one way in which real ones differ.

    `asked` has (path, Range) of every request. `json`: pages by PEP 691, else HTML. `ranges`: "yes",
    "ignored", "refused" or "garbled". `offers`: METADATA by PEP 658. `lies` replaces bytes of an answer
    by path. `breaks` is how often a wheel breaks off in the middle, `pause` the seconds for which each
    pauses there; those in `held` pause until they are let go. `yanked`, `requires` and `uploaded` are by file
    name.
    `headers` are further ones of each answer. `validator`: "ETag" or "Last-Modified" of each answer, "" for
    none; `unchanged` has the paths that were answered by 304. `login` is the `user:password` without which
    it says 401. `before` runs before each answer, with its peer. `files` is
    the base of the links to files. With `tls` it speaks TLS under the name `localhost`.
    """

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None) -> None:
        self.folder = folder
        self.tls = tls
        self.headers: dict[str, str] = {}
        self.validator = ""
        self.unchanged: list[str] = []
        self.login = ""
        self.files = ""
        self.before: Callable[[object], None] = lambda _: None
        self.asked: list[tuple[str, str]] = []
        self.json = True
        self.ranges = "yes"
        self.offers = False
        self.hashes = True
        self.lies: dict[str, bytes] = {}
        self.breaks = 0
        self.pause = 0.0
        self.held: set[str] = set()
        self.yanked: set[str] = set()
        self.requires: dict[str, str] = {}
        self.uploaded: dict[str, str] = {}
        self.endless = ""
        self.bomb = ""
        self.server = Server(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        if tls is not None:
            # In the thread of its connection, where it keeps nobody waiting.
            self.server.socket = tls.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        base = "http://127.0.0.1" if self.tls is None else "https://localhost"
        return f"{base}:{self.server.server_address[1]}/simple/"

    def authorization(self) -> str:
        return "Basic " + base64.b64encode(self.login.encode()).decode()

    def tag(self, data: bytes) -> str:
        return {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "Last-Modified": _MODIFIED}.get(
            self.validator, ""
        )

    def fetched(self) -> list[str]:
        """The wheels that were asked for as a whole."""
        return sorted(
            path.removeprefix("/files/")
            for path, span in self.asked
            if path.startswith("/files/") and path.endswith(".whl") and not span
        )

    def page(self, project: str) -> bytes | None:
        rows = []
        for name in sorted(os.listdir(self.folder)):
            if re.sub(r"[-_.]+", "-", name.partition("-")[0]).lower() != project:
                continue
            data = (self.folder / name).read_bytes()
            rows.append(
                {
                    "filename": name,
                    "url": f"{self.files}/files/{name}",
                    "hashes": {"sha256": hashlib.sha256(data).hexdigest()} if self.hashes else {},
                    "yanked": name in self.yanked,
                    "requires-python": self.requires.get(name),
                    "core-metadata": self.offers,
                    "size": len(data),
                    **({"upload-time": self.uploaded[name]} if name in self.uploaded else {}),
                }
            )
        if not rows:
            return None
        if self.json:
            return json.dumps({"meta": {"api-version": "1.1"}, "name": project, "files": rows}).encode()
        links = [
            f'<a href="{row["url"]}{"#sha256=" + row["hashes"]["sha256"] if self.hashes else ""}"'  # type: ignore[index]
            f"{' data-yanked' if row['yanked'] else ''}{' data-core-metadata=true' if self.offers else ''}>"
            f"{row['filename']}</a>"
            for row in rows
        ]
        return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()

    def metadata(self, name: str) -> bytes:
        with zipfile.ZipFile(self.folder / name) as wheel:
            (member,) = [each for each in wheel.namelist() if each.endswith(".dist-info/METADATA")]
            return wheel.read(member)

    def body(self, path: str) -> tuple[str, bytes] | None:
        if path in self.lies:
            kind = "application/vnd.pypi.simple.v1+json" if path.startswith("/simple/") else "text/plain"
            return kind, self.lies[path]
        if path.startswith("/simple/"):
            page = self.page(path.removeprefix("/simple/").strip("/"))
            kind = "application/vnd.pypi.simple.v1+json" if self.json else "text/html"
            return None if page is None else (kind, page)
        name = path.removeprefix("/files/")
        if self.offers and name.endswith(".metadata"):
            return "text/plain", self.metadata(name.removesuffix(".metadata"))
        file = self.folder / name
        return ("application/octet-stream", file.read_bytes()) if file.is_file() else None

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                span = self.headers.get("Range", "")
                index.asked.append((self.path, span))
                index.before(self.client_address)
                if index.login and self.headers.get("Authorization") != index.authorization():
                    return self.answer(401, "text/plain", b"who are you?")
                if index.endless and index.endless in self.path:
                    return self.pour(b" " * 65536)
                if index.bomb and index.bomb in self.path:
                    return self.answer(200, "text/html", gzip.compress(bytes(1 << 28)), encoding="gzip")
                found = index.body(self.path)
                if found is None:
                    return self.answer(404, "text/plain", b"nothing here")
                kind, data = found
                if span and self.path.startswith("/files/") and index.ranges != "ignored":
                    return self.part(span, data)
                tag = index.tag(data)
                if tag and tag in (self.headers["If-None-Match"], self.headers["If-Modified-Since"]):
                    index.unchanged.append(self.path)
                    return self.answer(304, kind, b"")
                return self.answer(
                    200,
                    kind,
                    data,
                    breaks=self.path.endswith(".whl"),
                    more={index.validator: tag} if tag else {},
                )

            def part(self, span: str, data: bytes) -> None:
                if index.ranges == "refused":
                    return self.answer(416, "text/plain", b"no")
                first, _, last = span.removeprefix("bytes=").partition("-")
                start = int(first) if first else max(len(data) - int(last), 0)
                stop = int(last) + 1 if first and last else len(data)
                piece = data[start:stop]
                if index.ranges == "garbled":
                    piece = bytes(len(piece))
                return self.answer(206, "application/octet-stream", piece, total=len(data), start=start)

            def answer(
                self,
                status: int,
                kind: str,
                data: bytes,
                *,
                encoding: str = "",
                total: int = 0,
                start: int = 0,
                breaks: bool = False,
                more: Mapping[str, str] | None = None,
            ) -> None:
                self.send_response(status)
                for name, text in {**index.headers, **(more or {})}.items():
                    self.send_header(name, text)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                if encoding:
                    self.send_header("Content-Encoding", encoding)
                if status == 206:
                    self.send_header("Content-Range", f"bytes {start}-{start + len(data) - 1}/{total}")
                self.end_headers()
                if breaks and index.breaks > 0:
                    index.breaks -= 1
                    self.wfile.write(data[: len(data) // 2])
                    self.close_connection = True
                    return
                name = self.path.rpartition("/")[2]
                if breaks and (index.pause or name in index.held):
                    self.wfile.write(data[: len(data) // 2])
                    data = data[len(data) // 2 :]
                    time.sleep(index.pause)
                    while name in index.held:
                        time.sleep(0.02)
                try:
                    self.wfile.write(data)
                except OSError:  # who asked has ended
                    self.close_connection = True

            def pour(self, data: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.close_connection = True
                try:
                    while True:
                        self.wfile.write(data)
                        time.sleep(0.0001)
                except OSError:
                    pass

            def log_message(self, *_: object) -> None:
                pass

        return Handler
