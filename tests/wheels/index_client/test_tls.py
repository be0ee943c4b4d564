"""TLS of a resolution: what pip's settings of trust mean, and how often their certificates are read."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING

import pytest

from tests.packages.conftest import authority
from tests.support.awkward_index import AwkwardIndex
from tests.wheels.index_client.conftest import Asker, put

__all__ = ["authority"]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Serve = Callable[..., AwkwardIndex]


@pytest.fixture
def serve(tmp_path: Path, authority: Path) -> Iterator[Serve]:
    """Return a function that serves `a`, which needs `b` and `c`, over TLS."""
    started: list[AwkwardIndex] = []

    def start(certificate: str = "localhost", *, asks: bool = False) -> AwkwardIndex:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority / f"{certificate}.pem")
        if asks:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(authority / "ca.pem")
        (tmp_path / "wheels").mkdir()
        index = AwkwardIndex(tmp_path / "wheels", context)
        started.append(index)
        put(index, "a", "1.0", "b", "c")
        put(index, "b")
        put(index, "c")
        return index

    yield start
    for index in started:
        index.stop()


ALL = {"a": "1.0", "b": "1.0", "c": "1.0"}


def refused(ask: Asker, **environ: str) -> str:
    """Return the one error of a network, where nothing was asked."""
    (row,) = ask("a", environ={"PIP_RETRIES": "0", **environ})["errors"]
    assert row["kind"] == "network", row
    assert ask.index.asked == []
    fact: str = row["fact"]
    return fact


def test_an_authority_of_ones_own(serve: Serve, tmp_path: Path, authority: Path) -> None:
    ask = Asker(serve(), tmp_path)
    assert "certificate" in refused(ask)
    assert ask.versions("a", environ={"PIP_CERT": str(authority / "ca.pem")}) == ALL
    assert ask.index.asked


def test_certificates_are_read_once(serve: Serve, tmp_path: Path, authority: Path) -> None:
    """The file is damaged as soon as the first request comes: no other connection reads it."""
    ask = Asker(serve(), tmp_path)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes((authority / "ca.pem").read_bytes())
    peers: set[object] = set()

    def note(peer: object) -> None:
        peers.add(peer)
        bundle.write_bytes(b"nothing")
        time.sleep(0.1)  # so that the next request takes another connection

    ask.index.before = note
    assert ask.versions("a", "b", "c", environ={"PIP_CERT": str(bundle), "PIP_RETRIES": "0"}) == ALL
    assert len(peers) > 1


def test_a_bundle_that_is_none(serve: Serve, tmp_path: Path) -> None:
    ask = Asker(serve(), tmp_path)
    (tmp_path / "bundle.pem").write_text("nothing")
    refused(ask, PIP_CERT=str(tmp_path / "bundle.pem"))


def test_a_certificate_of_another_host(serve: Serve, tmp_path: Path, authority: Path) -> None:
    ask = Asker(serve("elsewhere"), tmp_path)
    assert "certificate" in refused(ask, PIP_CERT=str(authority / "ca.pem"))


def test_the_authorities_of_the_system(serve: Serve, tmp_path: Path, authority: Path) -> None:
    """They count beside those of `cert`, but not under `legacy-certs`."""
    ask = Asker(serve(), tmp_path)
    system = {"SSL_CERT_FILE": str(authority / "ca.pem")}
    assert "certificate" in refused(ask, **system, PIP_USE_DEPRECATED="legacy-certs")
    assert ask.versions("a", environ=system) == ALL
    other = (authority / "elsewhere.pem").read_text()
    (tmp_path / "other.pem").write_text(other[other.index("-----BEGIN CERTIFICATE") :])
    assert ask.versions("a", environ={**system, "PIP_CERT": str(tmp_path / "other.pem")}) == ALL


def test_legacy_certs(serve: Serve, tmp_path: Path, authority: Path) -> None:
    ask = Asker(serve(), tmp_path)
    environ = {"PIP_CERT": str(authority / "ca.pem"), "PIP_USE_DEPRECATED": "legacy-certs"}
    assert ask.versions("a", environ=environ) == ALL


def test_a_trusted_host(serve: Serve, tmp_path: Path) -> None:
    """It needs no certificate that holds; the same server under another name does."""
    ask = Asker(serve(), tmp_path)
    trusting = {"PIP_TRUSTED_HOST": "localhost", "PIP_RETRIES": "0"}
    assert ask.versions("a", environ=trusting) == ALL
    ask.index.asked.clear()
    other = ask.index.url.replace("localhost", "127.0.0.1")
    (row,) = ask("a", environ=trusting, index=other)["errors"]
    assert row["kind"] == "network"
    assert ask.index.asked == []


@pytest.mark.parametrize("trust", ["cert", "trusted-host", "legacy-certs"])
def test_a_certificate_of_the_client(serve: Serve, tmp_path: Path, authority: Path, trust: str) -> None:
    ask = Asker(serve(asks=True), tmp_path)
    environ = {
        "cert": {"PIP_CERT": str(authority / "ca.pem")},
        "trusted-host": {"PIP_TRUSTED_HOST": "localhost"},
        "legacy-certs": {"PIP_CERT": str(authority / "ca.pem"), "PIP_USE_DEPRECATED": "legacy-certs"},
    }[trust]
    refused(ask, **environ)
    assert ask.versions("a", environ={**environ, "PIP_CLIENT_CERT": str(authority / "elsewhere.pem")}) == ALL


def test_each_host_has_its_own_trust(serve: Serve, tmp_path: Path) -> None:
    """Files of a trusted index on a host that is not trusted are verified."""
    ask = Asker(serve(), tmp_path)
    ask.index.files = ask.index.url.replace("localhost", "127.0.0.1").replace("/simple/", "")
    answer = ask("b", environ={"PIP_TRUSTED_HOST": "localhost", "PIP_RETRIES": "0"})
    assert [row["kind"] for row in answer["errors"]] == ["network"]
    assert {path for path, _ in ask.index.asked} == {"/simple/b/"}
