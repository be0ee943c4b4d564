"""Package files, written as the original client writes them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.packages.cipd.client import client
from tests.packages.cipd.test_package_file import tree
from tests.support.vectors import PACKAGES, vectors
from vpy.errors import ToolError
from vpy.packages.cipd import manifest, package_file, package_writer
from vpy.packages.cipd.manifest import Manifest
from vpy.packages.cipd.names import instance_id
from vpy.packages.cipd.package_writer import Member

if TYPE_CHECKING:
    from pathlib import Path

PINNED = "GWUDxA-Bf1Gdd2dEL0TZa6ox2tsaU37AHl_4SaFiSvgC"


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
    """The recorded package that was built without compression comes out byte for byte."""
    (case,) = (case for case in vectors("package_files") if case["file"] == "stored.cipd")
    recorded = os.path.join(PACKAGES, case["file"])
    package_file.unpack(recorded, str(tmp_path / "tree"), expected_name=None, deploying=True)
    path = tmp_path / "written.cipd"
    found = package_writer.write(
        str(path), Manifest("test/stored", "copy"), members_of(str(tmp_path / "tree"))[::-1]
    )
    assert found == case["instance_id"]
    with open(recorded, "rb") as file:
        assert path.read_bytes() == file.read()


def difficult_tree(top: Path) -> None:
    for name, data in {
        "a/b": b"1", "a.txt": b"2", "a-b/c": b"3", "ab": b"", "a~": b"4", "Z": b"5", "ü.txt": b"6",
        "six-1.0-py3-none-any.whl": b"7" * 3_000_000, "a b/{c}": b"8",
    }.items():  # fmt: skip
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(data)
    (top / "a-b/c").chmod(0o750)
    (top / "link").symlink_to("a/b")


def test_the_original_client_writes_the_same(tmp_path: Path) -> None:
    command = client(tmp_path)
    top = tmp_path / "tree"
    difficult_tree(top)
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    environ = {"CIPD_CONFIG_FILE": "-", "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    build = ["-in", str(top), "-name", "test/x", "-out", str(theirs), "-compression-level", "0"]
    subprocess.run([command, "pkg-build", *build], check=True, capture_output=True, env=environ)
    found = package_writer.write(str(ours), Manifest("test/x"), members_of(str(top)))
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
    package_file.unpack(str(ours), str(tmp_path / "out"), expected_name="test/x")
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
        found = package_writer.write(str(path), Manifest("infra/x"), members)
    finally:
        os.umask(before)
    assert found == PINNED
    assert found == instance_id(hashlib.sha256(path.read_bytes()).digest())
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert [info.filename for info in archive.infolist()] == ["a.whl", "b/tool", "l", manifest.PATH]
        assert {info.compress_type for info in archive.infolist()} == {0}
    with pytest.raises(ToolError, match="File exists"):
        package_writer.write(str(path), Manifest("infra/x"), members)
    with pytest.raises(ToolError, match=r"cannot read `.*absent`"):
        package_writer.write(
            str(tmp_path / "y"), Manifest("infra/x"), [Member("a", str(tmp_path / "absent"))]
        )
