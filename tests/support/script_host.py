"""Host of scripts on loopback, which answers as each test says, with TLS or without."""

from __future__ import annotations

import hashlib
import http.server
import socket
import ssl
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    Headers = dict[str, str]


class ScriptHost:
    """HTTP server whose answers by path, without its query, are in `pages`: a status, headers and a body.

    Each has an ETag, by which it is asked for again. `asked` are the paths and headers of requests.
    """

    def __init__(self, certificate: Path | None = None, family: int = socket.AF_INET) -> None:
        self.pages: dict[str, tuple[int, Headers, bytes]] = {}
        self.asked: list[tuple[str, Headers]] = []
        host = self

        class Server(http.server.ThreadingHTTPServer):
            address_family = family
            daemon_threads = True

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                host.asked.append((self.path, dict(self.headers)))
                code, headers, body = host.pages.get(self.path.partition("?")[0], (404, {}, b""))
                tag = f'"{hashlib.sha256(body).hexdigest()[:8]}"'
                if code == 200 and self.headers.get("If-None-Match") == tag:
                    code, body = 304, b""
                whole = {"Content-Length": str(len(body)), "ETag": tag, **headers}
                self.send_response(code)
                for name, text in whole.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = whole["Content-Length"] != str(len(body))

            def log_message(self, *_: object) -> None:
                pass

        self._server = Server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        name = "localhost" if certificate else "[::1]" if family == socket.AF_INET6 else "127.0.0.1"
        self.url = f"http{'s' if certificate else ''}://{name}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def put(self, path: str, body: str | bytes, code: int = 200, headers: Headers | None = None) -> str:
        """Serve a body, and return its address."""
        self.pages[path] = (code, headers or {}, body.encode() if isinstance(body, str) else body)
        return self.url + path

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
