"""Packages deployed to a directory in the CIPD client's own layout, so that either tool can follow the other.

    <top>/.cipd/pkgs/<number>/description.json  which package, in which subdirectory
    <top>/.cipd/pkgs/<number>/_current          a link to the instance's id (Windows: `_current.txt` holds it)
    <top>/.cipd/pkgs/<number>/<id>/             the package's files; in copy mode only its manifest

In symlink mode, the files of `<top>` are links to those behind `_current`; in copy mode they are the
files themselves (luci-go `cipd/client/cipd/deployer`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os

from vpy.errors import UserError
from vpy.packages.cipd import manifest, package_file
from vpy.packages.cipd.names import instance_id as id_of
from vpy.packages.cipd.names import looks_like_instance_id
from vpy.system import files
from vpy.system.lean.dataclasses import value
from vpy.system.zip.archive import Archive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from vpy.model import Pin

SERVICE_DIRECTORY = ".cipd"
LARGEST = 64 << 20
WINDOWS_ATTRIBUTES = ((0x2, "H"), (0x4, "S"))
DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError)


@value
class DeployedPackage:
    """Package in a deployment; `directory` is its own below `.cipd/pkgs`.

    `instance_id` is None where a deployment was interrupted before the package had an instance.
    """

    subdir: str
    name: str
    instance_id: str | None
    directory: str


@value
class ListedFile:
    """Deployed file, as its package's manifest lists it.

    `symlink` is the target of a link, None for a file; `hash` is that of its bytes as an instance id,
    None where the manifest has none.
    """

    name: str
    size: int
    symlink: str | None = None
    hash: str | None = None


class Deployment:
    """Packages deployed below `top`, which one process at a time may change; on `windows` without links."""

    def __init__(self, top: str, *, windows: bool = os.name == "nt") -> None:
        self.top = os.path.abspath(top)
        self._windows = windows

    def packages(self) -> dict[tuple[str, str], DeployedPackage]:
        """Return the deployed packages by subdirectory and name."""
        return {
            (package.subdir, package.name): package
            for package in self._package_directories()
            if package.instance_id is not None
        }

    def files(self) -> Iterator[str]:
        """Yield the path of each file that is deployed, and of each link."""
        for package in self.packages().values():
            for file in self._listed(package.directory, package.instance_id):
                yield os.path.join(self._destination(package.subdir), *file.name.split("/"))

    def deploy(self, subdir: str, pin: Pin, path: str, *, install_mode: str | None = None) -> None:
        """Deploy the package file at `path`, and remove the files of the package's former instance.

        `install_mode` overrides the package's own. The former files stay whole until the new ones are
        unpacked and checked; then each file changes at once.
        """
        if subdir.split("/", 1)[0].lower() == SERVICE_DIRECTORY:
            raise UserError(f"`{subdir}` belongs to the deployment itself")

        with files.disk_errors("deploy to", self.top):
            directory = self._package_directory(subdir, pin.name)
            former = self._listed(directory, self._current(directory))
            content = os.path.join(directory, pin.instance_id)
            with self._staging() as stage:
                unpacked = os.path.join(stage, "unpacked")
                mode = _unpack(pin, path, unpacked, install_mode=install_mode)
                files.remove_tree(content)
                os.rename(unpacked, content)

            listed = self._listed(directory, pin.instance_id)
            destination = self._destination(subdir)
            os.makedirs(destination, exist_ok=True)
            is_copied = self._windows or mode == "copy"
            current = None if is_copied else os.path.join(directory, "_current")
            with self._staging() as stage:
                _install(listed, content, destination, current, stage)
                self._set_current(directory, pin.instance_id, stage)

            _remove(former, destination, keep=listed)
            self._remove_former_instances(directory, pin.instance_id)

    def remove(self, package: DeployedPackage) -> None:
        """Remove a package's files, and the directories that are empty then."""
        with files.disk_errors("remove from", self.top):
            destination = self._destination(package.subdir)
            _remove(self._listed(package.directory, package.instance_id), destination, keep=())
            files.remove_tree(package.directory)
            if package.subdir:
                with contextlib.suppress(OSError):
                    os.rmdir(destination)

    def is_whole(self, package: DeployedPackage, paranoid_mode: str | None) -> bool:
        """Return whether a package's files are there (CheckPresence), or still the same (CheckIntegrity)."""
        if paranoid_mode in (None, "NotParanoid"):
            return True
        if package.instance_id is None:
            return False
        if not os.path.exists(_manifest_path(package.directory, package.instance_id)):
            return False

        destination = self._destination(package.subdir)
        is_hashed = paranoid_mode == "CheckIntegrity"
        listed = self._listed(package.directory, package.instance_id)
        return all(_is_sound(file, destination, is_hashed=is_hashed) for file in listed)

    def _destination(self, subdir: str) -> str:
        return os.path.join(self.top, *filter(None, subdir.split("/")))

    def _package_directories(self) -> Iterator[DeployedPackage]:
        """Yield every package that has a directory, by number, whether or not an instance is in it."""
        parent = os.path.join(self.top, SERVICE_DIRECTORY, "pkgs")
        try:
            numbers = sorted(os.listdir(parent), key=lambda name: (len(name), name))
        except FileNotFoundError:
            return
        for number in numbers:
            directory = os.path.join(parent, number)
            try:
                data = json.loads(files.read_bytes(os.path.join(directory, "description.json"), LARGEST))
                name, subdir = str(data["package_name"]), str(data.get("subdir", ""))
            except DAMAGED:
                continue
            yield DeployedPackage(subdir, name, self._current(directory), directory)

    def _package_directory(self, subdir: str, name: str) -> str:
        """Return the package's directory; make it with the smallest free number where there is none."""
        for package in self._package_directories():
            if (package.subdir, package.name) == (subdir, name):
                return package.directory

        parent = os.path.join(self.top, SERVICE_DIRECTORY, "pkgs")
        os.makedirs(parent, exist_ok=True)
        taken = set(os.listdir(parent))
        number = next(str(number) for number in range(len(taken) + 1) if str(number) not in taken)
        directory = os.path.join(parent, number)

        description = {"subdir": subdir, "package_name": name} if subdir else {"package_name": name}
        with self._staging() as stage:
            staged = os.path.join(stage, "package")
            os.mkdir(staged)
            data = manifest.as_json(description)
            files.write_bytes(os.path.join(staged, "description.json"), data, mode=0o644)
            os.rename(staged, directory)
        return directory

    def remove_abandoned(self) -> None:
        """Remove what a process of ours that was killed had not given its final name yet."""
        if os.name != "posix":
            return
        parent = os.path.join(self.top, SERVICE_DIRECTORY, "tmp")
        with contextlib.suppress(OSError):
            for name in os.listdir(parent):
                number = name.removeprefix("new-").partition("-")[0]
                if name.startswith("new-") and not _is_running(number):
                    files.remove_tree(os.path.join(parent, name))
            os.rmdir(parent)

    @contextlib.contextmanager
    def _staging(self) -> Iterator[str]:
        """Yield a directory of our own for what has no final name yet."""
        parent = os.path.join(self.top, SERVICE_DIRECTORY, "tmp")
        os.makedirs(parent, exist_ok=True)
        with files.staging_directory(parent, "new-") as stage:
            yield stage
        with contextlib.suppress(OSError):
            os.rmdir(parent)

    def _current(self, directory: str) -> str | None:
        """Return the id of the instance that is deployed from a package's directory."""
        try:
            if self._windows:
                text = files.read_bytes(os.path.join(directory, "_current.txt"), 200).decode("ascii").strip()
            else:
                text = os.readlink(os.path.join(directory, "_current"))
        except (OSError, ValueError):
            return None
        return text if looks_like_instance_id(text) else None

    def _set_current(self, directory: str, instance_id: str, stage: str) -> None:
        if self._windows:
            files.write_bytes(os.path.join(directory, "_current.txt"), instance_id.encode(), mode=0o644)
            return
        _link(instance_id, os.path.join(directory, "_current"), stage)

    def _listed(self, directory: str, instance_id: str | None) -> tuple[ListedFile, ...]:
        """Return the files of an instance, as its manifest lists them; () where it is missing or damaged."""
        if instance_id is None:
            return ()
        try:
            return _read_listing(files.read_bytes(_manifest_path(directory, instance_id), LARGEST))
        except DAMAGED:
            return ()

    def _remove_former_instances(self, directory: str, instance_id: str) -> None:
        """Remove all instances but one from a package's directory, and the empty directories of this one."""
        for name in os.listdir(directory):
            if name != instance_id and looks_like_instance_id(name):
                files.remove_tree(os.path.join(directory, name))
        for parent, _, _ in os.walk(os.path.join(directory, instance_id), topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(parent)


def _manifest_path(directory: str, instance_id: str) -> str:
    return os.path.join(directory, instance_id, *manifest.PATH.split("/"))


def _unpack(pin: Pin, path: str, directory: str, *, install_mode: str | None) -> str:
    """Unpack a package to `directory` with a manifest that lists its files; return the install mode."""
    os.mkdir(directory)
    package = package_file.unpack(
        path, directory, expected_name=pin.name, instance_id=pin.instance_id, deploying=True
    )
    files.remove_tree(os.path.join(directory, SERVICE_DIRECTORY))  # no package may write there

    mode = install_mode or package.install_mode or "symlink"
    data = json.loads(manifest.render(package))
    if install_mode or package.install_mode:
        data["actual_install_mode"] = mode
    listing = _listing(path, directory, package.version_file)
    if listing:
        data["files"] = listing

    manifest_path = os.path.join(directory, *manifest.PATH.split("/"))
    os.mkdir(os.path.dirname(manifest_path))
    files.write_bytes(manifest_path, manifest.as_json(data))
    return mode


def _listing(path: str, directory: str, version_file: str | None) -> list[dict[str, Any]]:
    """Return the manifest's rows for the files of a package file that is unpacked in `directory`."""
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
            rows.append({**row, "hash": _hash_of(os.path.join(directory, *entry.name.split("/")))})

    if version_file:
        written = os.path.join(directory, *version_file.split("/"))
        rows.append({"name": version_file, "size": os.path.getsize(written), "hash": _hash_of(written)})
    return rows


def _hash_of(path: str) -> str:
    with open(path, "rb") as file:
        return id_of(hashlib.file_digest(file, "sha256").digest())


def _read_listing(data: bytes) -> tuple[ListedFile, ...]:
    """Return the files that a deployed manifest lists, without paths that lead outside.

    Raises ValueError, KeyError, TypeError or AttributeError where it is damaged.
    """
    listed = []
    for row in json.loads(data).get("files", []):
        name = str(row["name"])
        if not name or os.path.isabs(name) or ".." in name.split("/"):
            continue
        symlink, digest = str(row.get("symlink", "")), str(row.get("hash", ""))
        listed.append(ListedFile(name, int(row["size"]), symlink or None, digest or None))
    return tuple(listed)


def _install(
    listed: Iterable[ListedFile], content: str, destination: str, current: str | None, stage: str
) -> None:
    """Move the files of `content` to `destination`, or link them there through `current`."""
    for file in listed:
        parts = file.name.split("/")
        target = os.path.join(destination, *parts)
        _make_parents(destination, parts)
        if os.path.isdir(target) and not os.path.islink(target):
            files.remove_tree(target)
        if current is None:
            os.replace(os.path.join(content, *parts), target)
        else:
            _link(os.path.relpath(os.path.join(current, *parts), os.path.dirname(target)), target, stage)


def _link(target: str, path: str, stage: str) -> None:
    """Make `path` a link to `target`, at once, whatever file or link it was."""
    temporary = os.path.join(stage, "link")
    os.symlink(target, temporary)
    os.replace(temporary, path)


def _make_parents(destination: str, parts: Sequence[str]) -> None:
    """Make the directories of a file; remove a file or link in their way, so that no link is followed."""
    path = destination
    for part in parts[:-1]:
        path = os.path.join(path, part)
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)


