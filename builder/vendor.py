"""Vendored wheels: read from `vendor/requirements.txt`, fetched by pip, checked by their sha256."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TOP = Path(__file__).resolve().parents[1]


class BuildError(Exception):
    """One line that says why nothing was built."""


def requirements(path: Path) -> dict[str, tuple[str, str]]:
    """Read `NAME==VERSION --hash=sha256:HEX` lines: name -> (version, sha256 as hex)."""
    pins = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line and not line.startswith("#"):
            found = re.fullmatch(r"([\w.-]+)==([\w.]+) --hash=sha256:([0-9a-f]{64})", line)
            if not found:
                raise BuildError(f"{path}:{number}: not NAME==VERSION --hash=sha256:HEX: `{line}`")
            pins[found[1]] = (found[2], found[3])
    return pins


def fetch_wheels(pins: Mapping[str, tuple[str, str]], listing: Path, cache: Path) -> dict[str, Path]:
    """Return each pinned wheel's file, fetched by pip where the cache lacks it, its sha256 checked."""
    wheels = _cached(pins, cache)
    if len(wheels) < len(pins):
        cache.mkdir(parents=True, exist_ok=True)
        command = [
            *_pip(), "download", "--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:",
            "--platform=any", "--implementation=py", "--python-version=3.11", "--dest", str(cache),
            "--requirement", str(listing),
        ]  # fmt: skip
        ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
        if ended.returncode:
            said = [line.strip() for line in ended.stderr.splitlines() if line.strip()] or ["no reason given"]
            reason = next((line for line in said if line.startswith("ERROR: ")), said[-1])
            raise BuildError(f"pip cannot fetch what {listing} lists: {reason.removeprefix('ERROR: ')}")
        wheels = _cached(pins, cache)
    missing = sorted(set(pins) - set(wheels))
    if missing:
        raise BuildError(f"no wheel with the pinned hash for: {', '.join(missing)}")
    return wheels


def _cached(pins: Mapping[str, tuple[str, str]], cache: Path) -> dict[str, Path]:
    wheels = {}
    for path in sorted(cache.glob("*.whl")):
        project, version, *_ = path.name.split("-")
        name = project.lower().replace("_", "-")
        if name not in pins or version != pins[name][0]:
            continue
        if hashlib.sha256(path.read_bytes()).hexdigest() != pins[name][1]:
            path.unlink()
            print(f"build_zipapp: dropped `{path.name}`: its sha256 is not the pinned one", file=sys.stderr)
            continue
        wheels[name] = path
    return wheels


def _pip() -> list[str]:
    """Return a command that runs pip: this Python's, else that of a venv made for it."""
    own = [sys.executable, "-m", "pip"]
    if subprocess.run([*own, "--version"], capture_output=True, check=False).returncode == 0:
        return own
    path = TOP / "build" / "pip"
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(path)], check=False).returncode:
        raise BuildError(f"`{sys.executable}` has neither pip nor a venv module that could install it")
    return [str(path / ("Scripts" if os.name == "nt" else "bin") / "python"), "-m", "pip"]


def unpack_vendor(wheels: Mapping[str, Path], vendor: Path) -> None:
    """Unpack all wheels into `build/vendor`, where the source tree's own tests find them."""
    stamp = vendor / ".wheels"
    wanted = "\n".join(f"{name} {path.name}" for name, path in sorted(wheels.items()))
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(vendor, ignore_errors=True)
    for path in wheels.values():
        with zipfile.ZipFile(path) as members:
            members.extractall(vendor)
    stamp.write_text(wanted, encoding="utf-8")


def contents(wheels: Mapping[str, Path]) -> dict[str, bytes]:
    """Return every file of the wheels, from their own checked bytes: name -> bytes."""
    found = {}
    for path in wheels.values():
        with zipfile.ZipFile(path) as members:
            found.update(
                {item.filename: members.read(item) for item in members.infolist() if not item.is_dir()}
            )
    return found


def licences(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the licence files of what is vendored: `licenses/NAME-VERSION/…`."""
    found = {}
    for name, data in files.items():
        info, mark, path = name.partition(".dist-info/")
        if mark and re.search(r"(?i)licen[cs]e|copying|notice|authors", path):
            found[f"licenses/{info}/{path.removeprefix('licenses/')}"] = data
    return found
