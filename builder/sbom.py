"""Bill of materials of the built file (CycloneDX 1.6): what is in it, from the wheels' own metadata."""

from __future__ import annotations

import email.parser
import hashlib
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
VENDORED = "pip/_vendor/vendor.txt"
# Licences of what pip carries, whose wheel has their texts and no metadata; a test compares the names.
LICENCES = {
    "cachecontrol": "Apache-2.0",
    "certifi": "MPL-2.0",
    "distlib": "PSF-2.0",
    "distro": "Apache-2.0",
    "idna": "BSD-3-Clause",
    "msgpack": "Apache-2.0",
    "packaging": "Apache-2.0 OR BSD-2-Clause",
    "platformdirs": "MIT",
    "pygments": "BSD-2-Clause",
    "pyproject-hooks": "MIT",
    "requests": "Apache-2.0",
    "resolvelib": "ISC",
    "rich": "MIT",
    "setuptools": "MIT",
    "tomli": "MIT",
    "tomli-w": "MIT",
    "truststore": "MIT",
    "urllib3": "MIT",
}
# Names that older metadata has for licences, and what SPDX calls them.
SPDX = {"3-Clause BSD License": "BSD-3-Clause", "License :: OSI Approved :: MIT License": "MIT"}


def sbom(
    built: bytes, version: str, pins: Mapping[str, tuple[str, str]], files: Mapping[str, bytes]
) -> bytes:
    """Return the bill as JSON, the same for the same file.

    `pins` has the version and the sha256 of each wheel that was packed, `files` what they hold.
    """
    digest = hashlib.sha256(built).hexdigest()
    top = {
        "type": "application",
        "bom-ref": "vpython",
        "name": "vpython",
        "version": version,
        "purl": f"pkg:generic/vpython@{version}",
        "hashes": [_hash(digest)],
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    own = [
        _component(name, pinned, _licence_of(name, pinned, files), sha256)
        for name, (pinned, sha256) in sorted(pins.items())
    ]
    carried = [
        _component(name, found, LICENCES.get(name, ""), within="pip")
        for name, found in sorted(vendored_by_pip(files))
    ]
    bill = {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": {"component": top},
        "components": [*own, *carried],
        "dependencies": _dependencies(own, carried),
    }
    return (json.dumps(bill, indent=1) + "\n").encode()


def _dependencies(own: list[dict[str, Any]], carried: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return who carries whom: the file its wheels, pip what it has vendored."""
    refs = {"vpython": [row["bom-ref"] for row in own]}
    for row in own:
        refs[row["bom-ref"]] = [each["bom-ref"] for each in carried] if row["name"] == "pip" else []
    refs |= {row["bom-ref"]: [] for row in carried}
    return [{"ref": ref, "dependsOn": within} for ref, within in refs.items()]


def vendored_by_pip(files: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Yield name and version of each distribution that pip carries."""
    for line in files[VENDORED].decode().splitlines():
        name, equals, version = line.partition("#")[0].strip().partition("==")
        if equals:
            yield re.sub(r"[-_.]+", "-", name).lower(), version


def _component(name: str, version: str, licence: str, sha256: str = "", within: str = "") -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{version}"
    row: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"{within}/{purl}" if within else purl,
        "name": name,
        "version": version,
        "purl": purl,
    }
    if sha256:
        row["hashes"] = [_hash(sha256)]
    if licence:
        is_expression = " " in licence
        row["licenses"] = [{"expression": licence} if is_expression else {"license": {"id": licence}}]
    return row


def _hash(sha256: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": sha256}


def _licence_of(name: str, version: str, files: Mapping[str, bytes]) -> str:
    """Return the licence that a wheel's METADATA names, as SPDX has it; "" for none that is known."""
    text = files[f"{name.replace('-', '_')}-{version}.dist-info/METADATA"].decode()
    fields = email.parser.HeaderParser().parsestr(text)
    named = [fields.get("License", ""), *fields.get_all("Classifier", [])]
    known = (SPDX[each] for each in named if each in SPDX)
    return fields.get("License-Expression") or next(known, "")
