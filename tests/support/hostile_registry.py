"""A registry on loopback that does what the distribution specification says, until a fault is planned."""

from __future__ import annotations

import hashlib
import http.server
import itertools
import json
import re
import socket
import struct
import threading
import urllib.parse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Fault = Callable[["Handler"], None]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Request:
    """What came: method, path with its query, headers by names in lower case, and the body."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body


class Handler(http.server.BaseHTTPRequestHandler):
    """One request: noted, then a planned fault, else the proper answer."""

    protocol_version = "HTTP/1.1"
    registry: HostileRegistry
    body = b""

    def handle_any(self) -> None:
        self.body = b""
        fault = self.registry.fault(self.command, self.path)
        if fault is not None and getattr(fault, "before_body", False):
            fault(self)
            return
        self.body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): text for name, text in self.headers.items()}
        self.registry.requests.append(Request(self.command, self.path, headers, self.body))
        (fault or self.registry.serve)(self)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def answer(
        self,
        status: int,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        *,
        length: int | None = None,
    ) -> None:
        self.send_response(status)
        sent = {"Content-Length": str(len(body) if length is None else length), **(headers or {})}
        for name, text in sent.items():
            if text:
                self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def hang_up(self) -> None:
        """Reset the connection, as a broken one is."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """A server whose threads end with it, and which keeps silent about broken connections."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        pass


def _media_type(data: bytes) -> str:
    """Return what a document says that it is."""
    try:
        return str(json.loads(data)["mediaType"])
    except (ValueError, LookupError, TypeError):
        return MANIFEST


class HostileRegistry:
    """Manifests by name, blobs by digest, uploads by number, in one repository; what was asked for.

    `plan` a fault for the next requests of a method whose path has a text in it; `always` has what is done to
    every one. `least` is the least chunk it takes. Every upload's address has a query.
    """

    def __init__(self) -> None:
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.uploads: dict[str, bytearray] = {}
        self.others: dict[str, set[str]] = {}
        self.least = 0
        self._names = itertools.count(1)
        self.requests: list[Request] = []
        self.always: dict[str, Fault] = {}
        self._planned: list[tuple[str, str, Fault]] = []
        self._lock = threading.Lock()
        self.ended = threading.Event()
        self._server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"registry": self}))
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def put(self, data: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.blobs[digest] = data
        return digest

    def plan(self, method: str, *faults: Fault, path: str = "") -> None:
        self._planned += [(method, path, fault) for fault in faults]

    def fault(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for row in self._planned:
                if row[0] == method and row[1] in path:
                    self._planned.remove(row)
                    return row[2]
        return self.always.get(method)

    def asked(self) -> list[str]:
        """Return each request in short: `PATCH 0-9`, `GET`, …, of uploads those of their addresses too."""
        found = []
        for each in self.requests:
            kind = next(
                (word for word in ("manifests", "uploads", "blobs", "tags") if f"/{word}/" in each.path), ""
            )
            span = each.headers.get("content-range", "") or each.headers.get("range", "")
            found.append(" ".join(filter(None, (each.method, kind, span))))
        return found

    def serve(self, handler: Handler) -> None:
        parts = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs/uploads|blobs|tags)/(.*)", parts.path)
        if match is None:
            handler.answer(404)
            return
        _, kind, name = match.groups()
        serve = {"manifests": self._manifest, "blobs": self._blob, "tags": self._tags}.get(kind)
        if serve is not None:
            serve(handler, name)
        elif handler.command == "POST":
            self._begin(handler, query)
        else:
            self._upload(handler, name, query)

    def _manifest(self, handler: Handler, name: str) -> None:
        digest = f"sha256:{hashlib.sha256(handler.body).hexdigest()}"
        if handler.command == "PUT":
            self.manifests[name] = self.manifests[digest] = handler.body
            handler.answer(201, {"Docker-Content-Digest": digest, "Location": handler.path})
        elif name in self.manifests:
            data = self.manifests[name]
            handler.answer(200, {"Content-Type": _media_type(data)}, data)
        else:
            handler.answer(404)

    def _blob(self, handler: Handler, digest: str) -> None:
        data = self.blobs.get(digest)
        if data is None:
            handler.answer(404)
            return
        span = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        if span is None:
            handler.answer(200, {}, data)
            return
        first = int(span[1])
        handler.answer(206, {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"}, data[first:])

    def _tags(self, handler: Handler, _: str) -> None:
        names = [name for name in self.manifests if ":" not in name]
        handler.answer(200, {}, json.dumps({"name": "demo", "tags": names or None}).encode())

    def _begin(self, handler: Handler, query: dict[str, str]) -> None:
        if query.get("mount", "-") in self.others.get(query.get("from", ""), ()):
            handler.answer(201, {"Docker-Content-Digest": query["mount"]})
            return
        name = str(next(self._names))
        self.uploads[name] = bytearray()
        self._report(handler, 202, name, {"OCI-Chunk-Min-Length": str(self.least or "")})

    def _upload(self, handler: Handler, name: str, query: dict[str, str]) -> None:
        held = self.uploads.get(name)
        is_stale = handler.command in ("PATCH", "PUT") and query.get("state") != str(len(held or b""))
        if held is None or is_stale:
            handler.answer(404)
            return
        if handler.command == "DELETE":
            del self.uploads[name]
            handler.answer(204)
        elif handler.command == "GET":
            self._report(handler, 204, name)
        elif handler.command == "PATCH":
            first = int(handler.headers["Content-Range"].partition("-")[0])
            held += handler.body if first == len(held) else b""
            self._report(handler, 202 if first + len(handler.body) == len(held) else 416, name)
        else:
            held += handler.body
            digest = f"sha256:{hashlib.sha256(held).hexdigest()}"
            if digest != query["digest"]:
                handler.answer(400, {}, b'{"errors": [{"code": "DIGEST_INVALID", "message": "other bytes"}]}')
                return
            self.blobs[digest] = bytes(self.uploads.pop(name))
            handler.answer(201, {"Location": "/v2/elsewhere", "Docker-Content-Digest": digest})

    def _report(self, handler: Handler, status: int, name: str, more: dict[str, str] | None = None) -> None:
        """Answer with where an upload goes on, relative to the host, and how much has arrived."""
        size = len(self.uploads[name])
        path = urllib.parse.urlsplit(handler.path).path.partition("/uploads/")[0]
        place = {"Location": f"{path}/uploads/{name}?state={size}", "Range": f"0-{max(size - 1, 0)}"}
        handler.answer(status, {**place, **(more or {})})
