"""A package service's plain downloads on loopback: `/dl/PACKAGE/+/ID` leads to the bytes."""

from __future__ import annotations

import http.server
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Handler(http.server.BaseHTTPRequestHandler):
    """One request: noted, then answered as the depot says."""

    protocol_version = "HTTP/1.1"
    depot: Depot

    def do_GET(self) -> None:
        self.depot.asked.append(self.path)
        fault = self.depot.fault
        if fault is not None:
            fault(self)
            return
        path = self.path
        if path.startswith("http://"):  # asked as a proxy
            path = "/" + path.split("/", 3)[3]
        if path.startswith("/dl/") and path in self.depot.files:
            self.answer(302, b"", {"Location": f"{self.depot.url}/bytes{path}"})
        elif path.startswith("/bytes/dl/"):
            self.answer(200, self.depot.files[path.removeprefix("/bytes")], {})
        else:
            self.answer(404, b"no such package\n", {})

    def answer(self, status: int, body: bytes, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        told = {"Content-Length": str(len(body) if length is None else length), **headers}
        for name, text in told.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


class Depot:
    """Package files by their path below the service, and every path that was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.fault: Callable[[Handler], None] | None = None
        handler = type("BoundHandler", (Handler,), {"depot": self})
        self._server = _Quiet(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def put(self, package: str, instance_id: str, data: bytes) -> None:
        self.files[f"/dl/{package}/+/{instance_id}"] = data

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
