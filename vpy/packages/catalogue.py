"""Catalogue of a source: which packages it has, and which instances of each.

The service is asked as the original client asks it: `ListPrefix`, `ListInstances`, `DescribeInstance` of
`cipd.Repository`. A directory is read; behind a web server its list of packages says what is there.
"""

from __future__ import annotations

import json

from vpy.errors import ToolError, UserError
from vpy.packages.cipd.names import parse_package_name
from vpy.packages.cipd.prpc import HASH_ALGORITHMS, id_from_object_ref
from vpy.packages.directory import NAMES, read_versions
from vpy.system.lean.dataclasses import value
from vpy.system.network import urls
from vpy.system.network.retry import NetworkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    from vpy.packages.cipd.prpc import Service
    from vpy.packages.directory import Reader

    class Catalogue(Protocol):
        """Source that can list its packages."""

        def inside(self, prefix: str) -> tuple[list[str], list[str]]:
            """Return the packages right below a prefix, and the prefixes there: whole names, sorted."""

        def below(self, prefix: str) -> list[str]:
            """Return all packages below a prefix, sorted."""

        def instances(self, name: str, limit: int) -> list[Instance]:
            """Return the last `limit` instances of a package, the newest first where that is known."""


LARGEST_LIST = 64 << 20
PAGE_SIZE = 100


@value
class Instance:
    """One instance of a package, with the tags on it and the refs that point at it."""

    instance_id: str
    tags: tuple[str, ...]
    refs: tuple[str, ...]


class ServiceCatalogue:
    """Catalogue of the package service; `hint` is shown where it cannot be reached."""

    def __init__(self, service: Service, hint: str | None = None) -> None:
        self._service = service
        self._hint = hint

    def inside(self, prefix: str) -> tuple[list[str], list[str]]:
        """Return the packages right below a prefix, and the prefixes there: whole names, sorted."""
        reply = self._call("ListPrefix", {"prefix": prefix})
        return self._names(reply, "packages"), self._names(reply, "prefixes")

    def below(self, prefix: str) -> list[str]:
        """Return all packages below a prefix, sorted."""
        message = {"prefix": prefix, "recursive": True}
        return self._names(self._call("ListPrefix", message), "packages")

    def instances(self, name: str, limit: int) -> list[Instance]:
        """Return the last `limit` instances of a package, the newest first."""
        rows: list[Mapping[str, Any]] = []
        token = ""
        while len(rows) < limit:
            message: dict[str, object] = {"package": name, "pageSize": min(PAGE_SIZE, limit - len(rows))}
            if token:
                message["pageToken"] = token
            reply = self._call("ListInstances", message)
            page = self._rows(reply, "instances")
            rows += page
            token = reply.get("nextPageToken") or ""
            if not token or not page:
                break

        described = [self._describe(name, row) for row in rows[:limit]]
        return [instance for instance in described if instance is not None]

    def _describe(self, name: str, row: Mapping[str, Any]) -> Instance | None:
        """Return the instance with its tags and refs; None for a hash algorithm that is not known."""
        reference = row.get("instance")
        if not isinstance(reference, dict) or reference.get("hashAlgo") not in HASH_ALGORITHMS:
            return None

        message = {"package": name, "instance": reference, "describeRefs": True, "describeTags": True}
        reply = self._call("DescribeInstance", message)
        try:
            return Instance(
                id_from_object_ref(reference),
                tuple(f"{tag['key']}:{tag['value']}" for tag in self._rows(reply, "tags")),
                tuple(str(ref["name"]) for ref in self._rows(reply, "refs")),
            )
        except (KeyError, UserError):
            raise self._damaged_reply() from None

    def _call(self, method: str, message: Mapping[str, object]) -> dict[str, Any]:
        try:
            return self._service.call(method, message, limit=LARGEST_LIST)
        except NetworkError as error:
            if error.transient:
                error.hint = error.hint or self._hint
            raise

    def _names(self, reply: Mapping[str, Any], field: str) -> list[str]:
        names = reply.get(field, [])
        if not isinstance(names, list):
            raise self._damaged_reply()
        try:
            return [parse_package_name(name) for name in names]
        except (UserError, AttributeError):
            raise self._damaged_reply() from None

    def _rows(self, reply: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
        rows = reply.get(field, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._damaged_reply()
        return rows

    def _damaged_reply(self) -> NetworkError:
        return NetworkError(
            f"`{urls.shown(self._service.root)}` sent a list of its packages that cannot be read"
        )


class DirectoryCatalogue:
    """Catalogue of a directory of packages; `names` returns all package names."""

    def __init__(self, reader: Reader, names: Callable[[], Sequence[str]]) -> None:
        self._reader = reader
        self._names = names

    def inside(self, prefix: str) -> tuple[list[str], list[str]]:
        """Return the packages right below a prefix, and the prefixes there: whole names, sorted."""
        root = f"{prefix}/" if prefix else ""
        rests = [name.removeprefix(root) for name in self._names() if name.startswith(root)]
        packages = [root + rest for rest in rests if "/" not in rest]
        prefixes = {root + rest.partition("/")[0] for rest in rests if "/" in rest}
        return packages, sorted(prefixes)

    def below(self, prefix: str) -> list[str]:
        """Return all packages below a prefix, sorted."""
        root = f"{prefix}/" if prefix else ""
        return [name for name in self._names() if name.startswith(root)]

    def instances(self, name: str, limit: int) -> list[Instance]:
        """Return the instances of a package that a tag or a ref names, all of them, whatever `limit` is."""
        versions = read_versions(self._reader, name)
        if versions is None:
            return []

        tags: dict[str, list[str]] = {}
        refs: dict[str, list[str]] = {}
        for tag, instance_ids in versions.tags.items():
            for instance_id in instance_ids:
                tags.setdefault(instance_id, []).append(tag)
        for ref, instance_id in versions.refs.items():
            refs.setdefault(instance_id, []).append(ref)
        return [
            Instance(instance_id, tuple(tags.get(instance_id, ())), tuple(refs.get(instance_id, ())))
            for instance_id in dict.fromkeys([*tags, *refs])
        ]


def read_names(reader: Reader, origin: str) -> list[str]:
    """Return the names in a directory's list of packages; ToolError where there is none, or a damaged one."""
    data = reader.read(NAMES, LARGEST_LIST)
    if data is None:
        raise ToolError(
            f"`{origin}` has no list of its packages (`{NAMES}`)",
            hint="`vpython-tool mirror` and `vpython-tool pack` write one into a tree",
        )
    try:
        return sorted(parse_package_name(name) for name in json.loads(data)["packages"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, UserError) as error:
        raise ToolError(f"`{NAMES}` of `{origin}` is damaged") from error
