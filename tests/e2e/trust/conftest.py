"""One repository for all tests of trust; a root of its own for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.trust.ground import Ground, make_repository
from tests.support.harness import BUILT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert BUILT.is_file(), "run `python3 build_zipapp.py` first"
    return make_repository(tmp_path_factory.mktemp("trust"))


@pytest.fixture
def ground(tmp_path: Path, repository: Path) -> Ground:
    return Ground(tmp_path, repository)
