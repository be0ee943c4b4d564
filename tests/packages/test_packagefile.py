"""Package files: written as the original client writes them, read and unpacked as it deploys them."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.packages.shared import PACKAGES, client, vectors
from tests.wheels.zipmaker import Member as Entry
from tests.wheels.zipmaker import archive
from vpy.errors import ToolError
from vpy.packages import manifest, packagefile, packagewriter
from vpy.packages.cipd import instance_id
from vpy.packages.manifest import Manifest
from vpy.packages.packagewriter import Member

if TYPE_CHECKING:
    from pathlib import Path

PINNED = "GWUDxA-Bf1Gdd2dEL0TZa6ox2tsaU37AHl_4SaFiSvgC"
ABOUT = '{"format_version": "1.1", "package_name": "test/x"%s}'


def tree(top: str) -> dict[str, tuple[str, ...]]:
    """Every path below `top`: its kind, mode and content."""
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
    """What the original deployed: beside `.cipd`, or for the install mode of links what they lead to."""
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
        found = packagefile.unpack(
            os.path.join(PACKAGES, case["file"]),
            str(out),
            expected_name=case["package"],
            instance_id=case["instance_id"],
            deploying=True,
        )
        told = {"format_version": "1.1", "package_name": found.package_name}
        told |= {"version_file": found.version_file} if found.version_file else {}
        told |= {"install_mode": found.install_mode} if found.install_mode else {}
        assert told == case["manifest"]
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
        told = recorded_tree(case)
        if any(row[0] == "link" and row[1].startswith("/") for row in told.values()):
            with pytest.raises(ToolError, match="`lib/abs_link` leads outside"):
                packagefile.unpack(path, str(out), expected_name=case["package"])
            assert not out.exists()
            continue
        packagefile.unpack(path, str(out), expected_name=case["package"], instance_id=case["instance_id"])
        got = tree(str(out)) if out.exists() else {}
        assert {key: row[-1] for key, row in got.items()} == {key: row[-1] for key, row in told.items()}
        assert {row[1] for row in got.values() if row[0] == "file"} <= {"0o444", "0o555"}


def test_recorded_ids() -> None:
    for case in vectors("package_files"):
        with open(os.path.join(PACKAGES, case["file"]), "rb") as file:
            data = file.read()
        if case["hash_algo"] == "sha256":
            assert instance_id(hashlib.sha256(data).digest()) == case["instance_id"]
        else:
            assert hashlib.sha1(data).hexdigest() == case["instance_id"]


def members_of(top: str) -> list[Member]:
    found = []
    for directory, directories, files in os.walk(top):
        for name in files + [each for each in directories if os.path.islink(os.path.join(directory, each))]:
            path = os.path.join(directory, name)
            where = os.path.relpath(path, top)
            if os.path.islink(path):
                found.append(Member(where, link=os.readlink(path)))
            else:
                found.append(Member(where, path, executable=bool(os.stat(path).st_mode & 0o100)))
    return found


def test_written_as_recorded(tmp_path: Path) -> None:
    """The one recorded package that was made without compression comes out byte for byte."""
    (case,) = (case for case in vectors("package_files") if case["file"] == "stored.cipd")
    recorded = os.path.join(PACKAGES, case["file"])
    packagefile.unpack(recorded, str(tmp_path / "tree"), expected_name=None, deploying=True)
    made = tmp_path / "made.cipd"
    found = packagewriter.write(
        str(made), Manifest("test/stored", "copy"), members_of(str(tmp_path / "tree"))[::-1]
    )
    assert found == case["instance_id"]
    with open(recorded, "rb") as file:
        assert made.read_bytes() == file.read()


def difficult_tree(top: Path) -> None:
    for name, data in {
        "a/b": b"1", "a.txt": b"2", "a-b/c": b"3", "ab": b"", "a~": b"4", "Z": b"5", "ü.txt": b"6",
        "six-1.0-py3-none-any.whl": b"7" * 3_000_000, "a b/{c}": b"8",
    }.items():  # fmt: skip
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(data)
    (top / "a-b/c").chmod(0o750)
    (top / "link").symlink_to("a/b")


def test_the_original_client_makes_the_same(tmp_path: Path) -> None:
    command = client(tmp_path)
    top = tmp_path / "tree"
    difficult_tree(top)
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    environ = {"CIPD_CONFIG_FILE": "-", "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    build = ["-in", str(top), "-name", "test/x", "-out", str(theirs), "-compression-level", "0"]
    subprocess.run([command, "pkg-build", *build], check=True, capture_output=True, env=environ)
    found = packagewriter.write(str(ours), Manifest("test/x"), members_of(str(top)))
    assert ours.read_bytes() == theirs.read_bytes()
    said = subprocess.run(
        [command, "pkg-inspect", str(ours)], check=True, capture_output=True, text=True, env=environ
    ).stdout
    assert said.startswith(f"Instance: test/x:{found}\n")
    site = tmp_path / "site"
    subprocess.run(
        [command, "pkg-deploy", "-root", str(site), str(ours)], check=True, capture_output=True, env=environ
    )
    assert (site / "a" / "b").read_bytes() == b"1"
    packagefile.unpack(str(ours), str(tmp_path / "out"), expected_name="test/x")
    deployed = tree(str(site / ".cipd" / "pkgs" / "0" / found))
    assert {key: row for key, row in deployed.items() if not key.startswith(".cipdpkg")} == tree(
        str(tmp_path / "out")
    )


def test_written_is_the_same_everywhere(tmp_path: Path) -> None:
    """Pinned: a change here changes the instance id of everything packed."""
    source = tmp_path / "source"
    source.write_bytes(b"hello\n")
    members = [
        Member("b/tool", str(source), executable=True),
        Member("a.whl", str(source)),
        Member("l", link="a.whl"),
    ]
    path = tmp_path / "x.cipd"
    before = os.umask(0o077)
    try:
        found = packagewriter.write(str(path), Manifest("infra/x"), members)
    finally:
        os.umask(before)
    assert found == PINNED
    assert found == instance_id(hashlib.sha256(path.read_bytes()).digest())
    with zipfile.ZipFile(path) as told:
        assert told.testzip() is None
        assert [info.filename for info in told.infolist()] == ["a.whl", "b/tool", "l", manifest.PATH]
        assert {info.compress_type for info in told.infolist()} == {0}
    with pytest.raises(ToolError, match="File exists"):
        packagewriter.write(str(path), Manifest("infra/x"), members)
    with pytest.raises(ToolError, match=r"cannot read `.*absent`"):
        packagewriter.write(str(tmp_path / "y"), Manifest("infra/x"), [Member("a", str(tmp_path / "absent"))])


def package(place: Path, *entries: Entry, about: str = ABOUT % "") -> str:
    path = place / "x.cipd"
    path.write_bytes(archive(*entries, Entry(manifest.PATH.encode(), about.encode())))
    return str(path)


def test_the_version_file(tmp_path: Path) -> None:
    path = package(tmp_path, about=ABOUT % ', "version_file": "v/x.json"')
    packagefile.unpack(path, str(tmp_path / "with"), expected_name="test/x", instance_id="ID")
    packagefile.unpack(path, str(tmp_path / "without"), expected_name="test/x")
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
        packagefile.read_manifest(path)
    assert caught.value.message.startswith(f"`{path}` is refused: its manifest is damaged: ")
    assert caught.value.message.isprintable()


def test_no_manifest_and_another_package(tmp_path: Path) -> None:
    path = tmp_path / "x.cipd"
    path.write_bytes(archive(Entry(b"a", b"b")))
    with pytest.raises(ToolError, match=r"it has no `.cipdpkg/manifest.json`"):
        packagefile.read_manifest(str(path))
    with pytest.raises(ToolError, match="its manifest names `test/x`, not `test/y`"):
        packagefile.unpack(package(tmp_path), str(tmp_path / "out"), expected_name="test/y")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("entry", [
    Entry(b"v", b"x"), Entry(b"V/x.json", b"x"), Entry(b"v/x.json/y", b"x"), Entry(b"v", b".", mode=0o120777),
    Entry(b"v/x.json/", mode=0o40755), Entry(b"v", b"/etc", mode=0o120777),
])  # fmt: skip
def test_a_version_file_in_the_way(entry: Entry, tmp_path: Path) -> None:
    path = package(tmp_path, entry, about=ABOUT % ', "version_file": "v/x.json"')
    with pytest.raises(ToolError, match="which is made when it is unpacked"):
        packagefile.unpack(path, str(tmp_path / "out"), expected_name=None, instance_id="ID", deploying=True)
    assert not (tmp_path / "out").exists()


def test_links_that_lead_outside(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for target in (b"../x", b"a/../../x", b"/etc/passwd"):
        path = package(tmp_path, Entry(b"l", target, mode=0o120777))
        with pytest.raises(ToolError, match="the link `l` leads outside"):
            packagefile.unpack(path, str(out), expected_name=None)
        assert not out.exists()
    packagefile.unpack(path, str(out), expected_name=None, deploying=True)
    assert os.readlink(out / "l") == "/etc/passwd"
