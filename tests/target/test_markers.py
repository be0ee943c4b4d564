"""Markers that stand for match rules: they hold on the same targets, and say no more than they must."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import Marker

from vpy.model import Tag, Target, Wheel
from vpy.spec import select
from vpy.target import markers, platforms
from vpy.target.platforms import Systems

SYSTEMS = Systems(glibc=(2, 35), macos=(13, 0))


@functools.cache
def grid(python_version: str, *named: str) -> tuple[Target, ...]:
    return markers.targets(python_version, named, SYSTEMS)


def holds(marker: str, target: Target) -> bool:
    return not marker or Marker(marker).evaluate(dict(target.interpreter.markers))


# The spec's `python_version`, platforms of match rules ("-" in front: of rules that drop), the marker.
MARKERS = [
    ("3.11", "win_amd64 win32", "sys_platform == 'win32' and platform_machine != 'ARM64'"),
    ("3.11", "win_amd64", "sys_platform == 'win32' and platform_machine == 'AMD64'"),
    ("3.11", "macosx_10_10_intel macosx_11_0_arm64", "sys_platform == 'darwin'"),
    ("3.11", "macosx_10_9_x86_64", "sys_platform == 'darwin' and platform_machine == 'x86_64'"),
    ("3.8", "linux_arm64", "sys_platform == 'linux' and platform_machine == 'aarch64'"),
    ("3.8", "manylinux2014_aarch64", "sys_platform == 'linux' and platform_machine == 'aarch64'"),
    (
        "3.11",
        "manylinux1_x86_64 linux_arm64 win_amd64",
        "(sys_platform == 'linux' and (platform_machine == 'aarch64' or platform_machine == 'x86_64'))"
        " or (sys_platform == 'win32' and platform_machine == 'AMD64')",
    ),
    ("3.11", "-linux_riscv64", "sys_platform != 'linux' or platform_machine != 'riscv64'"),
    ("3.11", "-linux_mips64", "sys_platform != 'linux' or platform_machine != 'mips64'"),
    ("3.11", "-win32 -win_amd64 -win_arm64", "sys_platform != 'win32'"),
    ("", "any", ""),
]


@pytest.mark.parametrize(("python_version", "named", "marker"), MARKERS)
def test_platforms(python_version: str, named: str, marker: str) -> None:
    listed = [Tag(platform=name) for name in named.split() if not name.startswith("-")]
    dropped = [Tag(platform=name[1:]) for name in named.split() if name.startswith("-")]
    wheel = Wheel("a", "1", tuple(listed), tuple(dropped))
    among = grid(python_version, *(tag.platform for tag in (*listed, *dropped)))
    selected = [target for target in among if select.is_selected(wheel, target.interpreter.tags)]
    assert markers.marker_for(selected, among, listed=bool(listed)) == marker
    assert [target for target in among if holds(marker, target)] == selected


@pytest.mark.parametrize(
    ("minors", "marker"),
    [
        ({8}, "python_version == '3.8'"),
        ({8, 9, 10}, "python_version < '3.11'"),
        ({11, 12, 13, 14, 15}, "python_version >= '3.11'"),
        ({14}, "python_version == '3.14'"),
        ({15}, "python_version >= '3.15'"),
        ({9, 10}, "python_version >= '3.9' and python_version < '3.11'"),
        ({8, 12}, "python_version == '3.8' or python_version == '3.12'"),
        (set(platforms.MINORS), ""),
    ],
)
def test_versions(minors: set[int], marker: str) -> None:
    among = grid("")
    selected = [target for target in among if target.interpreter.version[1] in minors]
    assert markers.marker_for(selected, among, listed=True) == marker
    assert [target for target in among if holds(marker, target)] == selected


def test_a_python_that_is_still_to_come() -> None:
    assert {target.interpreter.version[:2] for target in grid("3.30")} == {(3, 30)}


NUMBERS = st.sets(st.integers(0, len(markers.PLATFORMS) * len(platforms.MINORS) - 1))


@settings(max_examples=60, deadline=None)
@given(NUMBERS, st.booleans())
def test_a_marker_holds_where_it_should(numbers: set[int], listed: bool) -> None:
    among = grid("")
    assert len(among) == len(markers.PLATFORMS) * len(platforms.MINORS)
    selected = [among[number] for number in sorted(numbers)]
    marker = markers.marker_for(selected, among, listed=listed)
    if selected:
        assert [target for target in among if holds(marker, target)] == selected
