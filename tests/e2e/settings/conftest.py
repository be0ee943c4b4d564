"""Scripts with a PEP 723 block, and indexes on loopback that they come from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.packages.conftest import direct
from tests.support.awkward_index import AwkwardIndex
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.harness import Harness

__all__ = ["direct"]

PRINT = """
import importlib.util
for name in "abc":
    if importlib.util.find_spec(name):
        print(name, importlib.import_module(name).VERSION, end=" ")
"""


class Scripts:
    """Directory of scripts, an index that is named as the source, and another one."""

    def __init__(self, harness: Harness, index: AwkwardIndex, other: AwkwardIndex) -> None:
        self.harness = harness
        self.place = harness.place
        self.index = index
        self.other = other

    def put(self, name: str, version: str, *requires: str) -> Path:
        return make_wheel(self.index.folder, name, version, requires=requires)

    def write(self, dependencies: list[str], *lines: str) -> None:
        rows = [f"dependencies = {json.dumps(dependencies)}", *lines]
        block = "".join(f"# {row}\n" for line in rows for row in line.splitlines())
        (self.place / "s.py").write_text(f"# /// script\n{block}# ///\n{PRINT}")

    def run(
        self, *words: str, source: bool = True, env: Mapping[str, str | None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        self.index.asked.clear()
        self.other.asked.clear()
        option = ("-vpython-source", f"index:{self.index.url}") if source else ()
        done = self.harness.run(*option, *words, env=env)
        assert "Traceback" not in done.stderr
        return done

    def comes_to(self, *words: str, source: bool = True, said: str = "") -> str:
        """Start the script; return what it imports, after all that it says is as expected."""
        done = self.run(*words, "s.py", source=source)
        assert (done.returncode, done.stderr) == (0, said)
        return done.stdout.strip()

    def refusal(self, *words: str, source: bool = True) -> list[str]:
        done = self.run(*words, "s.py", source=source)
        assert done.returncode == 2
        return done.stderr.splitlines()


@pytest.fixture
def scripts(direct: Harness, tmp_path: Path) -> Iterator[Scripts]:
    indexes = []
    for name in ("wheels", "other"):
        (tmp_path / name).mkdir()
        indexes.append(AwkwardIndex(tmp_path / name))
    scripts = Scripts(direct, *indexes)
    scripts.put("a", "1.0", "b")
    scripts.put("a", "2.0", "b")
    scripts.put("b", "1.0")
    scripts.put("b", "2.0")
    make_wheel(scripts.other.folder, "b", "0.5")
    yield scripts
    for index in indexes:
        index.stop()
