"""The files of one package on their way into a site, and out of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os

from vpy.packages import manifest, packagefile
from vpy.packages.cipd import instance_id as id_of
from vpy.system import files
from vpy.system.archive import Archive
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from vpy.model import Pin

WINDOWS_ATTRIBUTES = ((0x2, "H"), (0x4, "S"))


@value
class Listed:
    """A deployed file, as the manifest in its site has it: `hash` is that of its bytes, as an id."""

    name: str
    size: int
    symlink: str = ""
    hash: str = ""


def unpack(pin: Pin, path: str, fresh: str, *, override: str, windows: bool) -> str:
    """Unpack a package to `fresh` with a manifest that lists its files; the install mode that counts."""
    os.mkdir(fresh)
    found = packagefile.unpack(
        path, fresh, expected_name=pin.name, instance_id=pin.instance_id, deploying=True
    )
    files.remove_tree(os.path.join(fresh, ".cipd"))  # nobody's package writes there
    mode = override or found.install_mode or "symlink"
    told = json.loads(manifest.render(found))
    if override or found.install_mode:
        told["actual_install_mode"] = mode
    listed = _listing(path, fresh, found.version_file)
    if listed:
        told["files"] = listed
    place = os.path.join(fresh, *manifest.PATH.split("/"))
    os.mkdir(os.path.dirname(place))
    files.write_bytes(place, manifest.as_json(told))
    return "copy" if windows else mode


def _listing(path: str, fresh: str, version_file: str) -> list[dict[str, Any]]:
    with Archive(path, links=True, absolute=True) as archive:
        rows = []
        for entry in archive.entries:
            if entry.kind == "directory" or entry.name.split("/")[0].lower() in (".cipd", ".cipdpkg"):
                continue
            if entry.kind == "link":
                rows.append({"name": entry.name, "size": 0, "symlink": archive.link_target(entry)})
                continue
            row: dict[str, Any] = {"name": entry.name, "size": entry.size}
            row |= {"executable": True} if entry.mode & 0o100 else {}
            row |= {"writable": True} if entry.mode & 0o200 else {}
            row |= {"modtime": entry.modified} if entry.modified is not None else {}
            letters = "".join(letter for bit, letter in WINDOWS_ATTRIBUTES if entry.dos_mode & bit)
            row |= {"win_attrs": letters} if letters else {}
            rows.append({**row, "hash": _hash(os.path.join(fresh, *entry.name.split("/")))})
    if version_file:
        made = os.path.join(fresh, *version_file.split("/"))
        rows.append({"name": version_file, "size": os.path.getsize(made), "hash": _hash(made)})
    return rows


def _hash(path: str) -> str:
    with open(path, "rb") as file:
        return id_of(hashlib.file_digest(file, "sha256").digest())


def read_listing(data: bytes) -> tuple[Listed, ...]:
    """The files in a site's manifest, without paths that lead out; ValueError or its kin if damaged."""
    found = []
    for row in json.loads(data).get("files", []):
        name = str(row["name"])
        if not name or os.path.isabs(name) or ".." in name.split("/"):
            continue
        found.append(Listed(name, int(row["size"]), str(row.get("symlink", "")), str(row.get("hash", ""))))
    return tuple(found)


def put(listed: Iterable[Listed], content: str, home: str, current: str | None) -> None:
    """Bring the files of `content` to `home`: as links through `current`, or themselves where it is None."""
    for each in listed:
        parts = each.name.split("/")
        target = os.path.join(home, *parts)
        _make_way(home, parts)
        if os.path.isdir(target) and not os.path.islink(target):
            files.remove_tree(target)
        if current is None:
            os.replace(os.path.join(content, *parts), target)
        else:
            link(os.path.relpath(os.path.join(current, *parts), os.path.dirname(target)), target)


def link(to: str, path: str) -> None:
    """Make `path` a link to `to`, at once, whatever file or link it was."""
    passing = files.passing_name(os.path.dirname(path), ".new-")
    os.symlink(to, passing)
    os.replace(passing, path)


def _make_way(home: str, parts: Sequence[str]) -> None:
    """Make the directories of a file; what is no directory there gives way, so that nothing is followed."""
    place = home
    for part in parts[:-1]:
        place = os.path.join(place, part)
        if os.path.islink(place) or os.path.isfile(place):
            os.unlink(place)
        with contextlib.suppress(FileExistsError):
            os.mkdir(place)


def take_away(listed: Iterable[Listed], home: str, *, keep: Iterable[Listed]) -> None:
    """Remove files from `home` but those that `keep` has, then the directories that are empty."""
    kept = {each.name for each in keep}
    parents = set()
    for each in listed:
        parts = each.name.split("/")
        heads = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        if kept.intersection(heads) or any(_is_link(home, head) for head in heads[:-1]):
            continue
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(home, *parts))
        parents.update(heads[:-1])
    for parent in sorted(parents, key=len, reverse=True):
        with contextlib.suppress(OSError):
            os.rmdir(os.path.join(home, *parent.split("/")))


def _is_link(home: str, name: str) -> bool:
    return os.path.islink(os.path.join(home, *name.split("/")))


def is_sound(each: Listed, home: str, *, hashed: bool) -> bool:
    """Whether the file is in its place; `hashed`: and has its bytes."""
    path = os.path.join(home, *each.name.split("/"))
    if each.symlink:
        return os.path.islink(path) and (
            os.path.isabs(each.symlink) or os.path.lexists(os.path.realpath(path))
        )
    if not os.path.isfile(path):
        return False
    return not hashed or (os.path.getsize(path) == each.size and each.hash in ("", _hash(path)))
