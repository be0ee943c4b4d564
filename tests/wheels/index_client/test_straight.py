"""Resolutions in one walk: where there is an answer of this kind, it is resolvelib's."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.wheels.index_client.conftest import TOP, VENDOR

PROGRAM = os.path.join(TOP, "tests", "support", "straight_resolutions.py")
UNIVERSES = 800


def test_the_answers_are_those_of_resolvelib() -> None:
    """Random projects with extras, pre-releases, yanked versions and preferred ones."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", PROGRAM, VENDOR, TOP, str(UNIVERSES)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    answered, different = json.loads(done.stdout)
    assert different == []
    assert UNIVERSES // 5 < answered < UNIVERSES
