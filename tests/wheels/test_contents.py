# ruff: noqa: E501 (a table reads better with a case on each line)
"""Wheels that contradict themselves, and the quirks of old ones that do not."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.zipmaker import mutated
from tests.wheels.raw_wheel import INFO, METADATA, WHEEL, reason, row, wheel
from vpy.errors import VpythonError
from vpy.wheels.contents import wheel_facts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.wheels.conftest import MakeWheel


def test_facts(tmp_path: Path) -> None:
    points = "[console_scripts]\ndemo = demo:main\n# no\n[gui_scripts]\nGui=demo:gui [x]\n[other]\n../x = demo:main\n"
    path = wheel(
        tmp_path,
        {
            f"{INFO}/entry_points.txt": points,
            "demo-1.0.data/scripts/tool.sh": "#!/bin/sh\n",
        },
    )
    facts = wheel_facts(path)
    assert facts.name.name == "demo"
    assert facts.dist_info == INFO
    assert facts.root_is_purelib
    assert facts.scripts == ("Gui", "demo", "tool.sh")
    assert facts.size > 200
    assert wheel_facts(path, filename="Demo-1.0.0-py2.py3-none-any.whl").name.pythons == ("py2", "py3")


HEX = hashlib.sha256(b"X = 1\n").hexdigest()

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
    "no hash at all": {"rows": {"demo.py": "demo.py,,", f"{INFO}/METADATA": f"{INFO}/METADATA"}},
    "a slash in front": {"rows": {"demo.py": "/" + row("demo.py", "X = 1\n")}},
    "a row with a hash and one without": {"rows": {"x": "demo.py,,", "y": "/demo.py,,6"}},
    "directories in RECORD": {"files": {"lib/sub/a.py": "x"}, "rows": {"x": "lib/,,", "y": "lib/sub,,0"}},
    "md5": {"rows": {"demo.py": row("demo.py", "X = 1\n", "md5")}},
    "a hash as hex": {"rows": {"demo.py": f"demo.py,sha256={HEX},6"}},
    "a padded hash": {"rows": {"demo.py": row("demo.py", "X = 1\n").replace(",6", "=,6")}},
    "a hash of RECORD itself": {"rows": {f"{INFO}/RECORD": row(f"{INFO}/RECORD", "x")}},
    "names like Python's": {"files": {"demo-1.0.data/scripts/python3-config": "x", "demo-1.0.data/scripts/ipython": "x",
                                      "python": "x", "pyvenv.cfg": "x"}},
}  # fmt: skip


@pytest.mark.parametrize("name", QUIRKS)
def test_quirks_are_read(name: str, tmp_path: Path) -> None:
    wheel_facts(wheel(tmp_path, **QUIRKS[name]))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no RECORD": ({"record": None}, f"it has no `{INFO}/RECORD`"),
    "a row too many": ({"rows": {"x": row("gone.py", "")}}, "`gone.py` is listed, but missing"),
    "a row missing": ({"rows": {"demo.py": None}}, "`demo.py` is not listed"),
    "another size without a hash": ({"rows": {"demo.py": "demo.py,,7"}}, "`demo.py` has another size"),
    "another hash behind a slash": ({"rows": {"demo.py": "/" + row("demo.py", "X = 2\n")}}, "`demo.py` has another hash"),
    "another hash as md5": ({"rows": {"demo.py": row("demo.py", "X = 2\n", "md5")}}, "`demo.py` has another hash"),
    "another hash as hex": ({"rows": {"demo.py": f"demo.py,sha256={HEX[::-1]},6"}}, "`demo.py` has another hash"),
    "another hash": ({"rows": {"demo.py": row("demo.py", "X = 2\n")}}, "`demo.py` has another hash"),
    "another size": ({"rows": {"demo.py": row("demo.py", "X = 1\n")[:-1] + "7"}}, "`demo.py` has another size"),
    "no base64": ({"rows": {"demo.py": "demo.py,sha256=!!!,"}}, "`demo.py` has another hash"),
    "an unknown hash": ({"rows": {"demo.py": "demo.py,crc32=0000,6"}}, "has a hash of an unknown kind, `crc32`"),
    "upwards": ({"rows": {"x": row("../../bin/x", "")}}, "the row `../../bin/x` leads outside"),
    "absolute": ({"rows": {"x": row("/bin/x", "")}}, "`bin/x` is listed, but missing"),
    "a share": ({"rows": {"x": row("\\\\host\\x", "")}}, "the row `\\\\host\\x` leads outside"),
    "a drive": ({"rows": {"x": row("C:\\x", "")}}, "the row `C:\\x` leads outside"),
    "upwards by backslashes": ({"rows": {"x": row("a\\..\\..\\x", "")}}, "leads outside"),
    "two rows": ({"rows": {"x": row("demo.py", "X = 2\n")}}, "`demo.py` is listed twice"),
    "an open quote": ({"record": '"demo.py,,'}, "its RECORD is damaged"),
    "no WHEEL": ({"files": {f"{INFO}/WHEEL": None}}, f"it has no `{INFO}/WHEEL`"),
    "no METADATA": ({"files": {f"{INFO}/METADATA": None}}, f"it has no `{INFO}/METADATA`"),
    "two dist-infos": ({"files": {"x-1.dist-info/METADATA": "x"}}, "exactly one `.dist-info` directory: `demo-1.0.dist-info`"),
    "a dist-info in capitals": ({"files": {"demo-1.0.DIST-INFO/x": "x"}}, "one name on some systems|exactly one `.dist-info`"),
    "another version": ({"name": "demo-1.1-py3-none-any.whl"}, "is not what its file name says"),
    "another name": ({"name": "demo2-1.0-py3-none-any.whl"}, "is not what its file name says"),
    "another name in METADATA": ({"files": {f"{INFO}/METADATA": METADATA.replace("demo", "evil")}}, "is of `evil` `1.0`"),
    "another version in METADATA": ({"files": {f"{INFO}/METADATA": METADATA.replace(": 1.0", ": 3")}}, "is of `demo` `3`"),
    "wheel version 2": ({"files": {f"{INFO}/WHEEL": WHEEL.replace("1.0", "2.0")}}, "wheel version `2.0`"),
    "no wheel version": ({"files": {f"{INFO}/WHEEL": "Tag: x\n"}}, "wheel version ``"),
    "an unknown scheme": ({"files": {"demo-1.0.data/stdlib/os.py": "x"}}, "not in a place that a wheel can install to"),
    "a file for no scheme": ({"files": {"demo-1.0.data/x": "x"}}, "not in a place that a wheel can install to"),
    "Latin-1": ({"files": {f"{INFO}/RECORD": "x"}, "record": None}, "differs from its RECORD"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_contradictions(name: str, tmp_path: Path) -> None:
    changes, expected = BAD[name]
    message = reason(wheel(tmp_path, **changes))
    assert any(part in message for part in expected.split("|")), message


def test_all_differences_are_listed_up_to_ten(tmp_path: Path) -> None:
    message = reason(wheel(tmp_path, rows={f"x{number}": row(f"x{number}", "") for number in range(14)}))
    assert message.count("is listed, but missing") == 10
    assert message.endswith("; and 4 more")


def test_not_even_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(b"<html>not found</html>")
    assert reason(str(path)) == "it is not a zip archive, or its end is missing"


def test_changed_bytes(make_wheel: MakeWheel, tmp_path: Path) -> None:
    """A wheel with any byte changed is refused, or the byte has no meaning."""
    good = make_wheel("demo", "1.0", {"demo.py": "X = 1\n", "demo/x.pth": "import os\n"})
    with open(good.path, "rb") as file:
        data = file.read()
    facts = wheel_facts(good.path)
    source = random.Random(3)
    path = tmp_path / good.filename
    for _ in range(300):
        path.write_bytes(mutated(data, source))
        try:
            assert wheel_facts(str(path)) == facts
        except VpythonError as error:
            check_refusal(error)


def check_refusal(error: VpythonError) -> None:
    assert error.message.isprintable()
    assert " is refused: " in error.message
