"""Directory of packages as a `PackageLoader`: packages as files, in a folder or behind any web server.

    <root>/<name>/+/<instance id>    a package file
    <root>/<name>/+/versions.json    {"refs": {"latest": ID}, "tags": {"version:1.16.0": [ID]}}
    <root>/packages.json             {"packages": [NAME, …]}, for a web server that lists nothing

A tag on two instances is ambiguous, as it is for CIPD.
"""

from __future__ import annotations

import os

from vpy.errors import MissingError, ToolError, UserError, VpythonError
from vpy.model import Pin, Resolution
from vpy.packages.cipd.names import (
    looks_like_instance_id,
    parse_instance_id,
    parse_package_name,
    parse_version,
    weak_hash_note,
)
from vpy.packages.loader import collect, telling
from vpy.system.files import disk_errors
from vpy.system.lean import json
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Protocol

    from vpy.model import Wanted
    from vpy.packages.cipd.names import Version
    from vpy.packages.loader import Arrived
    from vpy.system.layout import Layout

    class Reader(Protocol):
        """Access to a directory of packages. Paths are relative and have `/` between their parts."""

        def read(self, path: str, limit: int) -> bytes | None:
            """Return the bytes of a small file, None where there is none; ToolError for more than `limit`."""

        def stream(self, path: str) -> Iterable[bytes]:
            """Yield the bytes of a file in pieces; ToolError where it cannot be read."""

        def size(self, path: str) -> int | None:
            """Return the file's size where it is known without a request, else None."""


VERSIONS = "versions.json"
NAMES = "packages.json"
LARGEST_VERSIONS = 16 << 20
_PIECE = 1 << 20
_BOM = b"\xef\xbb\xbf"
_LISTED = 8


@value
class Versions:
    """Contents of `versions.json`: refs and their instance, tags and their instances."""

    refs: Mapping[str, str]
    tags: Mapping[str, tuple[str, ...]]


class FolderReader:
    """`Reader` of a local folder."""

    def __init__(self, root: str) -> None:
        self.root = root

    def _path(self, path: str) -> str:
        return os.path.join(self.root, *path.split("/"))

    def read(self, path: str, limit: int) -> bytes | None:
        """Return the bytes of a small file, None where there is none; ToolError for more than `limit`."""
        file_path = self._path(path)
        try:
            with disk_errors("read", file_path), open(file_path, "rb") as file:
                data = file.read(limit + 1)
        except ToolError as error:
            if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
                return None
            raise
        if len(data) > limit:
            raise ToolError(f"`{file_path}` has more than {limit} bytes")
        return data

    def stream(self, path: str) -> Iterable[bytes]:
        """Yield the bytes of a file in pieces; ToolError where it cannot be read."""
        file_path = self._path(path)
        with disk_errors("read", file_path), open(file_path, "rb") as file:
            while piece := file.read(_PIECE):
                yield piece

    def size(self, path: str) -> int | None:
        """Return the file's size, None where there is no such file."""
        try:
            return os.stat(self._path(path)).st_size
        except OSError:
            return None


