"""What a wheel says about itself, held against what it holds (PEP 427, PEP 376).

A wheel is refused where its parts contradict each other: its file name, its `.dist-info`, its
METADATA, its RECORD and its files. `wheel_facts` reads every byte once and unpacks nothing.
"""

from __future__ import annotations

import os

from vpy.system.archive import Archive
from vpy.value import value
from vpy.wheels import filename as wheel_filename
from vpy.wheels import launchers, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.wheels.filename import WheelName

LARGEST_TEXT = 16 << 20
SCHEMES = ("purelib", "platlib", "headers", "scripts", "data")


@value
class WheelFacts:
    """A wheel that agrees with itself.

    `dist_info` is the directory's name; `scripts` are what it puts beside Python, sorted; `startup` are
    the files that run code at every start of Python (`.start`, and `.pth` with an executable
    line), as paths in the wheel; `size` is what it unpacks to, in bytes.
    """

    name: WheelName
    dist_info: str
    root_is_purelib: bool
    scripts: tuple[str, ...]
    startup: tuple[str, ...]
    size: int


def wheel_facts(path: str, *, filename: str = "") -> WheelFacts:
    """Check the wheel at `path`, called `filename` where that differs; ToolError names file and reason."""
    name = wheel_filename.parse(filename or os.path.basename(path))
    with Archive(path) as archive:
        dist_info = _dist_info(archive, name)
        fields = _headers(archive, f"{dist_info}/WHEEL")
        _check_metadata(archive, name, dist_info)
        _check_version(archive, fields)
        _check_data(archive)
        scripts = launchers.names(archive, dist_info)
        record.check(archive, dist_info)
        return WheelFacts(
            name=name,
            dist_info=dist_info,
            root_is_purelib=fields.get("root-is-purelib", "").lower() == "true",
            scripts=scripts,
            startup=_startup(archive),
            size=sum(entry.size for entry in archive.entries),
        )


def _headers(archive: Archive, path: str) -> dict[str, str]:
    """The header lines of a member, the first of each name, by lower-case names."""
    found: dict[str, str] = {}
    for line in archive.text(path, LARGEST_TEXT).splitlines():
        if not line.strip():
            break
        key, colon, rest = line.partition(":")
        if colon and not line[0].isspace():
            found.setdefault(key.strip().lower(), rest.strip())
    return found


def _dist_info(archive: Archive, name: WheelName) -> str:
    tops = {entry.name.partition("/")[0] for entry in archive.entries}
    found = sorted(top for top in tops if top.lower().endswith(".dist-info"))
    if len(found) != 1:
        listed = ", ".join(f"`{top}`" for top in found) or "none"
        raise archive.refused(f"it has not one `.dist-info` directory: {listed}")
    stem = found[0].removesuffix(".dist-info")
    distribution, dash, version = stem.partition("-")
    if not dash or not _same(name, distribution, version):
        raise archive.refused(f"`{found[0]}` is not what its file name says")
    return found[0]


def _same(name: WheelName, distribution: str, version: str) -> bool:
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    if str(canonicalize_name(distribution)) != name.name:
        return False
    try:
        return version == name.version_text or Version(version.replace("_", "-")) == Version(name.version)
    except InvalidVersion:
        return False


def _check_metadata(archive: Archive, name: WheelName, dist_info: str) -> None:
    fields = _headers(archive, f"{dist_info}/METADATA")
    distribution, version = fields.get("name", ""), fields.get("version", "")
    if not _same(name, distribution, version):
        raise archive.refused(
            f"its METADATA is of `{distribution}` `{version}`, its file name says otherwise"
        )


def _check_version(archive: Archive, fields: dict[str, str]) -> None:
    told = fields.get("wheel-version", "")
    if told.partition(".")[0] != "1":
        raise archive.refused(f"its format is wheel version `{told}`, and only 1 is known")


def _check_data(archive: Archive) -> None:
    for entry in archive.entries:
        parts = entry.name.split("/", 2)
        if entry.kind == "directory" or not parts[0].endswith(".data"):
            continue
        if len(parts) < 3 or parts[1] not in SCHEMES:
            raise archive.refused(f"`{entry.name}` lies in no place that a wheel can install to")


def _startup(archive: Archive) -> tuple[str, ...]:
    found = []
    for entry in archive.entries:
        parts = entry.name.split("/")
        if parts[0].endswith(".data") and parts[1:2] in (["purelib"], ["platlib"]):
            parts = parts[2:]
        if entry.kind != "file" or len(parts) != 1:
            continue
        if parts[0].endswith(".start") or (parts[0].endswith(".pth") and _runs_code(archive, entry.name)):
            found.append(entry.name)
    return tuple(sorted(found))


def _runs_code(archive: Archive, path: str) -> bool:
    """Whether `site` would execute a line of this `.pth` file."""
    entry = archive.find(path)
    data = archive.read(entry, LARGEST_TEXT) if entry else b""
    return any(line.startswith((b"import ", b"import\t")) for line in data.splitlines())
