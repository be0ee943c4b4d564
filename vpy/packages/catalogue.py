"""What packages a source has, and which instances of each: for who looks for one.

The service is asked as the original client asks it: `ListPrefix`, `ListInstances`, `DescribeInstance` of
`cipd.Repository`. A tree of packages is read; behind a web server its list of packages says what is there.
"""

from __future__ import annotations

import json

from vpy.errors import ToolError, UserError
from vpy.packages.cipd import SHA1, SHA256, id_from_reference
from vpy.packages.directory import LARGEST_VERSIONS, parse_versions
from vpy.packages.names import parse_package_name
from vpy.system import address
from vpy.system.patience import NetworkError
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    from vpy.packages.directory import Reader
    from vpy.packages.prpc import Service

    class Catalogue(Protocol):
        """A source that can tell what it has."""

        def inside(self, prefix: str) -> tuple[list[str], list[str]]:
            """The packages right below a prefix, and the prefixes there: whole names, sorted."""

        def below(self, prefix: str) -> list[str]:
            """All packages below a prefix, sorted."""

        def instances(self, name: str, most: int) -> list[Instance]:
            """The last `most` instances of a package, the newest first where that is known."""


LIST = "packages.json"
LARGEST_LIST = 64 << 20
PAGE = 100
ALGORITHMS = {"SHA1": SHA1, "SHA256": SHA256}


@value
class Instance:
    """One instance of a package, with the tags on it and the refs that point at it."""

    instance_id: str
    tags: tuple[str, ...]
    refs: tuple[str, ...]


class ServiceCatalogue:
    """What the package service has; `way_out` is the hint where it is away."""

    def __init__(self, service: Service, way_out: str = "") -> None:
        self._service = service
        self._way_out = way_out

    def _call(self, method: str, message: Mapping[str, object]) -> dict[str, Any]:
        try:
            return self._service.call(method, message, most=LARGEST_LIST)
        except NetworkError as error:
            error.hint = error.hint or (self._way_out if error.passing else "") or None
            raise

    def inside(self, prefix: str) -> tuple[list[str], list[str]]:
        reply = self._call("ListPrefix", {"prefix": prefix})
        return self._names(reply, "packages"), self._names(reply, "prefixes")

    def below(self, prefix: str) -> list[str]:
        message = {"prefix": prefix, "recursive": True}
        return self._names(self._call("ListPrefix", message), "packages")

    def instances(self, name: str, most: int) -> list[Instance]:
        found: list[Mapping[str, Any]] = []
        token = ""
        while len(found) < most:
            message: dict[str, object] = {"package": name, "pageSize": min(PAGE, most - len(found))}
            if token:
                message["pageToken"] = token
            reply = self._call("ListInstances", message)
            page = self._rows(reply, "instances")
            found += page
            token = reply.get("nextPageToken") or ""
            if not token or not page:
                break
        return [made for row in found[:most] if (made := self._described(name, row)) is not None]

    def _described(self, name: str, row: Mapping[str, Any]) -> Instance | None:
        """The instance with its tags and refs; None for a hash of a later service."""
        reference = row.get("instance")
        if not isinstance(reference, dict) or reference.get("hashAlgo") not in ALGORITHMS:
            return None
        message = {"package": name, "instance": reference, "describeRefs": True, "describeTags": True}
        reply = self._call("DescribeInstance", message)
        try:
            return Instance(
                id_from_reference(ALGORITHMS[reference["hashAlgo"]], reference["hexDigest"]),
                tuple(f"{tag['key']}:{tag['value']}" for tag in self._rows(reply, "tags")),
                tuple(str(ref["name"]) for ref in self._rows(reply, "refs")),
            )
        except (KeyError, UserError):
            raise self._strange() from None

    def _names(self, reply: Mapping[str, Any], field: str) -> list[str]:
        names = reply.get(field, [])
        if not isinstance(names, list):
            raise self._strange()
        try:
            return [parse_package_name(name) for name in names]
        except (UserError, AttributeError):
            raise self._strange() from None

    def _rows(self, reply: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
        rows = reply.get(field, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._strange()
        return rows

    def _strange(self) -> NetworkError:
        return NetworkError(f"`{address.shown(self._service.root)}` lists what cannot be read")


class TreeCatalogue:
    """What a tree of packages has; `names` tells all of them."""

    def __init__(self, reader: Reader, names: Callable[[], Sequence[str]]) -> None:
        self._reader = reader
        self._names = names

    def inside(self, prefix: str) -> tuple[list[str], list[str]]:
        root = f"{prefix}/" if prefix else ""
        rests = [name.removeprefix(root) for name in self._names() if name.startswith(root)]
        packages = [root + rest for rest in rests if "/" not in rest]
        prefixes = {root + rest.partition("/")[0] for rest in rests if "/" in rest}
        return packages, sorted(prefixes)

    def below(self, prefix: str) -> list[str]:
        root = f"{prefix}/" if prefix else ""
        return [name for name in self._names() if name.startswith(root)]

    def instances(self, name: str, most: int) -> list[Instance]:
        path = f"{name}/+/versions.json"
        data = self._reader.read(path, LARGEST_VERSIONS)
        if data is None:
            return []
        versions = parse_versions(data, path)
        tags: dict[str, list[str]] = {}
        refs: dict[str, list[str]] = {}
        for tag, ids in versions.tags.items():
            for each in ids:
                tags.setdefault(each, []).append(tag)
        for ref, each in versions.refs.items():
            refs.setdefault(each, []).append(ref)
        found = dict.fromkeys([*tags, *refs])
        return [Instance(each, tuple(tags.get(each, ())), tuple(refs.get(each, ()))) for each in found]


def listed(reader: Reader, origin: str) -> list[str]:
    """The names that a tree's list of packages tells; ToolError where it has none, or a damaged one."""
    data = reader.read(LIST, LARGEST_LIST)
    if data is None:
        raise ToolError(
            f"`{origin}` has no list of its packages (`{LIST}`)", hint="mirror and pack write one into a tree"
        )
    try:
        return sorted(parse_package_name(name) for name in json.loads(data)["packages"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, UserError) as error:
        raise ToolError(f"`{LIST}` of `{origin}` is damaged") from error