def _remove(listed: Iterable[ListedFile], destination: str, *, keep: Iterable[ListedFile]) -> None:
    """Remove files from `destination` except those of `keep`, then the directories that are empty."""
    kept = {file.name for file in keep}
    parents = set()
    for file in listed:
        parts = file.name.split("/")
        prefixes = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        if kept.intersection(prefixes) or any(_is_link(destination, prefix) for prefix in prefixes[:-1]):
            continue
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(destination, *parts))
        parents.update(prefixes[:-1])

    for parent in sorted(parents, key=len, reverse=True):
        with contextlib.suppress(OSError):
            os.rmdir(os.path.join(destination, *parent.split("/")))


def _is_link(destination: str, name: str) -> bool:
    return os.path.islink(os.path.join(destination, *name.split("/")))


def _is_sound(file: ListedFile, destination: str, *, is_hashed: bool) -> bool:
    """Return whether a file is where it belongs and, where `is_hashed`, has its bytes."""
    path = os.path.join(destination, *file.name.split("/"))
    if file.symlink:
        is_absolute = os.path.isabs(file.symlink)
        return os.path.islink(path) and (is_absolute or os.path.lexists(os.path.realpath(path)))
    if not os.path.isfile(path):
        return False
    return not is_hashed or (os.path.getsize(path) == file.size and file.hash in (None, _hash_of(path)))


def _is_running(number: str) -> bool:
    """Return whether the process is there whose id a temporary name has, as hex; True for any other text."""
    try:
        os.kill(int(number, 16), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError, OverflowError):
        pass
    return True
