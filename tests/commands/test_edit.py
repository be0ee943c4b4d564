"""`init`, `add` and `remove` with the built file and an index on loopback: all or nothing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.packages.conftest import SimpleIndex
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.harness import Harness


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SimpleIndex]:
    wheels = tmp_path / "wheels"
    for name, version in (("gadget", "1.0"), ("gadget", "2.0"), ("widget", "1.5")):
        make_wheel(wheels, name, version)
    make_wheel(wheels, "old-ways", requires=("gadget<2",))
    served = SimpleIndex(str(wheels))
    threading.Thread(target=served.server.serve_forever, daemon=True).start()
    yield served
    served.server.shutdown()
    served.server.server_close()


@pytest.fixture
def tool(harness: Harness, index: SimpleIndex, tmp_path: Path) -> Harness:
    link = tmp_path / "vpython-tool"
    link.symlink_to(harness.file)
    harness.file = link
    drop = {name: text for name, text in harness.environ.items() if not name.startswith("PIP_")}
    harness.environ = {**drop, "PIP_INDEX_URL": index.url, "PIP_CONFIG_FILE": "/dev/null"}
    return harness


def says(tool: Harness, *words: str | Path) -> str:
    done = tool.run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_script_from_nothing(tool: Harness, tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    assert says(tool, "init", "s.py") == f"{script}\n"
    assert script.stat().st_mode & 0o777 == 0o755
    assert says(tool, "add", "s.py", "widget", "gadget<2") == f"{script}: widget>=1.5\n{script}: gadget<2\n"
    assert '# dependencies = ["gadget<2", "widget>=1.5"]\n' in script.read_text()
    script.write_text(script.read_text() + "\nimport gadget, widget\nprint(gadget.VERSION)\n")
    assert tool.run("install", script).returncode == 0
    assert says(tool, "remove", script, "Widget") == f"{script}: no widget>=1.5\n"
    assert '# dependencies = ["gadget<2"]\n' in script.read_text()
    assert (tmp_path / "s.py").stat().st_mode & 0o777 == 0o755


def test_a_script_without_a_spec_gets_a_block(tool: Harness, tmp_path: Path) -> None:
    script = tmp_path / "tool"
    script.write_text("#!/usr/bin/env vpython3\nprint(1)\n")
    says(tool, "add", "tool", "widget")
    assert script.read_text().splitlines()[1] == "# /// script"
    assert script.read_text().endswith('# dependencies = ["widget>=1.5"]\n# ///\n\nprint(1)\n')


def test_a_project(tool: Harness, tmp_path: Path) -> None:
    says(tool, "init", "vpython.toml")
    (tmp_path / "deep").mkdir()
    done = tool.run("add", "--dev", "widget", cwd=tmp_path / "deep")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/vpython.toml: widget>=1.5\n")
    text = (tmp_path / "vpython.toml").read_text()
    assert text.endswith('\n[tool.vpython]\ndev-dependencies = ["widget>=1.5"]\n')
    again = tool.run("init", "vpython.toml")
    assert (again.returncode, (tmp_path / "vpython.toml").read_text()) == (2, text)


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (("add", "s.py", "widget", "gadgit"), "gadgit"),
        (("add", "s.py", "gadget>=2", "old-ways"), "gadget"),
        (("add", "s.py", "widget", "not a requirement"), "not a requirement: `not a requirement`"),
        (("remove", "s.py", "gadget", "gadgit"), "does not name `gadgit`: did you mean `gadget`?"),
        (("add", "nowhere.py", "widget"), "there is no `nowhere.py`"),
        (("add", "widget"), "there is no vpython.toml here or above"),
        (("add", "s.py"), "`add` needs a requirement"),
        (("init", "s.py"), "has a PEP 723 block already"),
    ],
)
def test_all_or_nothing(tool: Harness, tmp_path: Path, words: tuple[str, ...], fact: str) -> None:
    script = tmp_path / "s.py"
    script.write_text('# /// script\n# dependencies = ["gadget"] # why\n# ///\n')
    before = script.read_bytes(), script.stat().st_mtime_ns
    done = tool.run(*words)
    assert done.returncode in (1, 2)
    assert fact in done.stderr
    assert done.stdout == ""
    assert (script.read_bytes(), script.stat().st_mtime_ns) == before
