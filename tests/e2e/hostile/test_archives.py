"""Hostile packages, and hostile wheels in good ones, given to the built file: refused in one line each."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.hostile.yard import PREFIX
from tests.support.zipmaker import Member, archive, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.hostile.yard import Yard

Make = Callable[..., bytes]

NAME = f"{PREFIX}/hostile-py3"
INFO = "hostile-1.0.dist-info"
# What is written outside would have this in its name.
EVIL = "vpython-evil"
METADATA = "Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n"


def row(name: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n"


def wheel(
    *more: Member,
    files: Mapping[str, str] | None = None,
    rows: str = "",
    record: bool = True,
    modes: Mapping[str, int] | None = None,
) -> bytes:
    """A good wheel, with `files` in place of its own, more `rows` in RECORD, and more members."""
    told = {
        "hostile.py": "VERSION = '1.0'\n",
        f"{INFO}/METADATA": METADATA,
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **(files or {}),
    }
    members = [
        Member(name.encode(), text.encode(), mode=(modes or {}).get(name, 0o100644))
        for name, text in told.items()
    ]
    listed = "".join(row(name, text.encode()) for name, text in told.items())
    listed += "".join(row(each.name.decode(), each.data) for each in more) + rows + f"{INFO}/RECORD,,\n"
    if record:
        members.append(Member(f"{INFO}/RECORD".encode(), listed.encode()))
    return archive(*members, *more)


def in_package(data: bytes, name: str = "hostile-1.0-py3-none-any.whl") -> tuple[Member, ...]:
    """The members of a package that holds the wheel."""
    manifest = {"format_version": "1.1", "package_name": NAME, "install_mode": "copy"}
    return Member(b".cipdpkg/manifest.json", json.dumps(manifest).encode()), Member(name.encode(), data)


GOOD = in_package(wheel())
WHOLE = archive(*GOOD)


def with_more(*more: Member) -> bytes:
    return archive(*GOOD, *more)


def million() -> bytes:
    """Rows for a million entries of one name."""
    one = plain(name=b"a", data=b"")
    body, rows = one.local_bytes(), one.central_bytes(0) * 1_000_000
    wide = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**6, 10**6, len(rows), len(body))
    wide += struct.pack("<4sIQI", b"PK\x06\x07", 0, len(body) + len(rows), 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return body + rows + wide + end


def lying_bomb() -> Member:
    """It says 100 bytes and would unpack to 200 MB."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    payload = b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(200)) + squeeze.flush()
    told = {"size": 100, "crc": zlib.crc32(bytes(100))}
    return Member(b"a", method=8, payload=payload, local=told, central=told)


BAD_NAMES = (
    f"../{EVIL}", f"/{EVIL}", f"C:{EVIL}", f"\\\\host\\{EVIL}", f"a/../../{EVIL}",
    f"../site-packages2/{EVIL}", "a\0b", "a.", "a ", "con", "a/nul.txt",
)  # fmt: skip


def named(name: str) -> Callable[[Make], bytes]:
    return lambda make: make(Member(name.encode(), b"x"))


