"""Archives with a few bytes changed: refused in one line, or read as the standard library reads them."""

from __future__ import annotations

import io
import random
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.support.notes import noting
from tests.wheels.zipmaker import Member, archive, plain
from vpy.errors import VpythonError
from vpy.system.archive import Archive
from vpy.wheels.contents import wheel_facts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.wheels.conftest import MakeWheel

SEEDS = (
    archive(plain(method=8), plain(name=b"a/c", data=b"x" * 40), Member(b"d/", mode=0o40755)),
    archive(plain(streamed=True), plain(name=b"l", streamed=True, method=8, wide=True)),
    archive(Member(b"x/l", b"../y", mode=0o120777), plain(name=b"y"), zip64={}),
    archive(plain(name="ü".encode(), extra=b"UT\x05\x00\x01abcd"), plain(), comment=b"a comment"),
)


def mutated(data: bytes, random_source: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random_source.choice((1, 1, 1, 2, 3, 8))):
        at = random_source.randrange(len(changed))
        kind = random_source.randrange(6)
        if kind < 3:
            changed[at] = random_source.choice(
                (0, 1, 0xFF, 0x7F, random_source.randrange(256), changed[at] ^ 1)
            )
        elif kind == 3:
            del changed[at : at + random_source.randrange(1, 30)]
        elif kind == 4:
            other = random_source.randrange(len(changed))
            changed[at:at] = changed[other : other + random_source.randrange(1, 60)]
        else:
            changed[at : at + 2] = random_source.choice((b"PK", b"\xff\xff", b"\0\0", b"../", b"PK\x05\x06"))
        if not changed:
            return b""
    return bytes(changed)


def check_message(error: VpythonError) -> None:
    assert error.message.isprintable()
    assert " is refused: " in error.message


def agree(place: Path, data: bytes) -> bool:
    """Whether it was accepted; then the standard library must find the same in it."""
    path = place / "fuzz.zip"
    path.write_bytes(data)
    try:
        with Archive(str(path), links=True) as found:
            read = {entry.name: b"".join(found.chunks(entry)) for entry in found.entries}
    except VpythonError as error:
        check_message(error)
        return False
    with zipfile.ZipFile(io.BytesIO(data)) as told:
        assert read == {info.filename.rstrip("/"): told.read(info) for info in told.infolist()}
    return True


def fuzz(place: Path, rounds: int, seed: int) -> None:
    source = random.Random(seed)
    accepted = 0
    for number in range(rounds):
        data = mutated(source.choice(SEEDS), source)
        with noting(f"seed {seed}, round {number}: {data!r}"):
            accepted += agree(place, data)
    assert 0 < accepted < rounds / 2


def test_seeds_are_good(tmp_path: Path) -> None:
    assert all(agree(tmp_path, seed) for seed in SEEDS)


def test_some(tmp_path: Path) -> None:
    fuzz(tmp_path, 600, 1)


@pytest.mark.long
def test_many(tmp_path: Path) -> None:
    for seed in range(20):
        fuzz(tmp_path, 1000, seed + 100)


def test_wheels(make_wheel: MakeWheel, tmp_path: Path) -> None:
    """A wheel with any byte changed is refused, or the byte said nothing."""
    made = make_wheel("demo", "1.0", {"demo.py": "X = 1\n", "demo/x.pth": "import os\n"})
    with open(made.path, "rb") as file:
        data = file.read()
    before = wheel_facts(made.path)
    source = random.Random(3)
    place = tmp_path / made.filename
    for _ in range(300):
        place.write_bytes(mutated(data, source))
        try:
            assert wheel_facts(str(place)) == before
        except VpythonError as error:
            check_message(error)
