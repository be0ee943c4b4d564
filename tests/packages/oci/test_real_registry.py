"""A real registry, with a password and with tokens, and what another client makes of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from tests.packages.oci.conftest import basic, digest_of
from tests.support.hostile_registry import MANIFEST
from tests.support.registries import PASSWORD, USER, Breaking
from vpy.system.network.retry import NetworkError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.packages.oci.conftest import Caller
    from tests.support.registries import DockerRegistry, TokenServer
    from vpy.packages.oci.registry import Registry

LOGIN = basic(USER, PASSWORD)


def image(registry: Registry, layer: bytes) -> bytes:
    """Upload an image of one layer; return its manifest."""
    config = b"{}"
    rows = []
    for data, kind in ((config, "application/vnd.oci.image.config.v1+json"), (layer, "application/zip")):
        registry.put_blob(digest_of(data), len(data), data)
        rows.append({"mediaType": kind, "digest": digest_of(data), "size": len(data)})
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": rows[0], "layers": rows[1:]}
    return json.dumps(document).encode()


def there_and_back(caller: Caller, host: str, name: str) -> None:
    """Upload small and large blobs and a manifest, and get the same back."""
    registry, second = caller.registry(host, name, chunk=100_000), caller.registry(host, f"{name}/second")
    assert registry.manifest() is None
    assert registry.tags() == []
    small, large = os.urandom(5_000), os.urandom(450_000)
    manifest = image(registry, small)
    path = caller.home / f"large-{name}"
    path.write_bytes(large)

    assert registry.put_blob(digest_of(large), len(large), str(path))
    assert not registry.put_blob(digest_of(large), len(large), str(path))
    assert not second.put_blob(digest_of(large), len(large), str(path), mount=[name])  # was mounted
    assert second.has_blob(digest_of(large), len(large))
    for tag in ("1", "2"):
        registry.put_manifest(tag, manifest, MANIFEST)

    assert registry.manifest() == registry.manifest(digest_of(manifest)) == (manifest, MANIFEST)
    assert sorted(registry.tags()) == ["1", "2"]
    assert registry.read_blob(digest_of(small), len(small)) == small
    assert second.fetch_blob(digest_of(large), len(large), str(caller.home / f"back-{name}"))
    assert (caller.home / f"back-{name}").read_bytes() == large
    assert not second.fetch_blob(digest_of(b"none"), 4, str(caller.home / "none"))
    assert not (caller.home / "none").exists()
    assert caller.clock.pauses == []


def test_by_a_password(caller: Caller, with_password: DockerRegistry) -> None:
    caller.login(with_password.host, auth=LOGIN)
    there_and_back(caller, with_password.host, "password")


def test_over_connections_that_break(caller: Caller, with_password: DockerRegistry) -> None:
    """An upload it still knows goes on, one that it forgot begins again."""
    data = os.urandom(450_000)
    way = Breaking(with_password.host, 150_000, 250_000, 20_000)
    try:
        caller.login(way.host, auth=LOGIN)
        registry = caller.registry(way.host, "breaking", chunk=100_000)
        assert registry.put_blob(digest_of(data), len(data), data)
    finally:
        way.stop()
    assert way.left == 0
    caller.login(with_password.host, auth=LOGIN)
    assert caller.registry(with_password.host, "breaking").read_blob(digest_of(data), len(data)) == data


def test_without_the_right_password(caller: Caller, with_password: DockerRegistry) -> None:
    host = with_password.host
    with pytest.raises(NetworkError) as caught:
        caller.registry(host).manifest()
    assert caught.value.message == (
        f"`{host}` wants a login for `demo`: UNAUTHORIZED: authentication required"
    )
    assert caught.value.hint == f"log in with `docker login {host}`"

    caller.login(host, auth=basic(USER, "wrong"))
    with pytest.raises(NetworkError) as caught:
        caller.registry(host).put_blob(digest_of(b"x"), 1, b"x")
    config = caller.home / "docker" / "config.json"
    assert caught.value.message == f"`{host}` refuses `demo` to `{USER}` of `{config}`"  # HEAD: no reason
    assert caught.value.hint == f"log in as somebody who may with `docker login {host}`"


def test_by_tokens(caller: Caller, with_tokens: DockerRegistry, tokens: TokenServer) -> None:
    caller.login(with_tokens.host, auth=LOGIN)
    tokens.asked.clear()
    there_and_back(caller, with_tokens.host, "tokens")
    assert tokens.asked == [
        ("GET", scope, USER)
        for scope in (
            "repository:tokens:pull",
            "repository:tokens:pull,push",
            "repository:tokens/second:pull,push",
            "repository:tokens/second:pull,push repository:tokens:pull",
        )
    ]


def test_by_an_identity_token(caller: Caller, with_tokens: DockerRegistry, tokens: TokenServer) -> None:
    caller.login(
        with_tokens.host,
        auth=basic("00000000-0000-0000-0000-000000000000", "x"),
        identitytoken=tokens.refresh,
    )
    tokens.asked.clear()
    assert caller.registry(with_tokens.host, "identity").put_blob(digest_of(b"x"), 1, b"x")
    assert tokens.asked == [("POST", "repository:identity:pull,push", USER)]

    caller.login(with_tokens.host, identitytoken="revoked-secret")
    with pytest.raises(NetworkError) as caught:
        caller.registry(with_tokens.host, "identity").manifest()
    config = caller.home / "docker" / "config.json"
    assert caught.value.message == (
        f"the token server `{tokens.realm.removesuffix('/token')}` of `{with_tokens.host}` refuses"
        f" the token of `{config}`: status 401"
    )


def test_without_a_login_where_all_may_read(
    caller: Caller, with_tokens: DockerRegistry, tokens: TokenServer
) -> None:
    caller.login(with_tokens.host, auth=LOGIN)
    assert caller.registry(with_tokens.host, "open").put_blob(digest_of(b"x"), 1, b"x")
    tokens.open_to_all.add("open")
    nobody = caller.registry(with_tokens.host, "open")
    caller.login("elsewhere.example", auth=LOGIN)
    assert nobody.read_blob(digest_of(b"x"), 1) == b"x"
    with pytest.raises(NetworkError, match=f"^`{with_tokens.host}` wants a login for `open`: UNAUTHORIZED: "):
        nobody.put_blob(digest_of(b"y"), 1, b"y")


def test_one_thread_asks_for_a_token(
    caller: Caller, with_tokens: DockerRegistry, tokens: TokenServer
) -> None:
    caller.login(with_tokens.host, auth=LOGIN)
    registry = caller.registry(with_tokens.host, "threads")
    tokens.asked.clear()
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda: found.append(registry.has_blob(digest_of(b"z"), 1))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [False] * 8
    assert len(tokens.asked) == 1


def test_another_client_has_the_same(caller: Caller, with_password: DockerRegistry, tmp_path: Path) -> None:
    """Its login is found, what was uploaded is read by it, and what it uploads is read here."""
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        pytest.skip("there is no skopeo on this machine")
    host = with_password.host
    caller.environ = {"REGISTRY_AUTH_FILE": str(tmp_path / "auth.json")}
    own = ["--authfile", str(tmp_path / "auth.json")]

    def run(*argv: str, stdin: str = "") -> str:
        environ = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
        return subprocess.run(
            [skopeo, *argv], input=stdin, env=environ, check=True, capture_output=True, text=True
        ).stdout

    run("login", *own, "--tls-verify=false", "--username", USER, "--password-stdin", host, stdin=PASSWORD)
    registry = caller.registry(host, "skopeo/demo")
    layer = os.urandom(1000)
    manifest = image(registry, layer)
    registry.put_manifest("1", manifest, MANIFEST)
    raw = run("inspect", *own, "--tls-verify=false", "--raw", f"docker://{host}/skopeo/demo:1")
    assert raw.encode() == manifest

    source, target = f"docker://{host}/skopeo/demo:1", f"docker://{host}/skopeo/copy:1"
    run(
        "copy", "--insecure-policy", *own, "--src-tls-verify=false", "--dest-tls-verify=false", source, target
    )
    copied = caller.registry(host, "skopeo/copy")
    assert copied.manifest() == (manifest, MANIFEST)
    assert copied.read_blob(digest_of(layer), 1000) == layer
