"""The catalogue of the service: asked as the original client asks, read as recorded, in pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.packages.cipd.bench import NAME, package
from tests.packages.cipd.server import GUARD
from tests.packages.cipd.test_prpc import replay
from tests.support.vectors import vectors
from vpy.errors import ToolError, UserError
from vpy.packages.catalogue import Instance, ServiceCatalogue
from vpy.packages.cipd.names import id_from_reference
from vpy.packages.cipd.prpc import Service as Rpc

if TYPE_CHECKING:
    from tests.packages.cipd.bench import Bench


def catalogue(bench: Bench) -> ServiceCatalogue:
    return ServiceCatalogue(Rpc(bench.client(), bench.service.rpc_url))


def messages(bench: Bench) -> list[tuple[str, dict[str, object]]]:
    """Return the calls so far: the method and the message."""
    return [(path.rpartition("/")[2], json.loads(body)) for _, path, _, body in bench.service.requests]


def test_prefixes(bench: Bench) -> None:
    for name in ("a/b", "a/b/c", "a/d/e/f", "b", "private/secret"):
        bench.service.put(name, package(name))
    bench.service.private.add("private/secret")
    found = catalogue(bench)
    assert found.inside("a") == (["a/b"], ["a/b", "a/d"])
    assert found.inside("") == (["b"], ["a"])
    assert found.below("a") == ["a/b", "a/b/c", "a/d/e/f"]
    assert found.below("none") == []
    assert messages(bench)[0] == ("ListPrefix", {"prefix": "a"})
    assert messages(bench)[2] == ("ListPrefix", {"prefix": "a", "recursive": True})


def test_instances_in_pages(bench: Bench) -> None:
    ids = [
        bench.service.put(NAME, package(members={f"{number}": b""}), tags=(f"version:{number}", "os:any"))
        for number in range(103)
    ]
    bench.service.refs[NAME, "latest"] = ids[-1]
    found = catalogue(bench).instances(NAME, 3)
    assert [instance.instance_id for instance in found] == ids[:-4:-1]
    assert found[0] == Instance(ids[-1], ("os:any", "version:102"), ("latest",))
    assert messages(bench)[0] == ("ListInstances", {"package": NAME, "pageSize": 3})
    assert len(catalogue(bench).instances(NAME, 1000)) == 103
    _, message = [row for row in messages(bench) if row[0] == "ListInstances"][-1]
    assert (message["pageSize"], bool(message["pageToken"])) == (100, True)


def test_recorded_lists(bench: Bench) -> None:
    """The replies of the service's own code, to the calls that were recorded."""
    read = set()
    for case in vectors("prpc"):
        method = case["request"]["path"].rpartition("/")[2]
        if method not in ("ListPrefix", "DescribeInstance") or "json" not in case["name"]:
            continue
        message = json.loads(bytes.fromhex(case["request"]["body_hex"]))
        body = bytes.fromhex(case["response"]["body_hex"])
        bench.service.always["POST"] = replay(case["response"])
        bench.service.requests.clear()
        if method == "ListPrefix" and case["response"]["status"] == 200:
            recorded = json.loads(body[len(GUARD) :])
            ask = catalogue(bench).below if message.get("recursive") else catalogue(bench).inside
            found = ask(message["prefix"])
            assert found == (
                recorded["packages"]
                if message.get("recursive")
                else (recorded.get("packages", []), recorded.get("prefixes", []))
            )
            assert messages(bench) == [("ListPrefix", message)]
            read.add(case["name"])
        elif method == "ListPrefix":
            with pytest.raises(UserError, match="says that the request is malformed: bad 'prefix'"):
                catalogue(bench).inside(message["prefix"])
            read.add(case["name"])
    assert len(read) >= 4


def test_a_recorded_instance(bench: Bench) -> None:
    cases = {case["name"]: case["response"] for case in vectors("prpc")}
    page = cases["ListInstances json: page 1"]
    bench.service.plan("POST", replay(page), replay(cases["proto: accept-encoding gzip, json"]))
    (found,) = catalogue(bench).instances("infra/python/wheels/six-py2_py3", 1)
    recorded = json.loads(bytes.fromhex(page["body_hex"])[len(GUARD) :])
    digest = recorded["instances"][0]["instance"]["hexDigest"]
    assert found == Instance(id_from_reference(2, digest), ("version:23.2.0",), ("latest",))


@pytest.mark.parametrize("reply", [
    {"packages": "a"}, {"packages": [1]}, {"packages": ["../a"]}, {"prefixes": ["A B"]}, {"prefixes": {}},
])  # fmt: skip
def test_lists_that_cannot_be_read(bench: Bench, reply: object) -> None:
    bench.service.always["POST"] = lambda handler: handler.answer(
        200, {"X-Prpc-Grpc-Code": "0"}, GUARD + json.dumps(reply).encode()
    )
    with pytest.raises(ToolError, match="sent a list of its packages that cannot be read"):
        catalogue(bench).inside("a")


@pytest.mark.parametrize("reply", [{"instances": 1}, {"instances": ["x"]}, {"instances": [{}], "x": 1}])
def test_instances_that_cannot_be_read(bench: Bench, reply: object) -> None:
    bench.service.always["POST"] = lambda handler: handler.answer(
        200, {"X-Prpc-Grpc-Code": "0"}, GUARD + json.dumps(reply).encode()
    )
    if reply == {"instances": [{}], "x": 1}:
        assert catalogue(bench).instances(NAME, 1) == [], "a hash of a later service is skipped"
        return
    with pytest.raises(ToolError, match="sent a list of its packages that cannot be read"):
        catalogue(bench).instances(NAME, 1)
