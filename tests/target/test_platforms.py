"""What a tag to verify stands for: which wheels fit it, and which requirements hold there."""

from __future__ import annotations

import pytest
from packaging import tags

from vpy.errors import UserError
from vpy.model import Spec, Tag
from vpy.target.platforms import Systems, interpreter_for, tags_to_verify
from vpy.wheels import filename

SYSTEMS = Systems(glibc=(2, 35), macos=(13, 0))
DEFAULTS = (Tag("cp311", "cp311", "manylinux1_x86_64"), Tag("cp311", "cp311", "win_amd64"))


def tag(text: str) -> Tag:
    return Tag(*text.split("-"))


FITS = [
    ("cp311-cp311-manylinux1_x86_64", "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", True),
    ("cp311-cp311-manylinux1_x86_64", "cp311-cp311-manylinux_2_35_x86_64", True),
    ("cp311-cp311-manylinux1_x86_64", "cp311-cp311-manylinux_2_36_x86_64", False),
    ("cp311-cp311-manylinux1_x86_64", "cp311-cp311-linux_x86_64", True),
    ("cp311-cp311-manylinux1_x86_64", "cp37-abi3-manylinux1_x86_64", True),
    ("cp311-cp311-manylinux1_x86_64", "cp310-cp310-manylinux1_x86_64", False),
    ("cp311-cp311-manylinux1_x86_64", "cp311-cp311-manylinux2014_aarch64", False),
    ("cp311-cp311-manylinux1_x86_64", "py2.py3-none-any", True),
    ("cp311-cp311-manylinux1_x86_64", "py312-none-any", False),
    ("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_17_x86_64", True),
    ("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_28_x86_64", False),
    ("cp311-cp311-linux_arm64", "cp311-cp311-manylinux2014_aarch64", True),
    ("cp311-cp311-linux_arm64", "cp311-cp311-linux_arm64", True),
    ("cp38-cp38-linux_i686", "cp38-cp38-manylinux1_i686", True),
    ("cp311-cp311-macosx_10_10_intel", "cp311-cp311-macosx_10_9_x86_64", True),
    ("cp311-cp311-macosx_10_10_intel", "cp311-cp311-macosx_12_0_x86_64", True),
    ("cp311-cp311-macosx_10_10_intel", "cp311-cp311-macosx_10_9_universal2", True),
    ("cp311-cp311-macosx_10_10_intel", "cp311-cp311-macosx_11_0_arm64", False),
    ("cp311-cp311-macosx_11_0_arm64", "cp311-cp311-macosx_11_0_arm64", True),
    ("cp311-cp311-macosx_11_0_arm64", "cp311-cp311-macosx_10_9_universal2", True),
    ("cp311-cp311-macosx_11_0_arm64", "cp311-cp311-macosx_14_0_arm64", False),
    ("cp311-cp311-macosx_14_0_arm64", "cp311-cp311-macosx_14_0_arm64", True),
    ("cp311-cp311-win32", "cp311-cp311-win32", True),
    ("cp311-cp311-win32", "cp311-cp311-win_amd64", False),
    ("cp27-cp27mu-manylinux1_x86_64", "cp27-cp27mu-manylinux2010_x86_64", True),
    ("cp27-cp27mu-manylinux1_x86_64", "py2-none-any", True),
    ("cp27-cp27mu-manylinux1_x86_64", "py3-none-any", False),
    ("py3-none-any", "py3-none-any", True),
    ("py3-none-any", "cp311-cp311-win32", False),
]  # fmt: skip


@pytest.mark.parametrize(("verified", "wheel", "fits"), FITS)
def test_which_wheels_fit(verified: str, wheel: str, fits: bool) -> None:
    known = interpreter_for(tag(verified), SYSTEMS).tags
    assert known[0] == tag(verified)
    assert any(each in known for each in filename.parse(f"a-1-{wheel}.whl").tags) is fits


@pytest.mark.parametrize("verified", sorted({row[0] for row in FITS if row[0].startswith("cp3")}))
def test_the_tags_are_those_of_packaging(verified: str) -> None:
    """All of them, in its order, behind the tag itself."""
    known = list(interpreter_for(tag(verified), SYSTEMS).tags)
    first, version = tag(verified), (3, int(tag(verified).python[3:]))
    platforms = list(dict.fromkeys(each.platform for each in known if each.platform != "any"))
    made = [
        *tags.cpython_tags(version, [first.abi], platforms),
        *tags.compatible_tags(version, first.python, platforms),
    ]
    assert known == list(dict.fromkeys([first, *(tag(str(each)) for each in made)]))


def test_what_pip_prefers_comes_first() -> None:
    known = interpreter_for(tag("cp311-cp311-linux_arm64"), SYSTEMS).tags[1:]
    order = ["cp311-cp311-manylinux_2_35_aarch64", "cp311-cp311-manylinux2014_aarch64",
             "cp311-cp311-linux_aarch64", "cp37-abi3-manylinux2014_aarch64",
             "py3-none-manylinux2014_aarch64", "py3-none-any"]  # fmt: skip
    places = [known.index(tag(each)) for each in order]
    assert places == sorted(places)


@pytest.mark.parametrize(("verified", "told"), [
    ("cp311-cp311-manylinux1_x86_64", ("Linux", "linux", "posix", "x86_64", "3.11")),
    ("cp38-cp38-linux_arm64", ("Linux", "linux", "posix", "aarch64", "3.8")),
    ("cp311-cp311-macosx_11_0_arm64", ("Darwin", "darwin", "posix", "arm64", "3.11")),
    ("cp311-cp311-win32", ("Windows", "win32", "nt", "x86", "3.11")),
])  # fmt: skip
def test_markers(verified: str, told: tuple[str, ...]) -> None:
    markers = dict(interpreter_for(tag(verified), SYSTEMS).markers)
    names = ("platform_system", "sys_platform", "os_name", "platform_machine", "python_version")
    assert tuple(markers[name] for name in names) == told
    from packaging.markers import default_environment

    assert set(markers) == set(default_environment())


def test_which_tags() -> None:
    own = (tag("cp38-cp38-win32"), tag("cp311-cp311-win32"), tag("cp38-cp38-win32"))
    assert tags_to_verify(Spec(python_version="3.11", verify_tags=own), DEFAULTS) == own[:2]
    assert tags_to_verify(Spec(), DEFAULTS) == DEFAULTS
    assert tags_to_verify(Spec(python_version="3"), DEFAULTS) == DEFAULTS
    assert tags_to_verify(Spec(python_version="3.11.7"), DEFAULTS) == DEFAULTS
    (linux, windows) = tags_to_verify(Spec(python_version="3.8"), DEFAULTS)
    assert (str(linux), str(windows)) == ("cp38-cp38-manylinux1_x86_64", "cp38-cp38-win_amd64")
    (linux, windows) = tags_to_verify(Spec(python_version="2.7"), DEFAULTS)
    assert (str(linux), str(windows)) == ("cp27-cp27mu-manylinux1_x86_64", "cp27-cp27m-win_amd64")
    assert tags_to_verify(Spec(requires_python=">=3.9"), DEFAULTS) == DEFAULTS
    assert str(tags_to_verify(Spec(requires_python=">=3.12"), DEFAULTS)[1]) == "cp312-cp312-win_amd64"


def test_tags_that_say_too_little() -> None:
    with pytest.raises(UserError, match="leaves a field open"):
        tags_to_verify(Spec(verify_tags=(Tag(platform="win32"),)), DEFAULTS)
    with pytest.raises(UserError, match="names no version of Python"):
        interpreter_for(tag("python-none-any"), SYSTEMS)
