"""A root in the lower layer of an overlay filesystem, as in a container's image: it serves and is mended."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.trust.ground import WHEELS, Ground
from tests.e2e.trust.test_full_disk import namespace
from tests.support.harness import settled

if TYPE_CHECKING:
    from pathlib import Path

MOUNT = (
    'cd "$0" && mkdir upper/new upper/work && '
    "mount -t overlay none -o userxattr,lowerdir=lower,upperdir=upper/new,workdir=upper/work root"
)
LOST = "rm -r root/environments-1/*/lib/*/*/two && $RUN && $RUN"
MODULE = "rm root/wheels-1/*/*/tree/lib/*/*/two/__init__.py && $FORGET && $RUN && $RUN"
CODE = "rm root/app-1/*/vpy/cli.pyc && rm -r root/records-1 && $RUN && $RUN"
DOCTOR = "echo >>$(echo root/environments-1/*)/pyvenv.cfg && $VPYTHON -vpython-tool doctor --fix && $RUN"
PRUNE = "$VPYTHON -vpython-tool prune --older-than 0 && ! ls root/environments-1/* && $RUN && $RUN"


@pytest.mark.parametrize("change", ["$RUN && $RUN", LOST, MODULE, CODE, DOCTOR, PRUNE])
def test_a_root_in_the_lower_layer(tmp_path: Path, repository: Path, change: str) -> None:
    ground = Ground(tmp_path, repository)
    ground.good()
    settled(ground.root)
    shutil.move(ground.root, tmp_path / "lower")
    (tmp_path / "upper").mkdir()
    ground.root.mkdir(0o700)
    words = [*namespace(), "sh", "-e", "-c", f"{MOUNT} || exit 77; {change}", str(tmp_path)]
    env = ground.surroundings() | {
        "FORGET": "rm -r root/environments-1 root/records-1",
        "RUN": f"{ground.file} {ground.script}",
        "VPYTHON": str(ground.file),
    }
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("may not mount an overlay filesystem")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split()[1:] == list(WHEELS)
    assert all(line.startswith("vpython: ") for line in done.stderr.splitlines() if "ls: " not in line)
