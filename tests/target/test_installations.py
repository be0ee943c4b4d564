"""Installations in their usual directories, and the commands that a search skips."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.target.shared import PYENV, link, python, script, wrapper
from vpy.model import Observation
from vpy.target import installations
from vpy.target.installations import (
    Installation,
    list_installations,
    parse_launcher_output,
    version_in_name,
    why_skipped,
)
from vpy.target.python_requirement import PythonRequirement

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_DIRECTORIES", "_COMMANDS", "_MAC_DIRECTORIES", "_MAC_COMMANDS"):
        monkeypatch.setattr(installations, name, ())


def install(top: Path, *names: str) -> None:
    for name in names:
        version = re.search(r"\d\.\d+", name.removeprefix("miniconda3-4.7.12"))
        script(str(top / name / "bin" / f"python{version[0] if version else 3}"), "")


def found(
    requirement: PythonRequirement, environ: dict[str, str], top: Path, platform: str = "linux"
) -> list[tuple[object, ...]]:
    return [
        (os.path.relpath(item.path, top), item.version, item.plain)
        for item in list_installations(requirement, environ, platform)[0]
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
    assert found(PythonRequirement("", ""), {"HOME": str(tmp_path)}, tmp_path) == [
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
    versions = [row[1] for row in found(PythonRequirement("3.11", ""), {"HOME": str(home)}, home)]
    assert versions == [(3, 11, 1), (3, 11, 2), (3, 11, 2), (3, 11, 3), (3, 11, 4)]
    moved = {
        "HOME": "/nowhere",
        "PYENV_ROOT": str(home / ".pyenv"),
        "UV_PYTHON_INSTALL_DIR": str(home / ".local/share/uv/python"),
        "ASDF_DATA_DIR": str(home / ".asdf"),
        "MISE_DATA_DIR": str(home / ".local/share/mise"),
    }
    assert [row[1] for row in found(PythonRequirement("3.11", ""), moved, home)] == versions
    shared = {"XDG_DATA_HOME": str(home / ".local/share")}
    assert [row[1] for row in found(PythonRequirement("3.11", ""), shared, home)] == [
        (3, 11, 2),
        (3, 11, 2),
        (3, 11, 4),
    ]


def test_other_layouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(str(tmp_path / "cp311-cp311" / "bin" / "python3.11"), "")
    script(str(tmp_path / "cp313-cp313t" / "bin" / "python3.13"), "")
    script(str(tmp_path / "python@3.12" / "bin" / "python3.12"), "")
    script(str(tmp_path / "openssl@3" / "bin" / "python3"), "")
    script(str(tmp_path / "conda" / "bin" / "python3.11"), "")
    monkeypatch.setattr(installations, "_MAC_DIRECTORIES", (str(tmp_path),))
    assert found(PythonRequirement("", ""), {}, tmp_path, "darwin") == [
        ("cp311-cp311/bin/python3.11", (3, 11), True),
        ("cp313-cp313t/bin/python3.13", (3, 13), False),
        ("python@3.12/bin/python3.12", (3, 12), True),
    ]
    assert found(PythonRequirement("3.11", ""), {}, tmp_path, "darwin") == [
        ("conda/bin/python3.11", (), True),
        ("cp311-cp311/bin/python3.11", (3, 11), True),
    ]


def test_windows(tmp_path: Path) -> None:
    script(str(tmp_path / "AppData/uv/data/python/cpython-3.11.9-windows-x86_64-none/python.exe"), "")
    script(str(tmp_path / ".pyenv/pyenv-win/versions/3.11.8/python.exe"), "")
    environ = {"USERPROFILE": str(tmp_path), "APPDATA": str(tmp_path / "AppData")}
    assert found(PythonRequirement("3.11", ""), environ, tmp_path, "win32") == [
        (".pyenv/pyenv-win/versions/3.11.8/python.exe", (3, 11, 8), True),
        ("AppData/uv/data/python/cpython-3.11.9-windows-x86_64-none/python.exe", (3, 11, 9), True),
    ]


def test_what_it_hangs_on(tmp_path: Path) -> None:
    versions = tmp_path / ".pyenv" / "versions"
    install(versions, "3.11.7")
    (versions / "3.11.8").mkdir()
    environ = {"HOME": str(tmp_path), "PYENV_ROOT": ""}
    _, rows = list_installations(PythonRequirement("3.11", ""), environ, "linux")
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
    monkeypatch.setattr(installations, "_COMMANDS", (str(tmp_path),))
    assert found(PythonRequirement("", ">=3.10,<3.12"), {}, tmp_path) == [("python3.11", (3, 11), True)]
    _, rows = list_installations(PythonRequirement("", ">=3.10,<3.12"), {}, "linux")
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
    assert parse_launcher_output(text) == (
        Installation("C:\\Program Files\\Python313\\python.exe", (3, 13)),
        Installation("C:\\Program Files\\Python313\\python3.13t.exe", (3, 13), False),
        Installation("C:\\Python312-32\\python.exe", (3, 12)),
        Installation("C:\\Python38\\python.exe", (3, 8)),
    )


ASDF = '#!/usr/bin/env bash\n# asdf-plugin: python 3.11.7\nexec /home/u/.asdf/bin/asdf exec "python3" "$@"\n'
DEPOT_TOOLS = """#!/usr/bin/env bash
DEPOT_TOOLS=$(dirname "$0")
PYTHON3_BIN_DIR=`cat $DEPOT_TOOLS/python3_bin_reldir.txt`
exec "$DEPOT_TOOLS/$PYTHON3_BIN_DIR/python3" "$@"
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PYENV, "is a shim of pyenv"),
        (ASDF, "is a shim of asdf"),
        ('#!/bin/sh\nexec mise x -- python3 "$@"\n', "is a shim of mise"),
        ("#!/bin/sh\nexec '/opt/my mise/mise' exec python -- \"$@\"\n", "is a shim of mise"),
        ('#!/bin/sh\nexec vpython3 "$@"\n', "is a shim of vpython"),
        ('#!/bin/sh\nexec "$(dirname "$0")/vpython" "$@"\n', "is a shim of vpython"),
        (DEPOT_TOOLS, ""),
        ('#!/bin/sh\nexec /home/u/.pyenv/versions/3.11.7/bin/python3.11 "$@"\n', ""),
        ("#!/bin/sh\n# not for mise users\nexec /usr/bin/python3\n", ""),
    ],
)
def test_scripts(text: str, reason: str, tmp_path: Path) -> None:
    assert why_skipped(script(str(tmp_path / "python3"), text), "linux") == reason


