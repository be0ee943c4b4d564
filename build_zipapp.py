#!/usr/bin/env python3
"""Build `dist/vpython.pyz`: the shell head, the front door, `vpy` and the vendored wheels in one file.

Standard library and pip only. What is fetched is cached in `build/`; two builds of one commit by
one Python are byte-identical.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.util
import io
import marshal
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOP = Path(__file__).resolve().parent
EPOCH = (1980, 1, 1, 0, 0, 0)
DOOR = ("vpython.py", "vpython_bypass.py", "vpython_command.py", "vpython_root.py", "vpython_unpack.py")
MAIN = b"import vpython\n\nvpython.main()\n"


class BuildError(Exception):
    """One line that says why nothing was built."""


def requirements(path: Path) -> dict[str, tuple[str, str]]:
    """Read `NAME==VERSION --hash=sha256:HEX` lines: name -> (version, sha256 as hex)."""
    pins = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            found = re.fullmatch(r"([\w.-]+)==([\w.]+) --hash=sha256:([0-9a-f]{64})", line)
            if not found:
                raise BuildError(f"{path}: not a pinned requirement: `{line}`")
            pins[found[1]] = (found[2], found[3])
    return pins


def fetch_wheels(pins: Mapping[str, tuple[str, str]], cache: Path) -> dict[str, Path]:
    """Return each pinned wheel's file, fetched by pip where the cache lacks it, its sha256 checked."""
    wheels = _cached(pins, cache)
    if len(wheels) < len(pins):
        cache.mkdir(parents=True, exist_ok=True)
        command = [
            *_pip(), "download", "--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:",
            "--platform=any", "--implementation=py", "--python-version=3.11", "--dest", str(cache),
            "--requirement", str(TOP / "vendor" / "requirements.txt"),
        ]  # fmt: skip
        if subprocess.run(command, check=False).returncode:
            raise BuildError("pip could not fetch the wheels of vendor/requirements.txt (see above)")
        wheels = _cached(pins, cache)
    missing = sorted(set(pins) - set(wheels))
    if missing:
        raise BuildError(f"no wheel with the pinned hash for: {', '.join(missing)}")
    return wheels


def _cached(pins: Mapping[str, tuple[str, str]], cache: Path) -> dict[str, Path]:
    wheels = {}
    for path in sorted(cache.glob("*.whl")):
        name = path.name.split("-")[0].lower().replace("_", "-")
        if name not in pins or path.name.split("-")[1] != pins[name][0]:
            continue
        if hashlib.sha256(path.read_bytes()).hexdigest() != pins[name][1]:
            path.unlink()
            print(f"build_zipapp: dropped `{path.name}`: its sha256 is not the pinned one", file=sys.stderr)
            continue
        wheels[name] = path
    return wheels


def _pip() -> list[str]:
    """A command that runs pip: this Python's, else that of a venv made for it."""
    own = [sys.executable, "-m", "pip"]
    if subprocess.run([*own, "--version"], capture_output=True, check=False).returncode == 0:
        return own
    place = TOP / "build" / "pip"
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=False).returncode:
        raise BuildError(f"`{sys.executable}` has neither pip nor a venv module that could install it")
    return [str(place / ("Scripts" if os.name == "nt" else "bin") / "python"), "-m", "pip"]


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


