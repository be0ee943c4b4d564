"""A depot and a checkout that pins a stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.shims.checkout import Checkout
from tests.shims.depot import Depot

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
