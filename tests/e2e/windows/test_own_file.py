"""vpython's own file: the wheel that is for Windows, put into a venv by pip, and `self update`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from builder import wheel
from builder.release import project
from tests.e2e.own.place import NEWER, OWN, another, row
from tests.e2e.windows.desk import TELL, Told
from tests.e2e.windows.machine import windows_path
from tests.support.harness import BUILT, TOP

if TYPE_CHECKING:
    from tests.e2e.windows.desk import Desk


def test_the_wheel_by_pip(desk: Desk) -> None:
    """Each name has its batch file; `self` leaves the file to pip."""
    name = wheel.file_name("vpython-pyz", project()["version"], wheel.WINDOWS)
    (desk.place / name).write_bytes(
        wheel.wheel(BUILT.read_bytes(), "vpython-pyz", project(), wheel.WINDOWS, b"{}")
    )
    venv = desk.place / "a venv"
    assert desk.python("-m", "venv", "--without-pip", windows_path(venv)).returncode == 0
    pip = {"PYTHONPATH": windows_path(TOP / "build" / "vendor"), "PIP_NO_INDEX": "1", "PIP_NO_INPUT": "1"}
    python = windows_path(venv / "Scripts" / "python.exe")
    words = ("-m", "pip", "--python", python, "-q", "install", windows_path(desk.place / name))
    ended = desk.python(*words, env=pip)
    assert ended.returncode == 0, ended.stderr

    script = desk.put("s.py", TELL)
    for _ in ("cold", "warm"):
        command = windows_path(venv / "Scripts" / "vpython3.bat")
        code, out, err = desk.exactly(command, windows_path(script), "a b")
        assert (code, err) == (0, "")
        told = Told(json.loads(out))
        assert told.words == ["a b"]
        assert told.prefix.startswith(windows_path(desk.root))
        assert told.facts["base"] == "C:\\Python311"
    code, out, _ = desk.exactly(windows_path(venv / "Scripts" / "vpython-tool.bat"), "self", "--json")
    assert code == 0
    account = json.loads(out)
    assert (account["installed"]["by"], account["damaged"]) == ("pip", [])


def test_self_update(desk: Desk) -> None:
    releases = desk.place / "releases"
    (releases / NEWER).mkdir(parents=True)
    (releases / NEWER / "vpython.pyz").write_bytes(another(NEWER))
    (releases / "releases.json").write_text(json.dumps({"releases": [row(NEWER)]}))
    out = desk.must("-vpython-tool", "self", "update", "--releases", windows_path(releases), "--json")
    report = json.loads(out)
    assert (report["from"]["version"], report["to"]["version"]) == (OWN, NEWER)
    assert desk.file.read_bytes() == another(NEWER)
    left = {path.name for path in desk.place.iterdir() if path.name.startswith(".")}
    assert left == set()