# What is wrong with the package's own archive, or with that of the wheel in it.
ARCHIVES: dict[str, Callable[[Make], bytes]] = {
    "the same name twice": lambda make: make(plain(name=b"twice"), plain(name=b"twice")),
    "names of other case": lambda make: make(plain(name=b"Twice"), plain(name=b"tWICE")),
    "names of other Unicode": lambda make: make(plain(name="é".encode()), plain(name="e\u0301".encode())),
    "another local name": lambda make: make(plain(local={"name": b"a/c.txt"})),
    "another local size": lambda make: make(plain(local={"size": 16})),
    "another local method": lambda make: make(plain(local={"method": 8})),
    "another local checksum": lambda make: make(plain(local={"crc": 1})),
    "another size in the descriptor": lambda make: make(plain(streamed=True, descriptor={"size": 1})),
    "another checksum in the descriptor": lambda make: make(plain(streamed=True, descriptor={"crc": 1})),
    "a byte behind": lambda make: make() + b"\0",
    "bytes before": lambda make: b"MZ" + make(),
    "two end records": lambda make: make() + make()[-22:],
    "an archive behind": lambda make: make() + archive(plain()),
    "overlapping entries": lambda make: make(plain(), plain(name=b"z", central={"offset": 0})),
    "a bomb": lambda make: make(Member(b"a", bytes(10_000_000), method=8)),
    "a size that lies": lambda make: make(lying_bomb()),
    "a million entries": lambda make: million(),
    "bzip2": lambda make: make(plain(method=12)),
    "lzma": lambda make: make(plain(method=14)),
    "an unknown method": lambda make: make(plain(method=77)),
    "encrypted": lambda make: make(plain(local={"flags": 1}, central={"flags": 1})),
    "a device": lambda make: make(plain(mode=0o020644)),
    **{f"name {name!r}": named(name) for name in BAD_NAMES},
}
PACKAGES = {
    "a zip in the comment": archive(*GOOD, comment=archive(plain(name=b"evil"))),
    "a zip64 locator elsewhere": archive(*GOOD, zip64={"record": 0}),
    "a link upwards": with_more(Member(b"a/l", f"../../{EVIL}".encode(), mode=0o120777)),
    "a link to the top": with_more(Member(b"a/l", f"/{EVIL}".encode(), mode=0o120777)),
    "truncated": WHOLE[: len(WHOLE) // 2],
    "zero bytes": b"",
    "no archive": b"<html>not found</html>",
    "another package's": archive(
        Member(b".cipdpkg/manifest.json", b'{"format_version": "1.1", "package_name": "x/y"}'),
        GOOD[1],
    ),
    "no manifest": archive(GOOD[1]),
}
SCRIPTS = f"{INFO}/entry_points.txt"
WHEELS = {
    "a link": wheel(Member(b"l", b"hostile.py", mode=0o120777)),
    "no RECORD": wheel(record=False),
    "a file that is not there": wheel(rows=row("gone.py", b"")),
    "a row upwards": wheel(rows=row(f"../../{EVIL}", b"")),
    "another hash": wheel(rows=row("hostile.py", b"other")),
    "a file that is not listed": wheel(rows="").replace(b"hostile.py,", b"another.py,"),
    "two dist-infos": wheel(files={"other-1.dist-info/METADATA": "x"}),
    "another name": wheel(files={f"{INFO}/METADATA": METADATA.replace("hostile", "other")}),
    "another version": wheel(files={f"{INFO}/METADATA": METADATA.replace("1.0", "2")}),
    "wheel version 2": wheel(files={f"{INFO}/WHEEL": "Wheel-Version: 2.0\nTag: py3-none-any\n"}),
    **{
        f"entry point {name}": wheel(files={SCRIPTS: f"[console_scripts]\n{name} = hostile:main\n"})
        for name in (f"../{EVIL}", f"a/{EVIL}", "Python", "activate")
    },
    **{
        f"script {name}": wheel(files={f"hostile-1.0.data/scripts/{name}": "x"})
        for name in ("python", "Python3.11", "ACTIVATE", "pyvenv.cfg")
    },
    **{
        f"entry points {text!r}": wheel(files={SCRIPTS: f"{text} = hostile:main\n"})
        for text in (
            "[[console_scripts]]\npython2",
            "[console_scripts]\n;python3.12",
            "[console_scripts]\na python2",
            "[gui_scripts]\n- = x pyvenv.cfg",
        )
    },
    **{
        f"the hook, as {name}": wheel(files={name: ""})
        for name in ("_vpython_start/__init__.py", "hostile-1.0.data/data/lib64/x/_vpython_start.py")
    },
    "the environment's own settings": wheel(files={"hostile-1.0.data/data/pyvenv.cfg": "home = /\n"}),
}


def offer(yard: Yard, data: bytes) -> tuple[str, str]:
    """Put a package file into the repository, under the name of its bytes; return that, and its tag.

    A tag never moves (a root keeps what it meant), so that each file has its own: any order will do.
    """
    folder = yard.repository / NAME / "+"
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(data).digest() + b"\x02"
    instance = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    (folder / instance).write_bytes(data)
    tag = f"file:{instance}"
    (folder / "versions.json").write_text(json.dumps({"tags": {tag: [instance]}}))
    return instance, tag


def check_refused(yard: Yard, data: bytes, file: str) -> None:
    """One line, which names the archive; nothing outside, nothing made of it."""
    instance, tag = offer(yard, data)
    yard.script("s.py", "import hostile; print(hostile.VERSION)", ("hostile-py3", tag))
    outside = {path for path in yard.place.rglob("*") if yard.root not in path.parents}
    said = yard.refuse("s.py", code=1, doors=("head",), allowed=(f"packages-1/{instance}",))
    assert re.search(file or instance, said), said
    assert "\n" not in said.partition("\n\nhint: ")[0], said
    assert {path for path in yard.place.rglob("*") if yard.root not in path.parents} == outside
    assert not list(yard.root.rglob(f"*{EVIL}*"))
    assert not Path(f"/{EVIL}").exists()


@pytest.mark.parametrize("kind", ARCHIVES)
def test_package_archive(yard: Yard, kind: str) -> None:
    check_refused(yard, ARCHIVES[kind](with_more), "")


@pytest.mark.parametrize("kind", ["the same name twice", "another local size", "a bomb", "a size that lies"])
def test_wheel_archive(yard: Yard, kind: str) -> None:
    data = ARCHIVES[kind](lambda *more: wheel(*more))
    check_refused(yard, archive(*in_package(data)), r"hostile-1\.0-py3-none-any\.whl")


@pytest.mark.parametrize("kind", PACKAGES)
def test_package(yard: Yard, kind: str) -> None:
    check_refused(yard, PACKAGES[kind], f"{NAME}|packages-1/")


@pytest.mark.parametrize("kind", WHEELS)
def test_wheel(yard: Yard, kind: str) -> None:
    check_refused(yard, archive(*in_package(WHEELS[kind])), r"hostile-1\.0-py3-none-any\.whl")


def test_a_wheel_that_is_not_what_its_name_says(yard: Yard) -> None:
    data = archive(*in_package(wheel(), "hostile-1.1-py3-none-any.whl"))
    check_refused(yard, data, r"hostile-1\.1-py3-none-any\.whl")


def test_only_the_owners_x_survives(yard: Yard) -> None:
    """Of all modes that a wheel may tell."""
    modes = {"a.py": 0o106777, "b.py": 0o100000, "c.py": 0o100066, "d/__init__.py": 0o101644}
    directory = Member(b"d/", mode=0o042666)
    data = archive(*in_package(wheel(files=dict.fromkeys(modes, ""), modes=modes)), directory)
    _, tag = offer(yard, data)
    tell = "import os, a, b, c, d; print(*(oct(os.stat(m.__file__).st_mode) for m in (a, b, c, d)))"
    yard.script("s.py", tell, ("hostile-py3", tag))
    done = yard.run("s.py", cwd=yard.work)
    assert (done.stderr, done.stdout) == ("", "0o100555 0o100444 0o100444 0o100444\n")
