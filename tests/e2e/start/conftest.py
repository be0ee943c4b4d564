"""The yard of these tests, and a stage in it for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.start.stage import Stage, Yard
from tests.packages.conftest import authority, direct, secure, service
from tests.support.harness import BUILT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["authority", "direct", "secure", "service"]


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    assert BUILT.is_file(), "run `python3 build_zipapp.py` first"
    return Yard(tmp_path_factory.mktemp("start"))


@pytest.fixture
def stage(yard: Yard, tmp_path: Path) -> Stage:
    return Stage(yard, tmp_path)
