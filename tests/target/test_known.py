from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.target.shared import script
from vpy.model import Observation
from vpy.target import known
from vpy.target.demand import Demand
from vpy.target.known import Installation, parse_launcher, survey

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_DIRECTORIES", "_COMMANDS", "_MAC_DIRECTORIES", "_MAC_COMMANDS"):
        monkeypatch.setattr(known, name, ())


def install(top: Path, *names: str) -> None:
    for name in names:
        version = re.search(r"\d\.\d+", name.removeprefix("miniconda3-4.7.12"))
        script(str(top / name / "bin" / f"python{version[0] if version else 3}"), "")


def found(
    demand: Demand, environ: dict[str, str], top: Path, platform: str = "linux"
) -> list[tuple[object, ...]]:
    return [
        (os.path.relpath(item.path, top), item.version, item.plain)
        for item in survey(demand, environ, platform).installations
    ]


def test_names(tmp_path: Path) -> None:
    install(
        tmp_path / ".pyenv" / "versions",
        *(
            "3.10.13",
            "3.11.7",
            "3.13.0t",
            "3.14-dev",
            "3.12.0rc1",
            "2.7.18",
            "pypy3.10-7.3.12",
            "miniconda3-4.7.12",
        ),
    )
    assert found(Demand("", ""), {"HOME": str(tmp_path)}, tmp_path) == [
        (".pyenv/versions/3.10.13/bin/python3.10", (3, 10, 13), True),
        (".pyenv/versions/3.11.7/bin/python3.11", (3, 11, 7), True),
        (".pyenv/versions/3.12.0rc1/bin/python3.12", (3, 12, 0), False),
        (".pyenv/versions/3.13.0t/bin/python3.13", (3, 13, 0), False),
        (".pyenv/versions/3.14-dev/bin/python3.14", (3, 14), False),
        (".pyenv/versions/miniconda3-4.7.12/bin/python3", (), True),
    ]


def test_places(tmp_path: Path) -> None:
    home = tmp_path / "home"
    install(home / ".pyenv" / "versions", "3.11.1")
    install(
        home / ".local/share/uv/python",
        "cpython-3.11.2-linux-x86_64-gnu",
        "cpython-3.11.2+freethreaded-linux",
    )
    install(home / ".asdf/installs/python", "3.11.3")
    install(home / ".local/share/mise/installs/python", "3.11.4", "3.12.1")
    versions = [row[1] for row in found(Demand("3.11", ""), {"HOME": str(home)}, home)]
    assert versions == [(3, 11, 1), (3, 11, 2), (3, 11, 2), (3, 11, 3), (3, 11, 4)]
    moved = {
        "HOME": "/nowhere",
        "PYENV_ROOT": str(home / ".pyenv"),
        "UV_PYTHON_INSTALL_DIR": str(home / ".local/share/uv/python"),
        "ASDF_DATA_DIR": str(home / ".asdf"),
        "MISE_DATA_DIR": str(home / ".local/share/mise"),
    }
    assert [row[1] for row in found(Demand("3.11", ""), moved, home)] == versions
    shared = {"XDG_DATA_HOME": str(home / ".local/share")}
    assert [row[1] for row in found(Demand("3.11", ""), shared, home)] == [(3, 11, 2), (3, 11, 2), (3, 11, 4)]


def test_other_layouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(str(tmp_path / "cp311-cp311" / "bin" / "python3.11"), "")
    script(str(tmp_path / "cp313-cp313t" / "bin" / "python3.13"), "")
    script(str(tmp_path / "python@3.12" / "bin" / "python3.12"), "")
    script(str(tmp_path / "openssl@3" / "bin" / "python3"), "")
    script(str(tmp_path / "conda" / "bin" / "python3.11"), "")
    monkeypatch.setattr(known, "_MAC_DIRECTORIES", (str(tmp_path),))
    assert found(Demand("", ""), {}, tmp_path, "darwin") == [
        ("cp311-cp311/bin/python3.11", (3, 11), True),
        ("cp313-cp313t/bin/python3.13", (3, 13), False),
        ("python@3.12/bin/python3.12", (3, 12), True),
    ]
    assert found(Demand("3.11", ""), {}, tmp_path, "darwin") == [
        ("conda/bin/python3.11", (), True),
        ("cp311-cp311/bin/python3.11", (3, 11), True),
    ]


def test_windows(tmp_path: Path) -> None:
    script(str(tmp_path / "AppData/uv/data/python/cpython-3.11.9-windows-x86_64-none/python.exe"), "")
    script(str(tmp_path / ".pyenv/pyenv-win/versions/3.11.8/python.exe"), "")
    environ = {"USERPROFILE": str(tmp_path), "APPDATA": str(tmp_path / "AppData")}
    assert found(Demand("3.11", ""), environ, tmp_path, "win32") == [
        (".pyenv/pyenv-win/versions/3.11.8/python.exe", (3, 11, 8), True),
        ("AppData/uv/data/python/cpython-3.11.9-windows-x86_64-none/python.exe", (3, 11, 9), True),
    ]


def test_what_it_hangs_on(tmp_path: Path) -> None:
    versions = tmp_path / ".pyenv" / "versions"
    install(versions, "3.11.7")
    (versions / "3.11.8").mkdir()
    rows = survey(Demand("3.11", ""), {"HOME": str(tmp_path), "PYENV_ROOT": ""}, "linux").observations
    assert rows[:3] == (
        Observation("variable", ("HOME", str(tmp_path))),
        Observation("variable", ("PYENV_ROOT", "")),
        Observation("unset", ("UV_PYTHON_INSTALL_DIR",)),
    )
    assert Observation("listing", (str(versions), str(os.stat(versions).st_mtime_ns))) in rows
    assert Observation("no-file", (str(versions / "3.11.8/bin/python3.11"),)) in rows
    assert Observation("absent", (str(tmp_path / ".asdf/installs/python"),)) in rows


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(str(tmp_path / "python3.11"), "")
    monkeypatch.setattr(known, "_COMMANDS", (str(tmp_path),))
    assert found(Demand("", ">=3.10,<3.12"), {}, tmp_path) == [("python3.11", (3, 11), True)]
    rows = survey(Demand("", ">=3.10,<3.12"), {}, "linux").observations
    assert [row.fields for row in rows if row.kind == "no-file"] == [(str(tmp_path / "python3.10"),)]


def test_what_the_windows_launcher_prints() -> None:
    text = (
        " -V:3.13 *        C:\\Program Files\\Python313\\python.exe\r\n"
        " -V:3.13t         C:\\Program Files\\Python313\\python3.13t.exe\r\n"
        " -V:3.12-32       C:\\Python312-32\\python.exe\r\n"
        " -3.8-64          C:\\Python38\\python.exe\r\n"
        " -V:PyPy/3.10     C:\\pypy\\pypy.exe\r\n"
        "No installed Pythons found!\r\n"
    )
    assert parse_launcher(text) == (
        Installation("C:\\Program Files\\Python313\\python.exe", (3, 13)),
        Installation("C:\\Program Files\\Python313\\python3.13t.exe", (3, 13), False),
        Installation("C:\\Python312-32\\python.exe", (3, 12)),
        Installation("C:\\Python38\\python.exe", (3, 8)),
    )
