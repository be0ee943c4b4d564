"""What a release has beside the file: a sha256 that can be checked, wheels, and a bill of what is inside."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from builder import release, sbom
from builder.vendor import BuildError, requirements
from tests.builder.checkout import WHEELS
from tests.support.harness import TOP

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builder.checkout import Checkout

VERSION = release.project()["version"]
WHEEL = f"vpython_pyz-{VERSION}-py3-none-any.whl"
WINDOWS = f"vpython_pyz-{VERSION}-py3-none-win32.win_amd64.win_arm64.whl"


@pytest.fixture(scope="module")
def bill(built: Path) -> Any:
    return json.loads(built.with_name("vpython.cdx.json").read_bytes())


def test_the_sha256_can_be_checked(built: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "-c", "vpython.pyz.sha256"], cwd=built.parent, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "vpython.pyz: OK\n")


def test_the_bill_names_each_wheel_and_what_pip_carries(built: Path, bill: Any) -> None:
    assert bill["metadata"] == {"component": bill["metadata"]["component"]}, "no time of the day"
    assert (
        bill["metadata"]["component"]["hashes"][0]["content"]
        == hashlib.sha256(built.read_bytes()).hexdigest()
    )
    rows = {row["bom-ref"]: row for row in bill["components"]}
    assert len(rows) == len(bill["components"])
    pins = requirements(TOP / "vendor" / "requirements.txt")
    hashes = {
        (row["name"], row["version"], row["hashes"][0]["content"]) for row in rows.values() if "hashes" in row
    }
    assert hashes == {(name, *pin) for name, pin in pins.items()}
    assert all(row["licenses"] and row["purl"].endswith(f"@{row['version']}") for row in rows.values())
    with zipfile.ZipFile(next(WHEELS.glob("pip-*.whl"))) as pip:
        modules = {name.split("/")[2] for name in pip.namelist() if re.match(r"pip/_vendor/\w+/", name)}
    carried = {row["name"].replace("-", "_") for ref, row in rows.items() if ref.startswith("pip/")}
    assert carried - {"setuptools"} == modules - {"pkg_resources"}
    assert {name.replace("-", "_") for name in sbom.LICENCES} == carried
    depends = {row["ref"]: row["dependsOn"] for row in bill["dependencies"]}
    assert set(depends) == {"vpython", *rows}
    assert sorted(ref for refs in depends.values() for ref in refs) == sorted(rows), "each once"


@pytest.mark.parametrize("name", [WHEEL, WINDOWS])
def test_a_wheel(built: Path, name: str) -> None:
    data = built.read_bytes()
    with zipfile.ZipFile(built.with_name(name)) as wheel:
        members = {info.filename: wheel.read(info) for info in wheel.infolist()}
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in wheel.infolist()}
    stem = f"vpython_pyz-{VERSION}"
    rows = list(csv.reader(members[f"{stem}.dist-info/RECORD"].decode().splitlines()))
    assert [row[0] for row in rows] == [*sorted(members.keys() - {f"{stem}.dist-info/RECORD"}), rows[-1][0]]
    for path, digest, size in rows[:-1]:
        found = base64.urlsafe_b64encode(hashlib.sha256(members[path]).digest()).rstrip(b"=").decode()
        assert (digest, size) == (f"sha256={found}", str(len(members[path])))
    scripts = {path.rpartition("/")[2]: body for path, body in members.items() if ".data/scripts/" in path}
    assert scripts["vpython"] == data
    head = data[: data.index(b"PK\3\4")]
    assert scripts["vpython3"] == scripts["vpython-tool"]
    assert scripts["vpython3"].startswith(head), "a warm start is the same"
    assert len(scripts["vpython3"]) < len(head) + 2000
    batch = {path: body for path, body in scripts.items() if path.endswith(".bat")}
    expected = ("vpython", "vpython3", "vpython-tool") if name == WINDOWS else ()
    assert batch == dict.fromkeys(
        (f"{each}.bat" for each in expected), (TOP / "shims" / "launch.bat").read_bytes()
    )
    assert {modes[path] for path in members if ".data/scripts/" in path} == {0o755}
    assert not [
        path for path in members if path.endswith("/") or re.match(rf"(?!{stem}\.(data|dist-info)/)", path)
    ]
    tags = re.findall(r"^Tag: py3-none-(\w+)$", members[f"{stem}.dist-info/WHEEL"].decode(), re.MULTILINE)
    assert ".".join(tags) == name.rpartition("-")[2].removesuffix(".whl")
    assert (
        members[f"{stem}.dist-info/sboms/vpython.cdx.json"]
        == built.with_name("vpython.cdx.json").read_bytes()
    )


def test_what_was_released_stays(checkout: Checkout, built: Path, tmp_path: Path) -> None:
    place = tmp_path / "releases"
    shutil.copytree(checkout.place / "releases", place)
    before = (place / "releases.json").read_bytes()
    (row,) = json.loads(before)["releases"]
    assert (place / row["file"]).read_bytes() == built.read_bytes()
    assert (row["version"], row["sha256"]) == (VERSION, hashlib.sha256(built.read_bytes()).hexdigest())
    files = [path for path in built.parent.iterdir() if path.is_file()]
    files.sort(key=lambda path: path != built)
    release.publish(files, place)
    assert (place / "releases.json").read_bytes() == before
    (place / row["file"]).write_bytes(b"another")
    with pytest.raises(BuildError, match="there already, with another file"):
        release.publish(files, place)
    shutil.rmtree(place / VERSION)
    listed = [{"version": "0.1"}, {**row, "sha256": "0" * 64}]
    (place / "releases.json").write_text(json.dumps({"releases": listed}))
    release.publish(files, place)
    assert json.loads((place / "releases.json").read_bytes()) == {"releases": [row, {"version": "0.1"}]}
    assert sorted(path.name for path in place.iterdir()) == [VERSION, "releases.json"]
