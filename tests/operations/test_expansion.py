"""What a spec's entries may come to: the names that a lockfile keeps for platforms elsewhere."""

from __future__ import annotations

import pytest

from vpy.model import Spec, Wheel
from vpy.operations import expansion

PLATFORM = "wheels/a/${vpython_platform}"


@pytest.mark.parametrize(
    ("template", "name", "python", "may"),
    [
        ("wheels/a-py3", "wheels/a-py3", "", True),
        ("wheels/a-py3", "wheels/a-py3/more", "", False),
        ("wheels/a.py", "wheels/abpy", "", False),
        ("wheels/a/${platform}", "wheels/a/mac-arm64", "3.11", True),
        ("wheels/a/${platform}", "wheels/a/", "", False),
        ("wheels/a/${platform}", "wheels/a/mac/arm64", "", False),
        ("a/${os=mac,linux}-${arch}", "a/linux-amd64", "", True),
        ("a/${os=mac,linux}-${arch}", "a/windows-amd64", "", False),
        (PLATFORM, "wheels/a/linux-amd64_cp311_cp311", "", True),
        (PLATFORM, "wheels/a/linux-amd64_cp311_cp311", "3", True),
        (PLATFORM, "wheels/a/linux-amd64_cp311_cp311", "3.11", True),
        (PLATFORM, "wheels/a/linux-amd64_cp311_cp311", "3.11.4", True),
        (PLATFORM, "wheels/a/linux-amd64_cp37_cp37m", "3.7", True),
        (PLATFORM, "wheels/a/linux-amd64_cp311_cp311", "3.8", False),
        (PLATFORM, "wheels/a/linux-amd64_cp311_cp311", "3.1", False),
        ("wheels/cp38/${platform}", "wheels/cp38/linux-amd64", "3.11", True),
    ],
)
def test_may_mean(template: str, name: str, python: str, may: bool) -> None:
    spec = Spec(python_version=python, wheels=(Wheel("other", "v:1"), Wheel(template, "v:1")))
    assert expansion.may_mean(spec, name, "v:1") is may
    assert not expansion.may_mean(spec, name, "v:2")
