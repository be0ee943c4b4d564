"""Registries on loopback, and a caller of them whose logins are in a directory of the test's."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.packages.cipd.bench import POLICY, RecordingClock
from tests.support.hostile_registry import HostileRegistry
from tests.support.registries import HTPASSWD, DockerRegistry, TokenServer
from vpy.packages.oci import reference
from vpy.packages.oci.credentials import Credentials
from vpy.packages.oci.registry import Registry
from vpy.system.network.http import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


class Caller:
    """Somebody with a home directory, a clock that does not wait, and variables."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ = {"DOCKER_CONFIG": str(home / "docker")}
        self.clock = RecordingClock()
        self.policy = POLICY

    def configure(self, document: Any) -> None:
        """Write docker's configuration."""
        (self.home / "docker").mkdir(exist_ok=True)
        (self.home / "docker" / "config.json").write_text(json.dumps(document))

    def login(self, host: str, **entry: str) -> None:
        self.configure({"auths": {host: entry}})

    def registry(self, host: str, repository: str = "demo", *, chunk: int = 32 << 20) -> Registry:
        """Return what a new process has."""
        client = Client(self.environ, "tests/1", self.clock.clock(), self.policy)
        named = reference.parse(f"oci://{host}/{repository}:1")
        return Registry(client, named, Credentials(self.environ, str(self.home)), chunk=chunk)


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    return Caller(tmp_path)


@pytest.fixture
def hostile() -> Iterator[HostileRegistry]:
    registry = HostileRegistry()
    yield registry
    registry.stop()


@pytest.fixture
def other() -> Iterator[HostileRegistry]:
    """Serve at another address, as a store of objects does, or a thief of logins."""
    registry = HostileRegistry()
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def with_password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """Run a registry that wants a name and password."""
    place = tmp_path_factory.mktemp("registry")
    (place / "htpasswd").write_text(HTPASSWD)
    registry = DockerRegistry(place, f"auth: {{htpasswd: {{realm: tests, path: {place}/htpasswd}}}}\n")
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenServer]:
    server = TokenServer(tmp_path_factory.mktemp("tokens"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def with_tokens(tmp_path_factory: pytest.TempPathFactory, tokens: TokenServer) -> Iterator[DockerRegistry]:
    """Run a registry that wants a token of that server."""
    registry = DockerRegistry(tmp_path_factory.mktemp("registry"), tokens.auth)
    yield registry
    registry.stop()
