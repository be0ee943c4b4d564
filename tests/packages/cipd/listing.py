"""What the test service answers to who lists packages and instances (CIPD `repo.proto`, as JSON)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from vpy.errors import UserError
from vpy.packages.cipd.names import parse_package_prefix, reference_from_id

if TYPE_CHECKING:
    from tests.packages.cipd.server import Service

WHO = "user:admin@example.com"
WHEN = "2026-11-21T04:14:42.244383Z"
NAMES = {1: "SHA1", 2: "SHA256"}
PAGE = 100


class BadRequest(Exception):
    """The caller's own fault (gRPC code 3)."""


def reference(instance_id: str) -> dict[str, str]:
    algorithm, digest = reference_from_id(instance_id)
    return {"hashAlgo": NAMES[algorithm], "hexDigest": digest}


def instance(name: str, instance_id: str) -> dict[str, Any]:
    return {
        "package": name,
        "instance": reference(instance_id),
        "registeredBy": WHO,
        "registeredTs": WHEN,
    }


def filled(**fields: object) -> dict[str, Any]:
    """As JSON of protocol buffers has it: what is empty is left out."""
    return {name: each for name, each in fields.items() if each}


def prefix(service: Service, message: dict[str, Any]) -> dict[str, Any]:
    """`ListPrefix`: what lies right below a prefix, or all that does; the private is not there at all."""
    try:
        asked = parse_package_prefix(message.get("prefix", ""))
    except UserError:
        raise BadRequest(f"bad 'prefix': invalid package prefix \"{message['prefix']}\"") from None
    root = f"{asked}/" if asked else ""
    packages, prefixes = [], set()
    for name in sorted(set(service.instances) - service.private):
        if not name.startswith(root):
            continue
        parts = name.removeprefix(root).split("/")
        parents = ["/".join(parts[:end]) for end in range(1, len(parts))]
        if message.get("recursive"):
            packages.append(name)
            prefixes |= {root + parent for parent in parents}
        elif parents:
            prefixes.add(root + parents[0])
        else:
            packages.append(name)
    return filled(packages=packages, prefixes=sorted(prefixes))


def instances(service: Service, name: str, message: dict[str, Any]) -> dict[str, Any]:
    """`ListInstances`: a page of them, the newest first."""
    return _page(message, name, list(reversed(service.instances[name])))


def search(service: Service, name: str, message: dict[str, Any]) -> dict[str, Any]:
    """`SearchInstances`: a page of those that have all the tags."""
    wanted = [f"{tag['key']}:{tag['value']}" for tag in message.get("tags", [])]
    if not wanted:
        raise BadRequest("bad 'tags': cannot be empty")
    found = [
        each
        for each in reversed(service.instances[name])
        if all(each in service.tags.get((name, tag), []) for tag in wanted)
    ]
    return _page(message, name, found)


def _page(message: dict[str, Any], name: str, found: list[str]) -> dict[str, Any]:
    size = message.get("pageSize", 0)
    if size < 0:
        raise BadRequest(f"bad 'page_size' {size}: it should be non-negative")
    try:
        first = int(base64.urlsafe_b64decode(message.get("pageToken", "") or "MA=="))
    except ValueError:
        raise BadRequest("bad 'page_token': failed to Base64-decode cursor") from None
    last = first + (size or PAGE)
    token = base64.urlsafe_b64encode(str(last).encode()).decode() if last < len(found) else ""
    return filled(instances=[instance(name, each) for each in found[first:last]], nextPageToken=token)


def refs(service: Service, name: str, only: str = "") -> list[dict[str, Any]]:
    """The refs of a package, those of one instance where it is named; the last touched first."""
    return [
        {"name": ref, "package": name, "instance": reference(found), "modifiedBy": WHO, "modifiedTs": WHEN}
        for (package, ref), found in reversed(service.refs.items())
        if package == name and only in ("", found)
    ]


def tags(service: Service, name: str, only: str) -> list[dict[str, str]]:
    """The tags of an instance, by key and then the newest first."""
    found = [tag for (package, tag), ids in reversed(service.tags.items()) if package == name and only in ids]
    rows = [tag.split(":", 1) for tag in found]
    return [
        {"key": key, "value": text, "attachedBy": WHO, "attachedTs": WHEN}
        for key, text in sorted(rows, key=lambda row: row[0])
    ]
