"""Directories that nobody can write to, root neither."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Let nobody write under `path`: by its modes; for root by a mount, a skip where there can be none."""
    if os.geteuid():
        modes = [(each, each.stat().st_mode) for each in [path, *path.rglob("*")] if each.is_dir()]
        for each, mode in modes:
            each.chmod(mode & ~0o222)
        try:
            yield
        finally:
            for each, mode in modes:
                each.chmod(mode)
        return
    mount(["--bind", str(path), str(path)])
    try:
        mount(["-o", "remount,bind,ro", str(path)])
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def mount(words: list[str]) -> None:
    ended = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if ended.returncode:
        pytest.skip(f"cannot mount here: {ended.stderr.strip()}")
