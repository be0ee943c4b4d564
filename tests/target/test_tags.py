"""PEP 425 tags: those of real and imagined Pythons, the one that names packages, its platform in CIPD."""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import struct
from typing import TYPE_CHECKING, Any

import packaging
import pytest

from tests.support.vectors import vectors
from tests.target.shared import VERSIONS, python, run, script
from vpy.model import Tag
from vpy.target.probe import probe
from vpy.target.tags import cipd_platform, compatible_abis, compatible_platforms, compatible_tags, preferred

if TYPE_CHECKING:
    from pathlib import Path

    from vpy.system.layout import Layout


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
    assert (cipd_platform(tag) or "-") == meant.get(tag.platform, case["platform_for_tag"])


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
    assert cipd_platform(Tag("cp311", "cp311", platform)) == expected


PRINT = "print('\\n'.join(map(str, sys_tags())))"


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_the_same_as_by_itself(version: str, layout: Layout) -> None:
    executable = python(version)
    vendored = os.path.dirname(os.path.dirname(packaging.__file__))
    own = run(
        executable,
        f"import sys; sys.path.insert(0, {vendored!r})\nfrom packaging.tags import sys_tags\n{PRINT}",
    )
    assert own
    told = probe(executable, layout=layout, environ=os.environ)
    assert [str(tag) for tag in told.tags] == own.splitlines()


def test_those_of_a_pypy() -> None:
    """What the probe and `packaging` by itself answered in a PyPy 3.9 of Debian."""
    with open(os.path.join(os.path.dirname(__file__), "pypy39.json"), encoding="utf-8") as file:
        recorded = json.load(file)
    assert [str(tag) for tag in compatible_tags(recorded["facts"])] == recorded["tags"].split()


@pytest.mark.skipif(shutil.which("pypy3") is None, reason="there is no PyPy; the one above is recorded")
def test_those_of_the_pypy_here(layout: Layout) -> None:
    executable = str(shutil.which("pypy3"))
    vendored = os.path.dirname(os.path.dirname(packaging.__file__))
    own = run(
        executable,
        f"import sys; sys.path.insert(0, {vendored!r})\nfrom packaging.tags import sys_tags\n{PRINT}",
    )
    assert [str(tag) for tag in probe(executable, layout=layout, environ=os.environ).tags] == own.splitlines()


def test_the_same_for_3_8_but_for_the_place_of_plain_linux(layout: Layout) -> None:
    """The `packaging` that 3.8 can run puts `linux_…` behind manylinux, the vendored one before it."""
    executable = python("3.8")
    bundled = os.path.join(os.path.dirname(os.path.dirname(executable)), "lib/python3.8/ensurepip/_bundled")
    wheels = glob.glob(os.path.join(bundled, "pip-*.whl"))
    if not wheels:
        pytest.skip("this Python 3.8 has no pip of its own")
    source = f"import sys; sys.path.insert(0, {wheels[0]!r})\nfrom pip._vendor.packaging.tags import sys_tags"
    own = run(executable, f"{source}\n{PRINT}").splitlines()
    told = [str(tag) for tag in probe(executable, layout=layout, environ=os.environ).tags]
    assert len(own) > 100
    if "cp38-none-any" not in own:  # the tag is younger than that pip
        told.remove("cp38-none-any")
    plain = [tag for tag in own if "-linux_" in tag]
    assert [tag for tag in told if tag not in plain] == [tag for tag in own if tag not in plain]
    assert [tag for tag in told if tag in plain] == plain


@pytest.mark.parametrize("case", vectors("pep425"), ids=lambda case: case.get("name"))
def test_the_recorded_tags_of_real_pythons(case: dict[str, Any]) -> None:
    found = re.fullmatch(r"real pip tags, linux x86_64 python (\d)\.(\d+)\.\d+", case["name"])
    if not found:
        return
    glibc = max(int(one) for one in re.findall(r"manylinux_2_(\d+)_", " ".join(case["tags"])))
    executable = python(f"{found[1]}.{found[2]}")
    told = compatible_tags(
        facts(
            executable=executable,
            version=[int(found[1]), int(found[2]), 0],
            nodot=found[1] + found[2],
            glibc=f"glibc 2.{glibc}",
        )
    )
    assert sorted(map(str, told)) == sorted(case["tags"])


def facts(**changed: Any) -> dict[str, Any]:
    return {
        "executable": "",
        "version": [3, 11, 7],
        "nodot": "311",
        "platform": "linux-x86_64",
        "bits": 64,
        "debug": False,
        "threaded": False,
        "glibc": "glibc 2.17",
        "mac": ["", ""],
        "markers": {"platform_system": "Linux"},
    } | changed


