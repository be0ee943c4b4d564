"""Cold starts on a small filesystem that fills up; a child of the tests, in a mount namespace of its own.

    filled.py PLACE REPOSITORY FILE LEVELS

Mounts a tmpfs at PLACE. For each of LEVELS amounts, spread over what a cold start needs, it lets just
so much be free, starts, gives room again and starts once more. Prints a JSON list, one row for each:
how far the start came, its exit code, stdout, stderr, and what it left behind.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.trust.ground import Ground

ROOM = 256 << 20


def main() -> None:
    place, repository, file, levels = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    from tests.e2e.trust.ground import Ground

    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=700", "none", place], check=True)
    ground = Ground(Path(place), Path(repository), file=Path(file))
    ground.good()
    resize(place, used(place))
    ground.good()  # warm, with no byte free
    resize(place, ROOM)
    full = used(place)
    rows = []
    for number in range(int(levels)):
        # They are most of what is needed, so not each time.
        ground.forget(own_code=number % 3 == 0, seeds=number % 3 == 0)
        left = (full - used(place)) * (number + 1) // (int(levels) + 1)
        rows.append(start(ground, place, left))
    print(json.dumps(rows))


def used(place: str) -> int:
    found = shutil.disk_usage(place)
    return found.total - found.free


def resize(place: str, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={max(size, 1 << 16)}", place], check=True)


def start(ground: Ground, place: str, left: int) -> list[object]:
    before = ground.traces()
    resize(place, used(place) + left)
    code, out, err = ground.see()
    stage, leftovers = ground.stage(before), ground.leftovers()
    resize(place, ROOM)
    ground.good()
    return [stage, code, out, err, leftovers]


if __name__ == "__main__":
    main()
