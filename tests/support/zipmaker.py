"""Zip archives made byte by byte, so that each part can be wrong, and changed at random."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random


@dataclass
class Member:
    """Entry of an archive; `local`, `central` and `descriptor` replace fields there: name, flags, crc, …"""

    name: bytes
    data: bytes = b""
    method: int = 0
    mode: int = 0o100644
    streamed: bool = False
    signed: bool = True
    wide: bool = False
    payload: bytes | None = None
    extra: bytes = b""
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)
    descriptor: dict[str, int] = field(default_factory=dict)
    before: bytes = b""
    after: bytes = b""

    def packed(self) -> bytes:
        if self.payload is not None:
            return self.payload
        if self.method != 8:
            return self.data
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        return squeeze.compress(self.data) + squeeze.flush()

    def facts(self) -> dict[str, Any]:
        flags = (0x0008 if self.streamed else 0) | (0 if self.name.isascii() else 0x0800)
        packed = self.packed()
        return {
            "name": self.name,
            "flags": flags,
            "method": self.method,
            "crc": zlib.crc32(self.data),
            "packed": len(packed),
            "size": len(self.data),
            "extra": self.extra,
            "system": 3,
            "attributes": self.mode << 16,
        }

    def local_bytes(self) -> bytes:
        facts = self.facts()
        if self.streamed:
            facts |= {"crc": 0, "packed": 0, "size": 0}
        facts |= self.local
        head = struct.pack(
            "<4s5H3I2H", b"PK\x03\x04", 20, facts["flags"], facts["method"], 0, 0,
            facts["crc"], facts["packed"], facts["size"], len(facts["name"]), len(facts["extra"]),
        )  # fmt: skip
        tail = b""
        if self.streamed:
            sizes = self.facts() | self.descriptor
            tail = b"PK\x07\x08" if self.signed else b""
            tail += struct.pack("<IQQ" if self.wide else "<III", sizes["crc"], sizes["packed"], sizes["size"])
        return b"".join([self.before, head, facts["name"], facts["extra"], self.packed(), tail, self.after])

    def central_bytes(self, offset: int) -> bytes:
        facts = self.facts() | {"offset": offset + len(self.before)} | self.central
        head = struct.pack(
            "<4s6H3I5H2I", b"PK\x01\x02", facts["system"] << 8 | 20, 20, facts["flags"], facts["method"],
            0, 0, facts["crc"], facts["packed"], facts["size"], len(facts["name"]), len(facts["extra"]),
            0, 0, 0, facts["attributes"], facts["offset"],
        )  # fmt: skip
        return b"".join([head, facts["name"], facts["extra"]])


def archive(
    *members: Member,
    end: dict[str, int] | None = None,
    comment: bytes = b"",
    zip64: dict[str, int] | None = None,
) -> bytes:
    """Return the members in order, their directory and its end; `zip64` adds wide records, with changes."""
    body = b""
    rows = b""
    for member in members:
        rows += member.central_bytes(len(body))
        body += member.local_bytes()
    facts = {
        "count": len(members),
        "length": len(rows),
        "start": len(body),
        "disk": 0,
        "comment": len(comment),
    }
    wide = b""
    if zip64 is not None:
        wide_facts = {**facts, "record": len(body) + len(rows), **zip64}
        wide = struct.pack(
            "<4sQHHIIQQQQ",
            b"PK\x06\x06",
            44,
            45,
            45,
            0,
            0,
            wide_facts["count"],
            wide_facts["count"],
            wide_facts["length"],
            wide_facts["start"],
        ) + struct.pack("<4sIQI", b"PK\x06\x07", 0, wide_facts["record"], 1)
    facts |= end or {}
    return body + rows + wide + struct.pack(
        "<4s4H2IH", b"PK\x05\x06", facts["disk"], facts["disk"], facts["count"], facts["count"],
        facts["length"], facts["start"], facts["comment"],
    ) + comment  # fmt: skip


def plain(**changes: Any) -> Member:
    """Return a small text entry, with fields of Member changed."""
    return Member(**{"name": b"a/b.txt", "data": b"hello hello hello", **changes})


def mutated(data: bytes, random_source: random.Random) -> bytes:
    """Return an archive with one or a few changes: bytes set, removed, moved or inserted."""
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
            start = random_source.randrange(len(changed))
            changed[at:at] = changed[start : start + random_source.randrange(1, 60)]
        else:
            changed[at : at + 2] = random_source.choice((b"PK", b"\xff\xff", b"\0\0", b"../", b"PK\x05\x06"))
        if not changed:
            return b""
    return bytes(changed)
