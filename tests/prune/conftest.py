"""Fixtures: a repository for all tests, a root for each."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.prune.cache import Cache, make_repository
from tests.support.harness import BUILT, SEEDS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert BUILT.is_file(), "run `python3 build_zipapp.py` first"
    return make_repository(tmp_path_factory.mktemp("prune"))


@pytest.fixture
def cache(tmp_path: Path, repository: Path, first_root: Path) -> Cache:
    cache = Cache(tmp_path, repository)
    cache.begin_with(first_root)
    shutil.copy2(first_root / "CACHEDIR.TAG", cache.root)
    for template in cache.root.glob("interpreters-1/*/tree"):
        if not (template.parent / SEEDS).exists():  # of environments without a text spec: none here
            shutil.rmtree(template.parent)
    # What tests date back is a file of its own, and so is what a prune counts the links of.
    dated = [cache.root / "app-1" / "python", *cache.root.glob("app-1/*/complete")]
    for path in (*dated, *(cache.root / "interpreters-1").rglob("*")):
        if path.is_file() and not path.is_symlink():
            copy = path.with_name(f"{path.name}.copy")
            shutil.copy2(path, copy)
            copy.replace(path)
    return cache
