"""Installed and linked wheels compared with what plain pip installs into a plain venv.

The differences, all of them wanted: files are read-only (only the x bit is compared), and nothing
is compiled. Scripts and RECORD are compared byte for byte: we link for the prefix of the plain venv.
"""

from __future__ import annotations

import base64
import csv
import glob
import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from vpy.model import WheelFile
from vpy.system.files import sha256_of
from vpy.wheels.filename import parse
from vpy.wheels.install import ensure
from vpy.wheels.link import link
from vpy.wheels.script import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.wheels.conftest import MakeWheel
    from vpy.model import Interpreter
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal
    from vpy.wheels.pip_runner import HostPython

VERSIONS = ["3.8", "3.9", "3.11", "3.13"]
LIMITS = Limits(shebang=127, path=4095)


def snapshot(top: str) -> dict[str, tuple[bytes, bool]]:
    """Return every file under `top` and whether it can be executed."""
    found = {}
    for directory, _, names in os.walk(top):
        for name in names:
            path = os.path.join(directory, name)
            if not os.path.islink(path):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, top)] = (file.read(), os.access(path, os.X_OK))
    return found


def plain_pip(target: Interpreter, host: HostPython, where: str) -> str:
    """Return the vendored pip, or that of `ensurepip` for a Python on which the vendored one does not run.

    A directory of its own hides what is vendored beside pip: that would count as installed.
    """
    if target.version >= (3, 10):
        alone = f"{where}.pip"
        os.makedirs(alone, exist_ok=True)
        os.symlink(os.path.join(host.pip, "pip"), os.path.join(alone, "pip"))
        return os.path.join(alone, "pip")
    bundled = os.path.join(os.path.dirname(target.landmark), "ensurepip", "_bundled", "pip-*.whl")
    return os.path.join(glob.glob(bundled)[0], "pip")


def plain_venv(where: str, target: Interpreter, host: HostPython, wheels: Sequence[WheelFile]) -> None:
    subprocess.run([target.executable, "-m", "venv", "--without-pip", where], check=True)
    if not wheels:
        return
    python = os.path.join(where, "bin", "python")
    by_name = [f"{parse(wheel.filename).name}=={wheel.filename.split('-')[1]}" for wheel in wheels]
    folders = {os.path.dirname(wheel.path) for wheel in wheels}
    links = [f"--find-links={folder}" for folder in folders]
    command = [
        python,
        plain_pip(target, host, where),
        "--disable-pip-version-check",
        "install",
        "-q",
        "--no-index",
    ]
    environ = {"PATH": os.environ["PATH"], "HOME": where + ".home", "PIP_CONFIG_FILE": os.devnull}
    command += ["--no-deps", "--no-compile", "--no-warn-script-location", *links, *by_name]
    subprocess.run(command, check=True, env=environ)


@pytest.fixture
def compare(
    tmp_path: Path, layout: Layout, host: HostPython, terminal: Terminal
) -> Callable[[Interpreter, Sequence[WheelFile]], str]:
    """Return a function that installs both ways, compares, and returns the path of ours."""

    def run(target: Interpreter, wheels: Sequence[WheelFile]) -> str:
        plain, ours = str(tmp_path / "plain"), str(tmp_path / "ours")
        plain_venv(plain, target, host, [])
        empty = set(snapshot(plain))
        plain_venv(plain, target, host, wheels)
        expected = {name: data for name, data in snapshot(plain).items() if name not in empty}
        os.mkdir(ours)
        stored = ensure(wheels, target, layout=layout, host=host, environ=os.environ, terminal=terminal)
        link(stored, plain, ours, os.path.join(plain, "bin", "python"), limits=LIMITS)
        found = snapshot(ours)
        assert sorted(found) == sorted(expected)
        differing = {name for name in found if found[name] != expected[name]}
        if target.version < (3, 10):
            # Old pips leave the hash of a `#!python` script in RECORD as it was before they changed it.
            differing -= {name for name in differing if name.endswith("odd-1.0.dist-info/RECORD")}
        assert differing == set()
        check_records(ours, dict(target.scheme)["purelib"])
        return ours

    return run


def check_records(top: str, library: str) -> None:
    """Check that every RECORD lists exactly the files there, with their hashes and sizes."""
    base = os.path.join(top, library)
    listed = set()
    for record in glob.glob(os.path.join(base, "*.dist-info", "RECORD")):
        with open(record, newline="", encoding="utf-8") as file:
            for path, recorded, size in csv.reader(file):
                if ".data/scripts/" in path:
                    continue  # pip keeps the row of a script that an entry point's wrapper replaces
                listed_path = os.path.normpath(os.path.join(base, path))
                listed.add(os.path.relpath(listed_path, top))
                with open(listed_path, "rb") as listed_file:
                    data = listed_file.read()
                if recorded:
                    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
                    assert (recorded, size) == (f"sha256={digest}", str(len(data))), listed_path
    assert listed == set(snapshot(top))


