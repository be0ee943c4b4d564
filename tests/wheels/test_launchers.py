"""Names that no launcher of a wheel may have, and names that look like them."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

import pytest

from tests.wheels.raw_wheel import INFO, reason, wheel
from vpy.wheels import launchers

if TYPE_CHECKING:
    from pathlib import Path

TAKEN = [
    "python", "Python", "PYTHON3", "python3.11", "python3.13t", "python2.7", "pythonw", "pythonw3.exe",
    "python.exe", "activate", "Activate.ps1", "activate.bat", "activate.csh", "activate.fish",
    "activate_this.py", "deactivate.bat", "pyvenv.cfg", "PyVenv.CFG", "python3.bat", "deactivate",
    "python311._pth", "python3.dll", "pybuilddir.txt",
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
    assert launchers.is_reserved(name)
    for directory in ("scripts", "data/bin", "data/Scripts"):
        message = reason(wheel(tmp_path, {f"demo-1.0.data/{directory}/{name}": "x"}))
        assert message.endswith(f"would stand in for the environment's own `{name}`")
    points = f"[console_scripts]\n{name} = demo:main\n"
    assert "is the environment's own" in reason(wheel(tmp_path, {f"{INFO}/entry_points.txt": points}))
    assert "environment's own" in reason(wheel(tmp_path, {"demo-1.0.data/data/pyvenv.cfg": "home = /\n"}))


@pytest.mark.parametrize("name", FREE)
def test_other_names(name: str) -> None:
    assert not launchers.is_reserved(name)
    assert launchers.fault(name) == ""


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "/x", "..", "", "nul", "x:y", "x."])
@pytest.mark.parametrize("section", ["console_scripts", "gui_scripts"])
def test_entry_points_are_names(section: str, name: str, tmp_path: Path) -> None:
    message = reason(wheel(tmp_path, {f"{INFO}/entry_points.txt": f"[{section}]\n{name} = demo:main\n"}))
    assert message.startswith(f"the entry point `{name}` ")


# What pip's reader makes of each is a launcher beside Python, called `python2` or so.
READ_OTHERWISE = {
    "[[console_scripts]]\npython2 = demo:main": "the entry point `python2` is the environment's own",
    "[ console_scripts ]\npython2 = demo:main": "the entry point `python2` is the environment's own",
    "[console_scripts]\n;python3.12 = demo:main": "the entry point `;python3.12`",
    "[console_scripts]\na python2 = demo:main": "the entry point `a python2` is not one plain name",
    "[console_scripts]\na\u2003python2 = demo:main": "the entry point `a\\u2003python2`",
    "[console_scripts]\n- = - python2 = demo:main": "the entry point `-` names no object of a module",
    "[console_scripts]\nx = [ python2 = demo:main": "the entry point `x` names no object of a module",
    "[console_scripts]\nx[y] = demo:main": "the entry point `x[y]` is not one plain name",
    "[console_scripts]\nnothing": "the entry point `nothing` names no object of a module",
    "[console_scripts]\x0b[x]\n[[gui_scripts\n[[gui_scripts]]\npython=demo:x": "the entry point `python`",
}


@pytest.mark.parametrize("text", READ_OTHERWISE)
def test_what_two_readers_could_read_differently_is_refused(text: str, tmp_path: Path) -> None:
    message = reason(wheel(tmp_path, {f"{INFO}/entry_points.txt": f"{text}\n"}))
    assert message.startswith(READ_OTHERWISE[text]) or "is the environment's own" in message


def test_reads_what_pip_reads() -> None:
    """Sections, comments and names as `importlib.metadata` has them, whose entry points pip asks for."""
    texts = [f"{text}\n" for text in READ_OTHERWISE if "nothing" not in text and "[[gui" not in text]
    texts += ["# a\n[console_scripts]\n#b = c:d\nx=y:z [e]\n\n[other]\nx = y\n[gui_scripts]\n Gui =g:h\n"]
    for text in texts:
        theirs = [
            (point.name, point.value)
            for point in Written(text).entry_points
            if point.group in launchers.SECTIONS
        ]
        assert set(theirs) <= set(launchers.entry_points(text)), text


class Written(importlib.metadata.Distribution):
    """Distribution whose only file is `entry_points.txt`."""

    def __init__(self, text: str) -> None:
        self.text = text

    def read_text(self, filename: str) -> str | None:
        return self.text if filename == "entry_points.txt" else None

    def locate_file(self, path: object) -> Any:
        raise NotImplementedError


OWN = [
    "_vpython_start/__init__.py", "_vpython_start.py", "_VPYTHON_START.PY", "_vpython_start.abi3.so",
    "__pycache__/_vpython_start.cpython-311.pyc", "00_vpython.pth", "demo-1.0.data/purelib/_vpython_start.py",
    "demo-1.0.data/data/lib64/python3.11/site-packages/_vpython_start.py", "demo-1.0.data/data/complete",
    "demo-1.0.data/data/used", "demo-1.0.data/data/WHY.json", "demo-1.0.data/data/complete.aside",
]  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_files_of_the_environments_own(name: str, tmp_path: Path) -> None:
    assert "would stand in for the environment's own" in reason(wheel(tmp_path, {name: "x"}))


PLACED = {
    "bin/python2": "python2", "bin/Python3.exe": "Python3.exe", "pyvenv.cfg": "pyvenv.cfg", "used": "used",
    "lib/python3.11/site-packages/_vpython_start.py": "_vpython_start",
    "lib64/python3.11/site-packages/00_vpython.pth": "_vpython_start",
}  # fmt: skip


@pytest.mark.parametrize("path", PLACED)
def test_what_pip_put_there_is_looked_at(path: str, tmp_path: Path) -> None:
    scheme = {"purelib": "lib/python3.11/site-packages", "scripts": "bin", "data": "."}
    for good in ("bin/tool", "lib/python3.11/site-packages/tool.py", "share/python"):
        (tmp_path / good).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / good).touch()
    assert launchers.fault_in_tree(str(tmp_path), scheme) == ""
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).touch()
    fault = launchers.fault_in_tree(str(tmp_path), scheme)
    assert fault == f"it brings `{path}`, and `{PLACED[path]}` is the environment's own"
