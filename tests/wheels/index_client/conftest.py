"""Fixtures: an awkward index, and the program that resolves at it, run as `pip_runner` runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from packaging.markers import default_environment
from packaging.tags import sys_tags

from tests.support.awkward_index import AwkwardIndex
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


class Asker:
    """Runs the program that resolves at an index, as `pip_runner` does."""

    def __init__(self, index: AwkwardIndex, place: Path) -> None:
        self.index = index
        self.place = place
        self.said = ""
        self.events: list[dict[str, Any]] = []
        self.environ = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("PIP_", "SSL_CERT_"))
            and not name.lower().endswith(("_proxy", "_ca_bundle"))
        } | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1", "HOME": str(place)}

    def __call__(
        self,
        *requirements: str,
        environ: dict[str, str] | None = None,
        hashes: tuple[str, ...] = (),
        reply: object = None,
        **job: Any,
    ) -> dict[str, Any]:
        directory = self.place / "downloads"
        directory.mkdir(exist_ok=True)
        whole = {
            "directory": str(directory),
            "requirements": [{"text": text, "hashes": list(hashes)} for text in requirements],
            "dependencies": True,
            "tags": [[tag.interpreter, tag.abi, tag.platform] for tag in sys_tags()],
            "markers": default_environment(),
            "version": list(sys.version_info[:3]),
            "index": self.index.url,
            **job,
        }
        program = os.path.join(TOP, "vpy", "wheels", "pip_download.py")
        done = subprocess.run(
            [sys.executable, "-I", "-S", program, os.path.join(TOP, "build", "vendor"), "/none"],
            input=json.dumps(whole) + "\n" + json.dumps(reply), env={**self.environ, **(environ or {})},
            capture_output=True, text=True, timeout=100, check=True,
        )  # fmt: skip
        self.said = done.stderr
        *events, answer = map(json.loads, done.stdout.splitlines())
        self.events = events
        assert isinstance(answer, dict)
        return answer

    def versions(self, *requirements: str, **more: Any) -> dict[str, str]:
        answer = self(*requirements, **more)
        assert answer["errors"] == []
        return {row["name"]: row["version"] for row in answer["wheels"]}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[AwkwardIndex]:
    (tmp_path / "wheels").mkdir()
    index = AwkwardIndex(tmp_path / "wheels")
    yield index
    index.stop()


@pytest.fixture
def ask(index: AwkwardIndex, tmp_path: Path) -> Asker:
    return Asker(index, tmp_path)


def put(
    index: AwkwardIndex, name: str, version: str = "1.0", *requires: str, tag: str = "py3-none-any"
) -> Path:
    return make_wheel(index.folder, name, version, requires=requires, tag=tag)
