"""Fixtures: wheels made by hand, the Pythons of this machine, the vendored pip on the host's."""

from __future__ import annotations

import base64
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Protocol

import pytest
from packaging import tags

from vpy.model import Interpreter, Tag, Tags, WheelFile
from vpy.system.layout import Layout
from vpy.system.terminal import Terminal
from vpy.wheels.pip_runner import HostPython

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

PROBE = """
import json, os, platform, sys, sysconfig
names = {"base": "P", "platbase": "P", "installed_base": "P", "installed_platbase": "P"}
scheme = "nt" if os.name == "nt" else "posix_prefix"
paths = sysconfig.get_paths(scheme, names)
found = {key: os.path.relpath(paths[key], "P") for key in ("purelib", "platlib", "scripts", "data")}
found["headers"] = os.path.join("include", "site", "python%d.%d" % sys.version_info[:2])
info = sys.version_info
print(json.dumps({
    "version": list(info[:3]), "platform": sysconfig.get_platform(), "scheme": found,
    "base_prefix": sys.base_prefix, "landmark": os.__file__,
    "markers": {
        "implementation_name": "cpython", "implementation_version": "%d.%d.%d" % info[:3],
        "os_name": os.name, "platform_machine": platform.machine(), "platform_release": platform.release(),
        "platform_system": platform.system(), "platform_version": platform.version(),
        "python_full_version": "%d.%d.%d" % info[:3], "platform_python_implementation": "CPython",
        "python_version": "%d.%d" % info[:2], "sys_platform": sys.platform,
    },
}))
"""


def find_python(version: str) -> str | None:
    """Return a Python X.Y of this machine, from PATH or from pyenv, or None."""
    home = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for path in [*glob.glob(os.path.join(home, "versions", f"{version}.*", "bin", "python")), ""]:
        found = path or shutil.which(f"python{version}") or ""
        if found and subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0:
            return os.path.realpath(found)
    return None


def probe(executable: str) -> Interpreter:
    out = subprocess.run([executable, "-I", "-S", "-c", PROBE], check=True, capture_output=True).stdout
    facts = json.loads(out)
    major, minor, _ = facts["version"]
    platforms = list(tags.platform_tags())
    supported = [
        *tags.cpython_tags((major, minor), platforms=platforms),
        *tags.compatible_tags((major, minor), f"cp{major}{minor}", platforms),
    ]
    return Interpreter(
        executable=executable,
        version=tuple(facts["version"]),
        version_text=".".join(map(str, facts["version"])),
        implementation="cpython",
        platform=facts["platform"],
        base_prefix=facts["base_prefix"],
        landmark=facts["landmark"],
        signature=(0, 0, 0),
        tags=Tags.of(Tag(tag.interpreter, tag.abi, tag.platform) for tag in supported),
        markers=tuple(sorted(facts["markers"].items())),
        scheme=tuple(sorted(facts["scheme"].items())),
    )


@pytest.fixture(scope="session")
def interpreters() -> Callable[[str], Interpreter]:
    """Return a function that probes a Python by version, and skips where there is none."""
    known: dict[str, Interpreter] = {}

    def get(version: str) -> Interpreter:
        executable = find_python(version)
        if executable is None:
            pytest.skip(f"no Python {version} on this machine")
        if version not in known:
            known[version] = probe(executable)
        return known[version]

    return get


@pytest.fixture(scope="session")
def current() -> Interpreter:
    return probe(os.path.realpath(sys.executable))


@pytest.fixture(scope="session")
def host() -> HostPython:
    return HostPython(
        executable=sys.executable,
        pip=os.path.join(TOP, "build", "vendor"),
        programs=os.path.join(TOP, "vpy", "wheels"),
    )


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(root=str(tmp_path / "root"))


@pytest.fixture
def terminal() -> Terminal:
    return Terminal("error")


class MakeWheel(Protocol):
    """Write a wheel with these files, a `.dist-info` and a RECORD."""

    def __call__(
        self,
        name: str,
        version: str,
        contents: Mapping[str, str | bytes],
        *,
        tag: str = ...,
        entry_points: str = ...,
        metadata: str = ...,
        build: str = ...,
        into: str = ...,
    ) -> WheelFile: ...


def record_row(path: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}\n"


def write_wheel(path: str, info: str, contents: Mapping[str, str | bytes]) -> None:
    rows = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in contents.items():
            data = text.encode() if isinstance(text, str) else text
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (0o100755 if "/scripts/" in name else 0o100644) << 16
            archive.writestr(entry, data)
            rows.append(record_row(name, data))
        rows.append(f"{info}/RECORD,,\n")
        archive.writestr(f"{info}/RECORD", "".join(rows))


@pytest.fixture
def make_wheel(tmp_path: Path) -> MakeWheel:
    def make(
        name: str,
        version: str,
        contents: Mapping[str, str | bytes],
        *,
        tag: str = "py3-none-any",
        entry_points: str = "",
        metadata: str = "",
        build: str = "",
        into: str = "wheels",
    ) -> WheelFile:
        directory = tmp_path / into
        directory.mkdir(parents=True, exist_ok=True)
        info = f"{name}-{version}.dist-info"
        pure = str(tag.endswith("-none-any")).lower()
        expanded = "".join(
            f"Tag: {python}-{abi}-{platform}\n"
            for pythons, abis, platforms in [tag.split("-")]
            for python in pythons.split(".")
            for abi in abis.split(".")
            for platform in platforms.split(".")
        )
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}"
        build_line = f"Build: {build}\n" if build else ""
        files = {
            **contents,
            f"{info}/METADATA": head,
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: {pure}\n{build_line}{expanded}",
        }
        if entry_points:
            files[f"{info}/entry_points.txt"] = entry_points
        filename = "-".join(part for part in (name, version, build, tag) if part) + ".whl"
        path = directory / filename
        write_wheel(str(path), info, files)
        return WheelFile(
            filename=filename,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            path=str(path),
            package=f"pkg/{name}",
        )

    return make
