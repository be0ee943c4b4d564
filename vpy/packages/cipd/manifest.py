"""Manifest inside a package file (`.cipdpkg/manifest.json`): what the package is and how it installs."""

from __future__ import annotations

import json

from vpy.errors import ToolError, VpythonError
from vpy.packages.cipd.names import parse_package_name
from vpy.system.lean.dataclasses import value
from vpy.system.zip import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vpy.system.zip.archive import Archive

SERVICE_DIRECTORY = ".cipdpkg"
PATH = f"{SERVICE_DIRECTORY}/manifest.json"
FORMAT_VERSION = "1.1"
INSTALL_MODES = ("copy", "symlink")
LARGEST = 1 << 20


@value
class Manifest:
    """Name of a package, its install mode ("copy" or "symlink") and version file (a path in the package).

    Mode and file are None where the manifest names none.
    """

    package_name: str
    install_mode: str | None = None
    version_file: str | None = None


def render(manifest: Manifest) -> bytes:
    """Return the manifest as the original client writes it, byte for byte."""
    fields = {"format_version": FORMAT_VERSION, "package_name": manifest.package_name}
    if manifest.version_file:
        fields["version_file"] = manifest.version_file
    if manifest.install_mode:
        fields["install_mode"] = manifest.install_mode
    return as_json(fields)


def as_json(fields: Mapping[str, object]) -> bytes:
    """Return JSON as Go's `encoding/json` writes it, with HTML escaped."""
    text = json.dumps(fields, indent=2, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def read(archive: Archive, expected_name: str | None = None) -> Manifest:
    """Return the manifest of an open package file.

    Raises ToolError where it is missing or damaged, or names another package than `expected_name`.
    """
    entry = archive.find(PATH)
    if entry is None:
        raise archive.refused(f"it has no `{PATH}`")
    try:
        manifest = _parse(archive.read(entry, LARGEST))
    except (ValueError, RecursionError, VpythonError) as error:
        if isinstance(error, ToolError):
            raise
        reason = error.message if isinstance(error, VpythonError) else str(error)
        raise archive.refused(f"its manifest is damaged: {reason}") from error

    if expected_name is not None and manifest.package_name != expected_name:
        raise archive.refused(f"its manifest names `{manifest.package_name}`, not `{expected_name}`")
    return manifest


def _parse(data: bytes) -> Manifest:
    fields = json.loads(data.decode("utf-8"))
    if not isinstance(fields, dict):
        raise ValueError("it is not an object")

    format_version = _text(fields, "format_version")
    if format_version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise ValueError(f"format version `{format_version}` is not 1")
    install_mode = _text(fields, "install_mode") or None
    if install_mode not in (None, *INSTALL_MODES):
        raise ValueError(f"install mode `{install_mode}` is not one of copy and symlink")
    version_file = _text(fields, "version_file") or None
    if version_file and (reason := names.fault(version_file)):
        raise ValueError(f"its version file `{version_file[:80]}` {reason}")
    return Manifest(parse_package_name(_text(fields, "package_name")), install_mode, version_file)


def _text(fields: Mapping[str, Any], name: str) -> str:
    text = fields.get(name, "")
    if not isinstance(text, str):
        raise ValueError(f"`{name}` is not a string")
    return text
