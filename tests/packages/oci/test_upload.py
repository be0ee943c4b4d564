"""Upload of a blob: in one piece or in chunks, from where it broke, and to where the registry says."""

from __future__ import annotations

import hashlib
import os
import urllib.parse
from typing import TYPE_CHECKING

import pytest

from tests.packages.oci.conftest import basic, digest_of
from tests.packages.oci.test_hostile_registry import refusal, sends, wants
from tests.support.hostile_registry import MANIFEST
from vpy.errors import ToolError, UserError
from vpy.packages.oci.upload import Upload
from vpy.system.lean.dataclasses import replace

if TYPE_CHECKING:
    from tests.packages.oci.conftest import Caller
    from tests.support.hostile_registry import Fault, Handler, HostileRegistry
    from vpy.packages.oci.registry import Registry

DATA = os.urandom(250_000)
DIGEST = digest_of(DATA)
CHUNK = 100_000
CHUNKS = ["PATCH uploads 0-99999", "PATCH uploads 100000-199999", "PATCH uploads 200000-249999"]
BEGUN = ["HEAD blobs", "POST uploads"]


@pytest.fixture
def registry(caller: Caller, hostile: HostileRegistry) -> Registry:
    return caller.registry(hostile.host, chunk=CHUNK)


def put(registry: Registry, caller: Caller) -> bool:
    path = caller.home / "data"
    path.write_bytes(DATA)
    return registry.put_blob(DIGEST, len(DATA), str(path))


def takes(size: int) -> Fault:
    """Take so much of a chunk, and reset the connection."""

    def fault(handler: Handler) -> None:
        name = urllib.parse.urlsplit(handler.path).path.rpartition("/")[2]
        handler.registry.uploads[name] += handler.body[:size]
        handler.hang_up()

    return fault


def test_in_one_piece(registry: Registry, hostile: HostileRegistry) -> None:
    assert registry.put_blob(digest_of(b"small"), 5, b"small")
    assert hostile.asked() == [*BEGUN, "PUT uploads"]
    assert hostile.requests[-1].path.endswith(f"?state=0&digest=sha256%3A{digest_of(b'small')[7:]}")
    assert hostile.requests[-1].headers["content-length"] == "5"
    assert not registry.put_blob(digest_of(b"small"), 5, b"small")
    assert registry.put_blob(digest_of(b""), 0, b"")


def test_in_chunks(registry: Registry, caller: Caller, hostile: HostileRegistry) -> None:
    assert put(registry, caller)
    assert hostile.blobs[DIGEST] == DATA
    assert hostile.asked() == [*BEGUN, *CHUNKS, "PUT uploads"]
    hostile.blobs.clear()
    assert registry.put_blob(DIGEST, len(DATA), DATA)


def test_chunks_that_are_large_enough(registry: Registry, caller: Caller, hostile: HostileRegistry) -> None:
    hostile.least = 150_000
    assert put(registry, caller)
    assert hostile.asked() == [*BEGUN, "PATCH uploads 0-149999", "PATCH uploads 150000-249999", "PUT uploads"]


@pytest.mark.parametrize("size", [0, 30_000, 100_000])
def test_goes_on_where_it_broke(
    registry: Registry, caller: Caller, hostile: HostileRegistry, size: int
) -> None:
    hostile.plan("PATCH", hostile.serve, takes(size))
    assert put(registry, caller)
    assert hostile.blobs[DIGEST] == DATA
    at = 100_000 + size
    rest = [f"PATCH uploads {at}-{min(at + CHUNK, len(DATA)) - 1}"]
    rest += [f"PATCH uploads {at + CHUNK}-249999"] if at + CHUNK < len(DATA) else []
    assert hostile.asked() == [*BEGUN, *CHUNKS[:2], "GET uploads", *rest, "PUT uploads"]
    assert len(caller.clock.pauses) == 1


def test_goes_on_where_the_registry_is(registry: Registry, caller: Caller, hostile: HostileRegistry) -> None:
    """It took less than was sent, or says that the order is wrong."""

    def half(handler: Handler) -> None:
        handler.body = handler.body[:50_000]
        handler.registry.serve(handler)

    hostile.plan("PATCH", half, sends(416))
    assert put(registry, caller)
    assert hostile.blobs[DIGEST] == DATA
    assert hostile.asked()[2:5] == ["PATCH uploads 0-99999", "PATCH uploads 50000-149999", "GET uploads"]


@pytest.mark.parametrize("fault", [sends(404), sends(204), sends(204, Range="0-999999")])
def test_an_upload_that_is_forgotten(
    registry: Registry, caller: Caller, hostile: HostileRegistry, fault: Fault
) -> None:
    """Or of which nobody can say how much has arrived."""
    hostile.plan("PATCH", hostile.serve, takes(10))
    hostile.plan("GET", fault, path="/uploads/")
    assert put(registry, caller)
    assert hostile.asked() == [*BEGUN, *CHUNKS[:2], "GET uploads", "POST uploads", *CHUNKS, "PUT uploads"]


