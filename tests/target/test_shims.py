from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.target.shared import link, python, script, wrapper
from vpy.target.shims import version_in_name, why_passed_over

if TYPE_CHECKING:
    from pathlib import Path

PYENV = """#!/usr/bin/env bash
set -e
program="${0##*/}"
export PYENV_ROOT="/home/u/.pyenv"
exec "/home/u/.pyenv/libexec/pyenv" exec "$program" "$@"
"""
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
    assert why_passed_over(script(str(tmp_path / "python3"), text), "linux") == reason


def test_links(tmp_path: Path) -> None:
    manager = script(str(tmp_path / "mise"), "\x7fELF")
    shim = link(str(tmp_path / "shims" / "python3"), manager)
    assert why_passed_over(shim, "linux") == f"is a link to `{manager}`, which is no Python"
    own = script(str(tmp_path / "vpython.pyz"), "#!/bin/sh\n")
    assert why_passed_over(link(str(tmp_path / "own" / "python3"), own), "linux") == "is a vpython"
    assert why_passed_over(link(str(tmp_path / "bin" / "python3"), python("3.11")), "linux") == ""
    assert why_passed_over(wrapper(str(tmp_path / "python"), python("3.11")), "linux") == ""
    assert why_passed_over(link(str(tmp_path / "gone" / "python"), "/nowhere"), "linux") == "cannot be read"


def test_other_systems(tmp_path: Path) -> None:
    alias = script(str(tmp_path / "x\\Microsoft\\WindowsApps\\python.exe"), "")
    assert why_passed_over(alias, "win32") == "is an alias of the Windows store"
    assert why_passed_over("/usr/bin/python3", "darwin") == "may be Apple's developer-tools stub"
    batch = script(str(tmp_path / "python.bat"), "@echo off\r\ncall pyenv exec python %*\r\n")
    assert why_passed_over(batch, "win32") == "is a shim of pyenv"
    assert why_passed_over("bin/python3", "linux") == "is found by a relative PATH entry"


def test_versions_in_names(tmp_path: Path) -> None:
    script(str(tmp_path / "python3.12"), "")
    assert version_in_name(link(str(tmp_path / "python"), str(tmp_path / "python3.12"))) == (3, 12)
    assert version_in_name(str(tmp_path / "python3")) == ()
