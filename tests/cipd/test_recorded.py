"""Every recorded exchange with the service's own code gives the recorded outcome."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cipd.server import GUARD, Service
from tests.packages.shared import vectors
from vpy.errors import ToolError, UserError, VpythonError
from vpy.model import Wanted
from vpy.packages.download import Download
from vpy.packages.prpc import Service as Rpc
from vpy.system.patience import NetworkError
from vpy.system.progress import Progress

if TYPE_CHECKING:
    from tests.cipd.bench import Bench
    from tests.cipd.server import Handler

FAMILIES = {3: UserError, 5: UserError, 7: UserError, 9: UserError, 2: NetworkError, 12: ToolError}


def replay(response: dict[str, Any]) -> Any:
    """Answer with the very status, headers and bytes that were recorded."""
    body = bytes.fromhex(response["body_hex"])

    def fault(handler: Handler) -> None:
        headers = {name: text for name, text in response["headers"] if name != "Content-Length"}
        handler.answer(response["status"], headers, body)

    return fault


def code_of(case: dict[str, Any]) -> int | None:
    told = dict(case["response"]["headers"])
    return int(told["X-Prpc-Grpc-Code"]) if "X-Prpc-Grpc-Code" in told else None


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
        pieces = Download(bench.client(), lambda url=url: url, Progress(shown=False)).pieces()  # type: ignore[misc]
        if case["response"]["status"] == 200:
            assert b"".join(pieces) == bytes.fromhex(case["response"]["body_hex"])
        else:
            with pytest.raises(NetworkError, match="answered with status 404"):
                b"".join(pieces)
    assert read >= 2


def test_what_we_ask_is_what_was_recorded(bench: Bench) -> None:
    """Our own requests, for each recorded one that names a package and a version, and what they come to."""
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
        bench.memory.kept.clear()
        bench.service.requests.clear()
        bench.service.always["POST"] = replay(case["response"])
        wanted = Wanted(message["package"], message["package"], message["version"])
        try:
            (pin,) = bench.loader().resolve([wanted])
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
            told = json.loads(bytes.fromhex(case["response"]["body_hex"])[len(GUARD) :])
            assert told["instance"]["hexDigest"] in str(_digest(pin.instance_id))
        if bench.service.requests:
            method, path, headers, body = bench.service.requests[0]
            assert (method, path) == ("POST", request["path"])
            assert json.loads(body) == message
            assert headers["Content-Type"] == request["headers"]["Content-Type"]
    assert read >= 9


def _digest(instance_id: str) -> str:
    from vpy.packages.cipd import reference_from_id

    return reference_from_id(instance_id)[1]


def test_the_test_server_answers_as_recorded(service: Service) -> None:
    """So that the other tests speak to something that behaves like the real one."""
    import urllib.error
    import urllib.request

    attrs = "42621cd8443a0a071b06cd6d0a7c309eeebfd9cc1d8e14ae94a58c8affb03a9c"
    from vpy.packages.cipd import id_from_reference

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
        told = dict(case["response"]["headers"])
        assert headers["Content-Type"] == told["Content-Type"], case["name"]
        if status == 200 and headers["Content-Type"] == "application/json":
            assert body.startswith(GUARD)
            recorded = json.loads(bytes.fromhex(case["response"]["body_hex"])[len(GUARD) :])
            assert _shape(json.loads(body[len(GUARD) :])) == _shape(recorded), case["name"]
    assert read >= 28


def _shape(told: Any) -> Any:
    """The fields of a message, and of those in it; a list is as its first item, the order of two counts."""
    if isinstance(told, dict):
        return {name: _shape(each) for name, each in told.items()}
    return [_shape(told[0])] if isinstance(told, list) and isinstance(told[0], dict) else type(told)
