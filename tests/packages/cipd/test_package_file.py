"""Package files: read and unpacked as the original client deploys them, or refused."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.vectors import PACKAGES, vectors
from tests.support.zipmaker import Member as Entry
from tests.support.zipmaker import archive
from vpy.errors import ToolError
from vpy.packages.cipd import manifest, package_file
from vpy.packages.cipd.names import instance_id

if TYPE_CHECKING:
    from pathlib import Path

ABOUT = '{"format_version": "1.1", "package_name": "test/x"%s}'


def tree(top: str) -> dict[str, tuple[str, ...]]:
    """Return every path below `top`: its kind, mode and content."""
    found: dict[str, tuple[str, ...]] = {}
    for directory, directories, files in os.walk(top):
        for name in directories + files:
            path = os.path.join(directory, name)
            mode = oct(stat.S_IMODE(os.lstat(path).st_mode))
            where = os.path.relpath(path, top)
            if os.path.islink(path):
                found[where] = ("link", os.readlink(path))
            elif os.path.isdir(path):
                found[where] = ("dir", mode)
            else:
                with open(path, "rb") as file:
                    found[where] = ("file", mode, hashlib.sha256(file.read()).hexdigest())
    return found


def recorded_tree(case: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return what the original deployed: beside `.cipd`, or in symlink mode what its links lead to."""
    content = f".cipd/pkgs/0/{case['instance_id']}/"
    linked = case["manifest"].get("install_mode") != "copy"
    found: dict[str, tuple[str, ...]] = {}
    for row in case["deployed"]:
        path = row["path"]
        if linked:
            if not path.startswith(content):
                continue
            path = path.removeprefix(content)
        if path.split("/")[0] in (".cipd", ".cipdpkg"):
            continue
        if row["type"] == "file":
            found[path] = ("file", row["mode"], row["sha256"])
        else:
            found[path] = ("dir", row["mode"]) if row["type"] == "dir" else ("link", row["target"])
    return found


def test_recorded_trees(tmp_path: Path) -> None:
    cases = vectors("package_files")
    for case in cases:
        out = tmp_path / case["file"]
        found = package_file.unpack(
            os.path.join(PACKAGES, case["file"]),
            str(out),
            expected_name=case["package"],
            instance_id=case["instance_id"],
            deploying=True,
        )
        fields = {"format_version": "1.1", "package_name": found.package_name}
        fields |= {"version_file": found.version_file} if found.version_file else {}
        fields |= {"install_mode": found.install_mode} if found.install_mode else {}
        assert fields == case["manifest"]
        assert tree(str(out)) == recorded_tree(case), case["file"]
        for row in case["deployed"]:
            if row.get("mtime") == 1577934244:
                assert os.stat(out / row["path"]).st_mtime == row["mtime"]
    assert len(cases) >= 17


def test_recorded_trees_for_wheels(tmp_path: Path) -> None:
    """Unpacked for an environment: nothing is writable, and a link that leads outside is refused."""
    for case in vectors("package_files"):
        out = tmp_path / case["file"]
        path = os.path.join(PACKAGES, case["file"])
        recorded = recorded_tree(case)
        if any(row[0] == "link" and row[1].startswith("/") for row in recorded.values()):
            with pytest.raises(ToolError, match="`lib/abs_link` leads outside"):
                package_file.unpack(path, str(out), expected_name=case["package"])
            assert not out.exists()
            continue
        package_file.unpack(path, str(out), expected_name=case["package"], instance_id=case["instance_id"])
        got = tree(str(out)) if out.exists() else {}
        assert {key: row[-1] for key, row in got.items()} == {key: row[-1] for key, row in recorded.items()}
        assert {row[1] for row in got.values() if row[0] == "file"} <= {"0o444", "0o555"}


