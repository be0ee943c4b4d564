#!/usr/bin/env python3
"""Build `dist/vpython.pyz`: the shell head, the front door, `vpy` and the vendored wheels in one file.

Standard library and pip only. What is fetched is cached in `build/`; two builds of one commit by
one Python are byte-identical. All that is wrong is said in one line, and nothing is written then.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:  # ahead of `builder`, which needs it too
    import tomllib
except ImportError:
    sys.exit(f"build_zipapp: needs Python 3.11 or newer, `{sys.executable}` is {sys.version.split()[0]}")

from builder import archive as archives
from builder import package, release
from builder.archive import archive, beside, bundle, installing, parted, with_code
from builder.vendor import TOP, BuildError, contents, fetch_wheels, licences, requirements, unpack_vendor

if TYPE_CHECKING:
    from collections.abc import Mapping

MAIN = b"""\
# Any Python can read this file, so that an old one can be given what is needed.
import sys

if sys.version_info < (3, 11):
    found = (sys.executable, sys.version.split()[0])
    sys.stderr.write("vpython: needs Python 3.11 or newer to run itself; `%s` is %s\\n" % found)
    sys.exit(1)

import os

if os.environ.get("PYTHONPATH"):
    from bootstrap import sys_path

    sys_path.leave(os.environ["PYTHONPATH"])
import vpython

vpython.main()
"""
# Runs the unpacked code without the import machinery of an archive; its words are where that lies, vpython's
# name, and those that vpython was called with. It stands in the head: a file of its own could be damaged too.
START = """\
import sys
sys.path.insert(0, sys.argv[1])
del sys.argv[:2]
try:
    import vpython
    vpython.main()
except Exception:
    import os
    os.environ["VPYTHON_RECORD"] = "!own"
    os.execv(sys.executable, [sys.executable, "-I", "-S", *sys.argv])
