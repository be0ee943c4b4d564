"""Everything that can go wrong between us and a server, and what is said of it."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.cipd.bench import NAME, PATIENCE, package
from tests.cipd.server import GUARD, Service, stall
from vpy.errors import ToolError, UserError
from vpy.model import Wanted
from vpy.system import address
from vpy.value import replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cipd.bench import Bench
    from tests.cipd.server import Handler

    Fault = Callable[[Handler], None]


def status(code: int, **headers: str) -> Fault:
    told = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda handler: handler.answer(code, told, b"<html>no</html>")


def grpc(code: int, **headers: str) -> Fault:
    told = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda handler: handler.refuse(code, "said so", told)


def reset(handler: Handler) -> None:
    handler.hang_up()


def close(handler: Handler) -> None:
    handler.close_connection = True


def body(text: bytes, code: str = "0") -> Fault:
    return lambda handler: handler.answer(200, {"X-Prpc-Grpc-Code": code}, text)


def short(handler: Handler) -> None:
    handler.answer(200, {"X-Prpc-Grpc-Code": "0"}, b")]}'\n{", length=500)
    handler.close_connection = True


PASSING = {
    "reset": reset, "closed": close, "stalls": stall, "short": short, "500": status(500), "502": status(502),
    "503": status(503), "429": status(429, Retry_After="3"), "grpc 2": grpc(2), "grpc 4": grpc(4),
    "grpc 8": grpc(8), "grpc 13": grpc(13), "grpc 14": grpc(14, Retry_After="1"),
}  # fmt: skip


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_passes_is_tried_again(bench: Bench, fault: Fault) -> None:
    if fault is stall:
        bench.patience = replace(PATIENCE, silence=1)
    found = bench.service.put(NAME, package(), tags=("version:1.0",))
    bench.service.plan("POST", fault)
    assert bench.pin().instance_id == found
    assert bench.service.count("ResolveVersion") == 2
    assert len(bench.time.pauses) == 1


SAYS = {
    "reset": (reset, "the connection to `URL` broke: Connection reset by peer (tried 5 times)", 5),
    "closed": (close, "the connection to `URL` broke: it hung up (tried 5 times)", 5),
    "short": (short, "the connection to `URL` broke: its body is shorter than told (tried 5 times)", 5),
    "500": (status(500), "`URL` answered with status 500 (tried 5 times)", 5),
    "404": (status(404), "`URL` answered with status 404", 1),
    "429": (status(429, Retry_After="2"), "`URL` answered with status 429 (tried 5 times)", 5),
    "long wait": (
        status(429, Retry_After="3600"),
        "`URL` answered with status 429, and asks to come back in 3600 s", 1),
    "grpc 1": (grpc(1), "the package service cancelled the call: said so", 1),
    "grpc 2": (grpc(2), "the package service failed for no known reason: said so (tried 5 times)", 5),
    "grpc 3": (grpc(3), "the package service takes it for malformed: said so", 1),
    "grpc 4": (grpc(4), "the package service ran out of time: said so (tried 5 times)", 5),
    "grpc 5": (grpc(5), "the package service does not have it: said so", 1),
    "grpc 6": (grpc(6), "the package service says that it exists already: said so", 1),
    "grpc 7": (grpc(7), "the package service does not show it to the public: said so", 1),
    "grpc 8": (grpc(8), "the package service has too much to do: said so (tried 5 times)", 5),
    "grpc 9": (grpc(9), "the package service cannot tell which one is meant: said so", 1),
    "grpc 10": (grpc(10), "the package service gave up because of others: said so", 1),
    "grpc 11": (grpc(11), "the package service finds a value out of range: said so", 1),
    "grpc 12": (grpc(12), "this is no package service that knows such a call: said so", 1),
    "grpc 13": (grpc(13), "the package service failed: said so (tried 5 times)", 5),
    "grpc 14": (grpc(14), "the package service is not available: said so (tried 5 times)", 5),
    "grpc 15": (grpc(15), "the package service has lost data: said so", 1),
    "grpc 16": (grpc(16), "the package service wants to know who asks: said so", 1),
    "grpc 99": (grpc(99), "the package service answers with the unknown code 99: said so", 1),
    "HTML": (status(200), "`URL` answers, but not as a package service does", 1),
    "odd code": (body(b"x", code="-1"), "`URL` answers, but not as a package service does", 1),
    "no guard": (body(b'{"instance": {}}'), "`URL` sent a reply without the mark that begins each", 1),
    "no JSON": (body(GUARD + b"<html>"), "`URL` sent a reply that is no JSON object", 1),
    "a list": (body(GUARD + b"[]"), "`URL` sent a reply that is no JSON object", 1),
    "deep": (body(GUARD + b"[" * 200_000), "`URL` sent a reply that is no JSON object", 1),
    "no UTF-8": (body(GUARD + b'{"a": "\xff"}'), "`URL` sent a reply that is no JSON object", 1),
    "huge": (
        lambda handler: handler.answer(200, {"X-Prpc-Grpc-Code": "0"}, b"x" * 10, length=100 << 20),
        "`URL` sent 104857600 bytes where at most 1048576 are fit", 1),
    "redirect": (
        status(302, Location="https://elsewhere.example/?s3cr3t"),
        "`URL` redirects to `https://elsewhere.example`, which is refused", 1),
    "redirect to http": (
        status(307, Location="http://elsewhere.example/"),
        "`URL` redirects to `http://elsewhere.example`, which is refused", 1),
    "gzip": (
        lambda handler: handler.answer(
            200, {"X-Prpc-Grpc-Code": "0", "Content-Encoding": "gzip"}, b"\x1f\x8b"),
        "`URL` sent an encoded body that nobody asked for", 1),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "message", "asked"), SAYS.values(), ids=SAYS)
def test_what_is_said(bench: Bench, fault: Fault, message: str, asked: int) -> None:
    bench.service.always["POST"] = fault
    with pytest.raises((ToolError, UserError)) as caught:
        bench.pin()
    told = message.replace("URL", bench.service.rpc_url)
    assert caught.value.message == f"cannot get `{NAME}` at `version:1.0`: {told}"
    assert bench.service.count("ResolveVersion") == asked
    mendable = isinstance(caught.value, UserError)
    assert mendable == any(
        f"grpc {code}" in SAYS and SAYS[f"grpc {code}"][1] == message for code in (3, 5, 7, 9, 16)
    )


def test_a_reply_without_a_length_is_bounded_too(bench: Bench) -> None:
    def flood(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("X-Prpc-Grpc-Code", "0")
        handler.end_headers()
        handler.close_connection = True
        try:
            for _ in range(1000):
                handler.wfile.write(b"x" * 100_000)
        except OSError:
            pass

    bench.service.always["POST"] = flood
    with pytest.raises(ToolError, match="sent more than 1048576 bytes"):
        bench.pin()


def test_silence_ends(bench: Bench) -> None:
    bench.patience = replace(PATIENCE, attempts=2, silence=0.4)
    bench.service.always["POST"] = stall
    began = time.monotonic()
    with pytest.raises(ToolError, match=r"`http://127.0.0.1:\d+` sent nothing for 0.4 s \(tried 2 times\)"):
        bench.pin()
    assert time.monotonic() - began < 15


def test_a_trickle_ends(bench: Bench) -> None:
    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not handler.service.ended.wait(0.1):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    bench.patience = replace(PATIENCE, attempts=1, whole=0.5)
    bench.service.always["POST"] = drip
    with pytest.raises(ToolError, match="takes too long to answer"):
        bench.pin()


def test_pauses_double_and_differ(bench: Bench) -> None:
    bench.service.always["POST"] = grpc(14)
    with pytest.raises(ToolError):
        bench.pin()
    assert bench.time.pauses == [0.375, 0.75, 1.5, 3.0]


def test_pauses_that_are_asked_for(bench: Bench) -> None:
    bench.service.put(NAME, package(), tags=("version:1.0",))
    bench.service.plan(
        "POST", status(429, Retry_After="7"), status(503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    )
    bench.pin()
    assert bench.time.pauses == [7, 0.75]


def test_nobody_there(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    bench.service.rpc_url = f"http://127.0.0.1:{port}"
    with pytest.raises(ToolError, match=f"cannot connect to `http://127.0.0.1:{port}`: Connection refused"):
        bench.pin()
    assert bench.time.pauses == [0.375, 0.75]  # where nobody is, nobody is waited for


def test_no_such_name(bench: Bench) -> None:
    bench.service.rpc_url = "https://nowhere.invalid"
    bench.patience = replace(PATIENCE, attempts=1)
    with pytest.raises(ToolError, match=r"cannot find `https://nowhere.invalid`: its name is not known"):
        bench.pin()


def test_no_tls_where_it_should_be(bench: Bench) -> None:
    bench.service.rpc_url = bench.service.rpc_url.replace("http:", "https:")
    with pytest.raises(ToolError, match=r"no secure connection to `https://127.0.0.1:\d+`: "):
        bench.pin()


class TestTls:
    @pytest.fixture
    def bench(self, secure: Service, tmp_path: Path, authority: Path) -> Bench:
        from tests.cipd.bench import Bench

        made = Bench(secure, tmp_path)
        made.environ["SSL_CERT_FILE"] = str(authority / "ca.pem")
        secure.put(NAME, package(), tags=("version:1.0",))
        return made

    def test_an_authority_of_our_own(self, bench: Bench, authority: Path) -> None:
        assert bench.service.rpc_url.startswith("https://localhost:")
        assert bench.fetched() == package()
        folder = bench.place / "authorities"
        folder.mkdir()
        (folder / "ca.pem").write_text((authority / "ca.pem").read_text())
        import subprocess

        subprocess.run(["openssl", "rehash", str(folder)], check=True, capture_output=True)
        bench.environ = {"SSL_CERT_DIR": f"/nowhere{os.pathsep}{folder}"}
        bench.memory.kept.clear()
        assert bench.pin()

    def test_a_certificate_from_nobody(self, bench: Bench) -> None:
        bench.environ.clear()
        with pytest.raises(ToolError) as caught:
            bench.pin()
        url = bench.service.rpc_url
        assert (
            f"the certificate of `{url}` is not trusted: unable to get local issuer" in caught.value.message
        )
        assert caught.value.hint is not None
        assert "SSL_CERT_FILE" in caught.value.hint
        assert not bench.time.pauses

    def test_a_certificate_of_another_host(self, bench: Bench, authority: Path) -> None:
        other = Service(str(authority / "elsewhere.pem"))
        try:
            bench.service.rpc_url = other.rpc_url
            with pytest.raises(ToolError, match="is not trusted: Hostname mismatch"):
                bench.pin()
        finally:
            other.stop()

    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
    @pytest.mark.parametrize("what", ["", "missing", "empty", "garbage"])
    def test_a_bad_certificate_file_fails_closed(self, bench: Bench, variable: str, what: str) -> None:
        (bench.place / "empty").write_text("")
        (bench.place / "garbage").write_bytes(os.urandom(1000))
        bench.environ = {variable: str(bench.place / what) if what else ""}
        with pytest.raises(ToolError, match=f"`{variable}` names no certificates: "):
            bench.pin()
        assert not bench.service.requests


@pytest.mark.parametrize(
    "environ", [{"https_proxy": "PROXY"}, {"HTTPS_PROXY": "PROXY"}, {"all_proxy": "PROXY"}]
)
def test_proxies(bench: Bench, environ: dict[str, str]) -> None:
    """A proxy is asked for the way to another machine, with its password, and never for this one."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        proxy = f"http://user:s3cr3t@127.0.0.1:{listener.getsockname()[1]}"
        bench.environ |= {name: text.replace("PROXY", proxy) for name, text in environ.items()}
        bench.patience = replace(PATIENCE, attempts=1)
        away = bench.service.rpc_url
        bench.service.rpc_url = "https://packages.example"
        with pytest.raises(
            ToolError, match=r"cannot reach `https://packages.example` through the proxy"
        ) as caught:
            bench.pin()
        thread.join(5)
    assert "s3cr3t" not in caught.value.message
    assert asked[0].startswith(b"CONNECT packages.example:443 ")
    assert b"proxy-authorization: basic dxnlcjpzm2nym3q=" in asked[0].lower()
    bench.service.rpc_url = away
    bench.service.put(NAME, package(), tags=("version:1.0",))
    assert bench.pin()


