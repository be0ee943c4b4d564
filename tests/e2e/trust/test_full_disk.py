"""A disk that is full at any stage of a cold start: one clear line, nothing left, the next start works."""

from __future__ import annotations

import collections
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.trust import filled
from tests.e2e.trust.ground import WHEELS
from tests.support.harness import BUILT

if TYPE_CHECKING:
    from pathlib import Path


def namespace() -> list[str]:
    """A command that runs another where it may mount; a skip where that is not allowed."""
    command = ["unshare", "--map-root-user", "--mount"]
    try:
        tried = subprocess.run(
            [*command, "sh", "-c", "mount -t tmpfs none /mnt && mount -o remount,size=1048576 /mnt"],
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("`unshare` is not here")
    if tried.returncode:
        pytest.skip("may not mount, and mount again, in a namespace of its own")
    return command


def fill(place: Path, repository: Path, levels: int) -> list[list[object]]:
    words = [filled.__file__, str(place), str(repository), str(BUILT), str(levels)]
    done = subprocess.run([*namespace(), sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows: list[list[object]] = json.loads(done.stdout)
    seen: collections.Counter[str] = collections.Counter()
    for stage, code, out, err, leftovers in rows:
        seen[f"{stage}, exit {code}"] += 1
        assert leftovers == [], stage
        if code == 0:
            assert str(out).split()[1:] == list(WHEELS)
            continue
        assert (code, out) == (1, ""), err
        assert re.fullmatch(r"vpython: (?:[^\n]+ No space left on device\n)+\nhint: [^\n]+\n", str(err)), err
    print(f"{levels} levels: {dict(seen)}")
    return rows


@pytest.mark.thorough
def test_a_full_disk(tmp_path: Path, repository: Path) -> None:
    assert len(fill(tmp_path, repository, 6)) == 6


@pytest.mark.long
def test_a_full_disk_at_30_levels(tmp_path: Path, repository: Path) -> None:
    rows = fill(tmp_path, repository, 30)
    assert len({row[0] for row in rows}) > 3
