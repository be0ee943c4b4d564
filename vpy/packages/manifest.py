"""The manifest inside a package file (`.cipdpkg/manifest.json`): what the package is and how it installs."""

from __future__ import annotations

import json

from vpy.errors import ToolError, VpythonError
from vpy.packages.names import parse_package_name
from vpy.system import entryname
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpy.system.archive import Archive

SERVICE_DIRECTORY = ".cipdpkg"
PATH = f"{SERVICE_DIRECTORY}/manifest.json"
FORMAT_VERSION = "1.1"
INSTALL_MODES = ("", "copy", "symlink")
LARGEST = 1 << 20


@value
class Manifest:
    """`install_mode` is "", "copy" or "symlink"; `version_file` is a path in the package, or ""."""

    package_name: str
    install_mode: str = ""
    version_file: str = ""


def render(manifest: Manifest) -> bytes:
    """The manifest as the original client writes it, byte for byte."""
    fields = {"format_version": FORMAT_VERSION, "package_name": manifest.package_name}
    if manifest.version_file:
        fields["version_file"] = manifest.version_file
    if manifest.install_mode:
        fields["install_mode"] = manifest.install_mode
    return as_json(fields)


def as_json(fields: Mapping[str, object]) -> bytes:
    """JSON as Go writes it."""
    text = json.dumps(fields, indent=2, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def read(archive: Archive, expected_name: str | None = None) -> Manifest:
    """The manifest of an open package file; refused where it is missing, wrong or another package's."""
    entry = archive.find(PATH)
    if entry is None:
        raise archive.refused(f"it has no `{PATH}`")
    try:
        manifest = _parsed(archive.read(entry, LARGEST))
    except (ValueError, RecursionError, VpythonError) as error:
        if isinstance(error, ToolError):
            raise
        reason = error.message if isinstance(error, VpythonError) else str(error)
        raise archive.refused(f"its manifest is damaged: {reason}") from error
    if expected_name is not None and manifest.package_name != expected_name:
        raise archive.refused(f"its manifest names `{manifest.package_name}`, not `{expected_name}`")
    return manifest


def _parsed(data: bytes) -> Manifest:
    fields = json.loads(data.decode("utf-8"))
    if not isinstance(fields, dict):
        raise ValueError("it is no object")

    def text(name: str) -> str:
        item = fields.get(name, "")
        if not isinstance(item, str):
            raise ValueError(f"`{name}` is no string")
        return item

    if text("format_version").partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise ValueError(f"format version `{text('format_version')}` is not 1")
    if text("install_mode") not in INSTALL_MODES:
        raise ValueError(f"install mode `{text('install_mode')}` is not one of copy and symlink")
    version_file = text("version_file")
    if version_file and (reason := entryname.fault(version_file)):
        raise ValueError(f"its version file {version_file[:80]!r} {reason}")
    return Manifest(parse_package_name(text("package_name")), text("install_mode"), version_file)
