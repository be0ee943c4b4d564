"""Where things lie on Windows: blanks, other alphabets, long roots, names that differ in case alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.windows.desk import TELL, Desk, spec
from tests.e2e.windows.machine import windows_path

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.windows.desk import Shelf
    from tests.e2e.windows.machine import Machine

LONGEST = 260  # MAX_PATH, with the NUL at its end


@pytest.mark.parametrize("name", ["with a blank", "käse & 日本", "100% (sure)"])
def test_odd_places(machine: Machine, shelf: Shelf, tmp_path: Path, name: str) -> None:
    desk = Desk(machine, shelf, tmp_path / name)
    desk.put("my script.py.vpython3", spec("tool"))
    desk.put("my script.py", TELL)
    cold = desk.told("my script.py", "x")
    assert cold.prefix == windows_path(desk.environments()[0])
    before = desk.records()
    assert desk.told("my script.py", "x") == cold
    assert desk.records() == before
    ended = desk.exactly(cold.prefix + "\\Scripts\\tool.exe", "6")
    assert (ended[0], ended[2]) == (6, "")


def test_a_root_of_150_characters(machine: Machine, shelf: Shelf, tmp_path: Path) -> None:
    place = tmp_path / "r"
    missing = 150 - len(windows_path(place)) - 1
    assert missing > 0, "the tests' own directory is too deep"
    root = place / ("x" * missing)
    desk = Desk(machine, shelf, tmp_path, root=root)
    assert len(windows_path(root)) == 150
    desk.put("s.py.vpython3", spec("tool", "one", "native"))
    desk.put("s.py", TELL)
    cold = desk.told("-vpython-log-level", "info", "s.py")
    before = desk.records()
    assert before
    assert desk.told("-vpython-log-level", "info", "s.py") == cold
    assert desk.records() == before
    desk.must("-vpython-tool", "install", "s.py")
    assert desk.must("-vpython-tool", "doctor") == ""
    ended = desk.exactly(cold.prefix + "\\Scripts\\tool.exe", "6")
    assert ended[0] == 6, ended
    # Python compiles vpython's own code where it can; on Windows itself it could not.
    found = [path for path in root.rglob("*") if not ("app-1" in path.parts and path.suffix == ".pyc")]
    longest = max(map(windows_path, found), key=len)
    assert len(longest) < LONGEST, longest


def test_a_path_that_would_be_too_long_is_told(machine: Machine, shelf: Shelf, tmp_path: Path) -> None:
    root = tmp_path / ("y" * (200 - len(windows_path(tmp_path)) - 1))
    desk = Desk(machine, shelf, tmp_path, root=root)
    desk.put("s.py.vpython3", spec("tool"))
    desk.put("s.py", TELL)
    ended = desk.see("s.py")
    assert ended.returncode == 1
    assert ended.stderr.startswith("vpython: ")
    assert "-vpython-root" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_case_does_not_count(desk: Desk) -> None:
    desk.put("Script.py", TELL)
    desk.put("Script.py.vpython3", spec("one"))
    first = desk.told("Script.py")
    before = desk.records()
    assert len(before) >= 1
    again = desk.told("SCRIPT.PY")
    assert again.prefix == first.prefix
    assert desk.records() == before


def test_a_script_by_any_spelling_of_its_path(desk: Desk) -> None:
    script = desk.put("a b/s.py", TELL)
    desk.put("a b/s.py.vpython3", spec("one"))
    whole = windows_path(script)
    prefixes = {
        desk.told(name).prefix
        for name in (whole, whole.replace("\\", "/"), "a b\\s.py", "a b/s.py", ".\\a b\\..\\a b\\s.py")
    }
    assert len(prefixes) == 1
    assert len(desk.records()) >= 1
