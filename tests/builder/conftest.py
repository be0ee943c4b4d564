"""A checkout to build from, and the file that it makes: once for all tests here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builder.checkout import Checkout

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One that no test may change."""
    return Checkout(tmp_path_factory.mktemp("build") / "checkout")


@pytest.fixture(scope="session")
def built(checkout: Checkout) -> Path:
    """What it builds; beside it lies what a release has, and in `releases` the same by its version."""
    return checkout.must("dist/vpython.pyz", "--publish", checkout.place / "releases")
