"""Fixtures of wheels, and package services and indexes that listen on loopback."""

from __future__ import annotations

import base64
import hashlib
import http.server
import os
import shutil
import subprocess
import threading
import urllib.parse
from typing import TYPE_CHECKING

import pytest

from tests.packages.cipd.bench import Bench
from tests.packages.cipd.server import Service
from tests.packages.folder import Repository
from tests.wheels.conftest import current, host, interpreters, layout, make_wheel, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.harness import Harness

__all__ = ["current", "host", "interpreters", "layout", "make_wheel", "terminal"]


@pytest.fixture
def direct(harness: Harness) -> Harness:
    """Return the harness with none of this machine's proxies, certificates and settings of pip."""
    harness.use_loopback()
    return harness


@pytest.fixture
def service() -> Iterator[Service]:
    """Serve packages over plain HTTP."""
    service = Service()
    yield service
    service.stop()


@pytest.fixture
def bench(service: Service, tmp_path: Path) -> Bench:
    return Bench(service, tmp_path)


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a directory with `ca.pem`, whose authority signed `localhost.pem` (key and certificate)."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl command to make certificates with")
    directory = tmp_path_factory.mktemp("authority")

    def run(*argv: str) -> None:
        subprocess.run([openssl, *argv], cwd=directory, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-batch")
    run("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=tests",
        "-addext", "keyUsage=critical,keyCertSign",
        "-addext", "basicConstraints=critical,CA:TRUE")  # fmt: skip
    for name, subject in (("localhost", "localhost"), ("elsewhere", "elsewhere.example")):
        run("req", *new, "-keyout", "own.key", "-out", "own.csr", "-subj", f"/CN={subject}")
        (directory / "own.ext").write_text(f"subjectAltName=DNS:{subject}\n")
        run("x509", "-req", "-in", "own.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-out", "own.pem",
            "-days", "2", "-extfile", "own.ext", "-CAcreateserial")  # fmt: skip
        pem = (directory / "own.key").read_text() + (directory / "own.pem").read_text()
        (directory / f"{name}.pem").write_text(pem)
    return directory


@pytest.fixture
def secure(authority: Path) -> Iterator[Service]:
    """Serve packages over TLS, with a certificate of the test's own authority."""
    service = Service(str(authority / "localhost.pem"))
    yield service
    service.stop()


class SimpleIndex:
    """The files of a folder as a package index (PEP 503), and every path that was asked for.

    `status` answers everything with that code; `broken` are projects whose page fails with 500.
    `location` redirects every page there; `login` is the `user:password` without which it says 401.
    `links` are further ones on each page.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.status = 0
        self.broken: set[str] = set()
        self.location = ""
        self.login = ""
        self.links: list[str] = []
        self.requires: dict[str, str] = {}
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/simple/"

    def page(self, project: str) -> bytes | None:
        rows = [f'<a href="{link}">{link.rpartition("/")[2]}</a>' for link in self.links]
        for name in sorted(os.listdir(self.folder)):
            if name.partition("-")[0].replace("_", "-").replace(".", "-").lower() == project:
                with open(os.path.join(self.folder, name), "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                requires = self.requires.get(name)
                more = f' data-requires-python="{requires}"' if requires else ""
                rows.append(f'<a href="/files/{name}#sha256={digest}"{more}>{name}</a>')
        return f"<!DOCTYPE html><html><body>{''.join(rows)}</body></html>".encode() if rows else None

    def answer(self, path: str) -> tuple[int, str, bytes]:
        self.asked.append(path)
        kind, _, name = path.strip("/").partition("/")
        if self.status:
            return self.status, "text/plain", b"out of order"
        if kind == "simple" and name in self.broken:
            return 500, "text/plain", b"out of order"
        if kind == "simple":
            page = self.page(name)
            return (200, "text/html", page) if page else (404, "text/plain", b"no such project")
        file = os.path.join(self.folder, os.path.basename(urllib.parse.unquote(name)))
        if kind == "files" and os.path.isfile(file):
            with open(file, "rb") as data:
                return 200, "application/octet-stream", data.read()
        return 404, "text/plain", b"no such file"

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, body = index.answer(self.path)
                login = "Basic " + base64.b64encode(index.login.encode()).decode()
                if index.login and self.headers["Authorization"] != login:
                    status, kind, body = 401, "text/plain", b"who are you"
                if index.location and self.path.startswith("/simple/"):
                    status, kind, body = 302, "text/plain", b""
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", index.location)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def simple_index(tmp_path: Path) -> Iterator[Callable[[str], SimpleIndex]]:
    """Serve a folder under `tmp_path` as an index, until the test ends."""
    running: list[tuple[SimpleIndex, threading.Thread]] = []

    def serve(folder: str = "wheels") -> SimpleIndex:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        index = SimpleIndex(str(tmp_path / folder))
        thread = threading.Thread(
            target=index.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        thread.start()
        running.append((index, thread))
        return index

    yield serve
    for index, thread in running:
        index.server.shutdown()
        index.server.server_close()
        thread.join()