def test_a_token_that_ends_meanwhile(
    registry: Registry, caller: Caller, hostile: HostileRegistry, other: HostileRegistry
) -> None:
    """The same chunk is sent again with the next one."""
    hostile.always["HEAD"] = wants(f'Bearer realm="{other.url}/token"')
    other.plan("GET", sends(200, b'{"token": "one"}'), sends(200, b'{"token": "two"}'))
    expired = sends(401, WWW_Authenticate=f'Bearer realm="{other.url}/token",error="invalid_token"')
    hostile.plan("PATCH", hostile.serve, expired)
    assert put(registry, caller)
    assert hostile.blobs[DIGEST] == DATA
    assert hostile.asked()[-5:] == [*CHUNKS[:2], *CHUNKS[1:], "PUT uploads"]
    assert [each.headers.get("authorization") for each in hostile.requests] == [
        None, *["Bearer one"] * 4, *["Bearer two"] * 3,
    ]  # fmt: skip


def test_what_is_shown(registry: Registry, caller: Caller, hostile: HostileRegistry) -> None:
    """Bytes that must be sent again are taken back."""
    seen: list[int] = []
    upload = Upload(registry._connection, DIGEST, len(DATA), DATA, chunk=CHUNK, progress=seen.append)
    hostile.plan("PATCH", hostile.serve, takes(0))
    hostile.plan("GET", sends(404), path="/uploads/")
    upload.send()
    assert [each for each in seen if each] == [100_000, -100_000, 100_000, 100_000, 50_000]


def test_another_hash(registry: Registry, hostile: HostileRegistry) -> None:
    digest = f"sha512:{hashlib.sha512(DATA).hexdigest()}"
    hostile.plan("PUT", sends(201))
    assert registry.put_blob(digest, len(DATA), DATA)
    assert hostile.requests[1].path == "/v2/demo/blobs/uploads/?digest-algorithm=sha512"


def test_a_registry_without_chunks(registry: Registry, caller: Caller, hostile: HostileRegistry) -> None:
    hostile.always["PATCH"] = sends(405)
    assert put(registry, caller)
    assert hostile.asked() == [*BEGUN, CHUNKS[0], "POST uploads", "PUT uploads"]
    assert hostile.blobs[DIGEST] == DATA


def test_the_last_answer_is_lost(registry: Registry, caller: Caller, hostile: HostileRegistry) -> None:
    """All has arrived, and nothing is sent again."""

    def lost(handler: Handler) -> None:
        handler.registry.put(DATA)
        handler.hang_up()

    hostile.plan("PUT", lost)
    assert put(registry, caller)
    assert hostile.asked() == [*BEGUN, *CHUNKS, "PUT uploads", "HEAD blobs"]
    hostile.blobs.clear()
    hostile.plan("PUT", sends(503, Retry_After="2"))
    assert registry.put_blob(digest_of(b"small"), 5, b"small")
    assert caller.clock.pauses[-1] == 2.0


def test_a_registry_that_takes_its_time(caller: Caller, hostile: HostileRegistry) -> None:
    """It answers the end of an upload once it has copied the blob: elsewhere that would be too late."""
    caller.policy = replace(caller.policy, idle_timeout=0.1, attempts=1)

    def slow(handler: Handler) -> None:
        handler.registry.ended.wait(0.3)
        handler.registry.serve(handler)

    hostile.plan("PUT", slow, slow)
    assert caller.registry(hostile.host).put_blob(digest_of(b"x"), 1, b"x")
    caller.policy = replace(caller.policy, closing_timeout=0.1)
    said = refusal(lambda: caller.registry(hostile.host).put_blob(digest_of(b"y"), 1, b"y"), hostile)
    assert said == "`http://HOST` sent nothing for 0.1 s"


def test_taken_from_another_repository(registry: Registry, caller: Caller, hostile: HostileRegistry) -> None:
    hostile.others["team/app"] = {DIGEST}
    assert not registry.put_blob(DIGEST, len(DATA), DATA, mount=["demo", "team/none", "team/app"])
    path = "/v2/demo/blobs/uploads/?mount=sha256%3A{}&from=team%2F{}"
    assert [each.path for each in hostile.requests if each.method == "POST"] == [
        path.format(DIGEST[7:], "none"), path.format(DIGEST[7:], "app"),
    ]  # fmt: skip
    assert hostile.uploads == {}
    hostile.plan("POST", sends(403))
    assert registry.put_blob(digest_of(b"x"), 1, b"x", mount=["team/secret"])
    assert hostile.asked()[-3:] == ["POST uploads", "POST uploads", "PUT uploads"]
    with pytest.raises(UserError, match=r"^not a name of a repository: `\.\./x`$"):
        registry.put_blob(DIGEST, len(DATA), DATA, mount=["../x"])