def elf(path: Path, *, bits: int, machine: int, interpreter: bytes = b"", flags: int = 0) -> str:
    """A binary of which only the header and the loader's name are there."""
    wide = bits == 64
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    size, entry = (64, 56) if wide else (52, 32)
    head = struct.pack("<HHI" + "QQQ" * wide + "III" * (not wide), 2, machine, 1, 0, size, 0)
    head += struct.pack("<IHHHHHH", flags, size, entry, 1, 0, 0, 0)
    where, long = size + entry, len(interpreter) + 1
    if wide:
        program = struct.pack("<IIQQQQQQ", 3, 4, where, 0, 0, long, long, 1)
    else:
        program = struct.pack("<IIIIIIII", 3, where, 0, 0, long, long, 4, 1)
    path.write_bytes(ident + head + program + interpreter + b"\0")
    return str(path)


@pytest.mark.parametrize(
    ("changed", "abis"),
    [
        ({}, ["cp311"]),
        ({"debug": True}, ["cp311d", "cp311"]),
        ({"version": [3, 13, 0], "threaded": True}, ["cp313t"]),
        ({"version": [3, 14, 0], "threaded": True, "debug": True}, ["cp314td", "cp314t"]),
    ],
)
def test_abis(changed: dict[str, Any], abis: list[str]) -> None:
    assert compatible_abis(facts(**changed)) == abis


def test_a_free_threaded_build_has_no_abi3() -> None:
    tags = [
        str(tag)
        for tag in compatible_tags(
            facts(
                version=[3, 13, 0],
                nodot="313",
                threaded=True,
                platform="win-amd64",
                markers={"platform_system": "Windows"},
            )
        )
    ]
    assert tags[:3] == ["cp313-cp313t-win_amd64", "cp313-abi3t-win_amd64", "cp313-none-win_amd64"]
    assert not [tag for tag in tags if "-abi3-" in tag]
    assert "py3-none-any" in tags


def test_linux_of_two_c_libraries(tmp_path: Path) -> None:
    binary = elf(tmp_path / "python3.11", bits=64, machine=62)
    found = list(compatible_platforms(facts(executable=binary)))
    assert found[:3] == ["linux_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]
    assert found[-2:] == ["manylinux_2_5_x86_64", "manylinux1_x86_64"]
    assert "manylinux2010_x86_64" in found
    assert (
        list(compatible_platforms(facts(executable=binary, glibc="glibc 2.20-2014.11")))[1]
        == "manylinux_2_20_x86_64"
    )
    loader = script(
        str(tmp_path / "ld-musl-x86_64.so.1"),
        "#!/bin/sh\nprintf 'musl libc (x86_64)\\nVersion 1.1.24\\n' >&2\n",
    )
    binary = elf(tmp_path / "python3.12", bits=64, machine=62, interpreter=loader.encode())
    found = list(compatible_platforms(facts(executable=binary, glibc=None)))
    assert found == ["linux_x86_64", "musllinux_1_1_x86_64", "musllinux_1_0_x86_64"]


def test_32_bits_on_64(tmp_path: Path) -> None:
    binary = elf(tmp_path / "python3.11", bits=32, machine=3)
    found = list(compatible_platforms(facts(executable=binary, bits=32)))
    assert found[:2] == ["linux_i686", "manylinux_2_17_i686"]
    assert found[-1] == "manylinux1_i686"
    x32 = elf(tmp_path / "python3.12", bits=32, machine=62)
    assert list(compatible_platforms(facts(executable=x32, bits=32))) == ["linux_i686"]


def test_arm(tmp_path: Path) -> None:
    hard = elf(tmp_path / "python3.11", bits=32, machine=40, flags=0x05000400)
    found = list(compatible_platforms(facts(executable=hard, platform="linux-aarch64", bits=32)))
    assert found[:3] == ["linux_armv8l", "linux_armv7l", "manylinux_2_17_armv8l"]
    assert found[-1] == "manylinux2014_armv7l"
    soft = elf(tmp_path / "python3.12", bits=32, machine=40, flags=0x05000200)
    assert list(compatible_platforms(facts(executable=soft, platform="linux-armv7l", bits=32))) == [
        "linux_armv7l"
    ]


@pytest.mark.parametrize(
    ("release", "architecture", "bits", "first", "last"),
    [
        ("14.2.1", "arm64", 64, "macosx_14_0_arm64", "macosx_10_4_universal2"),
        ("10.15.7", "x86_64", 64, "macosx_10_15_x86_64", "macosx_10_4_universal"),
        ("11", "x86_64", 64, "macosx_11_0_x86_64", "macosx_10_4_universal"),
        ("10.6.8", "x86_64", 32, "macosx_10_6_i386", "macosx_10_4_universal"),
    ],
)
def test_macos(release: str, architecture: str, bits: int, first: str, last: str) -> None:
    told = facts(
        mac=[release, architecture],
        bits=bits,
        platform="macosx-10.9-universal2",
        markers={"platform_system": "Darwin"},
    )
    found = list(compatible_platforms(told))
    assert (found[0], found[-1]) == (first, last)


def test_windows() -> None:
    told = facts(platform="win-arm64", glibc=None, markers={"platform_system": "Windows"})
    assert list(compatible_platforms(told)) == ["win_arm64"]
    assert list(compatible_platforms(told | {"platform": "win32"})) == ["win32"]
