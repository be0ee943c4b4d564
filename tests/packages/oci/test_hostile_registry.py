"""A registry that lies: what it sends is refused, a login goes nowhere else, and each error is one line."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.packages.oci.conftest import basic, digest_of
from tests.support.hostile_registry import MANIFEST
from vpy.errors import UserError
from vpy.packages.oci.connection import Connection
from vpy.packages.oci.credentials import Credentials
from vpy.packages.oci.login import Login
from vpy.packages.oci.reference import parse
from vpy.system.lean.dataclasses import replace
from vpy.system.network.http import Client
from vpy.system.network.retry import NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.packages.oci.conftest import Caller
    from tests.support.hostile_registry import Fault, Handler, HostileRegistry
    from vpy.packages.oci.registry import Registry

DATA = os.urandom(200_000)
DIGEST = digest_of(DATA)
DOCUMENT = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST}).encode()
PASSWORD = "correct horse"
LOGIN = basic("alice", PASSWORD)
OTHER = digest_of(b"other")


def sends(status: int, body: bytes = b"", *, length: int | None = None, **headers: str) -> Fault:
    sent = {name.replace("_", "-"): text for name, text in headers.items()}

    def fault(handler: Handler) -> None:
        handler.answer(status, sent, body, length=length)
        handler.close_connection = handler.close_connection or length is not None

    return fault


def to(location: str, status: int = 307) -> Fault:
    return sends(status, Location=location)


def refusal(work: Callable[[], object], hostile: HostileRegistry) -> str:
    with pytest.raises(NetworkError) as caught:
        work()
    text = f"{caught.value.message} {caught.value.hint}"
    assert PASSWORD not in text
    assert LOGIN not in text
    assert "\n" not in text
    return caught.value.message.replace(hostile.host, "HOST")


def fetch(registry: Registry, caller: Caller, size: int = len(DATA)) -> bytes | None:
    path = caller.home / "blob"
    try:
        return path.read_bytes() if registry.fetch_blob(DIGEST, size, str(path)) else None
    finally:
        path.unlink(missing_ok=True)


@pytest.fixture
def registry(caller: Caller, hostile: HostileRegistry) -> Registry:
    hostile.put(DATA)
    hostile.manifests["1"] = DOCUMENT
    return caller.registry(hostile.host)


def cut(*sizes: int) -> list[Fault]:
    """Send so many bytes of what is asked for, and hang up."""

    def fault(size: int) -> Fault:
        def send(handler: Handler) -> None:
            first = int(handler.headers.get("Range", "bytes=0-")[6:-1])
            headers = {"Content-Range": f"bytes {first}-{len(DATA) - 1}/{len(DATA)}"} if first else {}
            handler.answer(
                206 if first else 200, headers, DATA[first : first + size], length=len(DATA) - first
            )
            handler.close_connection = True

        return send

    return [fault(size) for size in sizes]


def test_a_blob_goes_on_where_it_broke(registry: Registry, caller: Caller, hostile: HostileRegistry) -> None:
    hostile.plan("GET", *cut(50_000, 100_000))
    pieces: list[int] = []
    path = caller.home / "blob"
    assert registry.fetch_blob(DIGEST, len(DATA), str(path), progress=pieces.append)
    assert path.read_bytes() == DATA
    assert sum(pieces) == len(DATA)
    assert hostile.asked() == ["GET blobs", "GET blobs bytes=50000-", "GET blobs bytes=150000-"]


@pytest.mark.parametrize("size", [len(DATA), 0])
@pytest.mark.parametrize("fault", [
    sends(206, DATA[50_000:]), sends(206, DATA[50_000:], Content_Range="bytes 0-199999/200000"),
    sends(206, DATA[50_000:], Content_Range="bytes 50000-50000/50001"), sends(200, DATA),
])  # fmt: skip
def test_a_wrong_part_is_not_taken(
    registry: Registry, caller: Caller, hostile: HostileRegistry, fault: Fault, size: int
) -> None:
    hostile.plan("GET", *cut(50_000), fault)
    assert fetch(registry, caller, size) == DATA
    assert hostile.asked()[:2] == ["GET blobs", "GET blobs bytes=50000-"]


BLOBS = {
    "another": (sends(200, DATA[:-1] + b"x"), f"`HOST` sent other bytes than those of `{DIGEST}`: `sha256:"),
    "longer": (sends(200, DATA + b"x"), "`http://HOST` offers 200001 bytes where there must be 200000"),
    "shorter": (sends(200, DATA[:-1]), "`http://HOST` offers 199999 bytes where there must be 200000"),
    "endless": (
        sends(200, DATA + b"x" * 100, Content_Length="", Connection="close"),
        "`http://HOST` sent more than 200000 bytes"),
    "part": (
        sends(206, DATA, Content_Range="bytes 0-199999/200000"),
        "`http://HOST` continues the download at another position than asked (tried 5 times)"),
    "no body": (sends(204), "`http://HOST` answered with status 204 for `demo`"),
    "gzip": (
        sends(200, DATA, Content_Encoding="gzip"),
        "`http://HOST` sent an encoded body, which was not asked for"),
    "downgrade": (
        to("http://elsewhere.example/x"),
        "`http://HOST` redirects to `http://elsewhere.example`, which is refused"),
    "file": (to("file:///etc/passwd"), "`http://HOST` redirects to `file:///etc/passwd`, which is refused"),
    "login": (
        to("https://a:b@elsewhere.example/x"),
        "`http://HOST` redirects to `https://elsewhere.example`, which is refused"),
    "circle": (to("?x"), "`http://HOST` redirects in a circle"),
    "nowhere": (sends(307), "`http://HOST` redirects in a circle"),
    "errors": (
        sends(418, b'{"errors": [{"code": "A", "message": "\\u001b[31mred\\n"}, {"code": "B"}, {"x": 1}]}'),
        "`http://HOST` answered with status 418 for `demo`: A: \\x1b[31mred\\n; B"),
    "odd errors": (
        sends(418, b'{"errors": [{"code": "A", "message": {"x": 1}}]}'),
        "`http://HOST` answered with status 418 for `demo`"),
    "HTML errors": (
        sends(500, b"<html>"), "`http://HOST` answered with status 500 for `demo` (tried 5 times)"),
    "wait": (
        sends(503, Retry_After="3600"),
        "`http://HOST` answered with status 503 for `demo`, and asks to wait 3600 s"),
    "headers": (
        sends(200, DATA, X="x" * 100_000),
        "the connection to `http://HOST` broke: line too long (tried 5 times)"),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOBS)
def test_a_blob_that_is_none(registry: Registry, caller: Caller, hostile: HostileRegistry, name: str) -> None:
    hostile.always["GET"], message = BLOBS[name]
    said = refusal(lambda: fetch(registry, caller), hostile)
    assert said.startswith(message) if name == "another" else said == message
    assert list(caller.home.iterdir()) == []


def test_a_file_that_is_there_stays(registry: Registry, caller: Caller) -> None:
    path = caller.home / "blob"
    path.write_bytes(b"mine")
    with pytest.raises(Exception, match=r"cannot write .*: File exists"):
        registry.fetch_blob(DIGEST, len(DATA), str(path))
    assert path.read_bytes() == b"mine"


def test_a_slow_one_ends(caller: Caller, hostile: HostileRegistry) -> None:
    caller.policy = replace(caller.policy, idle_timeout=0.1, attempts=1)

    def stall(handler: Handler) -> None:
        handler.registry.ended.wait(60)

    hostile.always["GET"] = stall
    said = refusal(caller.registry(hostile.host).manifest, hostile)
    assert said == "`http://HOST` sent nothing for 0.1 s"


@pytest.mark.parametrize("piece", [b"X", b"X: y\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_head_without_an_end(caller: Caller, hostile: HostileRegistry, piece: bytes) -> None:
    """Each byte comes in time."""
    caller.policy = replace(caller.policy, idle_timeout=0.2, attempts=1)

    def trickle(handler: Handler) -> None:
        handler.wfile.write(b"" if piece.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n")
        while not handler.registry.ended.wait(0.02):
            handler.wfile.write(piece)

    hostile.always["GET"] = trickle
    said = refusal(caller.registry(hostile.host).manifest, hostile)
    assert said == "the connection to `http://HOST` broke: the head of its answer has no end"


READ = {
    "another": (
        sends(200, b"x" * 5),
        f"`HOST` sent other bytes than those of `{DIGEST}`: `{digest_of(b'x' * 5)}`"),
    "large": (sends(200, b"x" * 300_000), "`http://HOST` sent 300000 bytes where at most 200000 are allowed"),
    "endless": (
        sends(200, b"x" * 300_000, Content_Length="", Connection="close"),
        "`http://HOST` sent more than 200000 bytes"),
    "none": (sends(404), "`http://HOST` answered with status 404 for `demo`"),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_small_blob_that_is_none(registry: Registry, hostile: HostileRegistry, name: str) -> None:
    fault, message = READ[name]
    hostile.plan("GET", fault)
    assert refusal(lambda: registry.read_blob(DIGEST, len(DATA)), hostile) == message


MANIFESTS = {
    "HTML": (
        sends(200, b"<html>", Content_Type="text/html"),
        "`HOST` sent `text/html` where a manifest was asked for"),
    "no type": (sends(200, b"{}"), "`HOST` sent `something` where a manifest was asked for"),
    "deep": (sends(200, b"[" * 200_000), "`HOST` sent `something` where a manifest was asked for"),
    "large": (
        sends(200, b"x", length=5 << 20),
        "`http://HOST` sent 5242880 bytes where at most 4194304 are allowed",
    ),
    "header": (
        sends(200, DOCUMENT, Content_Type=MANIFEST, Docker_Content_Digest=OTHER),
        f"`HOST` sent other bytes than those of `{OTHER}`: `{digest_of(DOCUMENT)}`"),
}  # fmt: skip


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_is_none(registry: Registry, hostile: HostileRegistry, name: str) -> None:
    fault, message = MANIFESTS[name]
    hostile.plan("GET", fault)
    assert refusal(registry.manifest, hostile) == message


def test_a_manifest(registry: Registry, hostile: HostileRegistry) -> None:
    assert registry.manifest() == (DOCUMENT, MANIFEST)
    assert "application/vnd.oci.image.index.v1+json" in hostile.requests[0].headers["accept"]
    assert registry.manifest("2") is None
    hostile.plan("GET", sends(200, DOCUMENT, Content_Type="application/json; charset=utf-8"))
    assert registry.manifest() == (DOCUMENT, MANIFEST)
    by_sha512 = f"sha512:{hashlib.sha512(DOCUMENT).hexdigest()}"
    hostile.plan("GET", sends(200, DOCUMENT, Content_Type=MANIFEST, Docker_Content_Digest=by_sha512))
    assert registry.manifest() == (DOCUMENT, MANIFEST)
    hostile.manifests[OTHER] = DOCUMENT
    assert refusal(lambda: registry.manifest(OTHER), hostile) == (
        f"`HOST` sent other bytes than those of `{OTHER}`: `{digest_of(DOCUMENT)}`"
    )
    with pytest.raises(UserError, match=r"^not a tag: `\.\./x`$"):
        registry.manifest("../x")
    assert hostile.asked() == ["GET manifests"] * 5


def test_another_size(registry: Registry, hostile: HostileRegistry) -> None:
    assert registry.has_blob(DIGEST, len(DATA))
    assert registry.has_blob(DIGEST, 0)
    assert not registry.has_blob(OTHER, 5)
    assert refusal(lambda: registry.has_blob(DIGEST, 5), hostile) == (
        f"`HOST` has `{DIGEST}` with 200000 bytes where it must have 5"
    )


def test_pages_of_tags(registry: Registry, hostile: HostileRegistry) -> None:
    link = '</v2/demo/tags/list?n=1&last=a>; title="x"; rel="next"'
    hostile.plan("GET", sends(200, b'{"tags": ["a"]}', Link=link), sends(200, b'{"tags": ["b"]}'))
    assert registry.tags() == ["a", "b"]
    assert hostile.requests[1].path == "/v2/demo/tags/list?n=1&last=a"
    hostile.plan("GET", sends(404))
    assert registry.tags() == []


TAGS = {
    "circle": (
        sends(200, b'{"tags": ["a"]}', Link='<?last=a>; rel="next"'), "`HOST` has no end of tags of `demo`"),
    "elsewhere": (
        sends(200, b'{"tags": ["a"]}', Link="<https://elsewhere.example/>; rel=next"),
        "`HOST` goes on with its tags at `https://elsewhere.example`"),
    "HTML": (sends(200, b"<html>"), "`HOST` sent no list of tags for `demo`"),
    "odd": (sends(200, b'{"tags": ["../a"]}'), "`HOST` sent no list of tags for `demo`"),
    "numbers": (sends(200, b'{"tags": [1]}'), "`HOST` sent no list of tags for `demo`"),
}  # fmt: skip


@pytest.mark.parametrize("name", TAGS)
def test_tags_that_are_none(registry: Registry, hostile: HostileRegistry, name: str) -> None:
    hostile.always["GET"], message = TAGS[name]
    assert refusal(registry.tags, hostile) == message


# Logins.


def wants(challenge: str) -> Fault:
    """Answer 401 with that challenge until something is sent as `Authorization`."""

    def fault(handler: Handler) -> None:
        if handler.headers.get("Authorization"):
            handler.registry.serve(handler)
        else:
            handler.answer(401, {"WWW-Authenticate": challenge})

    return fault


def test_a_login_stays_at_its_registry(
    caller: Caller, hostile: HostileRegistry, other: HostileRegistry
) -> None:
    """A blob behind a redirect to a store of objects; what is asked there has no login."""
    caller.login(hostile.host, auth=LOGIN)
    other.put(DATA)
    hostile.always["GET"] = wants("Basic realm=x")
    registry = caller.registry(hostile.host)
    hostile.manifests["1"] = DOCUMENT
    assert registry.manifest() == (DOCUMENT, MANIFEST)
    hostile.plan("GET", to(f"{other.url}/v2/demo/blobs/{DIGEST}?X-Signature=abc"))
    assert fetch(registry, caller) == DATA
    hostile.plan("HEAD", to(f"{other.url}/v2/demo/blobs/{DIGEST}?X-Signature=abc"))
    assert registry.has_blob(DIGEST, len(DATA))
    assert [each.headers.get("authorization") for each in hostile.requests] == [None] + [f"Basic {LOGIN}"] * 3
    assert [each.headers.get("authorization") for each in other.requests] == [None, None]

    other.plan("GET", wants(f'Bearer realm="{other.url}/token"'))
    hostile.plan("GET", to(f"{other.url}/v2/demo/blobs/{DIGEST}"))
    said = refusal(lambda: fetch(registry, caller), other)
    assert said == "`http://HOST` answered with status 401 for `demo`"
    assert [each.headers.get("authorization") for each in other.requests] == [None] * 3


CHALLENGES = {
    "none": ("", "`HOST` wants a login for `demo`"),
    "unknown": ("Negotiate", "`HOST` wants a login by `negotiate`, not by `Bearer` or `Basic`"),
    "unreadable": ('"', "`HOST` wants a login by nothing that is known, not by `Bearer` or `Basic`"),
    "rejected": ("Basic realm=x", "`HOST` refuses `demo` to `alice` of `CONFIG`"),
    "plain http": (
        'Bearer realm="http://t.example/token"',
        "`HOST` names a token server that is refused: `http://t.example`"),
    "no address": ('Bearer realm="token"', "`HOST` names a token server that is refused: `token`"),
    "login in it": (
        'Bearer realm="https://a:b@t.example"', "`HOST` names a token server that is refused: `https://t.example`"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHALLENGES)
def test_a_login_that_is_not_taken(caller: Caller, hostile: HostileRegistry, name: str) -> None:
    """Nothing is asked for ever: once more with the login, if at all."""
    caller.login(hostile.host, auth=LOGIN)
    challenge, message = CHALLENGES[name]
    hostile.always["GET"] = sends(401, WWW_Authenticate=challenge)
    said = refusal(caller.registry(hostile.host).manifest, hostile)
    assert said == message.replace("CONFIG", str(caller.home / "docker" / "config.json"))
    assert len(hostile.requests) == (2 if name == "rejected" else 1)


def test_https_names_nothing_of_plain_http(caller: Caller) -> None:
    """Not on this very machine either: others may listen there."""
    named = parse("oci://r.example/demo:1")
    caller.login("r.example", auth=LOGIN)
    client = Client({}, "tests/1", caller.clock.clock(), caller.policy)
    connection = Connection(client, named, Credentials(caller.environ, str(caller.home)))
    with pytest.raises(NetworkError, match=r"^`r\.example` names an address that is refused: `http://127"):
        connection.place(connection.url("blobs/uploads/"), "http://127.0.0.1:1/x")
    login = Login(client, named, Credentials(caller.environ, str(caller.home)))
    with pytest.raises(
        NetworkError, match=r"^`r\.example` names a token server that is refused: `http://127"
    ):
        login.answer('Bearer realm="http://127.0.0.1:1/x"', "repository:demo:pull", "")


TOKENS = {
    "nonsense": (sends(200, b"<html>"), "sent no token"),
    "a list": (sends(200, b"[]"), "sent no token"),
    "a number": (sends(200, b'{"token": 1}'), "sent no token"),
    "another header": (sends(200, b'{"token": "a\\r\\nX: y"}'), "sent no token"),
    "giant": (sends(200, json.dumps({"token": "x" * 100_000}).encode()), "sent no token"),
    "refused": (
        sends(403, f'{{"details": "{PASSWORD}"}}'.encode()), "refuses `alice` of `CONFIG`: status 403"),
}  # fmt: skip


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_server_that_gives_none(
    caller: Caller, hostile: HostileRegistry, other: HostileRegistry, name: str
) -> None:
    caller.login(hostile.host, auth=LOGIN)
    hostile.always["GET"] = wants(f'Bearer realm="{other.url}/token?a=b",service="r"')
    other.always["GET"], message = TOKENS[name]
    said = refusal(caller.registry(hostile.host).manifest, hostile)
    message = message.replace("CONFIG", str(caller.home / "docker" / "config.json"))
    assert said == f"the token server `{other.url}` of `HOST` {message}"
    assert [each.path for each in other.requests] == ["/token?a=b&service=r&scope=repository%3Ademo%3Apull"]


def test_a_token_server_that_has_a_pause(
    caller: Caller, hostile: HostileRegistry, other: HostileRegistry
) -> None:
    hostile.manifests["1"] = DOCUMENT
    hostile.always["GET"] = wants(f'Bearer realm="{other.url}/token"')
    other.plan("GET", sends(503, Retry_After="7"), sends(200, b'{"token": "t"}'))
    assert caller.registry(hostile.host).manifest() is not None
    assert caller.clock.pauses == [7.0]
    assert "authorization" not in other.requests[1].headers


def test_a_token_of_the_registry_itself(
    caller: Caller, hostile: HostileRegistry, other: HostileRegistry
) -> None:
    caller.login(hostile.host, registrytoken="own")
    hostile.manifests["1"] = DOCUMENT
    hostile.always["GET"] = wants(f'Bearer realm="{other.url}/token"')
    assert caller.registry(hostile.host).manifest() is not None
    assert hostile.requests[1].headers["authorization"] == "Bearer own"
    hostile.always["GET"] = sends(401, WWW_Authenticate="Bearer")
    said = refusal(caller.registry(hostile.host).manifest, hostile)
    assert said == f"`HOST` refuses `demo` to the token of `{caller.home}/docker/config.json`"
    assert other.requests == []


def test_a_token_server_that_redirects(
    caller: Caller, hostile: HostileRegistry, other: HostileRegistry
) -> None:
    caller.login(hostile.host, auth=LOGIN)
    hostile.always["GET"] = wants(f'Bearer realm="{other.url}/token"')
    other.always["GET"] = to(f"{hostile.url}/thief")
    assert refusal(caller.registry(hostile.host).manifest, hostile) == (
        f"`{other.url}` redirects to `http://HOST`, which is refused"
    )
    assert len(hostile.requests) == 1


def test_a_token_that_is_not_taken(caller: Caller, hostile: HostileRegistry, other: HostileRegistry) -> None:
    """Each request asks for one token at most; what the registry says has nothing secret in it."""
    caller.login(hostile.host, auth=LOGIN)
    echo = json.dumps(
        {"errors": [{"code": "DENIED", "message": f"not {PASSWORD}, {LOGIN} or tok3n"}]}
    ).encode()
    challenge = f'Bearer realm="{other.url}/token",scope="repository:demo:delete other"'
    hostile.always["GET"] = sends(401, echo, WWW_Authenticate=challenge)
    other.always["GET"] = sends(200, b'{"access_token": "tok3n", "expires_in": 1e300}')
    registry = caller.registry(hostile.host)
    said = refusal(registry.manifest, hostile)
    assert "tok3n" not in said
    assert (
        said
        == f"`HOST` refuses `demo` to `alice` of `{caller.home}/docker/config.json`: DENIED: not …, … or …"
    )
    assert other.requests[0].path == "/token?scope=repository%3Ademo%3Apull%2Cdelete&scope=other"
    assert [each.headers.get("authorization") for each in hostile.requests] == [None, "Bearer tok3n"]


def test_a_token_is_used_until_its_end(
    caller: Caller, hostile: HostileRegistry, other: HostileRegistry
) -> None:
    caller.login(hostile.host, auth=LOGIN)
    hostile.manifests["1"] = DOCUMENT
    hostile.always["GET"] = wants(f'Basic realm="x", Bearer realm="{other.url}/token"')
    other.always["GET"] = sends(200, b'{"token": "t", "expires_in": 100}')
    now = [1000.0]
    clock = replace(caller.clock.clock(), now=lambda: now[0])
    caller.clock.clock = lambda: clock  # type: ignore[method-assign]
    registry = caller.registry(hostile.host)
    for moment, asked in ((1000.0, 1), (1090.0, 1), (1096.0, 2)):
        now[0] = moment
        assert registry.manifest() is not None
        assert len(other.requests) == asked
    assert {each.headers["authorization"] for each in other.requests} == {f"Basic {LOGIN}"}
