"""Processes that hold what is in the root, for the time of a block."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.prune.cache import Cache

WAITS = "import sys; print(1, flush=True); input()\n"
BUILDS = """
import fcntl, sys
held = []
for path, how in zip(sys.argv[1:], (fcntl.LOCK_SH, fcntl.LOCK_EX)):
    held.append(open(path, "a+"))
    fcntl.flock(held[-1], how)
print(1, flush=True)
input()
"""


@contextlib.contextmanager
def _waiting(child: subprocess.Popen[bytes]) -> Iterator[int]:
    """Yield the number of a child once it has said that it is there; let it end afterwards."""
    with child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == b"1\n"
            yield child.pid
        finally:
            child.communicate(b"\n")


@contextlib.contextmanager
def running(cache: Cache, script: Path) -> Iterator[int]:
    """Start a script that waits by the built file; yield its process number."""
    child = subprocess.Popen(
        [cache.file, script, "a\x1bb"],
        env=cache.surroundings(),
        cwd=cache.work,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with _waiting(child) as pid:
        yield pid


@contextlib.contextmanager
def building(cache: Cache, key: str) -> Iterator[int]:
    """Hold the locks that a builder of an environment holds."""
    locks = cache.root / "locks"
    words = [sys.executable, "-c", BUILDS, str(locks / "store-all"), str(locks / f"build-{key}")]
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with _waiting(child) as pid:
        yield pid
