"""Writer of a directory of packages, which `directory` reads.

The package file comes first, then the `versions.json` that names it, so what has a name is whole.
"""

from __future__ import annotations

import contextlib
import filecmp
import hashlib
import json
import math
import os
import shutil
import time

from vpy.errors import UserError
from vpy.packages.cipd import package_writer
from vpy.packages.cipd.manifest import Manifest
from vpy.packages.directory import NAMES, VERSIONS, FolderReader, Versions, read_versions
from vpy.system import locks
from vpy.system.files import disk_errors, is_file, read_bytes, remove_tree, staging_directory, write_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vpy.packages.cipd.package_writer import Member
    from vpy.system.layout import Layout

TEMPORARY_PREFIX = ".new-"
STALE_SECONDS = 24 * 3600


def put(
    repository: str,
    name: str,
    members: Iterable[Member],
    *,
    tags: Sequence[str],
    refs: Sequence[str],
    layout: Layout,
    move_tags: bool = False,
) -> str:
    """Add a package of `members` under `name`, point `tags` and `refs` at it, and return its instance id.

    The same files again change nothing. A ref moves; a tag moves only with `move_tags`: else UserError
    where another instance has it, because then the tag would be ambiguous.
    """
    with _locked(repository, name, layout) as (directory, stage):
        staged = os.path.join(stage, "package")
        instance_id = package_writer.write(staged, Manifest(name), members)
        known = _read_versions(repository, name)
        versions = _with_instance(known, name, instance_id, tags, refs, move_tags=move_tags)
        _publish(directory, staged, instance_id, known, versions)
    return instance_id


def add(
    repository: str,
    name: str,
    path: str,
    instance_id: str,
    *,
    tags: Sequence[str],
    refs: Sequence[str],
    layout: Layout,
) -> None:
    """Add the verified package file at `path` as it is, and point `tags` and `refs` at it, as `put` does."""
    with _locked(repository, name, layout) as (directory, stage):
        staged = os.path.join(stage, "package")
        known = _read_versions(repository, name)
        versions = _with_instance(known, name, instance_id, tags, refs, move_tags=False)
        with disk_errors("write", directory):
            shutil.copyfile(path, staged)
        _publish(directory, staged, instance_id, known, versions)


def instances_of(repository: str, name: str, tag: str) -> list[str]:
    """Return the paths of the package files that have a tag."""
    directory = _directory_of(repository, name)
    instance_ids = _read_versions(repository, name).tags.get(tag, ())
    paths = [os.path.join(directory, instance_id) for instance_id in instance_ids]
    return [path for path in paths if is_file(path)]


def package_names(repository: str) -> list[str]:
    """Return the names of all packages there, sorted: those with a `versions.json`."""
    return sorted(
        os.path.relpath(os.path.dirname(directory), repository).replace(os.sep, "/")
        for directory, _, names in os.walk(repository)
        if os.path.basename(directory) == "+" and VERSIONS in names
    )


def write_list(repository: str) -> None:
    """Write the list of packages, for a web server that does not list directories."""
    with disk_errors("write", repository):
        os.makedirs(repository, mode=0o755, exist_ok=True)
    with disk_errors("write", repository), writing(repository):
        data = json.dumps({"packages": package_names(repository)}, indent=0).encode() + b"\n"
        write_changed(os.path.join(repository, NAMES), data)


def write_changed(path: str, data: bytes) -> None:
    """Write a file that others may read, where it has not these bytes already."""
    with disk_errors("write", path):
        if not is_file(path) or read_bytes(path) != data:
            write_bytes(path, data, mode=0o644)


@contextlib.contextmanager
def writing(directory: str) -> Iterator[None]:
    """Keep other writers out of a directory, and remove the temporary files that killed ones left.

    Where the directory itself cannot be locked, a temporary file may be a writer's on another machine:
    there only old ones go.
    """
    with locks.directory(directory) as held:
        newest = math.inf if held else time.time() - STALE_SECONDS
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            with contextlib.suppress(OSError):
                if name.startswith(TEMPORARY_PREFIX) and os.lstat(path).st_mtime < newest:
                    remove_tree(path)
        yield


def lock_name(path: str) -> str:
    """Return the lock name of a directory, whatever path leads to it."""
    with contextlib.suppress(OSError):
        path = os.path.realpath(path)
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:32]


def render(versions: Versions) -> bytes:
    """Return `versions.json`, sorted, so that the same versions are the same bytes."""
    fields = {"refs": dict(versions.refs), "tags": {tag: list(ids) for tag, ids in versions.tags.items()}}
    return (json.dumps(fields, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _directory_of(repository: str, name: str) -> str:
    return os.path.join(repository, *name.split("/"), "+")


def _read_versions(repository: str, name: str) -> Versions:
    return read_versions(FolderReader(repository), name) or Versions({}, {})


@contextlib.contextmanager
def _locked(repository: str, name: str, layout: Layout) -> Iterator[tuple[str, str]]:
    """Yield the package's directory, locked against other writers, and a temporary directory in it."""
    directory = _directory_of(repository, name)
    with disk_errors("write", directory):
        os.makedirs(directory, mode=0o755, exist_ok=True)
    with (
        locks.exclusive(layout.lock("repository", lock_name(directory))),
        writing(directory),
        staging_directory(directory, TEMPORARY_PREFIX) as stage,
    ):
        yield directory, stage


def _with_instance(
    versions: Versions,
    name: str,
    instance_id: str,
    tags: Sequence[str],
    refs: Sequence[str],
    *,
    move_tags: bool,
) -> Versions:
    """Return the versions with `tags` and `refs` on an instance."""
    taken = [
        f"tag `{tag}` of `{name}` is on `{tagged}`, and cannot be on `{instance_id}` too"
        for tag in tags
        for tagged in versions.tags.get(tag, ())
        if tagged != instance_id and not move_tags
    ]
    if taken:
        raise UserError(taken, hint="give the new instance another tag with -tag KEY:VALUE")
    return Versions(
        {**versions.refs, **dict.fromkeys(refs, instance_id)},
        {**versions.tags, **dict.fromkeys(tags, (instance_id,))},
    )


def _publish(directory: str, staged: str, instance_id: str, known: Versions, versions: Versions) -> None:
    """Rename the staged package file, then write the versions; leave what is there already."""
    final = os.path.join(directory, instance_id)
    versions_path = os.path.join(directory, VERSIONS)
    with disk_errors("write", directory):
        if not (is_file(final) and filecmp.cmp(staged, final, shallow=False)):
            os.chmod(staged, 0o444)
            os.replace(staged, final)
        if versions != known or not is_file(versions_path):
            write_bytes(versions_path, render(versions), mode=0o644)
