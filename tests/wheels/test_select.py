"""Selection of wheels as pip does it, from files and from the cache; every mistake in one error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vpy.errors import UserError
from vpy.model import Tag
from vpy.wheels import filename
from vpy.wheels.select import PackagedWheel, choose, choose_known, dump, load

if TYPE_CHECKING:
    from tests.wheels.conftest import MakeWheel
    from vpy.model import Interpreter
    from vpy.wheels.pip_runner import HostPython

TAGS = (
    Tag("cp311", "cp311", "manylinux_2_17_x86_64"),
    Tag("cp311", "cp311", "manylinux1_x86_64"),
    Tag("cp311", "cp311", "linux_x86_64"),
    Tag("cp311", "abi3", "manylinux1_x86_64"),
    Tag("cp311", "none", "linux_x86_64"),
    Tag("cp38", "abi3", "linux_x86_64"),
    Tag("py3", "none", "linux_x86_64"),
    Tag("py3", "none", "any"),
    Tag("py2", "none", "any"),
)

CHOICES = {
    "platform over any": (["py3-none-any", "cp311-cp311-linux_x86_64"], "cp311-cp311-linux_x86_64"),
    "first platform listed": (
        ["cp311-cp311-manylinux1_x86_64", "cp311-cp311-manylinux_2_17_x86_64"],
        "cp311-cp311-manylinux_2_17_x86_64",
    ),
    "own ABI over abi3": (["cp38-abi3-linux_x86_64", "cp311-cp311-linux_x86_64"], "cp311-cp311-linux_x86_64"),
    "a set of tags": (
        ["cp311-cp311-manylinux1_x86_64.manylinux_2_5_x86_64", "cp38-abi3-linux_x86_64"],
        "cp311-cp311-manylinux1_x86_64.manylinux_2_5_x86_64",
    ),
    "higher build": (
        ["2-py3-none-any", "10-py3-none-any", "1a-py3-none-any", "py3-none-any"],
        "10-py3-none-any",
    ),
    "any build over none": (["0-py3-none-any", "py3-none-any"], "0-py3-none-any"),
    "later letter of a build": (["1a-py3-none-any", "1b-py3-none-any"], "1b-py3-none-any"),
    "tag over build": (["9-py3-none-any", "cp311-none-linux_x86_64"], "cp311-none-linux_x86_64"),
    "equal tags": (["py3-none-any", "py2.py3-none-any"], "py2.py3-none-any"),
    "other platforms passed over": (
        [
            "cp311-cp311-win_amd64",
            "cp311-cp311-macosx_11_0_arm64",
            "cp312-cp312-linux_x86_64",
            "py3-none-any",
        ],
        "py3-none-any",
    ),
}


def make(make_wheel: MakeWheel, name: str, version: str, tag: str, **more: str) -> None:
    build = tag.rpartition("-none-")[0].rpartition("-")[0] if tag[0].isdigit() else ""
    make_wheel(
        name, version, {f"{name}.py": tag}, tag=tag[len(build) + 1 :] if build else tag, build=build, **more
    )


@pytest.mark.parametrize("case", CHOICES, ids=list(CHOICES))
def test_one_wheel_is_chosen(case: str, make_wheel: MakeWheel, tmp_path: Path) -> None:
    tags, expected = CHOICES[case]
    for tag in tags:
        make(make_wheel, "many", "1.0", tag)
    (found,) = choose(str(tmp_path / "wheels"), TAGS, {})
    assert found.filename == f"many-1.0-{expected}.whl"
    (again,) = choose_known(wheels(tmp_path / "wheels", {found.filename: found.sha256}), TAGS) or ()
    assert (again.filename, again.sha256, again.package) == (found.filename, found.sha256, "p")
    assert choose_known(wheels(tmp_path / "wheels", {}), TAGS) is None


def wheels(folder: Path, hashes: dict[str, str]) -> list[PackagedWheel]:
    """Return the wheels of a package, as the cache returns them."""
    names = sorted(os.listdir(folder))
    data = dump([PackagedWheel("p", name, filename.parse(name), hashes.get(name, "")) for name in names])
    return load("p", json.loads(json.dumps(data))) or []


@pytest.mark.parametrize(
    "names",
    [
        ["two-1.0-py3-none-any.whl", "two-1.1-py3-none-any.whl"],
        ["alien-1.0-cp39-cp39-win_amd64.whl", "fine-1.0-py3-none-any.whl"],
    ],
    ids=["two versions", "nothing fits"],
)
def test_mistakes_are_left_to_the_files(names: list[str]) -> None:
    assert (
        choose_known([PackagedWheel("p", name, filename.parse(name), "0" * 64) for name in names], TAGS)
        is None
    )


def test_one_name_with_two_hashes_is_left_to_the_files() -> None:
    name = filename.parse("odd-1.0-py3-none-any.whl")
    different = [PackagedWheel(digit, f"{digit}/odd", name, digit * 64) for digit in "ab"]
    assert choose_known(different, TAGS) is None
    same_path = [PackagedWheel(package, "odd", name, "a" * 64) for package in "pq"]
    assert choose_known(same_path, TAGS) is None


@pytest.mark.parametrize("data", [None, {}, {"offers": []}, {"offers": [["x"]]}, {"offers": 1}, []])
def test_damaged_cache(data: object) -> None:
    assert load("p", data) is None


def test_same_as_pip(current: Interpreter, host: HostPython, make_wheel: MakeWheel, tmp_path: Path) -> None:
    """`pip download` picks the same files for the tags of this machine."""
    own = [f"{tag.python}-{tag.abi}-{tag.platform}" for tag in current.tags]
    for step in (1, 7, 31, 97):
        for tag in own[step :: step * 5]:
            make(make_wheel, f"lib{step}", "1.0", tag)
    for case, (tags, _) in enumerate(CHOICES.values()):
        for tag in [*tags, "py3-none-any"]:
            make(make_wheel, f"case{case}", "1.0", tag)
    folder = str(tmp_path / "wheels")
    found = {wheel.filename for wheel in choose(folder, current.tags, {})}
    names = sorted({name.partition("-")[0] for name in os.listdir(folder)})
    picked = tmp_path / "picked"
    options = ["download", "-q", "--no-deps", "--no-index", "--find-links", folder, "-d", str(picked), *names]
    environ = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull}
    subprocess.run([sys.executable, os.path.join(host.pip, "pip"), *options], check=True, env=environ)
    assert found == set(os.listdir(picked))


def test_depth_and_owners(make_wheel: MakeWheel, tmp_path: Path) -> None:
    make(make_wheel, "top", "1.0", "py3-none-any")
    make(make_wheel, "deep", "1.0", "py3-none-any", into="wheels/a/b/c")
    (tmp_path / "wheels" / "notes.txt").write_text("passed over")
    owners = {"a/b/c/deep-1.0-py3-none-any.whl": "pkg/deep"}
    deep, top = choose(str(tmp_path / "wheels"), TAGS, owners)
    assert (deep.filename, deep.package) == ("deep-1.0-py3-none-any.whl", "pkg/deep")
    assert (top.filename, top.package) == ("top-1.0-py3-none-any.whl", "")
    assert Path(deep.path).is_file()


def test_the_same_bytes_twice_are_one_wheel(make_wheel: MakeWheel, tmp_path: Path) -> None:
    make(make_wheel, "same", "1.0", "py3-none-any", into="wheels/a")
    make(make_wheel, "same", "1.0", "py3-none-any", into="wheels/b")
    assert len(choose(str(tmp_path / "wheels"), TAGS, {})) == 1


def test_all_mistakes_at_once(make_wheel: MakeWheel, tmp_path: Path) -> None:
    make(make_wheel, "alien", "2.0", "cp39-cp39-win_amd64", into="wheels/x")
    make(make_wheel, "two", "1.0", "py3-none-any", into="wheels/x")
    make(make_wheel, "Two", "1.1", "py3-none-any", into="wheels/y")
    make_wheel("odd", "1.0", {"odd.py": "1"}, into="wheels/x")
    make_wheel("odd", "1.0", {"odd.py": "2"}, into="wheels/y")
    make(make_wheel, "same", "1.0", "py3-none-any", into="wheels/x")
    make(make_wheel, "same", "1.0.0", "2-py3-none-any", into="wheels/x")
    (tmp_path / "wheels" / "nonsense.whl").write_bytes(b"")
    owners = {
        "x/alien-2.0-cp39-cp39-win_amd64.whl": "p/alien",
        "x/two-1.0-py3-none-any.whl": "p/two",
        "y/Two-1.1-py3-none-any.whl": "p/other",
        "x/odd-1.0-py3-none-any.whl": "p/x",
        "y/odd-1.0-py3-none-any.whl": "p/y",
        "nonsense.whl": "p/nonsense",
    }
    with pytest.raises(UserError) as caught:
        choose(str(tmp_path / "wheels"), TAGS, owners, contact="ask around")
    *lines, last = sorted(caught.value.message.splitlines())
    assert lines == [
        "different files of one name: `odd-1.0-py3-none-any.whl` (package `p/x`), "
        "`odd-1.0-py3-none-any.whl` (package `p/y`)",
        "no wheel of `alien` 2.0 for `cp311-cp311-manylinux_2_17_x86_64` in package `p/alien`: "
        "there is `alien-2.0-cp39-cp39-win_amd64.whl`",
        "not a wheel's file name: `nonsense.whl`, in package `p/nonsense`",
    ]
    assert last == (
        "two versions of `two`: `two-1.0-py3-none-any.whl` (package `p/two`), "
        "`Two-1.1-py3-none-any.whl` (package `p/other`)"
    )
    assert caught.value.hint == "ask around"
