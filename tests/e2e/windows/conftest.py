"""The Windows machine, a shelf of packages for it, and a desk for each test."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.windows.desk import Desk, Shelf
from tests.e2e.windows.machine import NoMachineError, started
from tests.support.harness import BUILT, DROPPED, base_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.windows.machine import Machine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "windows":
            item.add_marker(pytest.mark.wine)


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    assert BUILT.is_file(), "run `python3 build_zipapp.py` first"
    try:
        with started() as machine:
            yield machine
    except NoMachineError as reason:
        pytest.skip(f"no Windows here: {reason}")


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    place = tmp_path_factory.mktemp("shelf")
    environ = {name: text for name, text in os.environ.items() if not name.startswith(DROPPED)}
    environ |= {"PATH": base_path(), "VPYTHON_VIRTUALENV_ROOT": str(place / "root")}
    return Shelf(place, (sys.executable, str(BUILT)), environ)


@pytest.fixture(scope="session")
def common(machine: Machine, shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root that tests share which leave it as it is."""
    desk = Desk(machine, shelf, tmp_path_factory.mktemp("common"))
    desk.must("-c", "pass")
    return desk.root


@pytest.fixture
def desk(machine: Machine, shelf: Shelf, common: Path, tmp_path: Path) -> Desk:
    """A desk at the root that is shared."""
    return Desk(machine, shelf, tmp_path, root=common)


@pytest.fixture
def own_desk(machine: Machine, shelf: Shelf, tmp_path: Path) -> Desk:
    """A desk with an empty root."""
    return Desk(machine, shelf, tmp_path)
