"""The search for a Python on Windows: PATH, the store's aliases, what the launcher lists."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pip._vendor import distlib

from tests.e2e.windows.desk import Desk, spec
from tests.e2e.windows.machine import PYTHON, windows_path

if TYPE_CHECKING:
    import subprocess

    from tests.e2e.windows.desk import Shelf
    from tests.e2e.windows.machine import Machine

SYSTEM = "C:\\windows\\system32;C:\\windows"


def explained(desk: Desk, path: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`explain`, run by a Python that is not on PATH, with `path` as PATH."""
    return desk.see(
        "-vpython-log-level", "debug", *words, "-vpython-tool", "explain", "s.py", env={"WINEPATH": path}
    )


@pytest.fixture
def place(desk: Desk) -> Desk:
    desk.put("s.py", "pass\n")
    desk.put("s.py.vpython3", spec("one"))
    return desk


def test_a_python_on_path(place: Desk) -> None:
    told = explained(place, "C:\\Python311")
    assert told.returncode == 0, told.stderr
    assert PYTHON in told.stdout


def test_the_stores_alias_is_never_run(place: Desk, tmp_path: Path) -> None:
    alias = tmp_path / "Microsoft" / "WindowsApps"
    alias.mkdir(parents=True)
    for name in ("python.exe", "python3.exe"):
        (alias / name).write_bytes(b"")
        (alias / name).chmod(0o755)
    told = explained(place, f"{windows_path(alias)};C:\\Python311")
    assert told.returncode == 0, told.stderr
    assert PYTHON in told.stdout
    assert "is an alias of the Windows store" in told.stderr
    before = place.see("s.py", env={"WINEPATH": f"{windows_path(alias)};C:\\Python311"})
    assert (before.returncode, before.stderr) == (0, "")
    records = place.records()
    again = place.see("s.py", env={"WINEPATH": f"{windows_path(alias)};C:\\Python311"})
    assert (again.returncode, again.stderr) == (0, "")
    assert place.records() == records


# Answers as the launcher does.
LISTS = """
import sys
assert sys.argv[1:] == ["-0p"], sys.argv
print(" -V:3.14          C:\\\\Gone\\\\python.exe")
print(" -V:3.11 *        C:\\\\Python311\\\\python.exe")
"""


def make_program(path: Path, code: str) -> None:
    """A Windows program that runs code by the machine's Python: distlib's launcher, a `#!` line, a zip."""
    stub = Path(str(distlib.__file__)).with_name("t64.exe").read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("__main__.py", code)
    path.write_bytes(stub + f"#!{PYTHON}\r\n".encode() + packed.getvalue())
    path.chmod(0o755)


def test_what_the_launcher_lists(place: Desk, tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    make_program(commands / "py.exe", LISTS)
    told = explained(place, windows_path(commands))
    assert told.returncode == 0, told.stderr
    assert PYTHON in told.stdout
    assert "known installations" in told.stdout + told.stderr
    started = place.see("s.py", env={"WINEPATH": windows_path(commands)})
    assert (started.returncode, started.stderr) == (0, "")


def test_no_python_fits(place: Desk) -> None:
    place.put("s.py.vpython3", 'python_version: "3.9"\n')
    ended = place.see("s.py")
    assert ended.returncode == 2
    first, *rest = ended.stderr.splitlines()
    assert first.startswith("vpython: no Python here fits ")
    assert any("3.11.9" in line and "C:\\Python311\\python.exe" in line for line in rest)


def test_a_named_one_in_a_place_with_blanks(machine: Machine, shelf: Shelf, tmp_path: Path) -> None:
    """A venv leads to its base; the environment stands on that one."""
    desk = Desk(machine, shelf, tmp_path)
    made = desk.python("-m", "venv", "--without-pip", "my venv")
    assert made.returncode == 0, made.stderr
    desk.put("s.py", "import sys; print(sys.base_prefix)\n")
    named = windows_path(desk.work / "my venv" / "Scripts" / "python.exe")
    assert desk.must("-vpython-interpreter", named, "s.py") == "C:\\Python311\n"
    shutil.rmtree(desk.work / "my venv")
    gone = desk.see("-vpython-interpreter", named, "s.py")
    assert gone.returncode == 2
    assert "does not exist" in gone.stderr
