"""A package service with a loader whose clock is set by hand, and package files for it."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from tests.support.wheelmaker import make_wheel
from vpy.model import Pin, Wanted
from vpy.packages.cipd.caches import Caches
from vpy.packages.cipd.loader import CipdLoader
from vpy.packages.cipd.prpc import Service as Rpc
from vpy.packages.freshness import Freshness
from vpy.system.layout import Layout
from vpy.system.network.http import Client
from vpy.system.network.retry import Clock, RetryPolicy
from vpy.system.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.packages.cipd.server import Service

NAME = "infra/python/wheels/demo-py3"
POLICY = RetryPolicy(connect_timeout=10, idle_timeout=20, total_timeout=30)


class RecordingTerminal(Terminal):
    """A terminal that keeps its lines."""

    def __init__(self) -> None:
        super().__init__("info")
        self.lines: list[str] = []

    def _write(self, text: str) -> None:
        self.lines.append(text)


class RecordingClock:
    """A clock that records pauses instead of waiting."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def clock(self) -> Clock:
        import time

        return Clock(now=time.monotonic, sleep=self.pauses.append, random=lambda: 0.5)


class MemoryCache:
    """A cache of answers as JSON, as in the root."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}

    def get(self, question: object) -> Any:
        text = self.answers.get(json.dumps(question))
        return None if text is None else json.loads(text)

    def put(self, question: object, answer: object) -> None:
        self.answers[json.dumps(question)] = json.dumps(answer)

    def drop(self, question: object) -> None:
        self.answers.pop(json.dumps(question), None)


class Bench:
    """A service, a root, a cache, a clock; `loader` returns what a new process would have of them."""

    def __init__(self, service: Service, directory: Path) -> None:
        self.service = service
        self.directory = directory
        self.layout = Layout(str(directory / "root"))
        self.cache = MemoryCache()
        self.terminal = RecordingTerminal()
        self.clock = RecordingClock()
        self.now = 1_000_000.0
        self.since = 0.0
        self.caches = Caches()
        self.policy = POLICY
        self.environ: dict[str, str] = {}

    def client(self) -> Client:
        return Client(self.environ, "tests/1", self.clock.clock(), self.policy)

    def loader(self, *, offline: bool = False) -> CipdLoader:
        client = self.client()
        return CipdLoader(
            Rpc(client, self.service.rpc_url),
            None if offline else client,
            layout=self.layout,
            cache=self.cache,
            caches=self.caches,
            terminal=self.terminal,
            freshness=Freshness(now=lambda: self.now, since=self.since),
            origin="cipd",
        )

    def pin(self, version: str = "version:1.0", name: str = NAME) -> Pin:
        (pin,) = self.loader().resolve([Wanted(name, name, version)]).pins
        return pin

    def fetched(self, version: str = "version:1.0", name: str = NAME) -> bytes:
        loader = self.loader()
        (path,) = loader.fetch(loader.resolve([Wanted(name, name, version)]).pins)
        with open(path, "rb") as file:
            return file.read()


def package(name: str = NAME, members: dict[str, bytes] | None = None, **about: str) -> bytes:
    """Return a package file; `about` are further fields of its manifest."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for path, content in (members if members is not None else {"demo.txt": b"demo\n"}).items():
            info = zipfile.ZipInfo(path)
            info.create_system = 3
            info.external_attr = (0o100400 if not path.startswith("bin/") else 0o100500) << 16
            archive.writestr(info, content)
        fields = {"format_version": "1.1", "package_name": name, **about}
        archive.writestr(zipfile.ZipInfo(".cipdpkg/manifest.json"), json.dumps(fields))
    return data.getvalue()


def wheel_package(directory: Path, project: str, version: str = "1.0") -> tuple[str, bytes]:
    """Return a package with one wheel: its conventional name, its bytes."""
    wheel = make_wheel(directory / "wheels", project, version)
    name = f"infra/python/wheels/{project}-py3"
    return name, package(name, {wheel.name: wheel.read_bytes()})
