"""A repository of small packages, packed once by the built file, and an explainer over it."""

from __future__ import annotations

import glob
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.packages.conftest import direct, service
from tests.support.harness import BUILT, Harness
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["direct", "service"]

PREFIX = "infra/python/wheels/"


class Explainer:
    """The built file with an empty root, whose packages come from a directory."""

    def __init__(self, harness: Harness, repository: Path, ids: Mapping[str, str]) -> None:
        self.harness = harness
        self.place = harness.place
        self.ids = ids
        self.source = f"directory:{repository}"
        harness.environ["VPYTHON_PACKAGE_SOURCE"] = self.source
        harness.environ["VPYTHON_INTERPRETER"] = ""

    def write(self, name: str, text: str) -> Path:
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *words: str | Path, **how: Any) -> subprocess.CompletedProcess[str]:
        """`words` are vpython's own options, a tool's name behind `-vpython-tool` among them."""
        return self.harness.run(*words, **how)

    def text(self, *words: str | Path, options: tuple[str | Path, ...] = (), **how: Any) -> str:
        done = self.run(*options, "-vpython-tool", "explain", *words, **how)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def json(self, *words: str | Path, options: tuple[str | Path, ...] = (), **how: Any) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.text("--json", *words, options=options, **how))
        return told

    def package(self, told: Mapping[str, Any], name: str) -> dict[str, Any]:
        """The one package of that name, as written behind the prefix."""
        (found,) = (row for row in told["packages"] if row["name"] == f"{PREFIX}{name}")
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The repository, and the instance id of each package in it as `NAME@VERSION`."""
    assert BUILT.is_file(), "run `python3 build_zipapp.py` first"
    place = tmp_path_factory.mktemp("packed")
    repository, wheels = place / "repository", place / "wheels"
    harness = Harness(place)
    hook = {"hooked.py": "", "hooked.pth": "# a comment\nimport os\n/a/path\n"}
    made = [
        make_wheel(wheels, "one"),
        make_wheel(wheels, "one", "2.0"),
        make_wheel(wheels, "two"),
        make_wheel(wheels, "hooked", files=hook),
    ]
    ids = {}
    for wheel in made:
        done = harness.run("-vpython-tool", "pack", "-repo", repository, wheel)
        assert done.returncode == 0, done.stderr
        name, _, instance_id = done.stdout.strip().partition(":")
        ids[f"{name.removeprefix(PREFIX)}@{wheel.name.split('-')[1]}"] = instance_id
    done = harness.run("-vpython-tool", "tags", "--json")
    platform = json.loads(done.stdout)["template"]["vpython_platform"]
    native = f"{PREFIX}native/{platform}"
    done = harness.run(
        *("-vpython-tool", "pack", "-repo", repository, "-name", native, make_wheel(wheels, "native"))
    )
    assert done.returncode == 0, done.stderr
    ids["native@1.0"] = done.stdout.strip().partition(":")[2]
    return repository, ids


@pytest.fixture
def explainer(harness: Harness, packed: tuple[Path, dict[str, str]]) -> Explainer:
    return Explainer(harness, *packed)


def spec(*packages: str, python: str = "", more: str = "") -> str:
    """A text spec; a package is `NAME@VERSION`, `NAME` as behind the prefix."""
    rows = [f'python_version: "{python}"'] if python else []
    for package in packages:
        name, _, version = package.partition("@")
        rows.append(f'wheel: < name: "{PREFIX}{name}" version: "version:{version or "1.0"}" {more}>')
    return "\n".join(rows) + "\n"


def minor_of(executable: str) -> str:
    """`3.11` of a Python on this machine."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def other_python() -> str:
    """The path of a Python that is not the one PATH leads to; skips where there is none."""
    home = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for minor in ("3.12", "3.13", "3.10", "3.9", "3.8", "3.14"):
        for path in sorted(glob.glob(f"{glob.escape(home)}/versions/{minor}.*/bin/python{minor}")):
            if minor != minor_of("python3") and os.access(path, os.X_OK):
                return path
    pytest.skip("there is only one Python on this machine")
