"""Where pip looks for its configuration, and what decides which index it asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from vpy.model import Observation
from vpy.packages.index.pip_config import config_files, index_identity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vpy.wheels.pip_runner import HostPython

ENVIRONS: dict[str, dict[str, str]] = {
    "nothing set": {},
    "own file": {"PIP_CONFIG_FILE": "{home}/own.conf"},
    "XDG": {"XDG_CONFIG_HOME": "{home}/x", "XDG_CONFIG_DIRS": "/a: /b:relative::"},
    "XDG relative": {"XDG_CONFIG_HOME": "x", "XDG_CONFIG_DIRS": ":"},
    "XDG data": {"XDG_DATA_HOME": "{home}/d", "XDG_DATA_DIRS": "/c:/d"},
}

ASK_PIP = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pip._internal.configuration import get_configuration_files
if sys.argv[2] == "darwin":
    from pip._vendor import platformdirs
    from pip._vendor.platformdirs.macos import MacOS
    platformdirs.PlatformDirs, sys.platform = MacOS, "darwin"
print(json.dumps([path for paths in get_configuration_files().values() for path in paths]))
"""


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("case", ENVIRONS)
def test_the_files_are_those_of_pip(case: str, platform: str, host: HostPython, tmp_path: Path) -> None:
    home = str(tmp_path)
    environ = {name: text.replace("{home}", home) for name, text in ENVIRONS[case].items()}
    command = [sys.executable, "-I", "-S", "-c", ASK_PIP, host.pip, platform]
    out = subprocess.run(command, env={**environ, "HOME": home}, check=True, capture_output=True).stdout
    ours = config_files(environ, home, platform=platform, prefix=sys.base_prefix)
    assert set(json.loads(out)) <= set(ours)
    if "PIP_CONFIG_FILE" in environ:
        assert ours[-1] == environ["PIP_CONFIG_FILE"]


def identity(environ: Mapping[str, str], home: Path, source: str = "index") -> str:
    return index_identity(environ, source, str(home))[0]


def test_whatever_decides_changes_the_name(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".config" / "pip").mkdir(parents=True)
    found = {identity({}, home), identity({}, home, "index:http://a"), identity({}, home, "index:http://b")}
    for name in ("INDEX_URL", "EXTRA_INDEX_URL", "FIND_LINKS", "NO_INDEX", "CONFIG_FILE"):
        found |= {identity({f"PIP_{name}": "one"}, home), identity({f"PIP_{name}": "two"}, home)}
    config = home / ".config" / "pip" / "pip.conf"
    for text in ("", "[global]\n", "[global]\nindex-url = http://c\n"):
        config.write_text(text)
        found.add(identity({}, home))
    assert len(found) == 3 + 10 + 3


def test_observations_tell_of_every_place(tmp_path: Path) -> None:
    config = tmp_path / "own.conf"
    config.write_bytes(b"[global]\n# \xff\n")
    environ = {"PIP_CONFIG_FILE": str(config), "HOME": str(tmp_path)}
    _, rows = index_identity(environ, "index", str(tmp_path))
    assert Observation("content", (str(config), "[global]\n# \xff\n")) in rows
    assert Observation("variable", ("PIP_CONFIG_FILE", str(config))) in rows
    assert Observation("variable", ("HOME", str(tmp_path))) in rows
    assert Observation("unset", ("PIP_INDEX_URL",)) in rows
    assert Observation("no-file", (str(tmp_path / ".config" / "pip" / "pip.conf"),)) in rows
    assert index_identity(environ, "index:http://x", str(tmp_path))[1] == ()
    _, none = index_identity({"PIP_CONFIG_FILE": os.devnull}, "index", str(tmp_path))
    assert {row.kind for row in none} == {"variable", "unset"}