def tree(directory: Path, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """Every file under `directory` but caches: (name with `/`, bytes), sorted."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.name != ".wheels":
            yield prefix + path.relative_to(directory).as_posix(), path.read_bytes()


def compiled(name: str, source: bytes) -> bytes:
    """Code that this Python takes without looking at the source (PEP 552, unchecked hash)."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    unchecked_hash = (1).to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + unchecked_hash + importlib.util.source_hash(source) + marshal.dumps(code)


def beside(name: str) -> str:
    """Where zipimport looks for compiled code."""
    return name + "c"


def cached(name: str) -> str:
    """Where the import system looks for compiled code in a directory."""
    directory, _, module = name.rpartition("/")
    return f"{directory}/__pycache__/{module[:-3]}.{sys.implementation.cache_tag}.pyc"


def with_code(members: Mapping[str, bytes], place: Any) -> dict[str, bytes]:
    """The members, and compiled code for each module among them."""
    every = dict(members)
    for name, data in members.items():
        if name.endswith(".py"):
            every[place(name)] = compiled(name, data)
    return every


def archive(members: Mapping[str, bytes], *, head: bytes = b"", deflated: bool = False) -> bytes:
    """A zip of the members: sorted, at a fixed date, with directory entries, behind `head`.

    Inner archives are stored, so that the outer one deflates a module and its code as one stream.
    """
    out = io.BytesIO()
    out.write(head)
    directories = {
        "/".join(name.split("/")[:depth]) + "/" for name in members for depth in range(1, name.count("/") + 1)
    }
    with zipfile.ZipFile(out, "a") as made:
        for name in sorted({*members, *directories}, key=lambda name: name.replace("__pycache__/", "")):
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = 3
            info.external_attr = (0o40755 << 16) | 0x10 if name in directories else 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
            made.writestr(info, members.get(name, b""), compresslevel=9)
    return out.getvalue()


def licences(vendor: Path) -> dict[str, bytes]:
    """The licence files of what is vendored: `licenses/NAME-VERSION/…`."""
    found = {}
    for info in sorted(vendor.glob("*.dist-info")):
        for name, data in tree(info):
            if re.search(r"(?i)licen[cs]e|copying|notice|authors", name):
                found[f"licenses/{info.name[: -len('.dist-info')]}/{name.removeprefix('licenses/')}"] = data
    return found


def bake(config: Path, version: str, pins: Mapping[str, tuple[str, str]]) -> bytes:
    """The source of `vpy/_baked.py`: the settings as Python data."""
    with config.open("rb") as file:
        tables = tomllib.load(file)
    sys.path.insert(0, str(TOP))
    from vpy.config import from_tables

    try:
        from_tables(tables, version)
    except (KeyError, TypeError) as error:
        raise BuildError(f"{config}: a setting is missing: {error}") from error
    vendored = tuple((name, *pin) for name, pin in sorted(pins.items()))
    return (
        f'"""Made by build_zipapp.py."""\n\nVERSION = {version!r}\n'
        f"TABLES = {tables!r}\nVENDORED = {vendored!r}\n"
    ).encode()


def build(config: Path, output: Path) -> int:
    """Write the archive to `output`; return its size in bytes."""
    pins = requirements(TOP / "vendor" / "requirements.txt")
    vendor = TOP / "build" / "vendor"
    unpack_vendor(fetch_wheels(pins, TOP / "build" / "wheels"), vendor)
    with (TOP / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]

    own = {name: data for name, data in tree(TOP / "vpy", "vpy/") if name.endswith(".py")}
    own["vpy/_baked.py"] = bake(config, version, pins)
    shelf = {name: data for name, data in tree(vendor, "vendor/") if not name.startswith("vendor/bin/")}
    pip = {name[len("vendor/") :]: data for name, data in shelf.items() if re.match(r"vendor/pip[-/]", name)}
    shelf = {name: data for name, data in shelf.items() if not re.match(r"vendor/(pip/|[^/]+dist-info/)", name)}
    doors = {name: (TOP / name).read_bytes() for name in DOOR}
    head = (TOP / "vpython.sh").read_bytes()
    identity = _identity({**own, **doors, "head": head}, pins)

    door = {
        name: data.replace(b'BUILD = "source"', f'BUILD = "{identity}"'.encode())
        for name, data in doors.items()
    }
    inner = with_code({**own, **shelf}, cached)
    inner["pip.zip"] = archive(with_code(pip, beside))
    outer = with_code({**door, "__main__.py": MAIN}, beside)
    outer["app.zip"] = archive({**inner, **licences(vendor)})
    outer["LICENSE"] = (TOP / "LICENSE").read_bytes()
    for mark, text in {
        "BUILD": identity,
        "ROOT": "vpython-root",
        "RECORDS": "records-1",
        "APP": "app-1",
    }.items():
        head = head.replace(f"@{mark}@".encode(), text.encode())
    data = archive(outer, head=head, deflated=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    passing = output.with_name(output.name + ".new")
    passing.write_bytes(data)
    passing.chmod(0o755)
    passing.replace(output)
    return len(data)


def _identity(files: Mapping[str, bytes], pins: Mapping[str, tuple[str, str]]) -> str:
    """What this build is, whoever's Python compiles it: 16 characters for file names."""
    digest = hashlib.sha256(repr(sorted(pins.items())).encode())
    for name, data in sorted(files.items()):
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return base64.b32encode(digest.digest())[:16].decode().lower()


def main() -> int:
    parser = argparse.ArgumentParser(description="Build dist/vpython.pyz")
    parser.add_argument("--config", type=Path, default=TOP / "config.toml", help="the domain to bake in")
    parser.add_argument("--output", type=Path, default=TOP / "dist" / "vpython.pyz")
    arguments = parser.parse_args()
    try:
        size = build(arguments.config, arguments.output)
    except (BuildError, OSError, tomllib.TOMLDecodeError) as error:
        print(f"build_zipapp: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.output}: {size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
