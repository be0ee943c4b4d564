from __future__ import annotations

from typing import Any

import pytest

from tests.target.shared import vectors
from vpy.model import Tag
from vpy.target.tags import platform_for, preferred


def tags(text: str) -> list[Tag]:
    return [Tag(*tag.split("-")) for tag in text.split()]


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ("py3-none-any", "py3-none-any"),
        ("py3-none-any cp311-none-linux_x86_64 cp311-cp311-linux_x86_64", "cp311-cp311-linux_x86_64"),
        ("cp311-abi3-linux_x86_64 cp311-cp311-linux_x86_64", "cp311-cp311-linux_x86_64"),
        ("cp311-cp311-linux_x86_64 cp311-cp311-manylinux1_x86_64", "cp311-cp311-manylinux1_x86_64"),
        ("cp311-cp311-linux_x86_64 py3-cp311-manylinux1_x86_64", "cp311-cp311-linux_x86_64"),
        ("py3-none-linux_x86_64 cp311-none-linux_x86_64", "cp311-none-linux_x86_64"),
        ("cp311-cp311-macosx_12_0_arm64 cp311-cp311-macosx_11_0_arm64", "cp311-cp311-macosx_11_0_arm64"),
        ("cp38-cp38-macosx_10_9_x86_64 cp38-cp38-macosx_10_12_intel", "cp38-cp38-macosx_10_12_intel"),
        ("cp38-cp38-macosx_11_0_universal2 cp38-cp38-macosx_11_0_arm64", "cp38-cp38-macosx_11_0_arm64"),
        ("cp313-cp313t-win_amd64 cp313-none-win_amd64 py3-none-any", "cp313-cp313t-win_amd64"),
        ("cp311-cp311-linux_aarch64 cp311-cp311-manylinux_2_17_aarch64", "cp311-cp311-linux_aarch64"),
    ],
)
def test_the_tag_that_names_packages(given: str, chosen: str) -> None:
    assert str(preferred(tags(given))) == chosen


def test_no_tags_at_all() -> None:
    with pytest.raises(ValueError, match="no tags"):
        preferred([])


@pytest.mark.parametrize("case", vectors("pep425"), ids=lambda case: case.get("name"))
def test_the_tag_that_the_original_chose(case: dict[str, Any]) -> None:
    given = [Tag(*tag.split("-")) for tag in case["tags"] or []]
    if case["chosen"] is None:
        with pytest.raises(ValueError, match="no tags"):
            preferred(given)
        return
    chosen = case["chosen"]
    tag = preferred(given)
    assert tag == Tag(chosen["Python"], chosen["Abi"], chosen["Platform"])
    meant = {"linux_ppc64le": "linux-ppc64le", "manylinux_2_17_x86_64": "linux-amd64"}
    assert (platform_for(tag) or "-") == meant.get(tag.platform, case["platform_for_tag"])


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux_x86_64", "linux-amd64"),
        ("manylinux1_i686", "linux-386"),
        ("manylinux2010_x86_64", "linux-amd64"),
        ("manylinux2014_aarch64", "linux-arm64"),
        ("manylinux_2_17_x86_64", "linux-amd64"),
        ("manylinux_2_36_armv7l", "linux-armv6l"),
        ("musllinux_1_2_x86_64", "linux-amd64"),
        ("linux_arm64", "linux-arm64"),
        ("linux_armv8l", "linux-armv6l"),
        ("linux_mipsel", "linux-mips32"),
        ("linux_mips64", "linux-mips64"),
        ("linux_riscv64", "linux-riscv64"),
        ("linux_ppc64", "linux-ppc64"),
        ("linux_ppc64le", "linux-ppc64le"),
        ("linux_s390x", "linux-s390x"),
        ("manylinux_2_38_loongarch64", "linux-loong64"),
        ("macosx_10_10_intel", "mac-amd64"),
        ("macosx_10_9_x86_64", "mac-amd64"),
        ("macosx_10_9_universal2", "mac-amd64"),
        ("macosx_11_0_universal2", "mac-arm64"),
        ("macosx_11_0_arm64", "mac-arm64"),
        ("macosx_10_6_fat32", "mac-386"),
        ("macosx_10_6_universal", "mac-amd64"),
        ("win32", "windows-386"),
        ("win_amd64", "windows-amd64"),
        ("win_arm64", "windows-arm64"),
        ("any", None),
        ("", None),
        ("linux", None),
        ("manylinux_2_17", None),
        ("macosx", None),
        ("win_ia64", None),
        ("sunos_5_11_sparc", None),
        ("macosx_" + "1" * 5000 + "_0_universal2", "mac-amd64"),
        ("macosx_²_0_universal2", "mac-amd64"),
    ],
)
def test_the_platform_of_a_tag(platform: str, expected: str | None) -> None:
    assert platform_for(Tag("cp311", "cp311", platform)) == expected
