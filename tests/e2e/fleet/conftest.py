"""Fixtures of the tests of kits, pushes and stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.lockfiles.site import Site
from tests.packages.conftest import direct

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.harness import Harness

__all__ = ["direct"]


@pytest.fixture
def site(direct: Harness, tmp_path: Path) -> Iterator[Site]:
    site = Site(direct, tmp_path)
    yield site
    site.index.stop()