class DirectoryLoader:
    """`PackageLoader` over a directory of packages.

    `origin` is the source as a user spells it; `contact` is the hint where something is missing;
    `workers` is how many packages are requested at once, and `stop` ends their requests.
    """

    def __init__(
        self,
        reader: Reader,
        layout: Layout,
        origin: str,
        *,
        contact: str | None = None,
        workers: int = 1,
        stop: Callable[[], None] = lambda: None,
        arrived: Arrived | None = None,
    ) -> None:
        self._reader = reader
        self._layout = layout
        self._origin = origin
        self._contact = contact
        self._workers = workers
        self._stop = stop
        self._arrived = arrived
        self._versions: dict[str, Versions] = {}

    def resolve(self, packages: Sequence[Wanted], dependencies: Sequence[str] = ()) -> Resolution:
        """Pin each package by its `versions.json`, or by the instance id that it names."""
        return Resolution(collect(packages, self._pin, workers=self._workers, stop=self._stop))

    def fetch(self, pins: Sequence[Pin]) -> tuple[str, ...]:
        """Return verified package files, copied into the root where it lacks them."""
        fetch = telling(self._fetch, self._arrived)
        return collect(pins, fetch, workers=self._workers, stop=self._stop)

    def forget(self, pins: Sequence[Pin]) -> None:
        """Do nothing: a directory is read each time."""

    def release(self, pins: Sequence[Pin]) -> None:
        """Do nothing: a package may hold the wheels of other targets, too."""

    def _pin(self, wanted: Wanted) -> Pin:
        name = parse_package_name(wanted.name)
        version = parse_version(wanted.version)
        known = version.text if version.kind == "id" else wanted.instance_id
        instance_id = known or self._instance_of(name, version)
        parse_instance_id(instance_id)
        note = weak_hash_note(instance_id)
        return Pin(name, wanted.template, wanted.version, instance_id, self._origin, note)

    def _instance_of(self, name: str, version: Version) -> str:
        """Return the instance that a ref or a tag means; UserError where there is none, or several."""
        versions = self._versions_of(name)
        instances: tuple[str, ...]
        if version.kind == "ref":
            instances = (versions.refs[version.text],) if version.text in versions.refs else ()
        else:
            instances = versions.tags.get(version.text, ())

        if not instances:
            hint = "; ".join(filter(None, (_last_names(versions), self._contact)))
            raise MissingError(f"`{self._origin}` has no such {version.kind}", hint=hint or None)
        if len(instances) > 1:
            listed = " and ".join(f"`{instance_id}`" for instance_id in instances)
            raise UserError(
                f"the tag is ambiguous: {listed} have it", hint="name an instance id as the version"
            )
        return instances[0]

    def _versions_of(self, name: str) -> Versions:
        if name not in self._versions:
            versions = read_versions(self._reader, name)
            if versions is None:
                raise MissingError(f"`{self._origin}` has no such package", hint=self._contact or None)
            self._versions[name] = versions
        return self._versions[name]

    def _fetch(self, pin: Pin) -> str:
        from vpy.packages import store

        path = f"{pin.name}/+/{pin.instance_id}"
        size = self._reader.size(path)
        try:
            return store.ensure(pin, lambda: self._reader.stream(path), self._layout, size=size)
        except ToolError as error:
            if not (_is_absent(error) and looks_like_instance_id(pin.version)):
                raise
            hint = self._contact or None
            raise MissingError(f"`{self._origin}` has no such instance", hint=hint) from error


def _is_absent(error: ToolError) -> bool:
    """Return whether a reader's error means that there is no such file."""
    return isinstance(error.__cause__, FileNotFoundError) or getattr(error, "status", 0) in (404, 410)


def read_versions(reader: Reader, name: str) -> Versions | None:
    """Return the refs and tags of a package, None where the directory does not have it."""
    path = f"{name}/+/{VERSIONS}"
    data = reader.read(path, LARGEST_VERSIONS)
    return None if data is None else parse_versions(data, path)


def parse_versions(data: bytes, path: str) -> Versions:
    """Parse `versions.json`; ToolError names `path` and what is wrong with it. Unknown keys are ignored."""
    try:
        fields = json.loads(data.removeprefix(_BOM).decode())
        if not isinstance(fields, dict):
            raise ValueError("it is not an object")
        refs = {ref: _instance_id(instance) for ref, instance in _table(fields, "refs")}
        tags = {tag: _instance_ids(instances) for tag, instances in _table(fields, "tags")}
    except (ValueError, RecursionError, VpythonError) as error:
        reason = error.message if isinstance(error, VpythonError) else str(error)
        raise ToolError(f"`{path}` is damaged: {reason}") from error
    return Versions(refs, tags)


def _table(fields: Mapping[str, object], key: str) -> Iterable[tuple[str, object]]:
    table = fields.get(key, {})
    if not isinstance(table, dict):
        raise ValueError(f"`{key}` is not an object")
    return table.items()


def _instance_id(field: object) -> str:
    if not isinstance(field, str):
        raise ValueError("an instance id is not a string")
    return parse_instance_id(field)


def _instance_ids(field: object) -> tuple[str, ...]:
    if not isinstance(field, list):
        raise ValueError("a tag's instances are not a list")
    return tuple(dict.fromkeys(_instance_id(item) for item in field))


def _last_names(versions: Versions) -> str | None:
    names = [*versions.tags, *versions.refs]
    return f"it has {', '.join(f'`{name}`' for name in names[-_LISTED:])}" if names else None
