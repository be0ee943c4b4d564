"""A folder of packages, written: what `directory` reads.

Whatever has its final name is whole: the package file comes first, then `versions.json` that names it.
"""

from __future__ import annotations

import contextlib
import filecmp
import json
import os
import shutil
import time

from vpy.errors import UserError
from vpy.packages import packagewriter
from vpy.packages.directory import LARGEST_VERSIONS, FolderReader, Versions, parse_versions
from vpy.packages.manifest import Manifest
from vpy.system import locks
from vpy.system.files import disk_errors, is_file, read_bytes, remove_tree, staging_directory, write_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vpy.packages.packagewriter import Member
    from vpy.system.layout import Layout

VERSIONS = "versions.json"
LIST = "packages.json"
PASSING = ".new-"
PASSING_SECONDS = 24 * 3600


def put(
    repository: str,
    name: str,
    members: Iterable[Member],
    *,
    tags: Sequence[str],
    refs: Sequence[str],
    layout: Layout,
    moving: bool = False,
) -> str:
    """Add a package of `members` under `name`, point `tags` and `refs` at it, and return its instance id.

    The same files again change nothing. A ref moves; a tag stays unless `moving`: UserError where another
    instance has it, because then nobody could resolve it any more.
    """
    with _opened(repository, name, layout) as (place, aside):
        made = os.path.join(aside, "package")
        instance_id = packagewriter.write(made, Manifest(name), members)
        known = _read(repository, name)
        versions = _with(known, name, instance_id, tags, refs, moving=moving)
        _publish(place, made, instance_id, known, versions)
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
    with _opened(repository, name, layout) as (place, aside):
        made = os.path.join(aside, "package")
        known = _read(repository, name)
        versions = _with(known, name, instance_id, tags, refs, moving=False)
        with disk_errors("write", place):
            shutil.copyfile(path, made)
        _publish(place, made, instance_id, known, versions)


def instances_of(repository: str, name: str, tag: str) -> list[str]:
    """The paths of the package files that a tag means there."""
    place = os.path.join(repository, *name.split("/"), "+")
    paths = [os.path.join(place, found) for found in _read(repository, name).tags.get(tag, ())]
    return [path for path in paths if is_file(path)]


def package_names(repository: str) -> list[str]:
    """The names of all packages there, sorted: what has a `versions.json`."""
    return sorted(
        os.path.relpath(os.path.dirname(place), repository).replace(os.sep, "/")
        for place, _, names in os.walk(repository)
        if os.path.basename(place) == "+" and VERSIONS in names
    )


def write_list(repository: str) -> None:
    """Write the list of packages, which tells what is there where no directory can be listed."""
    path = os.path.join(repository, LIST)
    with disk_errors("write", repository):
        os.makedirs(repository, mode=0o755, exist_ok=True)
    text = json.dumps({"packages": package_names(repository)}, indent=0).encode() + b"\n"
    with disk_errors("write", path):
        if not is_file(path) or read_bytes(path) != text:
            write_bytes(path, text, mode=0o644)


@contextlib.contextmanager
def _opened(repository: str, name: str, layout: Layout) -> Iterator[tuple[str, str]]:
    """The package's directory, which nobody else writes to meanwhile, and one aside in it."""
    place = os.path.join(repository, *name.split("/"), "+")
    with disk_errors("write", place):
        os.makedirs(place, mode=0o755, exist_ok=True)
    with (
        locks.exclusive(layout.lock("repository", lock_name(place))),
        staging_directory(place, PASSING) as aside,
    ):
        tidy(place)
        yield place, aside


def tidy(place: str) -> None:
    """Remove what a run that was killed left half made in a directory, when nobody can be at it any more."""
    for name in os.listdir(place):
        path = os.path.join(place, name)
        with contextlib.suppress(OSError):
            if name.startswith(PASSING) and time.time() - os.lstat(path).st_mtime > PASSING_SECONDS:
                remove_tree(path)


def _publish(place: str, made: str, instance_id: str, known: Versions, versions: Versions) -> None:
    """Give the file its name, then name it; what is there and right already is left as it is."""
    path, final = os.path.join(place, VERSIONS), os.path.join(place, instance_id)
    with disk_errors("write", place):
        if not (is_file(final) and filecmp.cmp(made, final, shallow=False)):
            os.chmod(made, 0o444)
            os.replace(made, final)
        if versions != known or not is_file(path):
            write_bytes(path, render(versions), mode=0o644)


def render(versions: Versions) -> bytes:
    """`versions.json`: sorted, so that the same state is the same bytes."""
    fields = {"refs": dict(versions.refs), "tags": {tag: list(ids) for tag, ids in versions.tags.items()}}
    return (json.dumps(fields, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _read(repository: str, name: str) -> Versions:
    path = f"{name}/+/versions.json"
    data = FolderReader(repository).read(path, LARGEST_VERSIONS)
    return Versions({}, {}) if data is None else parse_versions(data, path)


def _with(
    versions: Versions,
    name: str,
    instance_id: str,
    tags: Sequence[str],
    refs: Sequence[str],
    *,
    moving: bool,
) -> Versions:
    moved = [
        f"tag `{tag}` of `{name}` is on `{other}`, and cannot be on `{instance_id}` too"
        for tag in tags
        for other in versions.tags.get(tag, ())
        if other != instance_id and not moving
    ]
    if moved:
        raise UserError("\n".join(moved), hint="give the new instance another tag with -tag KEY:VALUE")
    return Versions(
        {**versions.refs, **dict.fromkeys(refs, instance_id)},
        {**versions.tags, **dict.fromkeys(tags, (instance_id,))},
    )


def lock_name(place: str) -> str:
    import hashlib

    with contextlib.suppress(OSError):
        place = os.path.realpath(place)
    return hashlib.sha256(os.fsencode(place)).hexdigest()[:32]
