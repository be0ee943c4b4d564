"""`.venv` on Windows: `Scripts`, by copies, without a link."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.e2e.windows.desk import TELL, Told, spec
from tests.e2e.windows.machine import windows_path

if TYPE_CHECKING:
    from tests.e2e.windows.desk import Desk

LOCAL = "-vpython-local-venv"


def test_it_is_made_and_replaced(own_desk: Desk) -> None:
    desk = own_desk
    desk.put("s.py", TELL)
    desk.put("s.py.vpython3", spec("tool"))
    desk.must(LOCAL, "s.py")
    venv = desk.work / ".venv"
    place = windows_path(venv)
    assert [path for path in venv.rglob("*") if path.is_symlink()] == []
    code, out, err = desk.exactly(f"{place}\\Scripts\\tool.exe", "7", "a b")
    told = Told(json.loads(out))
    assert (code, told.prefix, told.executable) == (7, place, f"{place}\\Scripts\\python.exe"), err
    assert desk.exactly(f"{place}\\Scripts\\pip.cmd", "install", "x") == (
        1,
        "",
        "vpython: `.venv` is made from the spec: "
        "`vpython-tool add s.py.vpython3 NAME` adds a package to it\n",
    )

    desk.put("s.py.vpython3", spec("tool", "one"))
    desk.must("s.py")
    show = ("-c", "import one; print(one.VERSION)")
    assert desk.exactly(f"{place}\\Scripts\\python.exe", *show) == (0, "1.0\n", "")
    assert [path.name for path in desk.work.glob(".venv*")] == [".venv"]
