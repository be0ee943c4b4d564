"""Lockfiles of specs whose projects come from other places on other targets: `sources` with markers."""

from __future__ import annotations

import hashlib
import json
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.e2e.lockfiles.site import Site, versions
from tests.packages.conftest import direct
from tests.support.awkward_index import AwkwardIndex
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.harness import Harness

__all__ = ["direct"]

URL_WHEEL = "a-1.0-py3-none-any.whl"
LINUX, WINDOWS = "sys_platform == 'linux'", "sys_platform == 'win32'"


class Origins(Site):
    """Site with a second index, whose `a` is 3.0, and a directory with another wheel of `a` 2.0."""

    def __init__(self, harness: Harness, place: Path) -> None:
        super().__init__(harness, place)
        (place / "others").mkdir()
        make_wheel(place / "others", "a", "3.0")
        self.other = AwkwardIndex(place / "others")
        (place / "local").mkdir()
        make_wheel(place / "local", "a", "2.0", requires=("b<1.1",))

    def sources(self, *rows: str, requirement: str = "a<4", name: str = "s.py") -> Path:
        """Write a script that needs `a`, with the sources of `a` in this order."""
        lines = [
            '# requires-python = ">=3.11"', f"# dependencies = {json.dumps([requirement])}",
            '# [[tool.uv.index]]', '# name = "other"', f'# url = "{self.other.url}"', "# explicit = true",
            "# [tool.uv.sources]", f"# a = [{', '.join(rows)}]",
        ]  # fmt: skip
        path = self.place / name
        code = "import a\nprint(a.VERSION)\n"
        path.write_text("\n".join(["# /// script", *lines, "# ///", code]))
        return path

    def by_url(self, marker: str = LINUX) -> str:
        url = f"{self.url(URL_WHEEL)}#sha256={self.sha256(URL_WHEEL)}"
        return f'{{ url = "{url}", marker = "{marker}" }}'


@pytest.fixture
def origins(direct: Harness, tmp_path: Path) -> Iterator[Origins]:
    site = Origins(direct, tmp_path)
    yield site
    site.index.stop()
    site.other.stop()


def packages(path: Path) -> dict[str, str]:
    """Return the marker of each distribution in a lockfile, by its name, version and where its files are."""
    found = {}
    for row in tomllib.loads(path.read_text())["packages"]:
        files = [row["archive"]] if "archive" in row else row["wheels"]
        (port,) = {file["url"].split("/")[2] for file in files}
        found[f"{row['name']} {row['version']} {port}"] = row.get("marker", "")
    return found


def test_each_target_follows_its_own(origins: Origins) -> None:
    """A URL, an index and the default one: each with its hashes, where its marker holds; then a start."""
    own, other = (index.url.split("/")[2] for index in (origins.index, origins.other))
    origins.sources(origins.by_url(), f'{{ index = "other", marker = "{WINDOWS}" }}')
    row = origins.locked()
    assert (row["distributions"], row["warnings"]) == (4, [])
    path = origins.lockfile()
    neither = "sys_platform != 'linux' and sys_platform != 'win32'"
    expected = {f"a 1.0 {own}": LINUX, f"a 2.0 {own}": neither, f"a 3.0 {other}": WINDOWS}
    found = packages(path)
    assert {key: marker for key, marker in found.items() if key[0] == "a"} == expected
    assert found[f"b 1.1 {own}"] == "sys_platform != 'win32'", "3.0 of the other index needs none"

    text = path.read_text()
    assert (origins.lock("--check").returncode, path.read_text()) == (0, text)
    for each in (origins.index, origins.other):
        each.asked.clear()
    done = origins.run("-vpython-locked")
    assert (done.stdout, done.stderr, origins.pages()) == ("1.0\n", "", [])

    # As a requirements file, which says a version and its hashes, and of a URL no version.
    origins.sources(origins.by_url(), f'{{ index = "other", marker = "{WINDOWS}" }}', name="t.py")
    origins.locked("--format", "uv", script="t.py")
    lines = origins.lockfile("t.py.uv.lock").read_text().splitlines()
    assert [line.removesuffix(" \\") for line in lines if line.startswith("a")] == [
        f"a @ {origins.url(URL_WHEEL)} ; {LINUX}", f"a==2.0 ; {neither}", f"a==3.0 ; {WINDOWS}"
    ]  # fmt: skip
    done = origins.run("-vpython-locked", script="t.py")
    assert (done.stdout, done.stderr) == ("1.0\n", "")


