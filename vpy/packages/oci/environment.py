"""Environments of a spec as images: what is pushed or bundled, and what is read back of it.

The `config` of an image is a PEP 751 lockfile for one target, with what it was made for; of a text spec it is
its pins: `{"packages": [{"name": …, "version": …, "instance_id": …, "filename": …}]}`.
"""

from __future__ import annotations

import hashlib
import json
import os

from vpy.errors import ToolError, UserError
from vpy.model import Pin
from vpy.packages.cipd.names import instance_id, parse_instance_id, parse_package_name, reference_from_id
from vpy.packages.oci import image
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from vpy.packages.oci.image import Descriptor, Images, Manifest

# Go's names of what PEP 508 calls `platform_machine` and `sys_platform`; others stay as they are.
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "i686": "386", "x86": "386"}
_SYSTEMS = {"win32": "windows"}
# What tells the targets of images apart, by PEP 508.
TARGET_MARKERS = ("implementation_name", "platform_machine", "python_version", "sys_platform")


@value
class PackagedFile:
    """Wheel or CIPD package of an environment: its name, media type, sha256 as hex and path.

    `annotations` are further ones than its name, as sorted pairs.
    """

    title: str
    media_type: str
    sha256: str
    path: str
    annotations: tuple[tuple[str, str], ...] = ()


@value
class TargetEnvironment:
    """Environment of a spec on one target: the spec's name, the Python as `3.11`, the platform, the content.

    `question` is the tag of what it answers, "" for none.
    """

    spec: str
    python: str
    os: str
    architecture: str
    config: bytes
    config_type: str
    files: tuple[PackagedFile, ...]
    question: str = ""


@value
class Assembled:
    """Environments as blobs by their digest: `documents` are bytes, `files` are paths.

    `index` describes the index, the last of the documents; `manifests` are the digests of those it lists.
    `questions` are tags by which an image is found that answers a question, each with its digest.
    """

    index: Descriptor
    documents: Mapping[str, bytes]
    manifests: tuple[str, ...]
    files: Mapping[str, str]
    questions: Mapping[str, str]


def platform_of(markers: Mapping[str, str]) -> tuple[str, str]:
    """Return the system and architecture of a PEP 508 environment, as Go names them."""
    machine = markers["platform_machine"].lower()
    return _SYSTEMS.get(markers["sys_platform"], markers["sys_platform"]), _ARCHITECTURES.get(
        machine, machine
    )


def assemble(environments: Iterable[TargetEnvironment]) -> Assembled:
    """Return the blobs of environments; the same content comes to the same digest."""
    documents: dict[str, bytes] = {}
    paths: dict[str, str] = {}
    rows = []
    questions = {}
    for each in sorted(environments, key=lambda each: (each.spec, each.os, each.architecture, each.python)):
        config = replace(
            image.describe(each.config, each.config_type), annotations=((image.TITLE, _title(each)),)
        )
        documents[config.digest] = each.config
        layers = []
        for file in sorted(each.files, key=lambda file: (file.title, file.sha256)):
            digest = f"sha256:{file.sha256}"
            size = os.stat(file.path).st_size
            annotations = ((image.TITLE, file.title), *file.annotations)
            layers.append(image.Descriptor(file.media_type, digest, size, annotations))
            paths[digest] = file.path
        data = image.manifest_bytes(image.Manifest(config, tuple(layers)))
        row = image.describe(data, image.MANIFEST)
        documents[row.digest] = data
        if each.question:
            questions[each.question] = row.digest
        rows.append(
            replace(
                row,
                annotations=((image.PYTHON, each.python), (image.SPEC, each.spec), *_interpreters(each)),
                os=each.os,
                architecture=each.architecture,
                artifact_type=image.ENVIRONMENT,
            )
        )
    data = image.index_bytes(rows, image.ENVIRONMENT)
    index = image.describe(data, image.INDEX)
    documents[index.digest] = data
    return Assembled(index, documents, tuple(row.digest for row in rows), paths, questions)


def _title(environment: TargetEnvironment) -> str:
    """Return what the config is called among the files of all environments, where a client writes them."""
    target = f"{environment.os}-{environment.architecture}-{environment.python.replace('.', '_')}"
    name = f"{environment.spec.replace('.', '_')}-{target}"
    return f"pylock.{name}.toml" if environment.config_type == image.LOCKFILE else f"pins.{name}.json"


def _interpreters(environment: TargetEnvironment) -> list[tuple[str, str]]:
    """Return the annotation that names the version of a hermetic Python."""
    pairs = [pair for file in environment.files for pair in file.annotations]
    return [pair for pair in pairs if pair[0] == image.PACKAGE_VERSION]


def packaged_python(pin: Pin, path: str) -> PackagedFile:
    """Return the package of a hermetic Python as a file of an environment."""
    return PackagedFile(
        package_title(pin.name),
        image.INTERPRETER,
        reference_from_id(pin.instance_id)[1],
        path,
        ((image.PACKAGE_NAME, pin.name), (image.PACKAGE_VERSION, pin.version)),
    )


def package_title(name: str) -> str:
    """Return what the file of a CIPD package is called."""
    return f"{name.replace('/', '+')}.cipd"


