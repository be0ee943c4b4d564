"""What the tests of the `cipd` source share: a loader with a clock that is set by hand."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from tests.support.wheelmaker import make_wheel
from vpy.model import Pin, Wanted
from vpy.packages.caches import Caches
from vpy.packages.prpc import Service as Rpc
from vpy.packages.service import CipdLoader
from vpy.system.http import Client
from vpy.system.layout import Layout
from vpy.system.patience import Clockwork, Patience
from vpy.system.progress import Progress
from vpy.system.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cipd.server import Service

NAME = "infra/python/wheels/demo-py3"
PATIENCE = Patience(connect=10, silence=20, whole=30)


class Said(Terminal):
    """A terminal that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__("info")
        self.lines: list[str] = []

    def _write(self, text: str) -> None:
        self.lines.append(text)


class Time:
    """A clock for the pauses: they are noted, and nobody waits."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def clockwork(self) -> Clockwork:
        import time

        return Clockwork(clock=time.monotonic, sleep=self.pauses.append, chance=lambda: 0.5)


class Memory:
    """Answers as JSON, as the root keeps them."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def recall(self, question: object) -> Any:
        text = self.kept.get(json.dumps(question))
        return None if text is None else json.loads(text)

    def keep(self, question: object, answer: object) -> None:
        self.kept[json.dumps(question)] = json.dumps(answer)


class Bench:
    """A service, a root, a memory, a clock; `loader` makes what a new process would have of them."""

    def __init__(self, service: Service, place: Path) -> None:
        self.service = service
        self.place = place
        self.layout = Layout(str(place / "root"))
        self.memory = Memory()
        self.said = Said()
        self.time = Time()
        self.now = 1_000_000.0
        self.caches = Caches()
        self.patience = PATIENCE
        self.environ: dict[str, str] = {}

    def client(self) -> Client:
        return Client(self.environ, "tests/1", self.time.clockwork(), self.patience)

    def loader(self, *, offline: bool = False) -> CipdLoader:
        client = self.client()
        return CipdLoader(
            Rpc(client, self.service.rpc_url),
            None if offline else client,
            layout=self.layout,
            memory=self.memory,
            caches=self.caches,
            terminal=self.said,
            now=lambda: self.now,
            progress=Progress(shown=False),
            origin="cipd",
        )

    def pin(self, version: str = "version:1.0", name: str = NAME) -> Pin:
        (pin,) = self.loader().resolve([Wanted(name, name, version)])
        return pin

    def fetched(self, version: str = "version:1.0", name: str = NAME) -> bytes:
        loader = self.loader()
        (path,) = loader.fetch(loader.resolve([Wanted(name, name, version)]))
        with open(path, "rb") as file:
            return file.read()


def package(name: str = NAME, members: dict[str, bytes] | None = None, **about: str) -> bytes:
    """A package file; `about` are further fields of its manifest."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for path, data in (members if members is not None else {"demo.txt": b"demo\n"}).items():
            info = zipfile.ZipInfo(path)
            info.create_system = 3
            info.external_attr = (0o100400 if not path.startswith("bin/") else 0o100500) << 16
            archive.writestr(info, data)
        fields = {"format_version": "1.1", "package_name": name, **about}
        archive.writestr(zipfile.ZipInfo(".cipdpkg/manifest.json"), json.dumps(fields))
    return made.getvalue()


def wheel_package(place: Path, project: str, version: str = "1.0") -> tuple[str, bytes]:
    """A package with one wheel: its conventional name, its bytes."""
    wheel = make_wheel(place / "made", project, version)
    name = f"infra/python/wheels/{project}-py3"
    return name, package(name, {wheel.name: wheel.read_bytes()})
