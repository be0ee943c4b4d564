# ruff: noqa: E501 (a table reads better with a case on each line)
"""Wheels that contradict themselves, and the quirks of old ones that do not."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from vpy.errors import ToolError
from vpy.model import Tag
from vpy.wheels import filename, launchers
from vpy.wheels.contents import wheel_facts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VECTORS = os.path.join(os.path.dirname(__file__), *[os.pardir] * 3, "shared", "vectors", "wheel_names.json")
INFO = "demo-1.0.dist-info"
METADATA = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def row(name: str, data: str, algorithm: str = "sha256") -> str:
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, data.encode()).digest()).rstrip(b"=").decode()
    return f"{name},{algorithm}={digest},{len(data.encode())}"


def wheel(
    place: Path,
    files: Mapping[str, str | None] | None = None,
    *,
    rows: Mapping[str, str | None] | None = None,
    record: str | None = "",
    name: str = "demo-1.0-py3-none-any.whl",
) -> str:
    """A good wheel with `files` added or (None) left out, `rows` of RECORD replaced, or all of `record`."""
    members: dict[str, str | None] = {
        "demo.py": "X = 1\n", f"{INFO}/METADATA": METADATA, f"{INFO}/WHEEL": WHEEL, **(files or {}),
    }  # fmt: skip
    kept = {path: data for path, data in members.items() if data is not None}
    told: dict[str, str | None] = {path: row(path, data) for path, data in kept.items()}
    told |= {f"{INFO}/RECORD": f"{INFO}/RECORD,,", **(rows or {})}
    path = place / name
    with zipfile.ZipFile(path, "w") as made:
        for member, data in kept.items():
            made.writestr(member, data)
        if record is not None:
            made.writestr(
                f"{INFO}/RECORD", record or "\n".join(line for line in told.values() if line) + "\n"
            )
    return str(path)


def reason(path: str, **more: str) -> str:
    with pytest.raises(ToolError) as caught:
        wheel_facts(path, **more)
    start = f"`{path}` is refused: "
    assert caught.value.message.startswith(start)
    return caught.value.message.removeprefix(start)


def test_facts(tmp_path: Path) -> None:
    points = "[console_scripts]\ndemo = demo:main\n# no\n[gui_scripts]\nGui=demo:gui [x]\n[other]\n../x = demo:main\n"
    path = wheel(
        tmp_path,
        {
            f"{INFO}/entry_points.txt": points,
            "demo-1.0.data/scripts/tool.sh": "#!/bin/sh\n",
            "demo-1.0.data/purelib/more.pth": "# a comment\nimport demo\n",
            "paths.pth": "../somewhere\nimportant\n",
            "early.start": "demo:main\n",
            "demo-1.0.data/data/share/x.pth": "import os\n",
        },
    )
    facts = wheel_facts(path)
    assert facts.name.name == "demo"
    assert facts.dist_info == INFO
    assert facts.root_is_purelib
    assert facts.scripts == ("Gui", "demo", "tool.sh")
    assert facts.startup == ("demo-1.0.data/purelib/more.pth", "early.start")
    assert facts.size > 200
    assert wheel_facts(path, filename="Demo-1.0.0-py2.py3-none-any.whl").name.pythons == ("py2", "py3")


QUIRKS: dict[str, dict[str, Any]] = {
    "signatures": {"files": {f"{INFO}/RECORD.jws": "x", f"{INFO}/RECORD.p7s": "x"},
                   "rows": {f"{INFO}/RECORD.jws": f"{INFO}/RECORD.jws,,", f"{INFO}/RECORD.p7s": None}},
    "no row for RECORD itself": {"rows": {f"{INFO}/RECORD": None}},
    "compiled code without hash": {"files": {"demo.pyc": "x"}, "rows": {"demo.pyc": "demo.pyc,,"}},
    "backslashes in RECORD": {"files": {"demo/a.py": "x"}, "rows": {"demo/a.py": row("demo\\a.py", "x")}},
    "no size": {"rows": {"demo.py": row("demo.py", "X = 1\n").rpartition(",")[0] + ","}},
    "the same row twice": {"rows": {"again": row("demo.py", "X = 1\n")}},
    "a comma in a name": {"files": {"a,b": "x"}, "rows": {"a,b": '"a,b"' + row("", "x")}},
    "sha512": {"rows": {"demo.py": row("demo.py", "X = 1\n", "sha512")}},
    "blank rows": {"rows": {"": "\n\n"}},
    "a minor version to come": {"files": {f"{INFO}/WHEEL": WHEEL.replace("1.0", "1.9")}},
    "METADATA in other words": {"files": {f"{INFO}/METADATA": METADATA.replace("demo", "Demo").replace("1.0", "1.0.0")}},
    "a body in METADATA": {"files": {f"{INFO}/METADATA": METADATA + "\nName: other\n"}},
    "a script in a directory": {"files": {"demo-1.0.data/scripts/lib/x": "x"}},
    "names like Python's": {"files": {"demo-1.0.data/scripts/python3-config": "x", "demo-1.0.data/scripts/ipython": "x",
                                      "python": "x", "pyvenv.cfg": "x"}},
}  # fmt: skip


@pytest.mark.parametrize("name", QUIRKS)
def test_quirks_are_read(name: str, tmp_path: Path) -> None:
    wheel_facts(wheel(tmp_path, **QUIRKS[name]))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no RECORD": ({"record": None}, f"it has no `{INFO}/RECORD`"),
    "a row too many": ({"rows": {"x": row("gone.py", "")}}, "`gone.py` is listed, but not there"),
    "a row missing": ({"rows": {"demo.py": None}}, "`demo.py` is not listed"),
    "a row without hash": ({"rows": {"demo.py": "demo.py,,"}}, "`demo.py` is listed without a hash"),
    "another hash": ({"rows": {"demo.py": row("demo.py", "X = 2\n")}}, "`demo.py` has another hash"),
    "another size": ({"rows": {"demo.py": row("demo.py", "X = 1\n")[:-1] + "7"}}, "`demo.py` has another size"),
    "no base64": ({"rows": {"demo.py": "demo.py,sha256=!!!,"}}, "`demo.py` has another hash"),
    "md5": ({"rows": {"demo.py": row("demo.py", "X = 1\n", "md5")}}, "of an unknown or weak kind, `md5`"),
    "upwards": ({"rows": {"x": row("../../bin/x", "")}}, "the row '../../bin/x' leads outside"),
    "absolute": ({"rows": {"x": row("/bin/x", "")}}, "the row '/bin/x' leads outside"),
    "a drive": ({"rows": {"x": row("C:\\x", "")}}, "the row 'C:/x' leads outside"),
    "upwards by backslashes": ({"rows": {"x": row("a\\..\\..\\x", "")}}, "leads outside"),
    "two rows": ({"rows": {"x": row("demo.py", "X = 2\n")}}, "`demo.py` is listed twice"),
    "an open quote": ({"record": '"demo.py,,'}, "its RECORD is damaged"),
    "no WHEEL": ({"files": {f"{INFO}/WHEEL": None}}, f"it has no `{INFO}/WHEEL`"),
    "no METADATA": ({"files": {f"{INFO}/METADATA": None}}, f"it has no `{INFO}/METADATA`"),
    "two dist-infos": ({"files": {"x-1.dist-info/METADATA": "x"}}, "not one `.dist-info` directory: `demo-1.0.dist-info`"),
    "a dist-info in capitals": ({"files": {"demo-1.0.DIST-INFO/x": "x"}}, "one name on some systems|not one `.dist-info`"),
    "another version": ({"name": "demo-1.1-py3-none-any.whl"}, "is not what its file name says"),
    "another name": ({"name": "demo2-1.0-py3-none-any.whl"}, "is not what its file name says"),
    "another name in METADATA": ({"files": {f"{INFO}/METADATA": METADATA.replace("demo", "evil")}}, "is of `evil` `1.0`"),
    "another version in METADATA": ({"files": {f"{INFO}/METADATA": METADATA.replace(": 1.0", ": 3")}}, "is of `demo` `3`"),
    "wheel version 2": ({"files": {f"{INFO}/WHEEL": WHEEL.replace("1.0", "2.0")}}, "wheel version `2.0`"),
    "no wheel version": ({"files": {f"{INFO}/WHEEL": "Tag: x\n"}}, "wheel version ``"),
    "an unknown scheme": ({"files": {"demo-1.0.data/stdlib/os.py": "x"}}, "no place that a wheel can install to"),
    "a file for no scheme": ({"files": {"demo-1.0.data/x": "x"}}, "no place that a wheel can install to"),
    "Latin-1": ({"files": {f"{INFO}/RECORD": "x"}, "record": None}, "differs from its RECORD"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_contradictions(name: str, tmp_path: Path) -> None:
    changes, expected = BAD[name]
    told = reason(wheel(tmp_path, **changes))
    assert any(part in told for part in expected.split("|")), told


def test_all_differences_are_listed_up_to_ten(tmp_path: Path) -> None:
    told = reason(wheel(tmp_path, rows={f"x{number}": row(f"x{number}", "") for number in range(14)}))
    assert told.count("is listed, but not there") == 10
    assert told.endswith("; and 4 more")


TAKEN = [
    "python", "Python", "PYTHON3", "python3.11", "python3.13t", "python2.7", "pythonw", "pythonw3.exe", "python.exe",
    "activate", "Activate.ps1", "activate.bat", "activate.csh", "activate.fish", "activate_this.py", "deactivate.bat",
    "pyvenv.cfg", "PyVenv.CFG", "python3.bat", "deactivate",
]  # fmt: skip
FREE = [
    "pip",
    "pip3.11",
    "wheel",
    "python3-config",
    "ipython3",
    "pythonista",
    "activate-env",
    "pyvenv-3.11",
    "py",
]


@pytest.mark.parametrize("name", TAKEN)
def test_pythons_own_names(name: str, tmp_path: Path) -> None:
    assert launchers.is_taken(name)
    for place in ("scripts", "data/bin", "data/Scripts"):
        told = reason(wheel(tmp_path, {f"demo-1.0.data/{place}/{name}": "x"}))
        assert told.endswith(f"would stand in for the environment's own `{name}`")
    points = f"[console_scripts]\n{name} = demo:main\n"
    assert "is the environment's own" in reason(wheel(tmp_path, {f"{INFO}/entry_points.txt": points}))
    assert "environment's own" in reason(wheel(tmp_path, {"demo-1.0.data/data/pyvenv.cfg": "home = /\n"}))


@pytest.mark.parametrize("name", FREE)
def test_other_names(name: str) -> None:
    assert not launchers.is_taken(name)
    assert launchers.fault(name) == ""


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "/x", "..", "", "nul", "x:y", "x."])
@pytest.mark.parametrize("section", ["console_scripts", "gui_scripts"])
def test_entry_points_are_names(section: str, name: str, tmp_path: Path) -> None:
    told = reason(wheel(tmp_path, {f"{INFO}/entry_points.txt": f"[{section}]\n{name} = demo:main\n"}))
    assert told.startswith(f"the entry point {name!r}")


def test_not_even_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(b"<html>not found</html>")
    assert reason(str(path)) == "it is no zip archive, or its end is missing"


@pytest.mark.parametrize("case", [
    ("six-1.16.0-py2.py3-none-any.whl", ("six", "1.16.0", "", ("py2", "py3"), ("none",), ("any",))),
    ("A_B-1.0+local-1-cp38-abi3-win32.win_amd64.whl",
     ("a-b", "1.0+local", "1", ("cp38",), ("abi3",), ("win32", "win_amd64"))),
])  # fmt: skip
def test_file_names(case: tuple[str, tuple[Any, ...]]) -> None:
    found = filename.parse(case[0])
    assert (found.name, found.version, found.build, found.pythons, found.abis, found.platforms) == case[1]


def test_file_names_give_tags() -> None:
    found = filename.parse("six-1.16.0-py2.py3-none-any.whl")
    assert found.tags == (Tag("py2", "none", "any"), Tag("py3", "none", "any"))


@pytest.mark.parametrize("name", [
    "a.whl", "a-b-c-d.whl", "a-1-py3-none-any.zip", "a-1-py3-none-any.WHL", "a-1-py3-none-x y.whl",
    "../a-1-py3-none-any.whl", "a-1-py3-none-any.whl\n", "a-1-py3--any.whl", "a-x-py3-none-any.whl", "", ".whl",
])  # fmt: skip
def test_no_file_names(name: str) -> None:
    with pytest.raises(ToolError, match="not a wheel's file name"):
        filename.parse(name)


@pytest.mark.skipif(
    not os.path.exists(VECTORS), reason="the recorded answers do not lie beside this checkout"
)
def test_recorded_file_names() -> None:
    with open(VECTORS, encoding="utf-8") as file:
        cases = json.load(file)["cases"]
    assert cases
    for case in cases:
        if case["error"]:
            with pytest.raises(ToolError):
                filename.parse(case["in"])
            continue
        found = filename.parse(case["in"])
        told = {
            "Distribution": found.distribution, "Version": found.version_text, "BuildTag": found.build,
            "PythonTag": ".".join(found.pythons), "ABITag": ".".join(found.abis),
            "PlatformTag": ".".join(found.platforms),
        }  # fmt: skip
        assert told == case["name"]
