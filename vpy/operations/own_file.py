"""File that vpython runs from: where it lies, who installed it, and what its bytes should be."""

from __future__ import annotations

import os
import shlex

from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bootstrap.request import Request
    from vpy.operations.context import Context

COMMANDS = ("vpython", "vpython3", "vpython-tool")
SITES = ("site-packages", "dist-packages")
LARGEST = 1 << 20  # bytes of a file that says who installed what
SIDECAR = ".sha256"
# Package managers of systems: the command that names the owner of a file, and the one that upgrades it.
OWNERS = (
    ("dpkg", ("dpkg-query", "--search"), "apt-get install --only-upgrade {}"),
    ("rpm", ("rpm", "-qf", "--queryformat", "%{NAME}: "), "dnf upgrade {}"),
    ("pacman", ("pacman", "-Qqo"), "pacman -Syu {}"),
    ("apk", ("apk", "info", "-qW"), "apk upgrade {}"),
)
OF_SYSTEM = ("/usr/", "/bin/", "/sbin/", "/opt/")


@value
class OwnFile:
    """File that was called, links followed.

    `way` is who installed it, `file` where nobody but a user did; `upgrade` is the command that replaces it
    there, "" where vpython may. `expected` has the sha256, as hex, that files should have, and `record` is
    the file that says so.
    """

    path: str
    way: str
    upgrade: str = ""
    expected: tuple[tuple[str, str], ...] = ()
    record: str = ""


def find(request: Request, context: Context) -> OwnFile:
    """Return the file of this start, and who installed it."""
    from bootstrap import BUILD

    path = os.path.realpath(request.caller)
    if BUILD == "source":
        return OwnFile(path, "checkout", "git pull")
    found = _pinned(path, context) or _of_wheel(path, context) or _of_system(path, context)
    return found or _copied(path)


def _pinned(path: str, context: Context) -> OwnFile | None:
    """Return a file that a manifest pins, or that the CIPD client deployed."""
    from vpy.packages.cipd.deployment import SERVICE_DIRECTORY, Deployment
    from vpy.packages.cipd.names import looks_like_instance_id

    manifest = context.manifest
    if manifest is not None and manifest.vpython is not None:
        return OwnFile(path, "manifest", f"vpython-tool ensure {shlex.quote(manifest.path or '')} --resolve")
    for top in _above(path):
        inside = os.path.basename(top) == SERVICE_DIRECTORY
        if inside or (
            os.path.isdir(os.path.join(top, SERVICE_DIRECTORY)) and path in Deployment(top).files()
        ):
            site = os.path.dirname(top) if inside else top
            is_depot_tools = os.path.basename(site) == ".cipd_bin"
            ensure = f"cipd ensure -root {shlex.quote(site)} -ensure-file FILE"
            return OwnFile(path, "cipd", "update_depot_tools" if is_depot_tools else ensure)
    if looks_like_instance_id(os.path.basename(os.path.dirname(path))):
        return OwnFile(path, "manifest", "vpython-tool ensure FILE --resolve")
    return None


def _above(path: str) -> Iterator[str]:
    while path != (path := os.path.dirname(path)):
        yield path


def _of_wheel(path: str, context: Context) -> OwnFile | None:
    """Return a file that an installer of wheels put beside the `RECORD` which lists it."""
    prefix = os.path.dirname(os.path.dirname(path))
    for site in _site_directories(prefix):
        for info in _infos(site, context.config.distribution):
            expected = _recorded(info, site)
            if path in expected:
                return _installed(path, prefix, info, expected, context.config.distribution)
    return None


def _site_directories(prefix: str) -> Iterator[str]:
    """Yield where distributions may lie whose scripts are below `prefix`."""
    yield os.path.join(prefix, "Lib", "site-packages")
    for library in ("lib", "lib64"):
        for name in _names(os.path.join(prefix, library)):
            if name.startswith("python"):
                yield from (os.path.join(prefix, library, name, site) for site in SITES)
    yield prefix


def _infos(site: str, distribution: str) -> Iterator[str]:
    stem = distribution.replace("-", "_") + "-"
    for name in _names(site):
        if name.startswith(stem) and name.endswith(".dist-info"):
            yield os.path.join(site, name)


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _recorded(info: str, site: str) -> dict[str, str]:
    """Return the sha256, as hex, of each file that a RECORD lists, by its real path."""
    import base64
    import csv

    rows = csv.reader(_text(os.path.join(info, "RECORD")).splitlines())
    found = {}
    for row in rows:
        if len(row) == 3 and row[1].startswith("sha256="):
            text = row[1].removeprefix("sha256=")
            digest = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            found[os.path.realpath(os.path.join(site, row[0]))] = digest.hex()
    return found


def _installed(path: str, prefix: str, info: str, recorded: Mapping[str, str], name: str) -> OwnFile:
    """Return the file of a wheel, with the command of its installer that replaces the wheel."""
    is_local = os.path.exists(os.path.join(info, "direct_url.json"))  # PEP 610: from no index
    what = "WHEEL" if is_local else name
    installer = _text(os.path.join(info, "INSTALLER")).strip() or "pip"
    if os.path.exists(os.path.join(prefix, "pipx_metadata.json")):
        way = "pipx"
        upgrade = f"pipx install --force {what}" if is_local else f"pipx upgrade {name}"
    elif os.path.exists(os.path.join(prefix, "uv-receipt.toml")):
        way = "uv tool"
        upgrade = f"uv tool install --force {what}" if is_local else f"uv tool upgrade {name}"
    elif installer == "uv":
        way = "uv pip"
        upgrade = f"uv pip install --python {_python_in(prefix)} --upgrade {what}"
    else:
        way = installer
        upgrade = f"{_python_in(prefix)} -m pip install --upgrade {what}"
    directory = os.path.dirname(path)
    expected = tuple(row for row in recorded.items() if os.path.dirname(row[0]) == directory)
    return OwnFile(path, way, upgrade, expected, os.path.join(info, "RECORD"))


def _python_in(prefix: str) -> str:
    names = (("Scripts", "python.exe"), ("bin", "python3"), ("bin", "python"))
    paths = [os.path.join(prefix, *parts) for parts in names]
    return shlex.quote(next(filter(os.path.exists, paths), "python3"))


def _of_system(path: str, context: Context) -> OwnFile | None:
    """Return a file that belongs to a package of the system."""
    import shutil

    from vpy.system import process

    if not path.startswith(OF_SYSTEM) or path.startswith("/usr/local/"):
        return None
    for way, (program, *words), upgrade in OWNERS:
        command = shutil.which(program, path=context.environ.get("PATH"))
        if command is None:
            continue
        try:
            ended = process.run([command, *words, path], environ=context.environ, timeout=30)
        except OSError:
            continue
        name = _first_name(ended.stdout) if ended.code == 0 else ""
        if name:
            return OwnFile(path, way, upgrade.format(name))
    return None


def _first_name(output: bytes) -> str:
    words: Sequence[str] = output.decode("utf-8", "replace").replace(":", " ").split()
    return words[0] if words else ""


def _copied(path: str) -> OwnFile:
    """Return a file that a user put there, with what a file beside it says of its sha256."""
    record = path + SIDECAR
    digest = _text(record).partition(" ")[0].lower()
    is_digest = len(digest) == 64 and not digest.strip("0123456789abcdef")
    return OwnFile(path, "file", "", ((path, digest),), record) if is_digest else OwnFile(path, "file")


def _text(path: str) -> str:
    from vpy.system import files

    try:
        return files.read_bytes(path, LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""