def test_links(tmp_path: Path) -> None:
    manager = script(str(tmp_path / "mise"), "\x7fELF")
    shim = link(str(tmp_path / "shims" / "python3"), manager)
    assert why_skipped(shim, "linux") == f"is a link to `{manager}`, which is not a Python"
    own = script(str(tmp_path / "vpython.pyz"), "#!/bin/sh\n")
    assert why_skipped(link(str(tmp_path / "own" / "python3"), own), "linux") == "is a vpython"
    assert why_skipped(link(str(tmp_path / "bin" / "python3"), python("3.11")), "linux") == ""
    assert why_skipped(wrapper(str(tmp_path / "python"), python("3.11")), "linux") == ""
    assert why_skipped(link(str(tmp_path / "gone" / "python"), "/nowhere"), "linux") == "cannot be read"


def test_other_systems(tmp_path: Path) -> None:
    alias = script(str(tmp_path / "x\\Microsoft\\WindowsApps\\python.exe"), "")
    assert why_skipped(alias, "win32") == "is an alias of the Windows store"
    assert why_skipped("/usr/bin/python3", "darwin") == "may be Apple's developer-tools stub"
    batch = script(str(tmp_path / "python.bat"), "@echo off\r\ncall pyenv exec python %*\r\n")
    assert why_skipped(batch, "win32") == "is a shim of pyenv"
    assert why_skipped("bin/python3", "linux") == "is found by a relative PATH entry"


def test_versions_in_names(tmp_path: Path) -> None:
    script(str(tmp_path / "python3.12"), "")
    assert version_in_name(link(str(tmp_path / "python"), str(tmp_path / "python3.12"))) == (3, 12)
    assert version_in_name(str(tmp_path / "python3")) == ()
