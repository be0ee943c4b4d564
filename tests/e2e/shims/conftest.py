"""A depot and a checkout that pins a stand-in."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.shims import python
from tests.e2e.shims.checkout import Checkout
from tests.e2e.shims.depot import Depot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def depot() -> Iterator[Depot]:
    made = Depot()
    yield made
    made.stop()


@pytest.fixture
def checkout(tmp_path: Path, depot: Depot) -> Checkout:
    return Checkout(tmp_path, depot)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """The package of a hermetic Python: (instance id, bytes)."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        pytest.skip("the bundle is made for linux-amd64 only")
    return python.make(tmp_path_factory.mktemp("bundle"))
