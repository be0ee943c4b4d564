"""A real `docker-registry` on loopback, and a token server for it as docker's specification has one."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

USER, PASSWORD = "alice", "correct horse"
# Of that password, by crypt(3).
HTPASSWD = f"{USER}:$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n"
ISSUER, SERVICE = "tests", "registry"
CONFIG = """
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: PLACE/data}, maintenance: {uploadpurging: {enabled: false}}}
http: {addr: 127.0.0.1:PORT, secret: tests}
"""


class DockerRegistry:
    """A registry with all its own below `place`; `auth` is that part of its configuration, as YAML."""

    def __init__(self, place: Path, auth: str = "") -> None:
        program = shutil.which("docker-registry")
        if program is None:
            pytest.skip("there is no docker-registry on this machine")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.host = f"127.0.0.1:{port}"
        self._errors = place / "errors"
        config = place / "config.yml"
        config.write_text(CONFIG.replace("PLACE", str(place)).replace("PORT", str(port)) + auth)
        with self._errors.open("wb") as errors:
            environ = {"HOME": str(place), "OTEL_TRACES_EXPORTER": "none"}
            self._child = subprocess.Popen(
                [program, "serve", str(config)], stdout=errors, stderr=errors, env=environ
            )
        self._wait(port)

    def _wait(self, port: int) -> None:
        while True:
            assert self._child.poll() is None, self._errors.read_text()
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=60):
                    return
            except ConnectionRefusedError:
                time.sleep(0.02)

    def stop(self) -> None:
        self._child.terminate()
        self._child.wait()


class Breaking:
    """Way to a registry whose connections break, one after another, once so many bytes have been sent."""

    def __init__(self, host: str, *limits: int) -> None:
        self._there = host.partition(":")[0], int(host.partition(":")[2])
        self._limits = list(limits)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def left(self) -> int:
        """How many are still to break."""
        return len(self._limits)

    def stop(self) -> None:
        for end in (self._server, *self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near = self._server.accept()[0]
            except OSError:
                return
            self._open.append(near)
            limit = self._limits.pop(0) if self._limits else 1 << 40
            thread = threading.Thread(target=self._carry, args=(near, limit), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry(self, near: socket.socket, limit: int) -> None:
        with near, socket.create_connection(self._there) as far:
            back = threading.Thread(target=_copy, args=(far, near, 1 << 40), daemon=True)
            back.start()
            _copy(near, far, limit)
            back.join()


def _copy(source: socket.socket, target: socket.socket, limit: int) -> None:
    """Copy what comes, at most so much; then there is no more between the two, in either direction."""
    with contextlib.suppress(OSError):
        while limit > 0 and (data := source.recv(min(limit, 1 << 16))):
            target.sendall(data)
            limit -= len(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class TokenServer:
    """Gives `USER` what is asked for, and anybody who has no login what `open_to_all` has.

    Tokens are JWTs by RS256, signed by openssl, with the certificate in their head. `refresh` is an identity
    token that stands for `USER`. `asked` are the requests: method, scopes, and who asked.
    """

    def __init__(self, place: Path) -> None:
        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("there is no openssl command to sign tokens with")
        self._openssl = openssl
        self._key = place / "token.key"
        self.certificate = place / "token.pem"
        subprocess.run(
            [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-batch", "-keyout", self._key,
             "-out", self.certificate, "-days", "2", "-subj", "/CN=tests"], check=True, capture_output=True,
        )  # fmt: skip
        self.refresh = "the-identity-token"
        self.open_to_all: set[str] = set()
        self.seconds = 300
        self.asked: list[tuple[str, str, str]] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.realm = f"http://127.0.0.1:{self._server.server_address[1]}/token"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def auth(self) -> str:
        """What a registry's configuration says of this server."""
        row = {"realm": self.realm, "service": SERVICE, "issuer": ISSUER}
        return "auth: {token: " + json.dumps({**row, "rootcertbundle": str(self.certificate)}) + "}\n"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, query: str, authorization: str) -> tuple[int, dict[str, object]]:
        fields = urllib.parse.parse_qs(query)
        scopes = [scope for text in fields.get("scope", []) for scope in text.split()]
        user = USER if self._is_known(method, fields, authorization) else ""
        self.asked.append((method, " ".join(scopes), user))
        if fields.get("service") != [SERVICE] or (not user and (authorization or method == "POST")):
            return 401, {"details": "incorrect username or password"}
        access: list[dict[str, object]] = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            allowed = [
                each for each in actions.split(",") if user or (name in self.open_to_all and each == "pull")
            ]
            access.append({"type": kind, "name": name, "actions": allowed})
        name = "access_token" if method == "POST" else "token"
        return 200, {name: self._sign(user, access), "expires_in": self.seconds}

    def _is_known(self, method: str, fields: dict[str, list[str]], authorization: str) -> bool:
        if method == "POST":
            wanted = {"grant_type": ["refresh_token"], "refresh_token": [self.refresh]}
            return {name: fields.get(name) for name in wanted} == wanted
        return authorization == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def _sign(self, user: str, access: list[dict[str, object]]) -> str:
        pem = self.certificate.read_text().splitlines()
        now = int(time.time())
        head = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(pem[1:-1])]}
        body = {
            "iss": ISSUER, "sub": user, "aud": SERVICE, "access": access, "jti": os.urandom(8).hex(),
            "iat": now, "nbf": now - 10, "exp": now + self.seconds,
        }  # fmt: skip
        text = ".".join(_base64url(json.dumps(each).encode()) for each in (head, body))
        signed = subprocess.run(
            [self._openssl, "dgst", "-sha256", "-sign", str(self._key)],
            input=text.encode(), check=True, capture_output=True,
        )  # fmt: skip
        return f"{text}.{_base64url(signed.stdout)}"

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.reply(urllib.parse.urlsplit(self.path).query)

            def do_POST(self) -> None:
                self.reply(self.rfile.read(int(self.headers["Content-Length"])).decode())

            def reply(self, query: str) -> None:
                status, document = owner.answer(self.command, query, self.headers.get("Authorization", ""))
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
