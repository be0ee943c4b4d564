"""Fixtures for tests that run the built file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.vpython import BUILT, Vpython

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def vpython(tmp_path: Path) -> Vpython:
    """The built file with an empty root."""
    assert BUILT.is_file(), "run `python3 build_zipapp.py` first"
    return Vpython(tmp_path)
