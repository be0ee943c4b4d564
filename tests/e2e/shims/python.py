"""A hermetic Python, made of the one that runs the tests: moved, and without the place it was built for."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from vpy.packages.cipd import package_writer
from vpy.packages.cipd.manifest import Manifest
from vpy.packages.cipd.package_writer import Member

NAME = "infra/3pp/tools/cpython3/linux-amd64"
USELESS = ("*test*", "site-packages", "dist-packages", "config-*", "__pycache__", "*.a")
# What is left is enough for a venv and a script; it is compiled each time that it is unpacked.
SPARED = (
    "idlelib", "lib2to3", "tkinter", "ensurepip", "turtledemo", "pydoc_data", "asyncio", "xml", "xmlrpc",
    "multiprocessing", "email", "http", "html", "curses", "dbm", "sqlite3", "wsgiref", "distutils",
    "ctypes", "msilib", "concurrent", "zoneinfo", "_py[dr]*.py", "_pylong.py", "turtle.py", "pydoc.py",
    "tarfile.py", "cp[0-9]*.py", "iso*.py", "mac_*.py",
)  # fmt: skip
MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
VERSION = ".".join(map(str, sys.version_info[:3]))
TAG = f"version:3@{VERSION}.chromium.1"


def make(place: Path, *, whole: bool = False) -> tuple[str, bytes]:
    """The package file of such a Python: (instance id, bytes); a `whole` one can run vpython itself."""
    tree = place / "tree"
    library = tree / "lib" / f"python{MINOR}"
    left_out = shutil.ignore_patterns(*USELESS, *(() if whole else SPARED))
    shutil.copytree(sysconfig.get_path("stdlib"), library, ignore=left_out, symlinks=False)
    (library / "site-packages").mkdir()
    (library / "site-packages" / "planted.py").write_text("raise SystemExit('of the bundle')\n")
    (tree / "bin").mkdir()
    program = tree / "bin" / f"python{MINOR}"
    shutil.copy(os.path.realpath(sys._base_executable), program)  # type: ignore[attr-defined]
    _move(program)
    shared = Path(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or "none")
    if sysconfig.get_config_var("Py_ENABLE_SHARED") and shared.is_file():
        shutil.copy(shared, tree / "lib")
        _move(tree / "lib" / shared.name)
    for path in library.glob("_sysconfigdata*.py"):
        path.write_text(path.read_text().replace(sys.base_prefix, _gone()))
    target = place / "package"
    instance_id = package_writer.write(str(target), Manifest(NAME), _members(tree))
    return instance_id, target.read_bytes()


def _gone() -> str:
    return "/" + "x" * (len(sys.base_prefix) - 1)


def _move(path: Path) -> None:
    """Take from a binary the place it was built for; what it loads lies beside it now."""
    prefix = sys.base_prefix.encode()
    data = path.read_bytes()
    load = prefix + b"/lib\0"
    data = data.replace(load, b"$ORIGIN/../lib".ljust(len(load), b"\0")) if len(load) > 15 else data
    path.chmod(0o755)
    path.write_bytes(data.replace(prefix, _gone().encode()))


def _members(tree: Path) -> list[Member]:
    members = [Member("bin/python3", link=f"python{MINOR}"), Member("bin/python", link="python3")]
    for path in tree.rglob("*"):
        if path.is_file():
            name = path.relative_to(tree).as_posix()
            members.append(Member(name, str(path), executable=os.access(path, os.X_OK)))
    return members