ODD: dict[str, str | bytes] = {
    "odd/__init__.py": "value = 1\n",
    "odd/data with blank.txt": "x\n",
    "odd.pth": "import sys\n",
    "odd-1.0.data/purelib/odd_pure.py": "pure = 1\n",
    "odd-1.0.data/platlib/odd_plat.py": "plat = 1\n",
    "odd-1.0.data/headers/odd.h": "#define ODD 1\n",
    "odd-1.0.data/headers/sub/more.h": "#define MORE 1\n",
    "odd-1.0.data/data/lib/python/odd.txt": "kept under lib\n",
    "odd-1.0.data/data/lib/odd.so": b"\x7fELF",
    "odd-1.0.data/data/share/odd/a.txt": "a\n",
    "odd-1.0.data/data/etc/odd.conf": "c\n",
    "odd-1.0.data/data/bin/odd-data-script": "#!python\nprint('data is left alone')\n",
    "odd-1.0.data/scripts/odd-python": "#!python\nprint('python')\n",
    "odd-1.0.data/scripts/odd-flags": "#!python -s\nprint('flags')\n",
    "odd-1.0.data/scripts/odd-pythonw": "#!pythonw\nprint('pythonw')\n",
    "odd-1.0.data/scripts/odd-shell": "#!/bin/sh\necho shell\n",
    "odd-1.0.data/scripts/odd-binary": b"\x7fELF\x00\x01binary",
    "odd-1.0.data/scripts/odd-env": "#!/usr/bin/env python\nprint('env')\n",
    "odd-1.0.data/scripts/odd-main": "#!python\nprint('dropped: an entry point has this name')\n",
}
ODD_ENTRIES = """\
[console_scripts]
odd-main = odd:main
odd-extra = odd.sub:deep.main [extra]

[gui_scripts]
odd-window = odd:window

[odd.plugins]
one = odd:plugin
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_everything_a_wheel_can_bring(
    version: str,
    interpreters: Callable[[str], Interpreter],
    make_wheel: MakeWheel,
    compare: Callable[[Interpreter, Sequence[WheelFile]], str],
) -> None:
    target = interpreters(version)
    native = f"cp{version.replace('.', '')}-none-linux_x86_64"
    wheels = [
        make_wheel("odd", "1.0", ODD, entry_points=ODD_ENTRIES),
        make_wheel(
            "plat_form", "2.0", {"plat_form.py": "", "plat_form-2.0.data/headers/p.h": "p"}, tag=native
        ),
        make_wheel("space_one", "1.0", {"space/one.py": "one = 1\n"}),
        make_wheel("space_two", "1.0", {"space/two.py": "two = 2\n"}),
        make_wheel("kin_one", "1.0", {"kin/__init__.py": PKGUTIL, "kin/one.py": ""}),
        make_wheel("kin_two", "1.0", {"kin/__init__.py": PKGUTIL, "kin/two.py": ""}),
        make_wheel("pip", "99.0", {"pip/__init__.py": ""}, entry_points=PIP_ENTRIES),
        make_wheel("Mixed.Case", "1.0", {"mixed.py": "", "Mixed.Case-1.0.data/headers/m.h": "m"}),
    ]
    ours = compare(target, wheels)
    assert os.path.isfile(os.path.join(ours, "lib", "python", "odd.txt"))
    assert os.path.isfile(os.path.join(ours, "bin", f"pip{version}"))


PKGUTIL = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
PIP_ENTRIES = "[console_scripts]\npip = pip:main\npip3 = pip:main\npip3.7 = pip:main\n"


@pytest.mark.index
@pytest.mark.parametrize("version", [pytest.param("3.8", marks=pytest.mark.thorough), "3.13"])
def test_real_wheels(
    version: str,
    tmp_path: Path,
    host: HostPython,
    interpreters: Callable[[str], Interpreter],
    compare: Callable[[Interpreter, Sequence[WheelFile]], str],
) -> None:
    names = ["greenlet", "ruff", "ninja", "ipykernel", "notebook", "setuptools", "protobuf", "zope.interface"]
    folder = str(tmp_path / "index")
    options = ["--only-binary", ":all:", "--python-version", version, *names]
    subprocess.run(
        [
            sys.executable,
            os.path.join(host.pip, "pip"),
            "download",
            "-q",
            "--no-deps",
            "-d",
            folder,
            *options,
        ],
        check=True,
    )
    paths = sorted(glob.glob(os.path.join(folder, "*.whl")))
    wheels = [WheelFile(filename=os.path.basename(path), sha256=sha256_of(path), path=path) for path in paths]
    assert len(wheels) == len(names)
    compare(interpreters(version), wheels)
