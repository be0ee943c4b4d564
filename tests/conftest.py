"""Fixtures for tests that run the built file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.vpython import BUILT, Vpython


@pytest.fixture
def vpython(tmp_path: Path) -> Vpython:
    """The built file with an empty root."""
    assert BUILT.is_file(), "run `python3 build_zipapp.py` first"
    return Vpython(tmp_path)
