"""Fixtures: a repository for all tests, a root for each."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.prune.cache import Cache, make_repository
from tests.support.harness import BUILT, link_tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert BUILT.is_file(), "run `python3 build_zipapp.py` first"
    return make_repository(tmp_path_factory.mktemp("prune"))


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """Return a root with what every first start makes: the unpacked code, the venv template."""
    first = Cache(tmp_path_factory.mktemp("unpacked"), repository)
    first.make("one.py")
    return first.root


@pytest.fixture
def cache(tmp_path: Path, repository: Path, unpacked: Path) -> Cache:
    cache = Cache(tmp_path, repository)
    cache.root.mkdir(mode=0o700)
    # The code is linked, but for what tests date back; of the rest a prune counts links.
    link_tree(unpacked / "app-1", cache.root / "app-1")
    for path in (unpacked / "app-1" / "python", *unpacked.glob("app-1/*/complete")):
        (cache.root / path.relative_to(unpacked)).unlink()
        shutil.copy2(path, cache.root / path.relative_to(unpacked))
    rest = (unpacked / "interpreters-1", unpacked / "CACHEDIR.TAG")
    subprocess.run(["cp", "-a", *rest, cache.root], check=True)
    return cache
