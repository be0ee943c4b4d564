"""Archives that are read, their links, and how they are extracted."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.support.zipmaker import Member, archive, plain
from vpy.errors import ToolError
from vpy.system.zip.archive import Archive

if TYPE_CHECKING:
    from pathlib import Path


def write(directory: Path, data: bytes) -> str:
    path = directory / "a.zip"
    path.write_bytes(data)
    return str(path)


CRC = zlib.crc32(b"hello hello hello")
GOOD = {
    "stored": archive(plain()),
    "deflated": archive(plain(method=8)),
    "empty file": archive(plain(data=b"")),
    "empty deflated": archive(plain(data=b"", method=8)),
    "no entries": archive(),
    "streamed, stored": archive(plain(streamed=True), plain(name=b"z", streamed=True)),
    "streamed, deflated": archive(plain(streamed=True, method=8)),
    "streamed, no signature": archive(plain(streamed=True, signed=False)),
    "streamed, wide": archive(plain(streamed=True, wide=True)),
    "streamed, wide, no signature": archive(plain(streamed=True, wide=True, signed=False)),
    "streamed, sizes known before": archive(
        plain(streamed=True, local={"crc": CRC, "packed": 17, "size": 17})
    ),
    "comment": archive(plain(), comment=b"made by hand"),
    "zip64 end": archive(plain(), zip64={}, end={"count": 0xFFFF, "start": 0xFFFFFFFF}),
    "zip64 end, not needed": archive(plain(), zip64={}),
    "padding in extra": archive(plain(extra=b"\0\0\0")),
    "other extra field": archive(plain(extra=b"\x34\x12\x02\0ab")),
    "unicode name": archive(plain(name="ü/文.txt".encode())),
    "old code page": archive(plain(name=b"caf\x82", local={"flags": 0}, central={"flags": 0})),
    "a directory with its row": archive(Member(b"a/", mode=0o40755), plain()),
    "a directory without mode": archive(Member(b"a/", mode=0), plain()),
    "a directory, deflated": archive(Member(b"a/", method=8, mode=0o40755)),
    "level bits differ": archive(plain(method=8, central={"flags": 2})),
    "largest of its kind": archive(plain(name=b"x" * 255)),
}


@pytest.mark.parametrize("name", GOOD)
def test_reads(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, GOOD[name])
    with Archive(path) as found:
        read = {entry.name: found.read(entry, 1 << 20) for entry in found.entries if entry.kind == "file"}
    with zipfile.ZipFile(path) as standard:
        assert read == {
            info.filename: standard.read(info) for info in standard.infolist() if not info.is_dir()
        }


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_only_the_owners_x_survives(umask: int, tmp_path: Path) -> None:
    modes = {b"a": 0o106777, b"b": 0o100666, b"c/d": 0o100070, b"e": 0o100100, b"f": 0o104444, b"g": 0}
    members = [Member(name, b"x", mode=mode) for name, mode in modes.items()]
    path = write(tmp_path, archive(Member(b"c/", mode=0o40000), *members))
    before = os.umask(umask)
    try:
        with Archive(path) as found:
            found.extract(found.entries, str(tmp_path / "out"))
    finally:
        os.umask(before)
    got = {name: stat.S_IMODE((tmp_path / "out" / name.decode()).stat().st_mode) for name in modes}
    assert got == {b"a": 0o555, b"b": 0o444, b"c/d": 0o444, b"e": 0o555, b"f": 0o444, b"g": 0o444}
    assert os.access(tmp_path / "out" / "c", os.X_OK | os.W_OK)


def test_large_members_come_in_pieces(tmp_path: Path) -> None:
    data = os.urandom(1 << 16) * 48 + b"end"
    path = write(tmp_path, archive(plain(data=data, method=8), plain(name=b"s", data=data)))
    with Archive(path) as found:
        for entry in found.entries:
            pieces = list(found.chunks(entry))
            assert b"".join(pieces) == data
            assert max(map(len, pieces)) <= 1 << 20
        with pytest.raises(ToolError, match="more than 10"):
            found.read(found.entries[0], 10)
        found.extract(found.entries, str(tmp_path / "out"))
    assert (tmp_path / "out" / "s").read_bytes() == data


def test_names_the_file_and_leaves_nothing_open(tmp_path: Path) -> None:
    path = write(tmp_path, b"PK")
    for _ in range(50):
        with pytest.raises(ToolError) as caught:
            Archive(path)
    assert caught.value.message == f"`{path}` is refused: it is not a zip archive, or its end is missing"
    with pytest.raises(ToolError, match="cannot read"):
        Archive(str(tmp_path / "absent"))


LINKS = {
    "beside": (b"a/l", b"x", True),
    "up and down": (b"a/b/l", b"../../c/x", True),
    "dangling": (b"l", b"nowhere", True),
    "the top itself": (b"a/l", b"..", True),
    "up too far": (b"a/l", b"../../x", False),
    "absolute": (b"l", b"/etc/passwd", False),
    "back again": (b"a/l", b"../../../root/a/x", False),
    "a drive": (b"l", b"C:x", False),
    "backslashes": (b"l", b"..\\x", False),
    "empty": (b"l", b"", False),
    "NUL": (b"l", b"a\0b", False),
    "not UTF-8": (b"l", b"\xff", False),
    "itself": (b"l", b"l", False),
}


@pytest.mark.parametrize("name", LINKS)
def test_links(name: str, tmp_path: Path) -> None:
    link, target, inside = LINKS[name]
    data = archive(Member(link, target, mode=0o120777))
    path = write(tmp_path, data)
    with pytest.raises(ToolError, match="symbolic link"):
        Archive(path)
    if not inside:
        with pytest.raises(ToolError, match="the link"):
            Archive(path, links=True)
        return
    with Archive(path, links=True) as found:
        found.extract(found.entries, str(tmp_path / "out"))
    assert os.readlink(tmp_path / "out" / link.decode()) == target.decode()


def test_links_are_followed_over_other_links(tmp_path: Path) -> None:
    """`a/up/..` looks like `a`, and is the parent of the top."""
    chained = archive(Member(b"a/up", b"..", mode=0o120777), Member(b"l", b"a/up/../x", mode=0o120777))
    with pytest.raises(ToolError, match="the link `l` leads outside"):
        Archive(write(tmp_path, chained), links=True)
    circle = archive(Member(b"a", b"b/x", mode=0o120777), Member(b"b", b"a/x", mode=0o120777))
    with pytest.raises(ToolError, match="in a circle"):
        Archive(write(tmp_path, circle), links=True)


def test_nothing_lies_below_a_link(tmp_path: Path) -> None:
    for link, below in ((b"a", b"a/x"), (b"A", b"a/x"), (b"a", b"a/b/c")):
        data = archive(Member(link, b".", mode=0o120777), plain(name=below))
        with pytest.raises(ToolError, match="other names lie below it"):
            Archive(write(tmp_path, data), links=True)
