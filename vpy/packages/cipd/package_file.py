"""Package files (`*.cipd`), read and unpacked as the original client does; `package_writer` writes them.

What is unpacked is not trusted: see `vpy.system.zip.reader`.
"""

from __future__ import annotations

import contextlib
import os

from vpy.packages.cipd import manifest
from vpy.system.files import disk_errors, write_bytes
from vpy.system.zip.archive import Archive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.packages.cipd.manifest import Manifest
    from vpy.system.zip.reader import Entry


def read_manifest(path: str, *, expected_name: str | None = None) -> Manifest:
    """Return the manifest of the package file at `path`; ToolError names the file and the fault."""
    with Archive(path, links=True, absolute=True) as archive:
        return manifest.read(archive, expected_name)


def unpack(
    path: str,
    destination: str,
    *,
    expected_name: str | None,
    instance_id: str | None = None,
    deploying: bool = False,
) -> Manifest:
    """Unpack a package's files below `destination`, made where it is missing, and return its manifest.

    Files get the modes 0444 or 0555; a link that leads outside the package is refused. The manifest's
    `version_file`, which holds the id, is written where `instance_id` is given. `.cipdpkg` is left out.
    `deploying` does what the original does for named packages: links may be absolute, what was packed
    as writable is, and files keep their times. No other process may write to `destination`.
    """
    with Archive(path, links=True, absolute=deploying) as archive:
        package = manifest.read(archive, expected_name)
        version_file = package.version_file
        if version_file and any(_collides(version_file, entry) for entry in archive.entries):
            raise archive.refused(f"it brings `{version_file}`, which is made when it is unpacked")
        entries = [entry for entry in archive.entries if _is_content(entry)]
        archive.extract(entries, destination)

    with disk_errors("unpack to", destination):
        if version_file and instance_id:
            version_path = os.path.join(destination, version_file)
            _write_version_file(version_path, package.package_name, instance_id)
        if deploying:
            _restore_metadata(entries, destination)
    return package


def _is_content(entry: Entry) -> bool:
    return entry.name.split("/", 1)[0].lower() != manifest.SERVICE_DIRECTORY


def _collides(version_file: str, entry: Entry) -> bool:
    """Return whether the entry and the version file cannot both be there."""
    path, name = version_file.casefold(), entry.name.casefold()
    return f"{name}/".startswith(f"{path}/") or (entry.kind != "directory" and path.startswith(f"{name}/"))


def _write_version_file(path: str, package_name: str, instance_id: str) -> None:
    import json

    fields = {"package_name": package_name, "instance_id": instance_id}
    with contextlib.suppress(FileExistsError):
        os.makedirs(os.path.dirname(path), mode=0o755)
    write_bytes(path, json.dumps(fields, indent=2).encode())


def _restore_metadata(entries: Sequence[Entry], destination: str) -> None:
    """Give files the write permission and the time that they were packed with."""
    for entry in entries:
        if entry.kind != "file":
            continue
        path = os.path.join(destination, entry.name)
        if entry.mode & 0o200:
            os.chmod(path, 0o755 if entry.mode & 0o100 else 0o644)
        if entry.modified is not None:
            os.utime(path, (entry.modified, entry.modified))
