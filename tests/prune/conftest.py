"""A repository for all these tests, a root for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.prune.cache import Cache, make_repository
from tests.support.vpython import BUILT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert BUILT.is_file(), "run `python3 build_zipapp.py` first"
    return make_repository(tmp_path_factory.mktemp("prune"))


@pytest.fixture
def cache(tmp_path: Path, repository: Path) -> Cache:
    return Cache(tmp_path, repository)
