"""`link`, `unlink`, `tree` and `outdated` with the built file and an index on loopback."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.commands.test_edit import index, says, tool
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.harness import Harness

__all__ = ["index", "tool"]


@pytest.fixture
def script(tool: Harness, tmp_path: Path) -> Path:
    made = tmp_path / "deep" / "my tool.py"
    made.parent.mkdir()
    made.write_text(
        '# /// script\n# dependencies = ["old-ways"]\n# ///\n'
        "import sys, gadget; print(gadget.VERSION, *sys.argv[1:])\n"
    )
    return made


def test_a_launcher(tool: Harness, script: Path, tmp_path: Path) -> None:
    directory = tmp_path / "bin"
    launcher = directory / "gadgets"
    done = tool.run("link", script, "--name", "gadgets", "--directory", "bin")
    assert (done.returncode, done.stdout) == (0, f"{launcher}\n")
    assert done.stderr == f"vpython: `{directory}` is not on PATH\n"
    ran = subprocess.run(
        [launcher, "a b"], env=tool.surroundings(), capture_output=True, text=True, check=False, cwd="/"
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "1.0 a b\n", "")
    script.write_text(script.read_text().replace("gadget.VERSION", "'edited'"))
    assert subprocess.check_output([launcher], env=tool.surroundings(), text=True) == "edited\n"
    assert says(tool, "unlink", script, "--directory", directory) == f"{launcher}\n"
    assert not launcher.exists()
    assert script.exists()


def test_what_is_not_ours_stays(tool: Harness, script: Path, tmp_path: Path) -> None:
    other = tmp_path / "bin" / "gadgets"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho mine\n")
    done = tool.run("link", script, "--name", "gadgets", "--directory", "bin")
    assert (done.returncode, "is not a launcher that vpython made" in done.stderr) == (2, True)
    done = tool.run("unlink", "gadgets", "--directory", "bin")
    assert (done.returncode, "there are: none" in done.stderr) == (2, True)
    assert other.read_text() == "#!/bin/sh\necho mine\n"


def test_a_tree(tool: Harness, script: Path) -> None:
    lines = says(tool, "tree", script).splitlines()
    assert lines[0].startswith("old-ways 1.0  (unknown, ")
    assert lines[1].startswith("  gadget 1.0  (unknown, ")
    assert lines[1].endswith("  [gadget<2]")
    assert lines[3].startswith("2 distributions, ")
    rows = json.loads(says(tool, "tree", "--json", script))["distributions"]
    askers = {row["name"]: row["asked_for_by"] for row in rows}
    assert askers == {"gadget": ["old-ways"], "old-ways": ["spec"]}
    assert all(row["size"] > 0 for row in rows)


def test_what_is_outdated(tool: Harness, script: Path, tmp_path: Path) -> None:
    assert says(tool, "outdated", script) == "gadget  1.0  -> 2.0  indirect\n"
    make_wheel(tmp_path / "wheels", "old-ways", "1.1", requires=("gadget<2",))
    rows = json.loads(says(tool, "outdated", "--json", script))
    assert {"name": "old-ways", "current": "1.0", "newest": "1.1", "direct": True} in rows