@pytest.mark.parametrize(("environ", "told"), [
    ({}, None),
    ({"https_proxy": "http://p:1"}, "http://p:1"),
    ({"https_proxy": "p:1"}, "http://p:1"),
    ({"https_proxy": "http://p:1", "HTTPS_PROXY": "http://q:2"}, "http://p:1"),
    ({"https_proxy": "http://p:1", "no_proxy": "example"}, None),
    ({"https_proxy": "http://p:1", "NO_PROXY": ".packages.example"}, None),
    ({"https_proxy": "http://p:1", "no_proxy": "*"}, None),
    ({"https_proxy": "http://p:1", "no_proxy": "other.example"}, "http://p:1"),
    ({"http_proxy": "http://p:1"}, None),
    ({"https_proxy": ""}, None),
])  # fmt: skip
def test_which_proxy(environ: dict[str, str], told: str | None) -> None:
    assert address.proxy_for("https://a.packages.example/x", environ) == told


@pytest.mark.parametrize("proxy", ["socks5://p:1", "http://", "http://p:x", "ftp://p"])
def test_proxies_that_are_none(proxy: str) -> None:
    with pytest.raises(ToolError, match="cannot be used"):
        address.proxy_for("https://a.example", {"https_proxy": proxy})


@pytest.mark.parametrize("url", [
    "https://a.example", "https://a.example:8443/x?y=z", "http://127.0.0.1:80", "http://localhost", "http://[::1]:5/",
    "http://127.9.9.9", "http://x.localhost:1",
])  # fmt: skip
def test_addresses(url: str) -> None:
    assert address.check(url) == url


