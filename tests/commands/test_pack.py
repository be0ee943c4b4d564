"""`pack`: wheels become packages, by convention or as named."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.packages.cipd.client import client
from tests.support.wheelmaker import make_wheel
from vpy import config
from vpy.commands import pack
from vpy.commands.parser import find_command, parse
from vpy.errors import ToolError, UserError
from vpy.packages.cipd import package_file
from vpy.system.layout import Layout
from vpy.system.terminal import Terminal
from vpy.wheels import filename

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Bench:
    def __init__(self, directory: Path) -> None:
        self.repo = directory / "repo"
        self.wheels = directory / "wheels"
        self.asked: list[Sequence[str]] = []
        self.context = pack.PackContext(
            config=config.load(),
            terminal=Terminal("error"),
            environ={},
            layout=Layout(str(directory / "root")),
            download=self.download,
            built=self.download,
        )

    def download(self, requirements: Sequence[str]) -> Sequence[str]:
        self.asked.append(requirements)
        return [str(make_wheel(self.wheels, *requirement.split("=="))) for requirement in requirements]

    def wheel(self, name: str, version: str = "1.0", tag: str = "py3-none-any") -> str:
        return str(make_wheel(self.wheels, name, version, tag=tag))

    def pack(self, *argv: str) -> int:
        return pack.pack(parse(find_command("pack"), ["-repo", str(self.repo), *argv]), self.context)

    def versions(self, name: str) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = json.loads(
            (self.repo / name / "+" / "versions.json").read_text()
        )
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


NAMES = {
    "six-1.16.0-py2.py3-none-any.whl": ["six-py2_py3"],
    "typing_extensions-4.0-py3-none-any.whl": ["typing-extensions-py3"],
    "Old.Name-1-py2-none-any.whl": ["old-name-py2"],
    "a-1-cp311-none-any.whl": ["a-cp311"],
    "MarkupSafe-2.1.5-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": [
        "markupsafe/linux-amd64_cp311_cp311"
    ],
    "a-1-cp36-abi3-manylinux2014_aarch64.whl": ["a/linux-arm64_cp36_abi3"],
    "a-1-cp311-cp311-macosx_10_9_x86_64.whl": ["a/mac-amd64_cp311_cp311"],
    "a-1-cp311-cp311-macosx_11_0_arm64.whl": ["a/mac-arm64_cp311_cp311"],
    "a-1-cp311-cp311-macosx_10_9_universal2.whl": ["a/mac-amd64_cp311_cp311", "a/mac-arm64_cp311_cp311"],
    "a-1-cp311-cp311-win_amd64.whl": ["a/windows-amd64_cp311_cp311"],
    "a-1-cp311-cp311-win32.whl": ["a/windows-386_cp311_cp311"],
    "a-1-py2.py3-none-win32.whl": ["a/windows-386_py2_none", "a/windows-386_py3_none"],
    "a-1-py3-none-plan9.whl": [],
}


@pytest.mark.parametrize("name", NAMES)
def test_names_by_convention(name: str) -> None:
    prefix = "infra/python/wheels/"
    assert pack.package_names(filename.parse(name), prefix) == tuple(prefix + each for each in NAMES[name])


def test_one_package_for_each_wheel(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [bench.wheel("demo"), bench.wheel("fast", "2.0", "cp311-cp311-manylinux2014_x86_64")]
    assert bench.pack(*paths) == 0
    said = capsys.readouterr()
    names = ["infra/python/wheels/demo-py3", "infra/python/wheels/fast/linux-amd64_cp311_cp311"]
    lines = [line.split(":") for line in said.out.splitlines()]
    assert [name for name, _ in lines] == names
    for (name, instance), path, tag in zip(lines, paths, ("version:1.0", "version:2.0"), strict=True):
        assert bench.versions(name) == {"refs": {}, "tags": {tag: [instance]}}
        out = bench.wheels / "out" / name
        package_file.unpack(str(bench.repo / name / "+" / instance), str(out), expected_name=name)
        (found,) = out.iterdir()
        with open(path, "rb") as file:
            assert found.read_bytes() == file.read()
        assert path.endswith(found.name)
    bench.pack(*paths)
    assert capsys.readouterr().out == said.out


def test_all_in_one(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [bench.wheel("a"), bench.wheel("b", "2.0")]
    bench.pack("-name=my/deps", "--tag", "set:1", "-tag=git:x", "-ref", "latest", *paths)
    name, _, instance = capsys.readouterr().out.strip().partition(":")
    assert name == "my/deps"
    expected = {"refs": {"latest": instance}, "tags": {"set:1": [instance], "git:x": [instance]}}
    assert bench.versions("my/deps") == expected
    manifest = package_file.read_manifest(str(bench.repo / name / "+" / instance))
    assert manifest.package_name == "my/deps"
    with pytest.raises(UserError, match="the wheels of package `my/deps` have several versions"):
        bench.pack("-name", "my/deps", *paths)


def test_platforms_of_one_version(bench: Bench) -> None:
    paths = [bench.wheel("a", "3.0", f"cp311-cp311-{platform}") for platform in ("win32", "win_amd64")]
    bench.pack("-name", "my/a", *paths)
    assert list(bench.versions("my/a")["tags"]) == ["version:3.0"]


def test_a_version_tag_of_ones_own(bench: Bench) -> None:
    bench.pack("-tag", "version:9", "-tag", "k:v", bench.wheel("demo"))
    assert set(bench.versions("infra/python/wheels/demo-py3")["tags"]) == {"k:v", "version:9"}


def test_requirements_are_downloaded(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.pack("Demo_X==1.0", bench.wheel("other"))
    assert bench.asked == [("demo-x==1.0",)]
    names = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert names == ["infra/python/wheels/other-py3", "infra/python/wheels/demo-x-py3"]
    bench.pack(bench.wheel("other"))
    assert len(bench.asked) == 1


@pytest.mark.parametrize("argv", [
    [], ["-name"], ["-name", "a", "-name", "b", "x.whl"], ["-nmae", "a", "x.whl"], ["-name", "../x", "x.whl"],
    ["-tag", "nocolon", "x.whl"], ["-ref", "Bad", "x.whl"], ["demo"], ["demo>=1"], ["demo==1.*"], ["demo=="],
    ["==1"],
    ["demo==1 --index-url=x"], ["demo@git+x"], ["--index-url==1"], ["demo==1;x"], ["-name=a"],
])  # fmt: skip
def test_wrong_command_lines(argv: list[str], bench: Bench) -> None:
    with pytest.raises(UserError):
        bench.pack(*argv)
    assert not bench.repo.exists()


def test_a_repository_is_needed(bench: Bench) -> None:
    for argv in (["x.whl"], ["-repo", "", "x.whl"], ["-repo="], ["-repo"]):
        with pytest.raises(UserError):
            pack.pack(parse(find_command("pack"), argv), bench.context)


def test_nothing_is_written_where_one_wheel_is_bad(bench: Bench) -> None:
    bad = bench.wheels / "bad-1.0-py3-none-any.whl"
    good = bench.wheel("good")
    bad.write_bytes(b"no zip")
    with pytest.raises(ToolError, match="is refused"):
        bench.pack(good, str(bad))
    with pytest.raises(ToolError, match="cannot read"):
        bench.pack(good, str(bench.wheels / "absent-1.0-py3-none-any.whl"))
    with pytest.raises(UserError, match="for a platform for which no package can be named"):
        bench.pack(good, bench.wheel("odd", "1.0", "py3-none-plan9"))
    with pytest.raises(
        UserError, match=r"would both be `infra/python/wheels/a/linux-amd64_cp311_cp311` at `version:1.0`"
    ):
        bench.pack(
            *(bench.wheel("a", "1.0", f"cp311-cp311-manylinux{each}_x86_64") for each in ("1", "2014"))
        )
    assert not bench.repo.exists()


def test_concurrent_packing(bench: Bench) -> None:
    """Sixteen versions packed at once are all in the list."""
    paths = [bench.wheel("demo", f"1.{number}") for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(bench.pack, paths)) == [0] * 16
    tags = bench.versions("infra/python/wheels/demo-py3")["tags"]
    assert set(tags) == {f"version:1.{number}" for number in range(16)}


def test_the_original_client_reads_it(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = client(tmp_path)
    bench.pack(bench.wheel("demo"))
    name, _, instance = capsys.readouterr().out.strip().partition(":")
    path = bench.repo / name / "+" / instance
    environ = {"CIPD_CONFIG_FILE": "-", "HOME": str(tmp_path)}
    said = subprocess.run(
        [command, "pkg-inspect", str(path)], check=True, capture_output=True, text=True, env=environ
    )
    assert said.stdout == (
        f"Instance: {name}:{instance}\nPackage files:\n"
        " F demo-1.0-py3-none-any.whl\n F .cipdpkg/manifest.json\n"
    )
