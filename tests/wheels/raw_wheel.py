"""Wheels written member by member, so that their parts may contradict each other."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from typing import TYPE_CHECKING

import pytest

from vpy.errors import ToolError
from vpy.wheels.contents import wheel_facts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INFO = "demo-1.0.dist-info"
METADATA = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def row(name: str, data: str, algorithm: str = "sha256") -> str:
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, data.encode()).digest()).rstrip(b"=").decode()
    return f"{name},{algorithm}={digest},{len(data.encode())}"


def wheel(
    directory: Path,
    files: Mapping[str, str | None] | None = None,
    *,
    rows: Mapping[str, str | None] | None = None,
    record: str | None = "",
    name: str = "demo-1.0-py3-none-any.whl",
) -> str:
    """Write a good wheel, but add or (None) leave out `files`, and replace `rows` of RECORD or all of it."""
    members: dict[str, str | None] = {
        "demo.py": "X = 1\n", f"{INFO}/METADATA": METADATA, f"{INFO}/WHEEL": WHEEL, **(files or {}),
    }  # fmt: skip
    kept = {path: data for path, data in members.items() if data is not None}
    lines: dict[str, str | None] = {path: row(path, data) for path, data in kept.items()}
    lines |= {f"{INFO}/RECORD": f"{INFO}/RECORD,,", **(rows or {})}
    path = directory / name
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in kept.items():
            archive.writestr(member, data)
        if record is not None:
            archive.writestr(
                f"{INFO}/RECORD", record or "\n".join(line for line in lines.values() if line) + "\n"
            )
    return str(path)


def reason(path: str, **more: str) -> str:
    with pytest.raises(ToolError) as caught:
        wheel_facts(path, **more)
    start = f"`{path}` is refused: "
    assert caught.value.message.startswith(start)
    return caught.value.message.removeprefix(start)
