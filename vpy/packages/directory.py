"""The `directory` source: packages as files, in a folder or behind any web server.

`<repo>/<name>/+/<instance id>` is a package file; `<repo>/<name>/+/versions.json` says which
instances refs and tags mean: `{"refs": {"latest": ID}, "tags": {"version:1.16.0": [ID]}}`. A tag
on two instances is ambiguous, as it is for CIPD.
"""

from __future__ import annotations

import os

from vpy.errors import ToolError, UserError, VpythonError
from vpy.model import Pin
from vpy.packages.cipd import weakness
from vpy.packages.loader import collect
from vpy.packages.names import parse_instance_id, parse_package_name, parse_version
from vpy.system import jsontext
from vpy.system.files import disk_errors
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Protocol

    from vpy.model import Wanted
    from vpy.system.layout import Layout

    class Reader(Protocol):
        """How a tree of packages is reached. Paths are relative and have `/` between their parts."""

        def read(self, path: str, most: int) -> bytes | None:
            """The bytes of a small file, None where there is none; more than `most` is a ToolError."""

        def stream(self, path: str) -> Iterable[bytes]:
            """The bytes of a file in pieces; ToolError where there is none, or where it cannot be read."""

        def size(self, path: str) -> int | None:
            """The file's size, where it can be told without asking anybody; else None."""


LARGEST_VERSIONS = 16 << 20
PIECE = 1 << 20
BOM = b"\xef\xbb\xbf"


@value
class Versions:
    """What `versions.json` says: refs and their instance, tags and their instances."""

    refs: Mapping[str, str]
    tags: Mapping[str, tuple[str, ...]]


class FolderReader:
    """A tree of packages in a local folder."""

    def __init__(self, root: str) -> None:
        self.root = root

    def _path(self, path: str) -> str:
        return os.path.join(self.root, *path.split("/"))

    def read(self, path: str, most: int) -> bytes | None:
        place = self._path(path)
        try:
            with disk_errors("read", place), open(place, "rb") as file:
                data = file.read(most + 1)
        except ToolError as error:
            if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
                return None
            raise
        if len(data) > most:
            raise ToolError(f"`{place}` has more than {most} bytes")
        return data

    def stream(self, path: str) -> Iterable[bytes]:
        place = self._path(path)
        with disk_errors("read", place), open(place, "rb") as file:
            while piece := file.read(PIECE):
                yield piece

    def size(self, path: str) -> int | None:
        try:
            return os.stat(self._path(path)).st_size
        except OSError:
            return None


class DirectoryLoader:
    """A `PackageLoader` over a tree of packages.

    `origin` is the source as a user spells it; `contact` is the hint where something is missing;
    `workers` are how many packages are asked for at once, and `stop` ends their asking.
    """

    def __init__(
        self,
        reader: Reader,
        layout: Layout,
        origin: str,
        *,
        contact: str = "",
        workers: int = 1,
        stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._reader = reader
        self._layout = layout
        self._origin = origin
        self._contact = contact
        self._workers = workers
        self._stop = stop
        self._versions: dict[str, Versions] = {}

    def resolve(self, wanted: Sequence[Wanted]) -> tuple[Pin, ...]:
        return collect(wanted, self._pin, workers=self._workers, stop=self._stop)

    def fetch(self, pins: Sequence[Pin]) -> tuple[str, ...]:
        return collect(pins, self._fetched, workers=self._workers, stop=self._stop)

    def _pin(self, wanted: Wanted) -> Pin:
        name = parse_package_name(wanted.name)
        version = parse_version(wanted.version)
        found = version.text if version.kind == "id" else self._named(name, version.kind, version.text)
        parse_instance_id(found)
        return Pin(name, wanted.template, wanted.version, found, self._origin, weakness(found))

    def _named(self, name: str, kind: str, text: str) -> str:
        versions = self._versions_of(name)
        instances: tuple[str, ...]
        if kind == "ref":
            instances = (versions.refs[text],) if text in versions.refs else ()
        else:
            instances = versions.tags.get(text, ())
        if not instances:
            hint = "; ".join(filter(None, (_nearest(versions), self._contact)))
            raise UserError(f"`{self._origin}` has no such {kind}", hint=hint or None)
        if len(instances) > 1:
            listed = " and ".join(f"`{found}`" for found in instances)
            raise UserError(
                f"the tag is ambiguous: {listed} have it", hint="name an instance id as the version"
            )
        return instances[0]

    def _versions_of(self, name: str) -> Versions:
        if name not in self._versions:
            path = f"{name}/+/versions.json"
            data = self._reader.read(path, LARGEST_VERSIONS)
            if data is None:
                raise UserError(f"`{self._origin}` has no such package", hint=self._contact or None)
            self._versions[name] = parse_versions(data, path)
        return self._versions[name]

    def _fetched(self, pin: Pin) -> str:
        from vpy.packages import instance

        path = f"{pin.name}/+/{pin.instance_id}"
        return instance.store(
            pin, lambda: self._reader.stream(path), self._layout, size=self._reader.size(path)
        )


def parse_versions(data: bytes, path: str) -> Versions:
    """Read `versions.json`; ToolError names `path` and what is wrong with it. Other keys are passed over."""
    try:
        fields = jsontext.loads(data.removeprefix(BOM).decode())
        if not isinstance(fields, dict):
            raise ValueError("it is no object")
        refs = {ref: parse_instance_id(_text(found)) for ref, found in _table(fields, "refs")}
        tags = {tag: _instances(found) for tag, found in _table(fields, "tags")}
    except (ValueError, RecursionError, VpythonError) as error:
        reason = error.message if isinstance(error, VpythonError) else str(error)
        raise ToolError(f"`{path}` is damaged: {reason}") from error
    return Versions(refs, tags)


def _table(fields: Mapping[str, object], key: str) -> Iterable[tuple[str, object]]:
    table = fields.get(key, {})
    if not isinstance(table, dict):
        raise ValueError(f"`{key}` is no object")
    return table.items()


def _text(item: object) -> str:
    if not isinstance(item, str):
        raise ValueError("an instance id is no string")
    return item


def _instances(item: object) -> tuple[str, ...]:
    if not isinstance(item, list):
        raise ValueError("a tag's instances are no list")
    return tuple(dict.fromkeys(parse_instance_id(_text(found)) for found in item))


def _nearest(versions: Versions) -> str:
    names = [*versions.tags, *versions.refs]
    return f"it has {', '.join(f'`{name}`' for name in names[-8:])}" if names else ""