def test_sent_where_the_registry_says(
    caller: Caller, hostile: HostileRegistry, other: HostileRegistry
) -> None:
    """The bytes go to another host, the login does not."""
    login = basic("alice", "correct horse")
    caller.login(hostile.host, auth=login)
    hostile.always["HEAD"] = wants("Basic realm=x")
    other.uploads["1"] = bytearray()
    hostile.plan("POST", sends(202, Location=f"{other.url}/v2/x/blobs/uploads/1?state=0"))
    assert caller.registry(hostile.host, chunk=CHUNK).put_blob(DIGEST, len(DATA), DATA)
    assert other.blobs[DIGEST] == DATA
    assert hostile.requests[-1].headers["authorization"] == f"Basic {login}"
    assert {each.headers.get("authorization") for each in other.requests} == {None}


LOCATIONS = {
    "": "`HOST` names no address to go on at",
    "/v2/../../x": "`HOST` names an address that is refused: `http://HOST`",
    "/v2/%2e%2e/x": "`HOST` names an address that is refused: `http://HOST`",
    "http://elsewhere.example/": "`HOST` names an address that is refused: `http://elsewhere.example`",
    "https://a:b@elsewhere.example/": "`HOST` names an address that is refused: `https://elsewhere.example`",
    "file:///x": "`HOST` names an address that is refused: `file:///x`",
}


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_place_that_is_refused(registry: Registry, hostile: HostileRegistry, location: str) -> None:
    hostile.always["POST"] = sends(202, Location=location)
    assert refusal(lambda: registry.put_blob(DIGEST, 1, b"x"), hostile) == LOCATIONS[location]


LIES = {
    "more than all": (
        "PATCH", sends(202, Range="0-999999999"),
        "`HOST` has 1000000000 bytes of an upload where 100000 were sent"),
    "unreadable": ("PATCH", sends(202, Range="5-x"), "`HOST` has no readable `Range` for an upload"),
    "nothing, always": (
        "PATCH", sends(202, Range="0-0"),
        "`HOST` has 0 bytes of an upload where 100000 were sent (tried 5 times)"),
    "another blob": ("PUT", sends(201, Docker_Content_Digest="x"), f"`HOST` took `{DIGEST}` for `x`"),
    "a login page": ("PUT", sends(200, b"<html>"), "`http://HOST` answered with status 200 for `demo`"),
    "other bytes": (
        "PUT", sends(400, b'{"errors": [{"code": "DIGEST_INVALID", "message": "no"}]}'),
        "`http://HOST` answered with status 400 for `demo`: DIGEST_INVALID: no"),
    "a redirect": (
        "PATCH", sends(307, Location="https://elsewhere.example/"),
        "`http://HOST` redirects to `https://elsewhere.example`, which is refused"),
    "always forgotten": (
        "PATCH", sends(410), "`http://HOST` answered with status 410 for `demo` (tried 5 times)"),
    "too large": ("PATCH", sends(413), "`http://HOST` answered with status 413 for `demo`"),
}  # fmt: skip


def test_an_upload_that_breaks_always(registry: Registry, caller: Caller, hostile: HostileRegistry) -> None:
    """Each time a little further, and not for ever."""
    hostile.always["PATCH"] = takes(1000)
    assert refusal(lambda: put(registry, caller), hostile) == (
        "the connection to `http://HOST` broke: Connection reset by peer (tried 21 times)"
    )


@pytest.mark.parametrize("name", LIES)
def test_an_upload_that_fails(
    registry: Registry, caller: Caller, hostile: HostileRegistry, name: str
) -> None:
    method, fault, message = LIES[name]
    hostile.always[method] = fault
    assert refusal(lambda: put(registry, caller), hostile) == message


def test_a_file_that_changes(registry: Registry, caller: Caller) -> None:
    path = caller.home / "data"
    path.write_bytes(DATA[:-1])
    with pytest.raises(ToolError, match=f"^`{path}` became shorter while it was sent$"):
        registry.put_blob(DIGEST, len(DATA), str(path))
    with pytest.raises(ToolError, match=f"^cannot read `{path}x`: No such file or directory$"):
        registry.put_blob(DIGEST, len(DATA), f"{path}x")


def test_manifests(registry: Registry, hostile: HostileRegistry) -> None:
    own = digest_of(b"{}")
    registry.put_manifest("1", b"{}", MANIFEST)
    registry.put_manifest(own, b"{}", MANIFEST)
    assert [each.headers["content-type"] for each in hostile.requests] == [MANIFEST] * 2
    with pytest.raises(ToolError, match=r"^a manifest with the hash `.*` cannot be uploaded as `.*`$"):
        registry.put_manifest(DIGEST, b"{}", MANIFEST)
    with pytest.raises(
        ToolError, match=r"^a manifest has 4194305 bytes, and registries take at most 4194304$"
    ):
        registry.put_manifest("1", b" " * ((4 << 20) + 1), MANIFEST)
    hostile.plan("PUT", sends(201, Docker_Content_Digest=DIGEST))
    assert refusal(lambda: registry.put_manifest("1", b"{}", MANIFEST), hostile) == (
        f"`HOST` took the manifest `{own}` for `{DIGEST}`"
    )
