"""What package names and versions mean on an index, and where pip looks for its configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from vpy.config import load
from vpy.errors import UserError
from vpy.model import Observation, Wanted
from vpy.packages.pipconfig import config_files, index_identity
from vpy.packages.projects import public_requirement, requirement_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vpy.wheels.host import HostPython

CONFIG = load()

MEANINGS = {
    ("requests-py3", "version:2.31.0"): "requests==2.31.0",
    ("requests-py2_py3", "version:2.31.0"): "requests==2.31.0",
    ("six_py2_py3", "version:1.10.0"): "six==1.10.0",
    ("enum34-py2", "version:1.1.6"): "enum34==1.1.6",
    ("plain", "version:1.0"): "plain==1.0",
    ("psutil/linux-amd64_cp311_cp311", "version:5.8.0"): "psutil==5.8.0",
    ("psutil/linux-amd64_cp36_abi3", "version:5.8.0.chromium.3"): "psutil==5.8.0",
    ("zope.interface/mac-arm64", "version:5.4+chromium.1"): "zope.interface==5.4",
    ("mypy-extensions-py3", "version:1.0-chromium.1"): "mypy-extensions==1.0",
    ("cffi/x", "version:2@1.15.1.chromium.2"): "cffi==1.15.1",
    ("local-py3", "version:1.0+ours.2"): "local==1.0+ours.2",
    ("py3-py3", "version:1!2.0rc1"): "py3==1!2.0rc1",
}


@pytest.mark.parametrize("case", MEANINGS, ids=lambda case: " ".join(case))
def test_packages_that_are_projects(case: tuple[str, str]) -> None:
    name, version = case
    wanted = Wanted(name=CONFIG.wheel_prefix + name, template="", version=version)
    requirement, note = requirement_for(wanted, CONFIG)
    assert requirement == MEANINGS[case]
    assert bool(note) == ("chromium" in version)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("infra/3pp/tools/git/linux-amd64", "version:2@2.40"),
        ("infra/python/wheels/", "version:1"),
        ("infra/python/wheels/-py3", "version:1"),
        ("infra/python/wheels/a b-py3", "version:1"),
        ("infra/python/wheels/--index-url=http:-py3", "version:1"),
        ("infra/python/wheels/x-py3", "latest"),
        ("infra/python/wheels/x-py3", "version:"),
        ("infra/python/wheels/x-py3", "version:.chromium.1"),
        ("infra/python/wheels/x-py3", "version:one"),
        ("infra/python/wheels/x-py3", "version:1\n--index-url=http://elsewhere"),
        ("infra/python/wheels/x-py3", "version:1 --index-url http://elsewhere"),
        ("infra/python/wheels/x-py3", "version:1,>0"),
        ("infra/python/wheels/x-py3", "git_revision:abc"),
    ],
)
def test_packages_that_are_none(name: str, version: str) -> None:
    with pytest.raises(UserError):
        requirement_for(Wanted(name=name, template=name, version=version), CONFIG)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("foo==1.2.3.chromium.4", "foo==1.2.3"),
        ("foo == 1.2.3-chromium.4 ; os_name == 'posix'", "foo == 1.2.3 ; os_name == 'posix'"),
        ("foo[a]==1.0.chromium.1,!=2", "foo[a]==1.0,!=2"),
        ("foo==1.2.3+chromium.4", "foo==1.2.3+chromium.4"),
        ("foo>=1", "foo>=1"),
        ("chromium==1.0", "chromium==1.0"),
    ],
)
def test_requirements_with_a_build_number(text: str, expected: str) -> None:
    assert public_requirement(text)[0] == expected


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
