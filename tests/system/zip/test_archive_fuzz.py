"""Archives with a few bytes changed: refused in one line, or read as the standard library reads them."""

from __future__ import annotations

import io
import random
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.support.notes import noting
from tests.support.zipmaker import Member, archive, mutated, plain
from vpy.errors import VpythonError
from vpy.system.zip.archive import Archive

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = (
    archive(plain(method=8), plain(name=b"a/c", data=b"x" * 40), Member(b"d/", mode=0o40755)),
    archive(plain(streamed=True), plain(name=b"l", streamed=True, method=8, wide=True)),
    archive(Member(b"x/l", b"../y", mode=0o120777), plain(name=b"y"), zip64={}),
    archive(plain(name="ü".encode(), extra=b"UT\x05\x00\x01abcd"), plain(), comment=b"a comment"),
)


def check_message(error: VpythonError) -> None:
    assert error.message.isprintable()
    assert " is refused: " in error.message


def agree(directory: Path, data: bytes) -> bool:
    """Return whether the archive is accepted; if so, check that the standard library reads the same."""
    path = directory / "fuzz.zip"
    path.write_bytes(data)
    try:
        with Archive(str(path), links=True) as found:
            read = {entry.name: b"".join(found.chunks(entry)) for entry in found.entries}
    except VpythonError as error:
        check_message(error)
        return False
    with zipfile.ZipFile(io.BytesIO(data)) as standard:
        assert read == {info.filename.rstrip("/"): standard.read(info) for info in standard.infolist()}
    return True


def fuzz(directory: Path, rounds: int, seed: int) -> None:
    source = random.Random(seed)
    accepted = 0
    for number in range(rounds):
        data = mutated(source.choice(SEEDS), source)
        with noting(f"seed {seed}, round {number}: {data!r}"):
            accepted += agree(directory, data)
    assert 0 < accepted < rounds / 2


def test_seeds_are_good(tmp_path: Path) -> None:
    assert all(agree(tmp_path, seed) for seed in SEEDS)


def test_some(tmp_path: Path) -> None:
    fuzz(tmp_path, 600, 1)


@pytest.mark.long
def test_many(tmp_path: Path) -> None:
    for seed in range(20):
        fuzz(tmp_path, 1000, seed + 100)
