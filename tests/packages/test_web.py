"""The tree of packages behind a web server."""

from __future__ import annotations

import json
import urllib.parse
from typing import TYPE_CHECKING

import pytest

from tests.packages.cipd.bench import NAME, package
from vpy.errors import ToolError, UserError
from vpy.model import Wanted
from vpy.packages.directory import DirectoryLoader
from vpy.packages.web import WebReader
from vpy.system.status import Status

if TYPE_CHECKING:
    from tests.packages.cipd.bench import Bench
    from tests.packages.cipd.server import Handler


class Tree:
    """Files by their paths below `/repo`, served instead of the storage's own."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.files: dict[str, bytes] = {}
        bench.service.always["GET"] = self.serve

    def serve(self, handler: Handler) -> None:
        assert "+" not in handler.path, "some buckets read it as a blank"
        data = self.files.get(urllib.parse.unquote(handler.path).removeprefix("/repo/"))
        if data is None:
            handler.answer(404, {}, b"no")
        else:
            handler.answer(200, {}, data)

    def put(self, name: str, data: bytes, *, tag: str) -> str:
        from tests.packages.cipd.server import Service

        found = Service.put(self.bench.service, name, data)
        self.files[f"{name}/+/{found}"] = data
        self.files[f"{name}/+/versions.json"] = json.dumps(
            {"refs": {"latest": found}, "tags": {tag: [found]}}
        ).encode()
        return found

    def loader(self, *, offline: bool = False) -> DirectoryLoader:
        client = self.bench.client()
        url = f"{self.bench.service.storage_url}/repo/"
        reader = WebReader(url, None if offline else client, Status())
        return DirectoryLoader(reader, self.bench.layout, f"directory:{url}", workers=4, stop=client.stop)


def test_resolves_and_fetches(bench: Bench) -> None:
    tree = Tree(bench)
    found = {name: tree.put(name, package(name), tag="version:1.0") for name in (NAME, "a/b", "a/c")}
    loader = tree.loader()
    pins = loader.resolve([Wanted(name, name, "version:1.0") for name in found]).pins
    assert [pin.instance_id for pin in pins] == list(found.values())
    for path, name in zip(loader.fetch(pins), found, strict=True):
        with open(path, "rb") as file:
            assert file.read() == package(name)


def test_what_is_not_there(bench: Bench) -> None:
    tree = Tree(bench)
    tree.put(NAME, package(), tag="version:1.0")
    with pytest.raises(UserError) as caught:
        tree.loader().resolve([Wanted("no/such", "no/such", "latest"), Wanted(NAME, NAME, "version:2.0")])
    origin = f"directory:{bench.service.storage_url}/repo/"
    assert caught.value.message.splitlines() == [
        f"cannot get `no/such` at `latest`: `{origin}` has no such package",
        f"cannot get `{NAME}` at `version:2.0`: `{origin}` has no such tag",
    ]


def test_faults(bench: Bench) -> None:
    tree = Tree(bench)
    found = tree.put(NAME, package(), tag="version:1.0")
    wanted = [Wanted(NAME, NAME, "version:1.0")]
    bench.service.plan("GET", lambda handler: handler.answer(503, {}, b""))
    (pin,) = tree.loader().resolve(wanted).pins
    bench.service.plan("GET", lambda handler: handler.answer(200, {}, b"<html>"))
    assert tree.loader().fetch([pin])
    tree.files[f"{NAME}/+/versions.json"] = b"<html>"
    with pytest.raises(ToolError, match="is damaged"):
        tree.loader().resolve(wanted)
    bench.service.plan("GET", lambda handler: handler.answer(200, {}, b"", length=20 << 20))
    with pytest.raises(ToolError, match="sent 20971520 bytes where at most 16777216 are allowed"):
        tree.loader().resolve(wanted)
    tree.files.clear()
    import os

    os.unlink(bench.layout.package(found))
    with pytest.raises(ToolError, match="answered with status 404"):
        tree.loader().fetch([pin])


def test_offline(bench: Bench) -> None:
    tree = Tree(bench)
    found = tree.put(NAME, package(), tag="version:1.0")
    loader = tree.loader()
    loader.fetch(loader.resolve([Wanted(NAME, NAME, "version:1.0")]).pins)
    asked = len(bench.service.requests)
    away = tree.loader(offline=True)
    assert away.fetch(away.resolve([Wanted(NAME, NAME, found)]).pins)
    with pytest.raises(ToolError, match="network access is disabled by `-vpython-offline`"):
        away.resolve([Wanted(NAME, NAME, "version:1.0")])
    assert len(bench.service.requests) == asked


def test_only_https(bench: Bench) -> None:
    with pytest.raises(UserError, match="plain http to another machine is refused"):
        WebReader("http://packages.example/repo", bench.client(), Status())
