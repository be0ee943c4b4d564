"""A folder of packages, written: what `directory` reads.

Whatever has its final name is whole: the package file comes first, then `versions.json` that names it.
"""

from __future__ import annotations

import contextlib
import json
import os

from vpy.errors import UserError
from vpy.packages import packagewriter
from vpy.packages.directory import LARGEST_VERSIONS, FolderReader, Versions, parse_versions
from vpy.packages.manifest import Manifest
from vpy.system import locks
from vpy.system.files import disk_errors, staging_directory, write_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vpy.packages.packagewriter import Member
    from vpy.system.layout import Layout


def put(
    repository: str,
    name: str,
    members: Iterable[Member],
    *,
    tags: Sequence[str],
    refs: Sequence[str],
    layout: Layout,
) -> str:
    """Add a package of `members` under `name`, point `tags` and `refs` at it, and return its instance id.

    The same files again change nothing. A ref moves; a tag stays: UserError where another instance
    has it, because then nobody could resolve it any more.
    """
    place = os.path.join(repository, *name.split("/"), "+")
    with disk_errors("write", place):
        os.makedirs(place, mode=0o755, exist_ok=True)
    with (
        locks.exclusive(layout.lock("repository", _lock_name(place))),
        staging_directory(place, ".new-") as aside,
    ):
        made = os.path.join(aside, "package")
        instance_id = packagewriter.write(made, Manifest(name), members)
        versions = _with(_read(repository, name), name, instance_id, tags, refs)
        with disk_errors("write", place):
            os.chmod(made, 0o444)
            os.replace(made, os.path.join(place, instance_id))
            write_bytes(os.path.join(place, "versions.json"), render(versions), mode=0o644)
    return instance_id


def render(versions: Versions) -> bytes:
    """`versions.json`: sorted, so that the same state is the same bytes."""
    fields = {"refs": dict(versions.refs), "tags": {tag: list(ids) for tag, ids in versions.tags.items()}}
    return (json.dumps(fields, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _read(repository: str, name: str) -> Versions:
    path = f"{name}/+/versions.json"
    data = FolderReader(repository).read(path, LARGEST_VERSIONS)
    return Versions({}, {}) if data is None else parse_versions(data, path)


def _with(
    versions: Versions, name: str, instance_id: str, tags: Sequence[str], refs: Sequence[str]
) -> Versions:
    moved = [
        f"tag `{tag}` of `{name}` is on `{other}`, and cannot be on `{instance_id}` too"
        for tag in tags
        for other in versions.tags.get(tag, ())
        if other != instance_id
    ]
    if moved:
        raise UserError("\n".join(moved), hint="give the new instance another tag with -tag KEY:VALUE")
    return Versions(
        {**versions.refs, **dict.fromkeys(refs, instance_id)},
        {**versions.tags, **dict.fromkeys(tags, (instance_id,))},
    )


def _lock_name(place: str) -> str:
    import hashlib

    with contextlib.suppress(OSError):
        place = os.path.realpath(place)
    return hashlib.sha256(os.fsencode(place)).hexdigest()[:32]
