from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vpy.system import process
from vpy.system.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(str(tmp_path / "root"))


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The executables of the child processes started so far."""
    started: list[str] = []
    really = process.run

    def run(command: Sequence[str], **rest: object) -> process.Finished:
        started.append(command[0])
        return really(command, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(process, "run", run)
    return started
