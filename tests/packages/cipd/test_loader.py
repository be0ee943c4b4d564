"""The CIPD source: what it resolves, caches, fetches, and what it says when it cannot."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from tests.packages.cipd.bench import NAME, package
from vpy.errors import ToolError, UserError
from vpy.model import Pin, Wanted
from vpy.packages.cipd.names import instance_id

if TYPE_CHECKING:
    from tests.packages.cipd.bench import Bench
    from tests.packages.cipd.server import Handler

DAY = 24 * 3600


def test_ids_tags_and_refs(bench: Bench) -> None:
    first = bench.service.put(NAME, package(), tags=("version:1.0",))
    second = bench.service.put(NAME, package(members={"x": b"2"}), tags=("version:2.0",), refs=("latest",))
    versions = {"version:1.0": first, "version:2.0": second, "latest": second, first: first}
    loader = bench.loader()
    pins = loader.resolve([Wanted(NAME, "as/written", version) for version in versions]).pins
    assert [pin.instance_id for pin in pins] == list(versions.values())
    assert {(pin.name, pin.template, pin.origin, pin.note) for pin in pins} == {
        (NAME, "as/written", "cipd", "")
    }
    assert [pin.until for pin in pins] == [0, 0, int(bench.now) + DAY, 0]
    assert sorted(bench.service.asked) == [
        ("ResolveVersion", version) for version in ("latest", "version:1.0", "version:2.0")
    ]
    paths = loader.fetch(pins)
    assert paths == tuple(bench.layout.package(pin.instance_id) for pin in pins)
    for path, pin in zip(paths, pins, strict=True):
        with open(path, "rb") as file:
            data = file.read()
        assert instance_id(hashlib.sha256(data).digest()) == pin.instance_id
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o444
    assert bench.service.count("download") == 2
    _, path, headers, body = bench.service.requests[0]
    assert path == "/prpc/cipd.Repository/ResolveVersion"
    assert headers["Content-Type"] == headers["Accept"] == "application/json"
    assert headers["User-Agent"] == "tests/1"
    assert body.startswith(b'{"package":"infra/python/wheels/demo-py3","version":"')


def test_a_tag_is_asked_once_and_a_ref_once_a_day(bench: Bench) -> None:
    bench.service.put(NAME, package(), tags=("version:1.0",), refs=("latest",))
    for _ in range(3):
        bench.pin("version:1.0")
        bench.pin("latest")
    assert bench.service.count("ResolveVersion") == 2
    first = bench.pin("latest")
    bench.now += DAY - 1
    moved = bench.service.put(NAME, package(members={"new": b""}), refs=("latest",))
    assert bench.pin("latest") == first
    bench.now += 1
    assert bench.pin("latest").instance_id == moved
    assert bench.pin("latest").until == int(bench.now) + DAY
    assert bench.service.count("ResolveVersion") == 3


def test_what_was_asked_too_early_is_asked_again(bench: Bench) -> None:
    """Tags too: `-vpython-refresh`."""
    first = bench.service.put(NAME, package(), tags=("version:1.0",), refs=("latest",))
    assert {bench.pin(version).instance_id for version in ("version:1.0", "latest")} == {first}
    bench.now += 5
    bench.since = bench.now
    bench.service.tags.clear()
    moved = bench.service.put(NAME, package(members={"new": b""}), tags=("version:1.0",), refs=("latest",))
    assert {bench.pin(version).instance_id for version in ("version:1.0", "latest")} == {moved}
    assert bench.service.count("ResolveVersion") == 4
    assert {bench.pin(version).instance_id for version in ("version:1.0", "latest", first)} == {moved, first}
    assert bench.service.count("ResolveVersion") == 4


def test_offline_an_old_answer_serves_for_a_while_with_one_line(bench: Bench) -> None:
    found = bench.service.put(NAME, package(), refs=("latest",))
    bench.pin("latest")
    bench.now += 2 * DAY
    (pin,) = bench.loader(offline=True).resolve([Wanted(NAME, NAME, "latest")]).pins
    assert (pin.instance_id, pin.until) == (found, int(bench.now) + 15 * 60)
    assert bench.terminal.lines == [
        f"using the last answers for `{NAME}` at `latest`: network access is disabled by `-vpython-offline`"
    ]


def test_what_was_forgotten_is_asked_again(bench: Bench) -> None:
    bench.service.put(NAME, package(), tags=("version:1.0",), refs=("latest",))
    pins = [bench.pin("version:1.0"), bench.pin("latest")]
    bench.service.tags.clear()
    moved = bench.service.put(NAME, package(members={"new": b""}), tags=("version:1.0",), refs=("latest",))
    bench.loader(offline=True).forget(pins[:1])
    assert bench.pin("version:1.0").instance_id == moved
    assert bench.pin("latest").instance_id == pins[1].instance_id


def test_a_clock_set_back_asks_again(bench: Bench) -> None:
    bench.service.put(NAME, package(), refs=("latest",))
    bench.pin("latest")
    bench.now -= 365 * DAY
    assert bench.pin("latest").until == int(bench.now) + DAY
    assert bench.service.count("ResolveVersion") == 2


def test_the_last_answer_during_an_outage(bench: Bench) -> None:
    found = bench.service.put(NAME, package(), refs=("latest", "stable"))
    wanted = [Wanted(NAME, NAME, "latest"), Wanted(NAME, NAME, "stable")]
    bench.loader().resolve(wanted)
    bench.service.always["POST"] = lambda handler: handler.hang_up()
    bench.now += 2 * DAY
    pins = bench.loader().resolve(wanted).pins
    assert [pin.instance_id for pin in pins] == [found, found]
    (line,) = bench.terminal.lines
    assert line.startswith(
        f"using the last answers for `{NAME}` at `latest`, `{NAME}` at `stable`: the connection to"
    )
    assert {pin.until for pin in pins} == {int(bench.now) + 15 * 60}
    assert len(bench.clock.pauses) <= 2  # with an answer in the cache, retries are few
    with pytest.raises(ToolError, match=f"cannot get `{NAME}` at `new`: .* broke: Connection reset by peer"):
        bench.pin("new")


def test_an_outage_is_found_out_once(bench: Bench) -> None:
    bench.service.put(NAME, package())
    bench.service.always["POST"] = lambda handler: handler.refuse(14, "later")
    with pytest.raises(ToolError) as caught:
        bench.loader().resolve([Wanted(NAME, NAME, f"tag:{number}") for number in range(40)])
    assert len(caught.value.message.splitlines()) == 40
    assert bench.service.count("ResolveVersion") <= 8 * bench.policy.attempts


def test_a_ref_that_is_gone_is_gone(bench: Bench) -> None:
    bench.service.put(NAME, package(), refs=("latest",))
    bench.pin("latest")
    del bench.service.refs[NAME, "latest"]
    bench.now += 2 * DAY
    with pytest.raises(UserError, match="does not have it: no such ref"):
        bench.pin("latest")


def test_offline(bench: Bench) -> None:
    first = bench.service.put(NAME, package(), tags=("version:1.0",), refs=("latest",))
    bench.fetched("latest")
    bench.pin("version:1.0")
    asked = len(bench.service.requests)
    bench.now += 30 * DAY
    loader = bench.loader(offline=True)
    pins = loader.resolve([Wanted(NAME, NAME, version) for version in ("version:1.0", "latest", first)]).pins
    assert {pin.instance_id for pin in pins} == {first}
    assert loader.fetch(pins[:1])
    with pytest.raises(ToolError) as caught:
        loader.resolve([Wanted(NAME, NAME, "version:2.0")])
    assert caught.value.message == (
        f"cannot get `{NAME}` at `version:2.0`: it is not cached, and network access is disabled "
        "by `-vpython-offline`"
    )
    os.unlink(bench.layout.package(first))
    with pytest.raises(
        ToolError, match="its file is not cached, and network access is disabled by `-vpython-offline`"
    ):
        loader.fetch(pins[:1])
    assert len(bench.service.requests) == asked


@pytest.mark.parametrize(("name", "version"), [
    ("Bad Name", "latest"), ("", "latest"), ("../x", "latest"), ("a//b", "latest"), ("a\nb", "latest"),
    (NAME, ""), (NAME, "a b"), (NAME, "BAD:x"), (NAME, "x\ny"), (NAME, "k:v?"),
])  # fmt: skip
def test_nothing_malformed_is_sent(bench: Bench, name: str, version: str) -> None:
    with pytest.raises(UserError, match=r"not a (package name|version)"):
        bench.loader().resolve([Wanted(name, name, version)])
    assert not bench.service.requests


def test_every_failure_in_one_error(bench: Bench) -> None:
    bench.service.put(NAME, package(), tags=("version:1.0",))
    bench.service.put(NAME, package(members={"x": b""}), tags=("version:1.0",))
    bench.service.private.add("private/secret")
    wanted = [(NAME, "version:1.0"), (NAME, "version:2.0"), (NAME, "latest"), ("infra/nope", "latest"),
              ("private/secret", "latest")]  # fmt: skip
    with pytest.raises(UserError) as caught:
        bench.loader().resolve([Wanted(name, name, version) for name, version in wanted])
    assert caught.value.message.splitlines() == [
        f"cannot get `{NAME}` at `version:1.0`: the package service cannot tell which one is meant: "
        "ambiguity when resolving the tag, more than one instance has it",
        f"cannot get `{NAME}` at `version:2.0`: the package service does not have it: no such tag",
        f"cannot get `{NAME}` at `latest`: the package service does not have it: no such ref",
        "cannot get `infra/nope` at `latest`: the package service does not have it: "
        "no such package: infra/nope",
        "cannot get `private/secret` at `latest`: the package service does not let everybody see it: "
        'prefix "private/secret" doesn\'t exist or not visible to unauthenticated callers',
    ]


def test_sha1_ids_only_from_the_service(bench: Bench) -> None:
    data = package()
    weak = hashlib.sha1(data).hexdigest()
    bench.service.put_as(NAME, weak, data, tags=("version:1.0",))
    for version in ("version:1.0", weak):
        pin = bench.pin(version)
        assert pin.instance_id == weak
        assert "SHA-1" in pin.note
    assert bench.fetched() == data
    with pytest.raises(UserError, match="no such instance"):
        bench.pin("0" * 40)


def test_another_instance_than_the_id_names(bench: Bench) -> None:
    weak = "0" * 40
    bench.service.put_as(NAME, weak, b"")

    def lie(handler: Handler) -> None:
        body = b')]}\'\n{"instance":{"hashAlgo":"SHA1","hexDigest":"' + b"1" * 40 + b'"}}'
        handler.answer(200, {"X-Prpc-Grpc-Code": "0"}, body)

    bench.service.plan("POST", lie)
    with pytest.raises(ToolError, match="answers with another instance"):
        bench.pin(weak)


@pytest.mark.parametrize("reply", [
    '{"instance": null}', "{}", '{"instance":{"hashAlgo":"MD5","hexDigest":"00"}}', '{"instance":[]}',
    '{"instance":{"hashAlgo":"SHA256","hexDigest":"../../etc"}}', '{"instance":{"hashAlgo":1}}',
    '{"instance":{"hashAlgo":["SHA256"],"hexDigest":"00"}}',
    '{"instance":{"hashAlgo":"SHA256","hexDigest":1}}',
])  # fmt: skip
def test_replies_that_name_no_instance(bench: Bench, reply: str) -> None:
    bench.service.plan("POST", lambda handler: handler.answer(
        200, {"X-Prpc-Grpc-Code": "0"}, b")]}'\n" + reply.encode()))  # fmt: skip
    with pytest.raises(ToolError, match="answers with an instance id that cannot be read"):
        bench.pin()


def test_a_wrong_body_is_dropped_and_asked_for_once_more(bench: Bench) -> None:
    data = package()
    found = bench.service.put(NAME, data, tags=("version:1.0",))
    bench.service.plan("GET", lambda handler: handler.answer(200, {}, b"not the package"))
    assert bench.fetched() == data
    assert bench.service.count("download") == bench.service.count("GetInstanceURL") == 2

    os.unlink(bench.layout.package(found))
    bench.service.always["GET"] = lambda handler: handler.answer(200, {}, b"x" * 7)
    with pytest.raises(ToolError) as caught:
        bench.fetched()
    assert caught.value.message == (
        f"cannot get `{NAME}` at `version:1.0`: `{found}` from `cipd` is refused: "
        "its 7 bytes have another hash; it was refused twice"
    )
    assert bench.service.count("download") == 4
    assert os.listdir(bench.layout.packages) == []


def test_a_package_of_another_name(bench: Bench) -> None:
    bench.service.put(NAME, package("other/name"), tags=("version:1.0",))
    with pytest.raises(ToolError, match=f"its manifest names `other/name`, not `{NAME}`"):
        bench.fetched()
    assert os.listdir(bench.layout.packages) == []


def test_no_bytes(bench: Bench) -> None:
    bench.service.put(NAME, b"", tags=("version:1.0",))
    with pytest.raises(ToolError, match="it is empty"):
        bench.fetched()


def test_several_downloads_at_once(bench: Bench) -> None:
    """Eight of them, because none goes on before eight are there."""
    names = [f"test/p{number}" for number in range(12)]
    for name in names:
        bench.service.put(name, package(name), refs=("latest",))
    together = threading.Barrier(8, timeout=15)

    def wait(handler: Handler) -> None:
        together.wait()
        bench.service.download(handler)

    bench.service.plan("GET", *[wait] * 8)
    loader = bench.loader()
    loader.fetch(loader.resolve([Wanted(name, name, "latest") for name in names]).pins)
    assert bench.service.count("download") == 12


def test_the_signed_address_is_never_shown(bench: Bench) -> None:
    bench.service.put(NAME, package(), tags=("version:1.0",))
    bench.service.always["GET"] = lambda handler: handler.answer(403, {}, b"expired: s3cr3t")
    with pytest.raises(ToolError) as caught:
        bench.fetched()
    assert "s3cr3t" not in caught.value.message
    assert f"`{bench.service.storage_url}` answered with status 403" in caught.value.message


@pytest.mark.parametrize("url", [
    "http://elsewhere.example/x?Signature=s3cr3t", "ftp://127.0.0.1/x", "file:///etc/passwd", "", "x",
    "//a/b",
    "https://user:s3cr3t@elsewhere.example/x", "https://a b/", "http://127.0.0.1:99999/", "https://[::1/x",
])  # fmt: skip
def test_signed_addresses_that_are_refused(bench: Bench, url: str) -> None:
    import json

    bench.service.put(NAME, package(), tags=("version:1.0",))
    pin = bench.pin()
    bench.service.plan("POST", lambda handler: handler.answer(
        200, {"X-Prpc-Grpc-Code": "0"}, b")]}'\n" + json.dumps({"signedUrl": url}).encode()))  # fmt: skip
    with pytest.raises(ToolError, match=r"names (no address|an address that is refused)") as caught:
        bench.loader().fetch([pin])
    assert "s3cr3t" not in caught.value.message


def test_a_damaged_answer_is_asked_for_again(bench: Bench) -> None:
    found = bench.service.put(NAME, package(), tags=("version:1.0",))
    bench.pin()
    for text in ("[]", "{}", '{"instance": "../x", "asked": 0}', '{"instance": 1}', "null", '"x"'):
        bench.cache.answers = dict.fromkeys(bench.cache.answers, text)
        assert bench.pin().instance_id == found


def test_an_instance_of_another_package(bench: Bench) -> None:
    found = bench.service.put("other/name", package("other/name"))
    bench.service.put(NAME, package())
    with pytest.raises(UserError, match="the package service does not have it: no such instance"):
        bench.loader().fetch([Pin(NAME, NAME, found, found, "cipd")])