@pytest.mark.parametrize("url", [
    "", "a.example", "http://a.example", "http://0.0.0.0", "http://127.0.0.1.example", "ftp://a", "https://",
    "https://a b", "https://a\nb", "https://u:p@a", "https://u@a", "https://a:0", "https://a:x", "https://[::1",
    "file:///etc/passwd", "https://ü.example", "javascript:x", "http://localhost.example", "https:///x",
    "https://" + "a" * 9000,
])  # fmt: skip
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(UserError) as caught:
        address.check(url)
    assert "p@a" not in caught.value.message
    assert caught.value.message.isprintable()


def test_a_service_has_no_path() -> None:
    assert address.root("https://a.example/") == "https://a.example"
    for url in ("https://a.example/x", "https://a.example/?x", "https://a.example#x"):
        with pytest.raises(UserError, match=r"a service's address has no path: `https://a.example`"):
            address.root(url)


def test_ctrl_c_does_not_wait_for_downloads(bench: Bench) -> None:
    """Whoever is still read from when nobody waits any more."""
    import signal

    name = "test/slow"
    bench.service.put(name, package(name), refs=("latest",))
    bench.service.put(NAME, package(), refs=("latest",))
    loader = bench.loader()
    pins = loader.resolve([Wanted(each, each, "latest") for each in (name, NAME)])
    bench.service.always["GET"] = stall
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        loader.fetch(pins)
    assert time.monotonic() - began < 15


def test_who_was_tried_enough_is_not_tried_again(bench: Bench) -> None:
    """The address of a file is asked for within its download: what failed there is told once."""
    found = bench.service.put(NAME, package(), tags=("version:1.0",))
    pin = bench.pin()
    assert pin.instance_id == found
    bench.service.always["POST"] = grpc(14)
    with pytest.raises(ToolError) as caught:
        bench.loader().fetch([pin])
    assert caught.value.message.count("tried") == 1
    assert bench.service.count("GetInstanceURL") == bench.patience.attempts
