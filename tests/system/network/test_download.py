"""A download: resumed where it broke, started again where it cannot be, bounded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.packages.cipd.bench import NAME, POLICY, package
from vpy.errors import ToolError
from vpy.system.lean.dataclasses import replace
from vpy.system.network import download

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.packages.cipd.bench import Bench
    from tests.packages.cipd.server import Handler

DATA = package(members={"data": os.urandom(300_000)})


@pytest.fixture
def bench(bench: Bench) -> Bench:
    bench.service.put(NAME, DATA, tags=("version:1.0",))
    return bench


def cut(size: int, **headers: str) -> Callable[[Handler], None]:
    """Send that much of the package, and hang up."""

    def fault(handler: Handler) -> None:
        first = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        sent = {"ETag": '"one"', **{name.replace("_", "-"): text for name, text in headers.items()}}
        status = 200
        if first:
            status = 206
            sent.setdefault("Content-Range", f"bytes {first}-{len(DATA) - 1}/{len(DATA)}")
        handler.answer(status, sent, DATA[first : first + size], length=len(DATA) - first)
        handler.close_connection = True

    return fault


def spans(bench: Bench) -> list[str]:
    return [headers.get("Range", "") for method, _, headers, _ in bench.service.requests if method == "GET"]


def test_resumed_where_it_broke(bench: Bench) -> None:
    bench.service.plan("GET", cut(100_000), cut(50_000))
    assert bench.fetched() == DATA
    assert spans(bench) == ["", "bytes=100000-", "bytes=150000-"]
    conditions = [
        headers.get("If-Range") for method, _, headers, _ in bench.service.requests if method == "GET"
    ]
    assert conditions == [None, '"one"', '"one"']
    assert bench.service.count("GetInstanceURL") == 3  # a signed address may have gone stale


def test_started_again_where_the_server_does_not_resume(bench: Bench) -> None:
    bench.service.plan("GET", cut(100_000), lambda handler: handler.answer(200, {}, DATA))
    assert bench.fetched() == DATA


@pytest.mark.parametrize("span", [
    "bytes 0-299/300", "bytes 100001-{last}/{size}", "bytes 100000-{last}/999999",
    "bytes 100000-100001/{size}",
    "", "x", "bytes */{size}", "bytes -1-2/3", "bytes 100000-{last}/*",
])  # fmt: skip
def test_a_wrong_content_range(bench: Bench, span: str) -> None:
    content_range = span.format(last=len(DATA) - 1, size=len(DATA))
    bench.service.plan("GET", cut(100_000), cut(100_000, Content_Range=content_range))
    assert bench.fetched() == DATA
    assert spans(bench) == ["", "bytes=100000-", ""]


def test_part_of_it_that_nobody_asked_for(bench: Bench) -> None:
    bench.service.plan(
        "GET", lambda handler: handler.answer(206, {"Content-Range": "bytes 5-9/10"}, b"x" * 5)
    )
    assert bench.fetched() == DATA


def test_an_expired_address_is_signed_again(bench: Bench) -> None:
    bench.service.plan("GET", cut(100_000), lambda handler: handler.answer(403, {}, b"expired"))
    assert bench.fetched() == DATA
    assert bench.service.count("GetInstanceURL") == 3


def test_another_file_under_the_address(bench: Bench) -> None:
    bench.service.plan("GET", cut(100_000), lambda handler: handler.answer(200, {}, b"x" * 200_000))
    with pytest.raises(ToolError, match="has another file than when the download began"):
        bench.fetched()


@pytest.mark.parametrize(("length", "message"), [
    (len(DATA) + 10, r"broke: its body is shorter than announced \(tried 5 times\)"),
    (5 << 30, "offers 5368709120 bytes, more than the 4294967296 that are allowed"),
])  # fmt: skip
def test_a_length_that_lies(bench: Bench, length: int, message: str) -> None:
    def lie(handler: Handler) -> None:
        handler.answer(200, {}, DATA, length=length)
        handler.close_connection = True

    bench.service.always["GET"] = lie
    with pytest.raises(ToolError, match=message):
        bench.fetched()
    assert os.listdir(bench.layout.packages) == []


def test_a_body_longer_than_announced(bench: Bench) -> None:
    """What follows the body is dropped, and does not become the head of the next answer."""

    def more(handler: Handler) -> None:
        handler.answer(200, {}, DATA + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", length=len(DATA))

    bench.service.plan("GET", more)
    assert bench.fetched() == DATA
    assert bench.fetched() == DATA


def test_more_than_is_taken(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "LARGEST", 100_000)

    def chunked(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(4):
            handler.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    bench.service.always["GET"] = chunked
    with pytest.raises(ToolError, match="sent more than 100000 bytes"):
        bench.fetched()


def test_chunks(bench: Bench) -> None:
    def chunked(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for at in range(0, len(DATA), 5000):
            piece = DATA[at : at + 5000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    bench.service.plan("GET", chunked)
    assert bench.fetched() == DATA


def test_resuming_has_an_end(bench: Bench) -> None:
    """A server that gives a byte each time is not asked for ever."""
    bench.policy = replace(POLICY, resumes=6)
    bench.service.always["GET"] = cut(1)
    with pytest.raises(ToolError, match=r"tried 7 times"):
        bench.fetched()
    assert bench.service.count("download") == 7


def test_stalls_midway(bench: Bench) -> None:
    def stall(handler: Handler) -> None:
        handler.answer(200, {}, DATA[:1000], length=len(DATA))
        handler.wfile.flush()
        handler.service.ended.wait(60)

    bench.policy = replace(POLICY, idle_timeout=1)
    bench.service.plan("GET", stall)
    assert bench.fetched() == DATA
    assert spans(bench) == ["", "bytes=1000-"]


@pytest.mark.parametrize(
    "location", ["https://elsewhere.example/x?s3cr3t", "http://elsewhere.example/", "/again", "ftp://x"]
)
def test_redirects(bench: Bench, location: str) -> None:
    """Redirects are followed within one host, and only so often; to another host never."""
    bench.service.always["GET"] = lambda handler: handler.answer(302, {"Location": location}, b"")
    with pytest.raises(ToolError, match=r"which is refused|redirects in a circle") as caught:
        bench.fetched()
    assert "s3cr3t" not in caught.value.message
    assert bench.service.count("GetInstanceURL") == 1


def test_a_redirect_within_the_host(bench: Bench) -> None:
    def move(handler: Handler) -> None:
        handler.answer(302, {"Location": handler.path.replace("?", "?moved&")}, b"")

    bench.service.plan("GET", move)
    assert bench.fetched() == DATA
