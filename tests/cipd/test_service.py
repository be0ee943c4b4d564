"""What the `cipd` source resolves, remembers, fetches, and what it says when it cannot."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from tests.cipd.bench import NAME, package
from vpy.errors import ToolError, UserError
from vpy.model import Pin, Wanted
from vpy.packages.caches import Caches, from_environ
from vpy.packages.cipd import instance_id

if TYPE_CHECKING:
    from tests.cipd.bench import Bench
    from tests.cipd.server import Handler

DAY = 24 * 3600


def test_ids_tags_and_refs(bench: Bench) -> None:
    first = bench.service.put(NAME, package(), tags=("version:1.0",))
    second = bench.service.put(NAME, package(members={"x": b"2"}), tags=("version:2.0",), refs=("latest",))
    versions = {"version:1.0": first, "version:2.0": second, "latest": second, first: first}
    loader = bench.loader()
    pins = loader.resolve([Wanted(NAME, "as/written", version) for version in versions])
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


def test_a_clock_set_back_asks_again(bench: Bench) -> None:
    bench.service.put(NAME, package(), refs=("latest",))
    bench.pin("latest")
    bench.now -= 365 * DAY
    assert bench.pin("latest").until == int(bench.now) + DAY
    assert bench.service.count("ResolveVersion") == 2


def test_the_last_good_answer_while_the_service_is_away(bench: Bench) -> None:
    found = bench.service.put(NAME, package(), refs=("latest", "stable"))
    wanted = [Wanted(NAME, NAME, "latest"), Wanted(NAME, NAME, "stable")]
    bench.loader().resolve(wanted)
    bench.service.always["POST"] = lambda handler: handler.hang_up()
    bench.now += 2 * DAY
    pins = bench.loader().resolve(wanted)
    assert [pin.instance_id for pin in pins] == [found, found]
    (line,) = bench.said.lines
    assert line.startswith(
        f"using the last answers for `{NAME}` at `latest`, `{NAME}` at `stable`: the connection to"
    )
    assert {pin.until for pin in pins} == {int(bench.now) + 15 * 60}
    assert len(bench.time.pauses) <= 2  # who has an answer does not wait long for another
    with pytest.raises(ToolError, match=f"cannot get `{NAME}` at `new`: .* broke: Connection reset by peer"):
        bench.pin("new")


def test_a_service_that_is_away_is_found_out_once(bench: Bench) -> None:
    bench.service.put(NAME, package())
    bench.service.always["POST"] = lambda handler: handler.refuse(14, "later")
    with pytest.raises(ToolError) as caught:
        bench.loader().resolve([Wanted(NAME, NAME, f"tag:{number}") for number in range(40)])
    assert len(caught.value.message.splitlines()) == 40
    assert bench.service.count("ResolveVersion") <= 8 * bench.patience.attempts


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
    pins = loader.resolve([Wanted(NAME, NAME, version) for version in ("version:1.0", "latest", first)])
    assert {pin.instance_id for pin in pins} == {first}
    assert loader.fetch(pins[:1])
    with pytest.raises(ToolError) as caught:
        loader.resolve([Wanted(NAME, NAME, "version:2.0")])
    assert caught.value.message == (
        f"cannot get `{NAME}` at `version:2.0`: it is not known here, and nobody may be asked"
    )
    os.unlink(bench.layout.package(first))
    with pytest.raises(ToolError, match="its file is not here, and nobody may be asked"):
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
        "cannot get `private/secret` at `latest`: the package service does not show it to the public: "
        'prefix "private/secret" doesn\'t exist or not visible to unauthenticated callers',
    ]


def test_the_weaker_kind_of_id_only_from_the_service(bench: Bench) -> None:
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


@pytest.mark.parametrize("told", [
    '{"instance": null}', "{}", '{"instance":{"hashAlgo":"MD5","hexDigest":"00"}}', '{"instance":[]}',
    '{"instance":{"hashAlgo":"SHA256","hexDigest":"../../etc"}}', '{"instance":{"hashAlgo":1}}',
    '{"instance":{"hashAlgo":["SHA256"],"hexDigest":"00"}}',
    '{"instance":{"hashAlgo":"SHA256","hexDigest":1}}',
])  # fmt: skip
def test_replies_that_name_no_instance(bench: Bench, told: str) -> None:
    bench.service.plan("POST", lambda handler: handler.answer(
        200, {"X-Prpc-Grpc-Code": "0"}, b")]}'\n" + told.encode()))  # fmt: skip
    with pytest.raises(ToolError, match="names no instance that can be read"):
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


def test_the_package_of_another(bench: Bench) -> None:
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
    loader.fetch(loader.resolve([Wanted(name, name, "latest") for name in names]))
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


def test_what_the_client_keeps_is_used_and_added_to(bench: Bench) -> None:
    data = package()
    found = bench.service.put(NAME, data, tags=("version:1.0",))
    here, there = bench.place / "cache", bench.place / "only"
    (there / "instances").mkdir(parents=True)
    (there / "instances" / found).write_bytes(data)
    bench.caches = from_environ({"CIPD_CACHE_DIR": str(here), "CIPD_READ_ONLY_CACHE_DIR": str(there)})
    assert bench.fetched() == data
    assert bench.service.count("download") == 0
    assert (here / "instances" / found).read_bytes() == data
    assert os.listdir(here / "instances") == [found]

    os.unlink(bench.layout.package(found))
    (there / "instances" / found).unlink()
    assert bench.fetched() == data
    assert bench.service.count("download") == 0
    assert os.listdir(there / "instances") == []


def test_a_damaged_cache_is_passed_over(bench: Bench) -> None:
    data = package()
    found = bench.service.put(NAME, data, tags=("version:1.0",))
    place = bench.place / "cache" / "instances"
    place.mkdir(parents=True)
    (place / found).write_bytes(data[:-1])
    bench.caches = Caches((str(bench.place / "cache"),), str(bench.place / "cache"))
    assert bench.fetched() == data
    assert bench.service.count("download") == 1


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(bench: Bench) -> None:
    bench.service.put(NAME, package(), tags=("version:1.0",))
    (bench.place / "file").write_text("")
    bench.caches = Caches((), str(bench.place / "file"))
    assert bench.fetched() == package()


def test_caches_are_absolute() -> None:
    assert from_environ({"CIPD_CACHE_DIR": ""}) == Caches()
    for variable in ("CIPD_CACHE_DIR", "CIPD_READ_ONLY_CACHE_DIR"):
        with pytest.raises(UserError, match=f"`{variable}` is no absolute path: `a/b`"):
            from_environ({variable: "a/b"})


def test_damaged_memory_is_no_memory(bench: Bench) -> None:
    found = bench.service.put(NAME, package(), tags=("version:1.0",))
    bench.pin()
    for text in ("[]", "{}", '{"instance": "../x", "asked": 0}', '{"instance": 1}', "null", '"x"'):
        bench.memory.kept = dict.fromkeys(bench.memory.kept, text)
        assert bench.pin().instance_id == found


def test_an_instance_of_another_package(bench: Bench) -> None:
    found = bench.service.put("other/name", package("other/name"))
    bench.service.put(NAME, package())
    with pytest.raises(UserError, match="the package service does not have it: no such instance"):
        bench.loader().fetch([Pin(NAME, NAME, found, found, "cipd")])