def question_tag(
    requirements: Sequence[str], settings: Sequence[str], requires_python: str, markers: Mapping[str, str]
) -> str:
    """Return the tag of the image that answers what a spec asks for on a target.

    `requirements` and `settings` are as a lockfile records them.
    """
    target = [markers[name] for name in TARGET_MARKERS]
    question = json.dumps([list(requirements), list(settings), requires_python, target])
    return f"vpython-{hashlib.sha256(question.encode()).hexdigest()[:40]}"


def pins_config(pins: Iterable[Pin]) -> bytes:
    """Return the config of a text spec's image."""
    rows = [
        {
            "name": pin.name,
            "version": pin.version,
            "instance_id": pin.instance_id,
            **({"filename": pin.filename} if pin.filename else {}),
        }
        for pin in sorted(pins, key=lambda pin: (pin.name, pin.version))
    ]
    return json.dumps({"packages": rows}, indent=2).encode() + b"\n"


class Environments:
    """Environments that a place holds, each read when it is first asked for."""

    def __init__(self, images: Images, origin: str) -> None:
        self.images = images
        self.origin = origin
        self._listed: list[Descriptor] | None = None
        self._manifests: dict[str, Manifest | None] = {}

    def _descriptors(self) -> list[Descriptor]:
        if self._listed is None:
            self._listed = list(image.listed(self.images, self.origin))
            if not self._listed:
                raise UserError(f"`{self.origin}` holds no environment of vpython")
        return self._listed

    def _manifest(self, descriptor: Descriptor) -> Manifest | None:
        digest = descriptor.digest
        if digest not in self._manifests:
            data = image.document_of(self.images, digest, self.origin)
            self._manifests[digest] = image.manifest_of(data, self.origin)
        return self._manifests[digest]

    def _all(self) -> list[Manifest]:
        return [each for each in map(self._manifest, self._descriptors()) if each is not None]

    def lockfiles(self, markers: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
        """Yield the name of the spec and the lockfile of each environment for a platform and Python."""
        place = platform_of(markers)
        for descriptor in self._descriptors():
            if descriptor.os and (descriptor.os, descriptor.architecture) != place:
                continue
            annotations = dict(descriptor.annotations)
            if annotations.get(image.PYTHON, markers["python_version"]) != markers["python_version"]:
                continue
            manifest = self._manifest(descriptor)
            if manifest is not None and manifest.config.media_type == image.LOCKFILE:
                yield annotations.get(image.SPEC, ""), self._config(manifest)

    def described(self) -> list[str]:
        """Return each environment in words: its spec, Python and platform."""
        rows = []
        for descriptor in self._descriptors():
            annotations = dict(descriptor.annotations)
            platform = f"{descriptor.os}/{descriptor.architecture}" if descriptor.os else "any platform"
            python = annotations.get(image.PYTHON, "?")
            rows.append(f"`{annotations.get(image.SPEC, '?')}` for Python {python} on {platform}")
        return rows

    def pins(self) -> Iterator[Pin]:
        """Yield the pins of text specs, on all targets."""
        for manifest in self._all():
            if manifest.config.media_type == image.PINS:
                yield from self._pins(self._config(manifest))

    def pythons(self, place: tuple[str, str], spec: str) -> tuple[Pin, ...]:
        """Return the hermetic Pythons for a platform, as Go names it; first those of a spec by its name."""
        rows = [
            (annotations.get(image.SPEC) != spec, descriptor)
            for descriptor in self._descriptors()
            if image.PACKAGE_VERSION in (annotations := dict(descriptor.annotations))
            and (descriptor.os, descriptor.architecture) == place
        ]
        manifests = [self._manifest(descriptor) for _, descriptor in sorted(rows, key=lambda row: row[0])]
        layers = [layer for each in manifests if each is not None for layer in each.layers]
        return tuple(
            dict.fromkeys(
                _python_pin(layer, self.origin) for layer in layers if layer.media_type == image.INTERPRETER
            )
        )

    def files(self) -> dict[str, Descriptor]:
        """Return each file that is there by its sha256 (hex)."""
        return {layer.sha256: layer for manifest in self._all() for layer in manifest.layers}

    def _config(self, manifest: Manifest) -> bytes:
        return self.images.read_blob(manifest.config.digest, image.LARGEST_CONFIG)

    def _pins(self, data: bytes) -> list[Pin]:
        try:
            rows: Sequence[Mapping[str, Any]] = json.loads(data)["packages"]
            return [_pin(row, self.origin) for row in rows]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, UserError) as error:
            raise ToolError(f"`{self.origin}` holds pins that cannot be read") from error


def _python_pin(layer: Descriptor, origin: str) -> Pin:
    annotations = dict(layer.annotations)
    name, version = annotations.get(image.PACKAGE_NAME, ""), annotations.get(image.PACKAGE_VERSION, "")
    try:
        parse_package_name(name)
    except UserError as error:
        raise ToolError(f"`{origin}` holds pins that cannot be read") from error
    return Pin(name, name, version, instance_id(bytes.fromhex(layer.sha256)), origin)


def _pin(row: Mapping[str, Any], origin: str) -> Pin:
    name, version, filename = row["name"], row["version"], row.get("filename")
    if not isinstance(version, str) or not (filename is None or isinstance(filename, str)):
        raise TypeError
    if filename is None:
        parse_package_name(name)
    return Pin(name, name, version, parse_instance_id(row["instance_id"]), origin, filename=filename)
