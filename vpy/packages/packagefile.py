"""Package files (`*.cipd`): unpacked here as the original client deploys them.

`packagewriter` writes them. What is unpacked comes from strangers: see `vpy.system.container`.
"""

from __future__ import annotations

import contextlib
import os

from vpy.packages import manifest
from vpy.system.archive import Archive
from vpy.system.files import disk_errors, write_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.packages.manifest import Manifest
    from vpy.system.container import Entry


def read_manifest(path: str, *, expected_name: str | None = None) -> Manifest:
    """The manifest of the package file at `path`; a ToolError names the file and what is wrong with it."""
    with Archive(path, links=True, absolute=True) as archive:
        return manifest.read(archive, expected_name)


def unpack(
    path: str,
    destination: str,
    *,
    expected_name: str | None,
    instance_id: str = "",
    deploying: bool = False,
) -> Manifest:
    """Unpack a package's files below `destination`, made where it is missing; nobody else writes to it.

    Files come out 0444 or 0555; a link stays inside the package, else all is refused. The manifest's
    `version_file` is made where an `instance_id` is given, since it holds the id. What is below
    `.cipdpkg` stays behind.

    `deploying` does what the original does for who installs named packages: links may be
    absolute, what was packed as writable is, and what has a time keeps it.
    """
    with Archive(path, links=True, absolute=deploying) as archive:
        found = manifest.read(archive, expected_name)
        wanted = [entry for entry in archive.entries if _is_content(entry)]
        if found.version_file and any(_in_the_way(found.version_file, entry) for entry in archive.entries):
            raise archive.refused(f"it brings `{found.version_file}`, which is made when it is unpacked")
        archive.extract(wanted, destination)
    with disk_errors("unpack to", destination):
        if found.version_file and instance_id:
            _write_version_file(os.path.join(destination, found.version_file), found, instance_id)
        if deploying:
            _restore(wanted, destination)
    return found


def _is_content(entry: Entry) -> bool:
    return entry.name.split("/", 1)[0].lower() != manifest.SERVICE_DIRECTORY


def _in_the_way(version_file: str, entry: Entry) -> bool:
    """Whether the entry is that path, or lies below it, or is a file or link where a directory must be."""
    path, name = version_file.casefold(), entry.name.casefold()
    return f"{name}/".startswith(f"{path}/") or (entry.kind != "directory" and path.startswith(f"{name}/"))


def _write_version_file(path: str, found: Manifest, instance_id: str) -> None:
    import json

    fields = {"package_name": found.package_name, "instance_id": instance_id}
    with contextlib.suppress(FileExistsError):
        os.makedirs(os.path.dirname(path), mode=0o755)
    write_bytes(path, json.dumps(fields, indent=2).encode())


def _restore(entries: Sequence[Entry], destination: str) -> None:
    for entry in entries:
        if entry.kind != "file":
            continue
        path = os.path.join(destination, entry.name)
        if entry.mode & 0o200:
            os.chmod(path, 0o755 if entry.mode & 0o100 else 0o644)
        if entry.modified is not None:
            os.utime(path, (entry.modified, entry.modified))