def test_a_wheel_of_this_machine(origins: Origins) -> None:
    """One version from two places is two distributions: the wheel by path needs an older `b`."""
    origins.sources('{ path = "local/a-2.0-py3-none-any.whl", marker = "python_version < \'3.13\'" }')
    origins.locked()
    expected = {
        "b 1.0": 'python_full_version < "3.13"',
        "b 1.1": 'python_full_version >= "3.13"',
    }
    found = versions(origins.lockfile())
    assert {key: marker for key, marker in found.items() if key[0] == "b"} == expected
    markers = [row.get("marker") for row in tomllib.loads(origins.lockfile().read_text())["packages"]]
    assert markers[:2] == ["python_full_version >= '3.13'", "python_full_version < '3.13'"]
    done = origins.run("-vpython-locked")
    assert (done.stdout, done.stderr) == ("2.0\n", "")


@pytest.mark.parametrize(
    ("old", "new", "fact"),
    [
        ('a-1.0-py3-none-any.whl"', 'a-2.0-py3-none-any.whl"', "is locked to another wheel"),
        (LINUX, "sys_platform == 'plan9'", "`a` is not in it for this Python and platform"),
        (WINDOWS, "sys_platform != 'win32'", "`a` is locked to two versions: `1.0` and `3.0`"),
        ("{digest}", "0" * 64, "other bytes than pinned"),
    ],
    ids=["url", "marker away", "marker here", "hash"],
)
def test_it_is_tampered_with(origins: Origins, old: str, new: str, fact: str) -> None:
    """Nothing else is installed than what was locked, and one line says what is wrong."""
    origins.sources(origins.by_url(), f'{{ index = "other", marker = "{WINDOWS}" }}')
    origins.locked()
    path = origins.lockfile()
    old = old.format(digest=origins.sha256(URL_WHEEL))
    # What it says of itself stays as it is.
    head, separator, own = path.read_text().partition("[tool")
    assert old in head
    path.write_text(head.replace(old, new) + separator + own)
    done = origins.run("-vpython-locked")
    assert (done.returncode > 0, done.stdout) == (True, ""), done.stderr
    assert fact in done.stderr.splitlines()[0]


def test_a_source_that_changed_is_another_question(origins: Origins) -> None:
    origins.sources(origins.by_url())
    origins.locked()
    origins.sources(origins.by_url(WINDOWS))
    done = origins.run("-vpython-locked")
    assert done.returncode == 2
    assert f"{origins.lockfile()} is not current: it was made without `sources" in done.stderr
    assert origins.locked("--upgrade")["changed"]
    assert origins.run("-vpython-locked").stdout == "2.0\n"


def test_the_lockfile_of_uv(origins: Origins) -> None:
    """`uv lock --script` has the requirements by source, and two versions under markers of their own."""
    origins.sources(origins.by_url(), f'{{ index = "other", marker = "{WINDOWS}" }}')
    url = origins.url(URL_WHEEL)
    rest = "sys_platform != 'linux' and sys_platform != 'win32'"

    def package(version: str, source: str, marker: str, wheel: str, address: str) -> str:
        digest = hashlib.sha256(wheel.encode()).hexdigest() if marker != LINUX else origins.sha256(wheel)
        return (
            f'[[package]]\nname = "a"\nversion = "{version}"\nsource = {{ {source} }}\n'
            f'resolution-markers = ["{marker}"]\n'
            f'wheels = [{{ url = "{address}", hash = "sha256:{digest}" }}]\n'
        )

    origins.lockfile("s.py.lock").write_text(
        'version = 1\nrequires-python = ">=3.11"\n[manifest]\nrequirements = [\n'
        f'{{ name = "a", marker = "{LINUX}", url = "{url}" }},\n'
        f'{{ name = "a", marker = "{WINDOWS}", specifier = "<4", index = "{origins.other.url}" }},\n'
        f'{{ name = "a", marker = "{rest}", specifier = "<4" }},\n]\n'
        + package("1.0", f'url = "{url}"', LINUX, URL_WHEEL, url)
        + package("2.0", f'registry = "{origins.index.url}"', rest, *["a-2.0-py3-none-any.whl"] * 2)
    )  # fmt: skip
    done = origins.run("-vpython-locked")
    assert (done.stdout, done.stderr, origins.pages()) == ("1.0\n", "", [])
    origins.sources(origins.by_url("sys_platform == 'darwin'"))
    assert origins.run("-vpython-locked").returncode == 2
