"""The recorded answers that may lie beside the checkout, and the original client where it is there too."""

from __future__ import annotations

import json
import lzma
import os
import platform
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SHARED = os.path.join(os.path.dirname(__file__), *[os.pardir] * 3, "shared")
PACKAGES = os.path.join(SHARED, "vectors", "packages")
CLIENT = os.path.join(SHARED, "tools", "cipd-linux-amd64.xz")


def vectors(name: str) -> list[Any]:
    """The cases of one file; the test is skipped where they are not there."""
    path = os.path.join(SHARED, "vectors", f"{name}.json")
    if not os.path.exists(path):
        pytest.skip("the recorded answers do not lie beside this checkout")
    with open(path, encoding="utf-8") as file:
        cases: list[Any] = json.load(file)["cases"]
    assert cases
    return cases


def client(place: Path) -> str:
    """The original client, unpacked below `place`; the test is skipped where it is not there."""
    if not os.path.exists(CLIENT) or platform.system() != "Linux" or platform.machine() != "x86_64":
        pytest.skip("the original client does not lie beside this checkout, or is not for this machine")
    path = place / "cipd"
    with lzma.open(CLIENT) as file:
        path.write_bytes(file.read())
    path.chmod(0o755)
    return str(path)