def test_recorded_ids() -> None:
    for case in vectors("package_files"):
        with open(os.path.join(PACKAGES, case["file"]), "rb") as file:
            data = file.read()
        if case["hash_algo"] == "sha256":
            assert instance_id(hashlib.sha256(data).digest()) == case["instance_id"]
        else:
            assert hashlib.sha1(data).hexdigest() == case["instance_id"]


def package(directory: Path, *entries: Entry, about: str = ABOUT % "") -> str:
    path = directory / "x.cipd"
    path.write_bytes(archive(*entries, Entry(manifest.PATH.encode(), about.encode())))
    return str(path)


def test_the_version_file(tmp_path: Path) -> None:
    path = package(tmp_path, about=ABOUT % ', "version_file": "v/x.json"')
    package_file.unpack(path, str(tmp_path / "with"), expected_name="test/x", instance_id="ID")
    package_file.unpack(path, str(tmp_path / "without"), expected_name="test/x")
    text = (tmp_path / "with" / "v" / "x.json").read_text()
    assert json.loads(text) == {"package_name": "test/x", "instance_id": "ID"}
    assert not (tmp_path / "without" / "v").exists()


MANIFESTS = {
    "not JSON": "{",
    "no object": "[]",
    "deep": "[" * 100_000,
    "no name": '{"format_version": "1"}',
    "no version": '{"package_name": "test/x"}',
    "version 2": '{"format_version": "2", "package_name": "test/x"}',
    "version 11": '{"format_version": "11", "package_name": "test/x"}',
    "a number": '{"format_version": "1", "package_name": 1}',
    "a bad name": '{"format_version": "1", "package_name": "../x"}',
    "a newline": '{"format_version": "1", "package_name": "a\\nb"}',
    "a bad mode": ABOUT % ', "install_mode": "hardlink"',
    "a version file outside": ABOUT % ', "version_file": "../x"',
    "an absolute version file": ABOUT % ', "version_file": "/etc/x"',
    "surrogates": '{"format_version": "1", "package_name": "\\ud800"}',
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_bad_manifests(name: str, tmp_path: Path) -> None:
    path = package(tmp_path, about=MANIFESTS[name])
    with pytest.raises(ToolError) as caught:
        package_file.read_manifest(path)
    assert caught.value.message.startswith(f"`{path}` is refused: its manifest is damaged: ")
    assert caught.value.message.isprintable()


def test_no_manifest_and_another_package(tmp_path: Path) -> None:
    path = tmp_path / "x.cipd"
    path.write_bytes(archive(Entry(b"a", b"b")))
    with pytest.raises(ToolError, match=r"it has no `.cipdpkg/manifest.json`"):
        package_file.read_manifest(str(path))
    with pytest.raises(ToolError, match="its manifest names `test/x`, not `test/y`"):
        package_file.unpack(package(tmp_path), str(tmp_path / "out"), expected_name="test/y")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("entry", [
    Entry(b"v", b"x"), Entry(b"V/x.json", b"x"), Entry(b"v/x.json/y", b"x"), Entry(b"v", b".", mode=0o120777),
    Entry(b"v/x.json/", mode=0o40755), Entry(b"v", b"/etc", mode=0o120777),
])  # fmt: skip
def test_a_version_file_in_the_way(entry: Entry, tmp_path: Path) -> None:
    path = package(tmp_path, entry, about=ABOUT % ', "version_file": "v/x.json"')
    with pytest.raises(ToolError, match="which is made when it is unpacked"):
        package_file.unpack(path, str(tmp_path / "out"), expected_name=None, instance_id="ID", deploying=True)
    assert not (tmp_path / "out").exists()


def test_links_that_lead_outside(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for target in (b"../x", b"a/../../x", b"/etc/passwd"):
        path = package(tmp_path, Entry(b"l", target, mode=0o120777))
        with pytest.raises(ToolError, match="the link `l` leads outside"):
            package_file.unpack(path, str(out), expected_name=None)
        assert not out.exists()
    package_file.unpack(path, str(out), expected_name=None, deploying=True)
    assert os.readlink(out / "l") == "/etc/passwd"
