"""Archives that could be read in two ways, or not in bounded time and memory: all refused."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.support.zipmaker import Member, archive, plain
from vpy.errors import ToolError
from vpy.system.zip.archive import Archive

if TYPE_CHECKING:
    from pathlib import Path

GOOD = archive(plain())
UNICODE_NAME = struct.pack("<HHBI", 0x7075, 5 + 4, 1, 0) + b"evil"

STRUCTURE = {
    "empty file": b"",
    "not a zip": b"#!/bin/sh\nexit\n",
    "truncated": GOOD[:-1],
    "truncated in the middle": GOOD[: len(GOOD) // 2],
    "a byte behind": GOOD + b"\0",
    "text behind": GOOD + b"PK",
    "bytes before": b"MZ" + GOOD,
    "bytes before, offsets right": archive(plain(before=b"#!/bin/sh\n")),
    "bytes between": archive(plain(after=b"gap"), plain(name=b"z")),
    "bytes before the directory": archive(plain(after=b"gap")),
    "a hidden entry": archive(plain(after=plain(name=b"z").local_bytes())),
    "two end records": GOOD + GOOD[-22:],
    "two archives": GOOD + archive(plain(name=b"z")),
    "a zip in the comment": archive(plain(), comment=archive(plain(name=b"evil"))),
    "local headers in the comment": archive(plain(), comment=plain(name=b"evil").local_bytes()),
    "a comment too short": archive(plain(), end={"comment": 5}),
    "a comment too long": archive(plain(), comment=b"12345", end={"comment": 4}),
    "several disks": archive(plain(), end={"disk": 1}),
    "fewer entries claimed": archive(plain(), plain(name=b"z"), end={"count": 1}),
    "more entries claimed": archive(plain(), end={"count": 2}),
    "a shorter directory claimed": archive(plain(), plain(name=b"z"), end={"length": 53}),
    "the directory elsewhere": archive(plain(), end={"start": 0}),
    "zip64 locator elsewhere": archive(plain(), zip64={"record": 0}),
    "zip64 with another count": archive(plain(), zip64={"count": 2}),
    "zip64 with another start": archive(plain(), zip64={"start": 1}),
    "zip64 needed, but missing": archive(plain(), end={"start": 0xFFFFFFFF}),
    "zip64 size missing": archive(plain(central={"size": 0xFFFFFFFF})),
    "a million entries claimed": archive(plain(), zip64={"count": 1_000_000}, end={"count": 0xFFFF}),
    "a damaged extra field": archive(plain(extra=b"\x01\x00\xff\x00a")),
    "a second name": archive(plain(extra=UNICODE_NAME)),
    "no UTF-8": archive(plain(name=b"\xff\xfe")),
}

DIFFERENCES = {
    "name": archive(plain(local={"name": b"a/c.txt"})),
    "name's length": archive(plain(local={"name": b"a/b.txt.x"})),
    "size": archive(plain(local={"size": 16})),
    "packed size": archive(plain(local={"packed": 16})),
    "method": archive(plain(local={"method": 8})),
    "crc": archive(plain(local={"crc": 1})),
    "encrypted here only": archive(plain(local={"flags": 1})),
    "streamed here only": archive(plain(local={"flags": 8})),
    "streamed there only": archive(plain(central={"flags": 8})),
    "streamed, another local crc": archive(plain(streamed=True, local={"crc": 1})),
    "streamed, local sizes only": archive(plain(streamed=True, local={"packed": 17, "size": 17})),
    "descriptor's crc": archive(plain(streamed=True, descriptor={"crc": 1})),
    "descriptor's size": archive(plain(streamed=True, descriptor={"size": 1})),
    "descriptor's packed size": archive(plain(streamed=True, descriptor={"packed": 1})),
    "unsigned descriptor's crc": archive(plain(streamed=True, signed=False, descriptor={"crc": 1})),
    "wide descriptor's size": archive(plain(streamed=True, wide=True, descriptor={"size": 1})),
    "no descriptor": archive(plain(local={"flags": 8}, central={"flags": 8})),
    "bytes behind the descriptor": archive(plain(streamed=True, after=b"gap"), plain(name=b"z")),
    "the same data twice": archive(plain(), plain(name=b"z", central={"offset": 0})),
    "data of the next": archive(
        plain(central={"packed": 100, "size": 100}), plain(name=b"z", data=b"x" * 90)
    ),
    "behind the end": archive(plain(central={"offset": 0xFFFFFF})),
}

CONTENT = {
    "encrypted": archive(plain(local={"flags": 1}, central={"flags": 1})),
    "strongly encrypted": archive(plain(local={"flags": 0x41}, central={"flags": 0x41})),
    "hidden headers": archive(plain(local={"flags": 0x2000}, central={"flags": 0x2000})),
    **{f"method {method}": archive(plain(method=method)) for method in (1, 6, 9, 12, 14, 93, 95, 99)},
    "stored with two sizes": archive(plain(local={"size": 16}, central={"size": 16})),
    "a directory with data": archive(Member(b"a/", b"x", mode=0o40755)),
    "a directory as a file": archive(Member(b"a/", mode=0o100644)),
    "a file as a directory": archive(plain(mode=0o40755)),
    "a file as a DOS directory": archive(plain(central={"system": 0, "attributes": 0x10})),
    "a fifo": archive(plain(mode=0o010644)),
    "a device": archive(plain(mode=0o020644)),
    "a socket": archive(plain(mode=0o140644)),
    "a link": archive(Member(b"l", b"x", mode=0o120777)),
    "a link made on DOS": archive(Member(b"l", b"x", mode=0o120777, central={"system": 0})),
    "a bomb": archive(Member(b"a", bytes(10_000_000), method=8)),
    "a bomb among others": archive(plain(), Member(b"a", bytes(5_000_000), method=8), plain(name=b"z")),
    "many small bombs": archive(*(Member(b"%d" % i, bytes(500_000), method=8) for i in range(8))),
    "4 GiB claimed": archive(plain(method=8, local={"size": 0xFFFFFFFE}, central={"size": 0xFFFFFFFE})),
}

NAMES = [
    b"../x", b"/x", b"C:x", b"c:/x", b"\\\\host\\x", b"a\\b", b"a/../../x", b"a/../b", b"../site-packages2/x",
    b"a//b", b"./a", b"a/./b", b"..", b".", b"", b"/", b"//", b"a/..", b"a\0b", b"a\nb", b"a\x7f", b"a\x1bb",
    b"a.", b"a ", b"a./b", b"a /b", b"...", b"con", b"CON", b"nul", b"Nul.txt", b"a/aux.py", b"com1",
    b"LPT9.log", b"con .txt", b"conin$", "com²".encode(), b"a:stream", b"x" * 256, "ü".encode() * 128,
    b"/".join([b"abcdefgh"] * 120),
]  # fmt: skip

PAIRS = [
    ("a", "a"), ("a/b", "A/b"), ("README", "readme"), ("ß", "ss"), ("é", "e\u0301"), ("É", "e\u0301"),
    ("ſ", "s"), ("\u212a", "k"), ("a", "a/b"), ("a/b", "a"), ("A", "a/b"), ("a/b", "a/b/c/d"),
    ("a/", "a/"), ("a/", "A/"), ("a/", "a"), ("ﬁ", "fi"),
]  # fmt: skip


def refused(directory: Path, data: bytes) -> str:
    path = directory / "a.zip"
    path.write_bytes(data)
    with pytest.raises(ToolError) as caught:
        archive_read(str(path))
    assert caught.value.message.startswith(f"`{path}` is refused: ")
    assert "\n" not in caught.value.message
    return caught.value.message


def archive_read(path: str) -> None:
    with Archive(path) as found:
        for entry in found.entries:
            for _ in found.chunks(entry):
                pass


def refused_unread(directory: Path, data: bytes) -> str:
    """Return the refusal of an archive, which comes before any data is read."""
    path = directory / "a.zip"
    path.write_bytes(data)
    with pytest.raises(ToolError) as caught:
        Archive(str(path))
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("name", STRUCTURE)
def test_structure(name: str, tmp_path: Path) -> None:
    refused_unread(tmp_path, STRUCTURE[name])


@pytest.mark.parametrize("name", DIFFERENCES)
def test_two_different_headers(name: str, tmp_path: Path) -> None:
    assert "`" in refused_unread(tmp_path, DIFFERENCES[name])


@pytest.mark.parametrize("name", CONTENT)
def test_content(name: str, tmp_path: Path) -> None:
    refused_unread(tmp_path, CONTENT[name])


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name)[:40])
def test_names(name: bytes, tmp_path: Path) -> None:
    if not name.endswith(b"/"):
        assert "the name" in refused_unread(tmp_path, archive(Member(name, b"x")))
    assert "the name" in refused_unread(tmp_path, archive(Member(name + b"/", mode=0o40755)))


@pytest.mark.parametrize("pair", PAIRS, ids=repr)
def test_one_name_on_some_system(pair: tuple[str, str], tmp_path: Path) -> None:
    members = [Member(name.encode(), mode=0o40755 if name.endswith("/") else 0o100644) for name in pair]
    refused_unread(tmp_path, archive(*members))


LYING = {
    "longer than claimed": plain(method=8, central={"size": 10}, local={"size": 10}),
    "shorter than claimed": plain(method=8, central={"size": 18}, local={"size": 18}),
    "another checksum": plain(central={"crc": 1}, local={"crc": 1}),
    "another checksum, deflated": plain(method=8, central={"crc": 1}, local={"crc": 1}),
    "no deflate data": plain(method=8, payload=b"\xff\xff\xff"),
    "deflate data cut off": plain(method=8, payload=plain(method=8).packed()[:-2]),
    "bytes behind the deflate data": plain(method=8, payload=plain(method=8).packed() + b"x"),
    "two deflate streams": plain(method=8, payload=plain(method=8).packed() * 2),
    "nothing": plain(method=8, payload=b""),
}


@pytest.mark.parametrize("name", LYING)
def test_lying_data(name: str, tmp_path: Path) -> None:
    assert "`a/b.txt`" in refused(tmp_path, archive(LYING[name]))


def test_a_name_in_a_message_stays_on_its_line(tmp_path: Path) -> None:
    for bad in ({"method": 12}, {"mode": 0o010644}, {"local": {"size": 1}}):
        message = refused_unread(
            tmp_path, archive(plain(name=b"a\nvpython: all is well\x1b[2K" * 900, **bad))
        )
        assert "\x1b" not in message
        assert len(message) < 5000


def test_a_lying_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A member of 100 bytes, by its header, would unpack to 200 MB."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    payload = b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(200)) + squeeze.flush()
    claimed = {"size": 100, "crc": zlib.crc32(bytes(100))}
    data = archive(Member(b"a", method=8, payload=payload, local=claimed, central=claimed))
    tracemalloc.start()
    refused(tmp_path, data)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 8 << 20


@pytest.mark.parametrize("claimed", [0, 1_000_000, 100_000])
def test_a_million_entries(claimed: int, tmp_path: Path) -> None:
    """A million rows, whatever number the end record claims, are refused in bounded time."""
    row = plain(name=b"a", data=b"").central_bytes(0)
    body = plain(name=b"a", data=b"").local_bytes()
    rows = row * 1_000_000
    wide = struct.pack(
        "<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, claimed, claimed, len(rows), len(body)
    )
    wide += struct.pack("<4sIQI", b"PK\x06\x07", 0, len(body) + len(rows), 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    data = body + rows + wide + end
    began = time.monotonic()
    tracemalloc.start()
    refused_unread(tmp_path, data)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 120 << 20
    assert time.monotonic() - began < 20
