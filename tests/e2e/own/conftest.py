"""A home with vpython in it as the documents have it, and a server of releases."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.e2e.own.place import Place
from tests.support.harness import BUILT, Harness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import CompletedProcess


class Home:
    """A copied file with its links, called by its name on PATH."""

    def __init__(self, harness: Harness, place: Place) -> None:
        self.harness = harness
        self.place = place
        self.bin = harness.place / "home" / ".local" / "bin"
        self.bin.mkdir(parents=True)
        self.file = self.bin / "vpython"
        shutil.copy(BUILT, self.file)
        for name in ("vpython3", "vpython-tool"):
            (self.bin / name).symlink_to("vpython")
        harness.use_loopback()
        harness.environ["PATH"] = f"{self.bin}{os.pathsep}{harness.environ['PATH']}"
        harness.environ["VPYTHON_NETWORK_RETRY_TIMEOUT"] = "0"
        config = harness.place / "home" / ".config" / "vpython" / "config.toml"
        config.parent.mkdir(parents=True)
        config.write_text(f'releases = "{place.url}"\n')

    def self(self, *words: str | Path, **how: dict[str, str | None]) -> CompletedProcess[str]:
        return self.harness.run_command(self.bin / "vpython-tool", "self", *words, **how)  # type: ignore[arg-type]

    def names(self) -> list[str]:
        return sorted(path.name for path in self.bin.iterdir())


@pytest.fixture(scope="module")
def server() -> Iterator[Place]:
    place = Place()
    yield place
    place.stop()


@pytest.fixture
def home(harness: Harness, server: Place) -> Home:
    server.asked.clear()
    server.answers.clear()
    return Home(harness, server)
