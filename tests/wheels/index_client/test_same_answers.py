"""Versions for real sets of requirements, from recorded pages: those that pip and uv chose from them.

`bench/answers.py` compares live, and records. A set for which one of the two answers otherwise says so, and
why, in `bench/sets.txt`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.recorded_index import RECORDING, RecordedIndex, recording

if TYPE_CHECKING:
    from collections.abc import Iterator

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PROGRAM = os.path.join(TOP, "tests", "support", "resolve_many.py")
LEFT = "left to pip's resolver: "
MOST_BYTES = 1_500_000

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="a resolution is a fork of one that imported pip"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Line of `bench/sets.txt`."""

    name: str
    requirements: list[str]
    note: str


def listed() -> list[Listed]:
    with open(os.path.join(TOP, "bench", "sets.txt"), encoding="utf-8") as file:
        lines = [line.rstrip("\n").partition(" ! ") for line in file if not line.startswith("#")]
    return [
        Listed(name=name, requirements=requirements, note=note)
        for whole, _, note in lines
        for name, *requirements in [whole.split(" | ")]
    ]


SETS = listed()
# All take a minute; the kinds stand one after another in the file, so each is among every fourth.
DOSES = [
    pytest.param(each, id=each.name, marks=[pytest.mark.long] if number % 4 else [])
    for number, each in enumerate(SETS)
]


class Resolver:
    """Program that resolves one set after another at the recorded index."""

    def __init__(self, index: RecordedIndex, home: str) -> None:
        self.index = index
        kept = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith("PIP_") and not name.lower().endswith("_proxy")
        }
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", PROGRAM, os.path.join(TOP, "build", "vendor"), TOP],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1", "HOME": home},
        )  # fmt: skip

    def ask(self, requirements: list[str]) -> dict[str, Any]:
        """Return {answer, said} for requirements, resolved for the Python that was recorded for."""
        assert self._process.stdin
        assert self._process.stdout
        rows = [{"text": text, "hashes": []} for text in requirements]
        job = {"requirements": rows, "dependencies": True, "look": True, "directory": ""}
        print(json.dumps({**recording()["target"], **job, "index": self.index.url}), file=self._process.stdin)
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def stop(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def resolver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resolver]:
    index = RecordedIndex()
    resolver = Resolver(index, str(tmp_path_factory.mktemp("home")))
    yield resolver
    resolver.stop()
    index.stop()


@pytest.mark.parametrize("each", DOSES)
def test_the_versions_are_those_of_pip_and_of_uv(resolver: Resolver, each: Listed) -> None:
    row = recorded(each)
    resolver.index.missing.clear()
    got = resolver.ask(each.requirements)
    assert got["answer"], got["said"]
    chosen = {wheel["name"]: wheel["version"] for wheel in got["answer"]["wheels"]}
    if got["answer"]["errors"]:
        assert not chosen
    else:
        assert LEFT not in got["said"], f"{got['said']}\nnot recorded: {sorted(resolver.index.missing)}"
    ours = None if got["answer"]["errors"] else chosen

    differs, _, reason = each.note.partition(": ")
    others = [name for name in ("pip", "uv") if name not in differs.split(" and ")]
    assert others
    for name in others:
        assert ours == row[name], name
    assert bool(differs) == bool(reason)
    for name in {"pip", "uv"} - set(others):
        assert ours != row[name], f"{name} answers the same: the note in `bench/sets.txt` is of the past"


def recorded(each: Listed) -> dict[str, Any]:
    """Return the answers of the others."""
    rows = [row for row in recording()["sets"] if row["name"] == each.name]
    assert rows, f"`{each.name}` is not recorded: run `bench/answers.py --record`"
    (row,) = rows
    assert row["requirements"] == each.requirements, "changed since it was recorded"
    return dict(row)


def test_there_are_sets_of_every_kind() -> None:
    rows = [recorded(each) for each in SETS]
    assert len(rows) >= 200
    assert sum(row["pip"] is None for row in rows) >= 5, "sets without an answer"
    assert sum(row["pip"] == row["uv"] for row in rows) >= 180
    assert RECORDING.stat().st_size <= MOST_BYTES
