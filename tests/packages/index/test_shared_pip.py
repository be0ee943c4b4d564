"""One process of pip for several questions: a verification of many platforms starts no more."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import pytest

from vpy.config import load
from vpy.errors import ToolError
from vpy.operations.source_setting import parse
from vpy.packages.index.loader import IndexLoader
from vpy.system import threads
from vpy.system.lean.dataclasses import replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.packages.conftest import SimpleIndex
    from tests.wheels.conftest import MakeWheel
    from vpy.model import Interpreter
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal
    from vpy.wheels.pip_runner import HostPython


def started_by(host: HostPython, script: Path, line: str) -> HostPython:
    """The same host by a shell script, which does `line` first."""
    script.write_text(f'#!/bin/sh\n{line}\nexec {shlex.quote(host.executable)} "$@"\n')
    script.chmod(0o755)
    return replace(host, executable=str(script))


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "PIP_CONFIG_FILE": os.devnull}


def test_it_is_started_once(
    host: HostPython,
    terminal: Terminal,
    current: Interpreter,
    layout: Layout,
    environ: dict[str, str],
    make_wheel: MakeWheel,
    simple_index: Callable[[str], SimpleIndex],
    tmp_path: Path,
) -> None:
    for version in ("1.0", "2.0"):
        make_wheel("plain", version, {"plain.py": ""})
    source = parse(f"index:{simple_index('wheels').url}", {}).members[0]
    starts = tmp_path / "starts"
    counted = started_by(host, tmp_path / "python", f"echo >>{shlex.quote(str(starts))}")

    def look(asked: HostPython, requirement: str) -> dict[str, object]:
        loader = IndexLoader(
            config=load(),
            layout=layout,
            interpreter=current,
            source=source,
            environ=environ,
            home=environ["HOME"],
            offline=False,
            ask=lambda job, heard: asked.ask(job, environ=environ, terminal=terminal, heard=heard),
            is_installed=lambda _: False,
        )
        answer = loader.look([requirement], dependencies=True)
        return {"wheels": [row["filename"] for row in answer["wheels"]], "errors": len(answer["errors"])}

    wanted = ["plain==1.0", "plain", "absent", "plain<2"]
    with counted.shared_by(2, environ, terminal) as together:
        answers = threads.map_concurrently(
            wanted, lambda text: look(together, text), workers=4, stop=lambda: None
        )
    assert [answer() for answer in answers] == [look(host, text) for text in wanted]
    assert answers[1]() == {"wheels": ["plain-2.0-py3-none-any.whl"], "errors": 0}
    assert starts.read_text() == "\n"


def test_it_ends_without_an_answer(
    host: HostPython, terminal: Terminal, environ: dict[str, str], tmp_path: Path
) -> None:
    broken = started_by(host, tmp_path / "python", "echo no pip here >&2; exit 3")
    with broken.shared_by(2, environ, terminal) as together, pytest.raises(ToolError) as caught:
        together.ask({"requirements": []}, environ=environ, terminal=terminal)
    assert caught.value.message == "pip ended without an answer (exit code 3): `no pip here`"
