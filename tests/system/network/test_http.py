"""Faults between us and a server: what is retried, and which message each gives."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.packages.cipd.bench import NAME, POLICY, Bench, package
from tests.packages.cipd.server import GUARD, Service, stall
from vpy.errors import ToolError, UserError
from vpy.model import Wanted
from vpy.system.lean.dataclasses import replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.packages.cipd.server import Handler

    Fault = Callable[[Handler], None]


def status(code: int, **headers: str) -> Fault:
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda handler: handler.answer(code, sent, b"<html>no</html>")


def grpc(code: int, **headers: str) -> Fault:
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda handler: handler.refuse(code, "said so", sent)


def reset(handler: Handler) -> None:
    handler.hang_up()


def close(handler: Handler) -> None:
    handler.close_connection = True


def body(text: bytes, code: str = "0") -> Fault:
    return lambda handler: handler.answer(200, {"X-Prpc-Grpc-Code": code}, text)


def short(handler: Handler) -> None:
    handler.answer(200, {"X-Prpc-Grpc-Code": "0"}, b")]}'\n{", length=500)
    handler.close_connection = True


TRANSIENT = {
    "reset": reset, "closed": close, "stalls": stall, "short": short, "500": status(500), "502": status(502),
    "503": status(503), "429": status(429, Retry_After="3"), "grpc 2": grpc(2), "grpc 4": grpc(4),
    "grpc 8": grpc(8), "grpc 13": grpc(13), "grpc 14": grpc(14, Retry_After="1"),
}  # fmt: skip


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
def test_a_transient_fault_is_retried(bench: Bench, fault: Fault) -> None:
    if fault is stall:
        bench.policy = replace(POLICY, idle_timeout=1)
    found = bench.service.put(NAME, package(), tags=("version:1.0",))
    bench.service.plan("POST", fault)
    assert bench.pin().instance_id == found
    assert bench.service.count("ResolveVersion") == 2
    assert len(bench.clock.pauses) == 1


MESSAGES = {
    "reset": (reset, "the connection to `URL` broke: Connection reset by peer (tried 5 times)", 5),
    "closed": (close, "the connection to `URL` broke: the other side closed it (tried 5 times)", 5),
    "short": (short, "the connection to `URL` broke: its body is shorter than announced (tried 5 times)", 5),
    "500": (status(500), "`URL` answered with status 500 (tried 5 times)", 5),
    "404": (status(404), "`URL` answered with status 404", 1),
    "429": (status(429, Retry_After="2"), "`URL` answered with status 429 (tried 5 times)", 5),
    "long wait": (
        status(429, Retry_After="3600"),
        "`URL` answered with status 429, and asks to wait 3600 s", 1),
    "grpc 1": (grpc(1), "the package service cancelled the call: said so", 1),
    "grpc 2": (grpc(2), "the package service failed for no known reason: said so (tried 5 times)", 5),
    "grpc 3": (grpc(3), "the package service says that the request is malformed: said so", 1),
    "grpc 4": (grpc(4), "the package service ran out of time: said so (tried 5 times)", 5),
    "grpc 5": (grpc(5), "the package service does not have it: said so", 1),
    "grpc 6": (grpc(6), "the package service says that it exists already: said so", 1),
    "grpc 7": (grpc(7), "the package service does not let everybody see it: said so", 1),
    "grpc 8": (grpc(8), "the package service is overloaded: said so (tried 5 times)", 5),
    "grpc 9": (grpc(9), "the package service cannot tell which one is meant: said so", 1),
    "grpc 10": (grpc(10), "the package service aborted the call: said so", 1),
    "grpc 11": (grpc(11), "the package service finds a value out of range: said so", 1),
    "grpc 12": (grpc(12), "the package service does not know this call: said so", 1),
    "grpc 13": (grpc(13), "the package service failed: said so (tried 5 times)", 5),
    "grpc 14": (grpc(14), "the package service is not available: said so (tried 5 times)", 5),
    "grpc 15": (grpc(15), "the package service has lost data: said so", 1),
    "grpc 16": (grpc(16), "the package service demands a login: said so", 1),
    "grpc 99": (grpc(99), "the package service answers with the unknown code 99: said so", 1),
    "HTML": (status(200), "`URL` answers, but not as a package service does", 1),
    "odd code": (body(b"x", code="-1"), "`URL` answers, but not as a package service does", 1),
    "no guard": (body(b'{"instance": {}}'), "`URL` sent a reply without the prefix of the protocol", 1),
    "not JSON": (body(GUARD + b"<html>"), "`URL` sent a reply that is not a JSON object", 1),
    "a list": (body(GUARD + b"[]"), "`URL` sent a reply that is not a JSON object", 1),
    "deep": (body(GUARD + b"[" * 200_000), "`URL` sent a reply that is not a JSON object", 1),
    "no UTF-8": (body(GUARD + b'{"a": "\xff"}'), "`URL` sent a reply that is not a JSON object", 1),
    "huge": (
        lambda handler: handler.answer(200, {"X-Prpc-Grpc-Code": "0"}, b"x" * 10, length=100 << 20),
        "`URL` sent 104857600 bytes where at most 1048576 are allowed", 1),
    "redirect": (
        status(302, Location="https://elsewhere.example/?s3cr3t"),
        "`URL` redirects to `https://elsewhere.example`, which is refused", 1),
    "redirect to http": (
        status(307, Location="http://elsewhere.example/"),
        "`URL` redirects to `http://elsewhere.example`, which is refused", 1),
    "gzip": (
        lambda handler: handler.answer(
            200, {"X-Prpc-Grpc-Code": "0", "Content-Encoding": "gzip"}, b"\x1f\x8b"),
        "`URL` sent an encoded body, which was not asked for", 1),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "message", "asked"), MESSAGES.values(), ids=MESSAGES)
def test_messages(bench: Bench, fault: Fault, message: str, asked: int) -> None:
    bench.service.always["POST"] = fault
    with pytest.raises((ToolError, UserError)) as caught:
        bench.pin()
    fact = message.replace("URL", bench.service.rpc_url)
    assert caught.value.message == f"cannot get `{NAME}` at `version:1.0`: {fact}"
    assert bench.service.count("ResolveVersion") == asked
    is_user_error = isinstance(caught.value, UserError)
    assert is_user_error == any(
        f"grpc {code}" in MESSAGES and MESSAGES[f"grpc {code}"][1] == message for code in (3, 5, 7, 9, 16)
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
    bench.policy = replace(POLICY, attempts=2, idle_timeout=0.4)
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

    bench.policy = replace(POLICY, attempts=1, total_timeout=0.5)
    bench.service.always["POST"] = drip
    with pytest.raises(ToolError, match="takes too long to answer"):
        bench.pin()


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"idle_timeout": 0.5, "least_bytes": 100}, "sends less than 100 bytes in 0.5 s"),
        ({"longest_download": 0.5}, "takes more than .* h for one file"),
    ],
)
def test_a_file_that_trickles_ends(bench: Bench, change: dict[str, float], fact: str) -> None:
    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not handler.service.ended.wait(0.1):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    bench.policy = replace(POLICY, attempts=1, resumes=0, **change)
    bench.service.put(NAME, package(), tags=("version:1.0",))
    bench.service.always["GET"] = drip
    with pytest.raises(ToolError, match=fact):
        bench.fetched()


def test_pauses_double_and_differ(bench: Bench) -> None:
    bench.service.always["POST"] = grpc(14)
    with pytest.raises(ToolError):
        bench.pin()
    assert bench.clock.pauses == [0.375, 0.75, 1.5, 3.0]


def test_pauses_that_are_asked_for(bench: Bench) -> None:
    bench.service.put(NAME, package(), tags=("version:1.0",))
    bench.service.plan(
        "POST", status(429, Retry_After="7"), status(503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    )
    bench.pin()
    assert bench.clock.pauses == [7, 0.75]


def test_no_server(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    bench.service.rpc_url = f"http://127.0.0.1:{port}"
    with pytest.raises(ToolError, match=f"cannot connect to `http://127.0.0.1:{port}`: Connection refused"):
        bench.pin()
    assert bench.clock.pauses == [0.375, 0.75]  # an unreachable server is tried less often


def test_no_such_name(bench: Bench) -> None:
    bench.service.rpc_url = "https://nowhere.invalid"
    bench.policy = replace(POLICY, attempts=1)
    with pytest.raises(ToolError, match=r"cannot find `https://nowhere.invalid`: its name is not known"):
        bench.pin()


def test_no_tls_where_it_should_be(bench: Bench) -> None:
    bench.service.rpc_url = bench.service.rpc_url.replace("http:", "https:")
    with pytest.raises(ToolError, match=r"no secure connection to `https://127.0.0.1:\d+`: "):
        bench.pin()


class TestTls:
    @pytest.fixture
    def bench(self, secure: Service, tmp_path: Path, authority: Path) -> Bench:
        bench = Bench(secure, tmp_path)
        bench.environ["SSL_CERT_FILE"] = str(authority / "ca.pem")
        secure.put(NAME, package(), tags=("version:1.0",))
        return bench

    def test_an_authority_of_our_own(self, bench: Bench, authority: Path) -> None:
        assert bench.service.rpc_url.startswith("https://localhost:")
        assert bench.fetched() == package()
        folder = bench.directory / "authorities"
        folder.mkdir()
        (folder / "ca.pem").write_text((authority / "ca.pem").read_text())
        import subprocess

        subprocess.run(["openssl", "rehash", str(folder)], check=True, capture_output=True)
        bench.environ = {"SSL_CERT_DIR": f"/nowhere{os.pathsep}{folder}"}
        bench.cache.answers.clear()
        assert bench.pin()

    def test_a_certificate_of_an_unknown_authority(self, bench: Bench) -> None:
        bench.environ.clear()
        with pytest.raises(ToolError) as caught:
            bench.pin()
        url = bench.service.rpc_url
        assert (
            f"the certificate of `{url}` is not trusted: unable to get local issuer" in caught.value.message
        )
        assert caught.value.hint is not None
        assert "SSL_CERT_FILE" in caught.value.hint
        assert not bench.clock.pauses

    def test_a_certificate_of_another_host(self, bench: Bench, authority: Path) -> None:
        other = Service(str(authority / "elsewhere.pem"))
        try:
            bench.service.rpc_url = other.rpc_url
            with pytest.raises(ToolError, match="is not trusted: Hostname mismatch"):
                bench.pin()
        finally:
            other.stop()

    def test_https_never_leads_to_plain_http(self, bench: Bench) -> None:
        """Not to this very machine either, where plain http is taken otherwise."""
        other = Service()
        try:
            bench.service.plan("GET", lambda handler: handler.answer(302, {"Location": other.rpc_url}, b""))
            url = f"{bench.service.rpc_url}/x"
            with (
                pytest.raises(ToolError, match=r"which is refused$"),
                bench.client().exchange("GET", url, {"Authorization": "x"}, elsewhere=True),
            ):
                pass
            assert other.requests == []
        finally:
            other.stop()

    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
    @pytest.mark.parametrize("what", ["", "missing", "empty", "garbage"])
    def test_a_bad_certificate_file_fails_closed(self, bench: Bench, variable: str, what: str) -> None:
        (bench.directory / "empty").write_text("")
        (bench.directory / "garbage").write_bytes(os.urandom(1000))
        bench.environ = {variable: str(bench.directory / what) if what else ""}
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
        bench.policy = replace(POLICY, attempts=1)
        away = bench.service.rpc_url
        bench.service.rpc_url = "https://packages.example"
        with pytest.raises(
            ToolError, match=r"cannot reach `https://packages.example` through the proxy"
        ) as caught:
            bench.pin()
        thread.join(5)
    (variable,) = environ
    assert f"127.0.0.1:{proxy.rpartition(':')[2]}` of `{variable}`: " in caught.value.message
    assert "s3cr3t" not in caught.value.message
    assert asked[0].startswith(b"CONNECT packages.example:443 ")
    assert b"proxy-authorization: basic dxnlcjpzm2nym3q=" in asked[0].lower()
    bench.service.rpc_url = away
    bench.service.put(NAME, package(), tags=("version:1.0",))
    assert bench.pin()


def test_ctrl_c_does_not_wait_for_downloads(bench: Bench) -> None:
    """Ctrl-C ends the downloads that are still running."""
    import signal

    name = "test/slow"
    bench.service.put(name, package(name), refs=("latest",))
    bench.service.put(NAME, package(), refs=("latest",))
    loader = bench.loader()
    pins = loader.resolve([Wanted(each, each, "latest") for each in (name, NAME)]).pins
    bench.service.always["GET"] = stall
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        loader.fetch(pins)
    assert time.monotonic() - began < 15


def test_a_final_failure_is_not_retried(bench: Bench) -> None:
    """The address of a file is asked for within its download: what failed there is reported once."""
    found = bench.service.put(NAME, package(), tags=("version:1.0",))
    pin = bench.pin()
    assert pin.instance_id == found
    bench.service.always["POST"] = grpc(14)
    with pytest.raises(ToolError) as caught:
        bench.loader().fetch([pin])
    assert caught.value.message.count("tried") == 1
    assert bench.service.count("GetInstanceURL") == bench.policy.attempts
