"""pRPC: every recorded exchange with the service's own code gives the recorded outcome."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.packages.cipd.server import GUARD, Service
from tests.support.vectors import vectors
from vpy.errors import ToolError, UserError, VpythonError
from vpy.model import Wanted
from vpy.packages.cipd.prpc import Service as Rpc
from vpy.system.network.download import Download
from vpy.system.network.retry import NetworkError
from vpy.system.status import Status

if TYPE_CHECKING:
    from tests.packages.cipd.bench import Bench
    from tests.packages.cipd.server import Handler

FAMILIES = {3: UserError, 5: UserError, 7: UserError, 9: UserError, 2: NetworkError, 12: ToolError}


def replay(response: dict[str, Any]) -> Any:
    """Answer with the status, headers and bytes that were recorded."""
    body = bytes.fromhex(response["body_hex"])

    def fault(handler: Handler) -> None:
        headers = {name: text for name, text in response["headers"] if name != "Content-Length"}
        handler.answer(response["status"], headers, body)

    return fault


def code_of(case: dict[str, Any]) -> int | None:
    headers = dict(case["response"]["headers"])
    return int(headers["X-Prpc-Grpc-Code"]) if "X-Prpc-Grpc-Code" in headers else None


def outcome(bench: Bench, case: dict[str, Any]) -> dict[str, Any] | VpythonError:
    method = case["request"]["path"].rpartition("/")[2]
    bench.service.always["POST"] = replay(case["response"])
    try:
        return Rpc(bench.client(), bench.service.rpc_url).call(method, {})
    except VpythonError as error:
        return error


def test_every_exchange(bench: Bench) -> None:
    read = 0
    for case in vectors("prpc"):
        code, response = code_of(case), case["response"]
        if code is None:
            continue
        read += 1
        found = outcome(bench, case)
        body = bytes.fromhex(response["body_hex"])
        if code:
            assert isinstance(found, VpythonError)
            assert isinstance(found, FAMILIES[code]), case["name"]
            assert body.decode().strip()[:60] in found.message, case["name"]
        elif body.startswith(GUARD):
            assert found == json.loads(body[len(GUARD) :]), case["name"]
        else:  # we never ask for the binary form, nor for a compressed one
            assert isinstance(found, NetworkError), case["name"]
    assert read >= 59


def test_every_download(bench: Bench) -> None:
    read = 0
    for case in vectors("prpc"):
        if case["request"]["method"] != "GET":
            continue
        read += 1
        bench.service.always["GET"] = replay(case["response"])
        url = bench.service.storage_url + case["request"]["path"]
        pieces = Download(bench.client(), lambda url=url: url, "demo", Status()).pieces()  # type: ignore[misc]
        if case["response"]["status"] == 200:
            assert b"".join(pieces) == bytes.fromhex(case["response"]["body_hex"])
        else:
            with pytest.raises(NetworkError, match="answered with status 404"):
                b"".join(pieces)
    assert read >= 2


def test_what_we_ask_is_what_was_recorded(bench: Bench) -> None:
    """Our requests equal the recorded ones that name a package and a version, and so do their outcomes."""
    read = 0
    for case in vectors("prpc"):
        request = case["request"]
        if request["headers"].get("Content-Type") != "application/json" or code_of(case) is None:
            continue
        try:
            message = json.loads(bytes.fromhex(request["body_hex"]))
        except ValueError:
            continue
        if set(message) != {"package", "version"} or "Timeout" in str(request["headers"]):
            continue
        if request["headers"].get("Accept") != "application/json":
            continue
        read += 1
        bench.cache.answers.clear()
        bench.service.requests.clear()
        bench.service.always["POST"] = replay(case["response"])
        wanted = Wanted(message["package"], message["package"], message["version"])
        try:
            (pin,) = bench.loader().resolve([wanted]).pins
        except UserError as error:
            refused = error.message
        else:
            refused = ""
        assert bool(refused) == bool(code_of(case)), case["name"]
        if refused:
            assert f"cannot get `{message['package']}` at `{message['version']}`: " in refused
            if code_of(case) == 3:
                assert not bench.service.requests, "what is malformed is not sent"
                continue
        else:
            reply = json.loads(bytes.fromhex(case["response"]["body_hex"])[len(GUARD) :])
            assert reply["instance"]["hexDigest"] in str(_digest(pin.instance_id))
        if bench.service.requests:
            method, path, headers, body = bench.service.requests[0]
            assert (method, path) == ("POST", request["path"])
            assert json.loads(body) == message
            assert headers["Content-Type"] == request["headers"]["Content-Type"]
    assert read >= 9


def _digest(instance_id: str) -> str:
    from vpy.packages.cipd.names import reference_from_id

    return reference_from_id(instance_id)[1]


def test_the_test_server_answers_as_recorded(service: Service) -> None:
    """The other tests speak to a server that behaves like the real one."""
    import urllib.error
    import urllib.request

    attrs = "42621cd8443a0a071b06cd6d0a7c309eeebfd9cc1d8e14ae94a58c8affb03a9c"
    from vpy.packages.cipd.names import id_from_reference

    service.put_as("infra/python/wheels/attrs-py3", id_from_reference(2, attrs), b"",
                   tags=("version:23.2.0",), refs=("latest",))  # fmt: skip
    for number in (1, 2):
        service.put_as("infra/python/wheels/six-py2_py3", id_from_reference(2, f"{number:064}"), b"",
                       tags=("version:1.16.0",), refs=("latest",))  # fmt: skip
    service.private.add("private/secret")
    service.instances["private/secret"] = {}
    for name in ("markupsafe/linux-amd64_cp311_cp311", "markupsafe/linux-arm64_cp311_cp311"):
        service.put(f"infra/python/wheels/{name}", name.encode())
    read = 0
    for case in vectors("prpc"):
        request, method = case["request"], case["name"].split()[0]
        lists = method in ("ListPrefix", "ListInstances", "SearchInstances", "ListRefs")
        asks_all = case["name"] in ("proto: accept-encoding gzip, json", "DescribeInstance json: missing")
        if method not in ("ResolveVersion", "GetInstanceURL") and not (lists or asks_all):
            continue
        if "download" in case["name"]:
            continue
        if "snake_case" in case["name"] or "uppercase" in case["name"]:
            continue
        read += 1
        asked = urllib.request.Request(
            service.rpc_url + request["path"], bytes.fromhex(request["body_hex"]), request["headers"]
        )
        try:
            with urllib.request.urlopen(asked) as reply:
                status, headers, body = reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                status, headers, body = error.code, error.headers, error.read()
        assert status == case["response"]["status"], case["name"]
        assert headers["X-Prpc-Grpc-Code"] == str(code_of(case)), case["name"]
        recorded_headers = dict(case["response"]["headers"])
        assert headers["Content-Type"] == recorded_headers["Content-Type"], case["name"]
        if status == 200 and headers["Content-Type"] == "application/json":
            assert body.startswith(GUARD)
            recorded = json.loads(bytes.fromhex(case["response"]["body_hex"])[len(GUARD) :])
            assert _shape(json.loads(body[len(GUARD) :])) == _shape(recorded), case["name"]
    assert read >= 28


def _shape(message: Any) -> Any:
    """Return the fields of a message, and of those in it; a list is as its first item."""
    if isinstance(message, dict):
        return {name: _shape(field) for name, field in message.items()}
    return (
        [_shape(message[0])] if isinstance(message, list) and isinstance(message[0], dict) else type(message)
    )
