"""Bounds of responses: a server that trickles is given up, however it goes on."""

from __future__ import annotations

import gzip
import http.server
import threading
import time
from typing import TYPE_CHECKING

import pytest
import urllib3
from urllib3.response import HTTPResponse

from vpy.wheels.index_client import bounds

if TYPE_CHECKING:
    from collections.abc import Iterator


class Trickle(http.server.BaseHTTPRequestHandler):
    """Sends a byte every tenth of a second, for ever."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000000")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b".")
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def trickle(request: pytest.FixtureRequest) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), getattr(request, "param", Trickle))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("decode", [True, False], ids=["a page", "a file"])
def test_a_trickle_is_given_up(trickle: str, monkeypatch: pytest.MonkeyPatch, decode: bool) -> None:
    monkeypatch.setattr(HTTPResponse, "stream", HTTPResponse.stream)
    monkeypatch.setattr(bounds, "CHUNK_SECONDS", 0.5)
    bounds.limit(HTTPResponse)
    response = urllib3.PoolManager().request("GET", trickle, preload_content=False)
    with pytest.raises(bounds.OutOfBoundsError, match="slower than 16 KiB in"):
        for _ in response.stream(1 << 16, decode_content=decode):
            pass


def test_a_file_has_another_bound_than_a_page(trickle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HTTPResponse, "stream", lambda *_, **__: iter([b"x" * 1024] * 5))
    monkeypatch.setattr(bounds, "LARGEST_PAGE", 4096)
    bounds.limit(HTTPResponse)
    response = urllib3.PoolManager().request("GET", trickle, preload_content=False)
    assert len(b"".join(response.stream(1024, decode_content=False))) == 5 * 1024
    with pytest.raises(bounds.OutOfBoundsError, match="more than 0 MiB"):
        list(response.stream(1024, decode_content=True))


def test_a_file_may_not_take_for_ever(trickle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HTTPResponse, "stream", HTTPResponse.stream)
    monkeypatch.setattr(bounds, "CHUNK_BYTES", 1)
    monkeypatch.setattr(bounds, "WHEEL_SECONDS", 0.5)
    bounds.limit(HTTPResponse)
    response = urllib3.PoolManager().request("GET", trickle, preload_content=False)
    with pytest.raises(bounds.OutOfBoundsError, match="takes more than 0 s"):
        for _ in response.stream(1 << 16, decode_content=False):
            pass


class Nothing(http.server.BaseHTTPRequestHandler):
    """Sends empty members of gzip, for ever: the body has no byte, the wire has any number."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        try:
            while True:
                self.wfile.write(gzip.compress(b"") * 3000)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("trickle", [Nothing], indirect=True)
def test_what_unpacks_to_nothing_is_bounded_as_well(trickle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HTTPResponse, "stream", HTTPResponse.stream)
    monkeypatch.setattr(bounds, "LARGEST_PAGE", 1 << 20)
    bounds.limit(HTTPResponse)
    response = urllib3.PoolManager().request("GET", trickle, preload_content=False)
    began = time.monotonic()
    with pytest.raises(bounds.OutOfBoundsError, match="more than 1 MiB"):
        for _ in response.stream(1 << 16, decode_content=True):
            pass
    assert time.monotonic() - began < bounds.CHUNK_SECONDS
