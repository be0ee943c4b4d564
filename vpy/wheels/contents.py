"""Contents of a wheel, checked against each other (PEP 427, PEP 376).

A wheel is refused where its parts contradict each other: its file name, its `.dist-info`, its
METADATA, its RECORD and its files. Every file is unpacked once, whether it is written or only compared.
"""

from __future__ import annotations

import os

from vpy.system.files import write_new
from vpy.system.lean.dataclasses import value
from vpy.system.zip.archive import Archive
from vpy.wheels import filename as wheel_filename
from vpy.wheels import launchers, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vpy.wheels.filename import WheelName

LARGEST_TEXT = 16 << 20  # bytes of a member that is read as text
SCHEMES = ("purelib", "platlib", "headers", "scripts", "data")


@value
class WheelFacts:
    """Facts about a wheel whose parts agree.

    `dist_info` is the directory's name; `scripts` are the names of its launchers and scripts, sorted;
    `size` is the sum of its members' sizes, in bytes.
    """

    name: WheelName
    dist_info: str
    root_is_purelib: bool
    scripts: tuple[str, ...]
    size: int


class OpenWheel:
    """Wheel whose parts agree as far as they are read: `facts`, and its files, to be written one by one.

    Use it in a `with`. `filename` is the wheel's name where the file at `path` has another one. Raises
    ToolError where the wheel contradicts itself.
    """

    def __init__(self, path: str, *, filename: str = "") -> None:
        name = wheel_filename.parse(filename or os.path.basename(path))
        self._archive = Archive(path)
        try:
            self.facts = _facts(self._archive, name)
            self._comparison = record.Comparison(self._archive, self.facts.dist_info)
        except BaseException:
            self._archive.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def write(self, name: str, path: str, mode: int) -> None:
        """Write a file of the wheel to `path`, which is not there yet, and compare it with RECORD."""
        entry = self._archive.find(name)
        if entry is None:
            raise self._archive.refused(f"it has no `{name}`")
        write_new(path, self._comparison.chunks(entry), mode)

    def finish(self) -> None:
        """Compare the files that were not written; raise ToolError where any file differs from RECORD."""
        self._comparison.finish()


def wheel_facts(path: str, *, filename: str = "") -> WheelFacts:
    """Check the whole wheel at `path` and return its facts; raise ToolError where it contradicts itself.

    `filename` is the wheel's name where the file at `path` has another one.
    """
    with OpenWheel(path, filename=filename) as wheel:
        wheel.finish()
        return wheel.facts


def _facts(archive: Archive, name: WheelName) -> WheelFacts:
    dist_info = _dist_info(archive, name)
    fields = _headers(archive, f"{dist_info}/WHEEL")
    _check_metadata(archive, name, dist_info)
    _check_version(archive, fields)
    _check_data(archive)
    return WheelFacts(
        name=name,
        dist_info=dist_info,
        root_is_purelib=fields.get("root-is-purelib", "").lower() == "true",
        scripts=launchers.names(archive, dist_info),
        size=sum(entry.size for entry in archive.entries),
    )


def _headers(archive: Archive, path: str) -> dict[str, str]:
    """Return the header fields of a member by lower-case name, the first of each name."""
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
        raise archive.refused(f"it does not have exactly one `.dist-info` directory: {listed}")

    stem = found[0].removesuffix(".dist-info")
    distribution, dash, version = stem.partition("-")
    if not dash or not _same(name, distribution, version):
        raise archive.refused(f"`{found[0]}` is not what its file name says")
    return found[0]


def _same(name: WheelName, distribution: str, version: str) -> bool:
    """Return whether a distribution and a version are those of the file name, in whatever spelling."""
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
    version = fields.get("wheel-version", "")
    if version.partition(".")[0] != "1":
        raise archive.refused(f"its format is wheel version `{version}`, and only 1 is known")


def _check_data(archive: Archive) -> None:
    for entry in archive.entries:
        parts = entry.name.split("/", 2)
        if entry.kind == "directory" or not parts[0].endswith(".data"):
            continue
        if len(parts) < 3 or parts[1] not in SCHEMES:
            raise archive.refused(f"`{entry.name}` is not in a place that a wheel can install to")