"""
SEEDS = ("wheel",)  # vendored wheels that are no code of ours, but for environments
LEFT_OUT = re.compile(r".*(/tests/|\.pyi$|/py\.typed$|\.dist-info/|\.data/)")


def tree(directory: Path, prefix: str) -> dict[str, bytes]:
    """Return every module under `directory`: name with `/` -> bytes."""
    return {
        prefix + path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*.py")
    }


def settings(path: Path) -> dict[str, Any]:
    """Read a domain: every setting that `config.toml` has, of the same kind, and no other."""
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
        with (TOP / "config.toml").open("rb") as file:
            faults = differences(tables, tomllib.load(file))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BuildError(f"{path}: not TOML: {error}") from error
    if faults:
        raise BuildError(f"{path}: {'; '.join(faults)}")
    return tables


def differences(given: Any, model: Any, name: str = "") -> list[str]:
    """Return what keeps `given` from having the shape of `model`, a phrase for each difference."""
    number = isinstance(model, (int, float)) and isinstance(given, (int, float))
    if type(given) is not type(model) and not number:
        return [f"`{name}` is {type(given).__name__}, not {type(model).__name__}"]
    if isinstance(given, list):
        rows = [(f"{name}[{at}]", item, model[0]) for at, item in enumerate(given) if model]
    elif isinstance(given, dict):
        path = name + "." if name else ""
        odd = [f"`{path}{key}` is missing" for key in model.keys() - given.keys()]
        odd += [f"`{path}{key}` is unknown" for key in given.keys() - model.keys()]
        if odd:
            return sorted(odd)
        rows = [(path + key, given[key], model[key]) for key in model]
    else:
        rows = []
    return [fault for at, item, other in rows for fault in differences(item, other, at)]


def baked(tables: Mapping[str, Any], version: str, pins: Mapping[str, tuple[str, str]]) -> bytes:
    """Return the source of `vpy/_baked.py`: the settings as Python data."""
    vendored = tuple((name, *pin) for name, pin in sorted(pins.items()))
    return (
        f'"""Made by build_zipapp.py."""\n\nVERSION = {version!r}\n'
        f"TABLES = {tables!r}\nVENDORED = {vendored!r}\n"
    ).encode()


def build(config: Path, output: Path) -> int:
    """Write the archive to `output`; return its size in bytes."""
    if output.is_dir():
        raise BuildError(f"{output}: Is a directory")
    output.parent.mkdir(parents=True, exist_ok=True)
    tables = settings(config)
    listing = TOP / "vendor" / "requirements.txt"
    pins = requirements(listing)
    wheels = fetch_wheels(pins, listing, TOP / "build" / "wheels")
    notices = licences(contents(wheels))
    seeds = {f"seeds/{wheels[name].name}": wheels.pop(name).read_bytes() for name in SEEDS}
    unpack_vendor(wheels, TOP / "build" / "vendor")
    own = {**tree(TOP / "vpy", "vpy/"), "vpy/_baked.py": baked(tables, release.project()["version"], pins)}
    doors = {**tree(TOP / "bootstrap", "bootstrap/"), "vpython.py": (TOP / "vpython.py").read_bytes()}
    doors["__main__.py"] = MAIN
    head = (TOP / "vpython.sh").read_bytes()
    own_source = Path(__file__).read_bytes() + Path(archives.__file__).read_bytes()
    identity = _identity({**own, **doors, "head": head, "builder": own_source}, pins)

    mark = f'BUILD = "{identity}"'.encode()
    doors = {name: data.replace(b'BUILD = "source"', mark) for name, data in doors.items()}
    inner, pip_more = _inner({**own, **seeds}, doors, contents(wheels), notices)
    outer = {**with_code(doors), **inner, "pip-more.zip": pip_more}
    outer["LICENSE"] = (TOP / "LICENSE").read_bytes()
    data = archive(outer, head=_shell_door(head, identity), deflated={*inner, "LICENSE"})
    write(output, data)
    output.with_name(output.name + release.SIDECAR).unlink(missing_ok=True)  # that of the file before
    return len(data)


def _inner(
    own: Mapping[str, bytes],
    doors: Mapping[str, bytes],
    vendored: Mapping[str, bytes],
    notices: Mapping[str, bytes],
) -> tuple[dict[str, bytes], bytes]:
    """Return the bundles and archives that the app is unpacked from, and the rest of pip."""
    kept = {name: data for name, data in vendored.items() if not LEFT_OUT.match(name)}
    pip = {name: data for name, data in kept.items() if name.startswith("pip/")}
    others = {f"vendor/{name}": data for name, data in kept.items() if name not in pip}
    front = {name: data for name, data in doors.items() if name != "__main__.py"}
    app_code, app_sources = parted({**own, **others, **front})

    needed = installing(TOP / "build" / "vendor", pip)
    pip["pip_archives.py"] = own["vpy/wheels/pip_archives.py"]
    pip_code, pip_sources = parted(pip)
    first = {*needed, "pip_archives.py"}
    more = pip_code.keys() - first - set(map(beside, first))
    inner = {
        "app.bundle": bundle(app_code),
        "app-source.bundle": bundle({**app_sources, **notices}),
        "pip.zip": archive({name: pip_code[name] for name in pip_code.keys() - more}),
        "pip-source.bundle": bundle(pip_sources),
    }
    return inner, archive({name: pip_code[name] for name in more}, deflated=more)


def _shell_door(head: bytes, identity: str) -> bytes:
    """Return the shell door with its constants filled in."""
    constants = {
        "BUILD": identity,
        "ROOT": "vpython-root",
        "RECORDS": "records-1",
        "APP": "app-1",
        "START": START,
    }
    for name, text in constants.items():
        head = head.replace(f"@{name}@".encode(), text.encode())
    return head


def write(output: Path, data: bytes) -> None:
    """Write an executable file that has its name only when it is whole."""
    passing = output.with_name(f"{output.name}.{os.getpid()}.new")
    try:
        passing.write_bytes(data)
        passing.chmod(0o755)
        passing.replace(output)
    finally:
        passing.unlink(missing_ok=True)


def _identity(files: Mapping[str, bytes], pins: Mapping[str, tuple[str, str]]) -> str:
    """Return the identity of a build, 16 characters for file names, the same whatever Python compiles it."""
    digest = hashlib.sha256(repr(sorted(pins.items())).encode())
    for name, data in sorted(files.items()):
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return base64.b32encode(digest.digest())[:16].decode().lower()


def main() -> int:
    """Build the file as the command line asks; return the exit code."""
    parser = argparse.ArgumentParser(description="Build dist/vpython.pyz")
    parser.add_argument("--config", type=Path, default=TOP / "config.toml", help="the domain to bake in")
    parser.add_argument("--output", type=Path, default=TOP / "dist" / "vpython.pyz")
    parser.add_argument("--package", action="store_true", help="make dist/vpython.cipd of it, too")
    parser.add_argument(
        "--release", action="store_true", help="make its sha256, SBOM and wheels beside it, too"
    )
    parser.add_argument("--publish", type=Path, metavar="DIR", help="add the release to this directory, too")
    arguments = parser.parse_args()
    try:
        size = build(arguments.config, arguments.output)
        result = _more(arguments)
    except BuildError as error:
        print(f"build_zipapp: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"build_zipapp: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{arguments.output}: {size:,} bytes{result}")
    return 0


def _more(arguments: argparse.Namespace) -> str:
    """Make what is asked for beside the file; return a line for each thing."""
    result = ""
    is_release = arguments.release or arguments.publish
    if arguments.package or is_release:
        result += package.package(arguments.output, arguments.config)
    if is_release:
        files = release.release(arguments.output, arguments.config)
        result += "".join(f"\n{path}: {path.stat().st_size:,} bytes" for path in files[1:])
        if arguments.publish:
            result += release.publish(files, arguments.publish)
    return result


if __name__ == "__main__":
    sys.exit(main())
