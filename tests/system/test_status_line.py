"""Text of the live status: what is told, and what has room where there is little."""

from __future__ import annotations

from typing import Any

import pytest

from vpy.system.lean.dataclasses import replace
from vpy.system.status_line import Snapshot, cut, fitted, size, summary, whole, width

BUSY = Snapshot(
    stage="fetching", seconds=9, done=34, total=106, noun="wheels",
    received=41_200_000, expected=250_000_000, rate=12_300_000.0,
    slowest="torch-2.9.0-cp311-cp311-manylinux_2_28_x86_64.whl", slowest_seconds=8.4,
)  # fmt: skip


@pytest.mark.parametrize(("columns", "text"), [
    (200, "fetching, 34 of 106 wheels, 41.2 of 250 MB, 12.3 MB/s, "
          "`torch-2.9.0-cp311-cp311-manylinux_2_28_x86_64.whl` for 8 s"),
    (99, "fetching, 34 of 106 wheels, 41.2 of 250 MB, 12.3 MB/s, torch 8 s"),
    (79, "fetching, 34 of 106 wheels, 41.2 of 250 MB, 12.3 MB/s, torch 8 s"),
    (70, "fetching, 34 of 106 wheels, 41.2 of 250 MB, 12.3 MB/s"),
    (51, "fetching, 34 of 106 wheels, 41.2 of 250 MB"),
    (49, "fetching, 34 of 106 wheels, 41.2 MB"),
    (40, "fetching, 34 of 106 wheels"),
    (39, "fetching, 34 of 106 wheels"),
    (29, "fetching, 34/106"),
    (12, "fet"),
])  # fmt: skip
def test_what_matters_most_has_room_first(columns: int, text: str) -> None:
    shown = fitted("vpython: ", BUSY, columns)
    assert shown == f"vpython: {text}"
    assert width(shown) <= columns


@pytest.mark.parametrize(("changes", "text"), [
    ({}, "planning, 3 s"),
    ({"done": 0, "total": 9, "noun": "wheels"}, "planning, 0 of 9 wheels"),
    ({"received": 999}, "planning, 999 B"),
    ({"received": 5000, "expected": 1_500_000}, "planning, 5.0 kB of 1.5 MB"),
    ({"received": 5000, "expected": 100}, "planning, 5.0 kB"),
    ({"received": 0, "expected": 100, "rate": 0.0}, "planning, 0 of 100 B, 0 B/s"),
    ({"slowest": "numpy.whl", "slowest_seconds": 0.9}, "planning, 3 s"),
    ({"slowest": "numpy.whl", "slowest_seconds": 1.0}, "planning, `numpy.whl` for 1 s"),
    ({"slowest": "infra/python/wheels/x-py3", "slowest_seconds": 2.0},
     "planning, `infra/python/wheels/x-py3` for 2 s"),
    ({"slowest": "a\x1b[2Jb\n", "slowest_seconds": 1.0}, "planning, `a\\x1b[2Jb\\n` for 1 s"),
    ({"slowest": "https://u:p@h/x", "slowest_seconds": 1.0}, "planning, `https://h/x` for 1 s"),
])  # fmt: skip
def test_what_is_known_is_told(changes: dict[str, Any], text: str) -> None:
    assert whole(replace(Snapshot("planning", seconds=3), **changes)) == text


def test_the_name_of_a_package_is_the_end_of_its_path() -> None:
    slow = Snapshot("fetching", slowest="infra/python/wheels/demo-py3", slowest_seconds=2)
    assert fitted("", slow, 20) == "fetching, demo 2 s"


def test_what_those_who_wait_are_told() -> None:
    assert summary("installing", 0, 0, "") == "installing"
    assert summary("installing", 3, 9, "wheels") == "installing, 3 of 9 wheels"


@pytest.mark.parametrize(("count", "text"), [
    (0, "0 B"), (999, "999 B"), (999.6, "1.0 kB"), (1000, "1.0 kB"), (99_940, "99.9 kB"), (99_960, "100 kB"),
    (999_499, "999 kB"), (999_600, "1.0 MB"), (12_345_678, "12.3 MB"), (4_000_000_000, "4.00 GB"),
    (1_234_000_000_000, "1234.00 GB"),
])  # fmt: skip
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text


def test_wide_and_combining_characters() -> None:
    assert width("数独-1.0.whl") == 12
    assert width("e\u0301") == 1
    assert cut("数独", 3) == "数"
