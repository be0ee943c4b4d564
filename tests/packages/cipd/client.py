"""The original CIPD client, where it lies beside the checkout."""

from __future__ import annotations

import lzma
import platform
from typing import TYPE_CHECKING

import pytest

from tests.support.harness import SHARED

if TYPE_CHECKING:
    from pathlib import Path

CLIENT = SHARED / "tools" / "cipd-linux-amd64.xz"


def client(directory: Path) -> str:
    """Unpack the original client to `directory` and return its path; skip the test where there is none."""
    if not CLIENT.exists() or platform.system() != "Linux" or platform.machine() != "x86_64":
        pytest.skip("the original client does not lie beside this checkout, or is not for this machine")
    path = directory / "cipd"
    with lzma.open(CLIENT) as file:
        path.write_bytes(file.read())
    path.chmod(0o755)
    return str(path)
