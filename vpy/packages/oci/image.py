"""Documents of the OCI image specification: indexes and manifests, read and written.

One manifest holds the environment of one target: its `config` says what the spec came to, and each layer is
one wheel or CIPD package, byte for byte, so that its digest is the sha256 that lockfiles have. An index
holds the manifests of all targets. The same content always makes the same bytes.
"""

from __future__ import annotations

import json
import re

from vpy.errors import ToolError
from vpy.packages.oci.reference import digest_of
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, Protocol

    class Images(Protocol):
        """Place that holds images: an image layout or a registry. Its methods raise VpythonError."""

        def manifest(self, name: str) -> tuple[bytes, str] | None:
            """Return the document of a digest, or with "" the one that was named, and its media type."""

        def read_blob(self, digest: str, most: int) -> bytes:
            """Return a blob of at most `most` bytes, which are those of its digest."""

        def fetch_blob(self, digest: str, size: int, path: str) -> bool:
            """Write a blob to a new file; return False where it is not there. A size of 0 is not known."""


MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ENVIRONMENT = "application/vnd.vpython.environment.v1"
LOCKFILE = "application/vnd.vpython.lockfile.v1+toml"
PINS = "application/vnd.vpython.pins.v1+json"
WHEEL = "application/vnd.vpython.wheel.v1+zip"
PACKAGE = "application/vnd.vpython.package.v1+zip"
INTERPRETER = "application/vnd.vpython.python.v1+zip"
TITLE = "org.opencontainers.image.title"
REF_NAME = "org.opencontainers.image.ref.name"
SPEC = "vnd.vpython.spec"
PYTHON = "vnd.vpython.python"
# Of a hermetic Python: the name of its package, and its version, which the index has too.
PACKAGE_NAME = "vnd.vpython.package"
PACKAGE_VERSION = "vnd.vpython.package-version"

LARGEST_DOCUMENT = 4 << 20
LARGEST_CONFIG = 16 << 20
MOST_MANIFESTS = 2000
MOST_DEPTH = 4
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@value
class Descriptor:
    """Reference to a blob: its media type, digest (`sha256:…`) and size in bytes.

    `annotations` are sorted pairs. `os` and `architecture` are the platform as Go names it, "" for none.
    """

    media_type: str
    digest: str
    size: int
    annotations: tuple[tuple[str, str], ...] = ()
    os: str = ""
    architecture: str = ""
    artifact_type: str = ""

    @property
    def title(self) -> str:
        """Name of the file, "" for none; nothing has checked it."""
        return dict(self.annotations).get(TITLE, "")

    @property
    def sha256(self) -> str:
        """Hash of the bytes, as hex."""
        return self.digest.partition(":")[2]


@value
class Manifest:
    """Environment of one target: what its spec came to, and the files of that."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


def describe(data: bytes, media_type: str) -> Descriptor:
    """Return the descriptor of bytes."""
    return Descriptor(media_type, digest_of(data), len(data))


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return a manifest as the specification has it."""
    return _dump(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ENVIRONMENT,
            "config": _row(manifest.config),
            "layers": [_row(layer) for layer in manifest.layers],
        }
    )


def index_bytes(manifests: Iterable[Descriptor], artifact_type: str = "") -> bytes:
    """Return an index of documents."""
    rows = [_row(each) for each in manifests]
    kind = {"artifactType": artifact_type} if artifact_type else {}
    return _dump({"schemaVersion": 2, "mediaType": INDEX, **kind, "manifests": rows})


def _dump(document: object) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=True).encode() + b"\n"


def _row(descriptor: Descriptor) -> dict[str, Any]:
    row: dict[str, Any] = {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    }
    if descriptor.artifact_type:
        row["artifactType"] = descriptor.artifact_type
    if descriptor.os:
        row["platform"] = {"architecture": descriptor.architecture, "os": descriptor.os}
    if descriptor.annotations:
        row["annotations"] = dict(descriptor.annotations)
    return row


def listed(images: Images, origin: str) -> Iterator[Descriptor]:
    """Yield the manifests that a place lists, each as its index describes it, without reading it.

    Raises ToolError `origin: fact` for what cannot be read.
    """
    root = images.manifest("")
    if root is None:
        raise ToolError(f"`{origin}` does not exist")
    data, media_type = root
    todo = [(Descriptor(media_type, digest_of(data), len(data)), data, 0)]
    count = 0
    while todo:
        descriptor, data, depth = todo.pop(0)
        document = _parse(data, origin)
        if "manifests" not in document:
            yield descriptor
            continue
        for row in _rows(document, "manifests", origin):
            child = _descriptor(row, origin)
            count += 1
            if count > MOST_MANIFESTS or depth == MOST_DEPTH:
                raise ToolError(f"`{origin}` holds more images than are read")
            if child.media_type == INDEX:
                todo.append((child, document_of(images, child.digest, origin), depth + 1))
            elif child.media_type == MANIFEST:
                yield child


def document_of(images: Images, digest: str, origin: str) -> bytes:
    """Return a document that an index names; raise ToolError where it is not there."""
    found = images.manifest(digest)
    if found is None:
        raise ToolError(f"`{origin}` lacks the manifest `{digest}`")
    return found[0]


def manifest_of(data: bytes, origin: str) -> Manifest | None:
    """Parse the manifest of an environment; None for one of something else."""
    document = _parse(data, origin)
    config = document.get("config")
    if not isinstance(config, dict) or config.get("mediaType") not in (LOCKFILE, PINS):
        return None
    layers = tuple(_descriptor(row, origin) for row in _rows(document, "layers", origin))
    return Manifest(_descriptor(config, origin), layers)


def _parse(data: bytes, origin: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("schemaVersion") != 2:
        raise ToolError(f"`{origin}` holds a manifest that cannot be read")
    return document


def _rows(document: dict[str, Any], key: str, origin: str) -> Sequence[Any]:
    rows = document.get(key)
    if not isinstance(rows, list):
        raise ToolError(f"`{origin}` holds a manifest without `{key}`")
    return rows


def _descriptor(row: Any, origin: str) -> Descriptor:
    try:
        media_type, digest, size = row["mediaType"], row["digest"], row["size"]
        annotations, platform = row.get("annotations") or {}, row.get("platform") or {}
        is_sound = (
            isinstance(media_type, str)
            and isinstance(digest, str)
            and _DIGEST.fullmatch(digest) is not None
            and type(size) is int
            and 0 <= size < 1 << 50
        )
        pairs = sorted((str(name), str(text)) for name, text in annotations.items())
        system, architecture = str(platform.get("os", "")), str(platform.get("architecture", ""))
    except (KeyError, TypeError, AttributeError):
        is_sound = False
    if not is_sound:
        raise ToolError(f"`{origin}` holds a manifest that cannot be read")
    return Descriptor(media_type, digest, size, tuple(pairs), system, architecture)
