"""Fixtures: an awkward index, and the program that resolves at it, run as `pip_runner` runs it.

Most of a run is importing pip: where processes can fork, it is imported once for all tests.
"""

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
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


VENDOR = os.path.join(TOP, "build", "vendor")


class LoadedProgram:
    """Process that has imported the program and pip; each run is a fork of it."""

    def __init__(self) -> None:
        program = os.path.join(TOP, "tests", "support", "resolve_many.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", program, VENDOR, TOP],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, stdin: str, environ: Mapping[str, str]) -> tuple[str, str]:
        """Return what the program writes to stdout and stderr."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps({"stdin": stdin, "environ": {**environ}}), file=self._process.stdin, flush=True)
        row: dict[str, str] = json.loads(self._process.stdout.readline())
        return row["answer"], row["said"]

    def stop(self) -> None:
        self._process.communicate()


class Asker:
    """Runs the program that resolves at an index, as `pip_runner` does; alone without `loaded`."""

    def __init__(self, index: AwkwardIndex, place: Path, loaded: LoadedProgram | None = None) -> None:
        self.index = index
        self.place = place
        self.loaded = loaded
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
        run = self.loaded.run if self.loaded else run_alone
        out, self.said = run(
            json.dumps(whole) + "\n" + json.dumps(reply), {**self.environ, **(environ or {})}
        )
        assert out, self.said
        *events, answer = map(json.loads, out.splitlines())
        self.events = events
        assert isinstance(answer, dict)
        return answer

    def versions(self, *requirements: str, **more: Any) -> dict[str, str]:
        answer = self(*requirements, **more)
        assert answer["errors"] == []
        return {row["name"]: row["version"] for row in answer["wheels"]}


def run_alone(stdin: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return what the program writes to stdout and stderr, run as `pip_runner` runs it."""
    program = os.path.join(TOP, "vpy", "wheels", "pip_download.py")
    done = subprocess.run(
        [sys.executable, "-I", "-S", program, VENDOR, "/none"],
        input=stdin, env=environ, capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    return done.stdout, done.stderr


@pytest.fixture(scope="session")
def loaded_program() -> Iterator[LoadedProgram | None]:
    loaded = LoadedProgram() if hasattr(os, "fork") else None
    yield loaded
    if loaded:
        loaded.stop()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[AwkwardIndex]:
    (tmp_path / "wheels").mkdir()
    index = AwkwardIndex(tmp_path / "wheels")
    yield index
    index.stop()


@pytest.fixture
def ask(index: AwkwardIndex, tmp_path: Path, loaded_program: LoadedProgram | None) -> Asker:
    return Asker(index, tmp_path, loaded_program)


def put(
    index: AwkwardIndex, name: str, version: str = "1.0", *requires: str, tag: str = "py3-none-any"
) -> Path:
    return make_wheel(index.folder, name, version, requires=requires, tag=tag)
