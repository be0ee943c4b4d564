"""One yard for all bad starts that share a root; a good start after each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.hostile.yard import Yard
from tests.support.harness import BUILT

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def shared_yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    assert BUILT.is_file(), "run `python3 build_zipapp.py` first"
    made = Yard(tmp_path_factory.mktemp("bad"))
    made.good()
    return made


@pytest.fixture
def yard(shared_yard: Yard) -> Iterator[Yard]:
    yield shared_yard
    shared_yard.good()
