"""Environments in an image layout or a registry as a `PackageLoader`: nothing else is asked.

A text spec's packages come to what their environment was made with. Requirements are those of a lockfile:
their own, or the one that an image carries.
"""

from __future__ import annotations

import contextlib
import os

from vpy.errors import MissingError, UserError
from vpy.model import Pin, Resolution
from vpy.packages.cipd.names import (
    SHA256,
    instance_id,
    looks_like_instance_id,
    parse_instance_id,
    reference_from_id,
)
from vpy.packages.loader import collect, telling
from vpy.packages.oci import blob_file
from vpy.system import files
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vpy.model import Locked, Tag, Wanted
    from vpy.packages.loader import Arrived
    from vpy.packages.oci.environment import Environments
    from vpy.packages.oci.image import Descriptor
    from vpy.system.layout import Layout

WORKERS = 8


class OciLoader:
    """`PackageLoader` over environments for one target.

    `best` chooses among names of wheels by tags; `is_installed` says whether the wheel of a sha256 is in the
    store already, so that its file need not be here. Wheels are links in `stage`, a directory of the
    caller's, where there is one. `until` is when a tag must be asked again, 0 for never.
    """

    def __init__(
        self,
        environments: Environments,
        tags: Sequence[Tag],
        layout: Layout,
        *,
        best: Callable[[Sequence[str], Sequence[Tag]], str | None],
        is_installed: Callable[[str], bool],
        arrived: Arrived | None = None,
        stage: str = "",
        until: int = 0,
    ) -> None:
        self._environments = environments
        self._origin = environments.origin
        self._tags = tags
        self._best = best
        self._layout = layout
        self._is_installed = is_installed
        self._arrived = arrived
        self._stage = stage
        self._until = until
        self._sizes: dict[str, int] = {}

    def resolve(self, packages: Sequence[Wanted], dependencies: Sequence[str] = ()) -> Resolution:
        """Pin each package of a text spec to what an image has for this target."""
        if dependencies:
            raise UserError(
                f"`{self._origin}` holds no answer for these requirements",
                hint=f"it holds {'; '.join(self._environments.described())}",
            )
        known = self._known()
        return Resolution(collect(packages, lambda wanted: self._pin(wanted, known)))

    def _known(self) -> dict[tuple[str, str], list[Pin]]:
        known: dict[tuple[str, str], list[Pin]] = {}
        for pin in self._environments.pins():
            fits = not pin.filename or self._best([pin.filename], self._tags)
            if fits and pin not in known.setdefault((pin.name, pin.version), []):
                known[pin.name, pin.version].append(pin)
        return known

    def _pin(self, wanted: Wanted, known: dict[tuple[str, str], list[Pin]]) -> Pin:
        pins = known.get((wanted.name, wanted.version), [])
        if wanted.instance_id or looks_like_instance_id(wanted.version):
            named = parse_instance_id(wanted.instance_id or wanted.version)
            pins = [pin for pin in pins if pin.instance_id == named]
        if not pins:
            raise MissingError(f"`{self._origin}` has no such package for `{self._tags[0]}`")
        if len(pins) > 1:
            raise UserError(f"`{self._origin}` has {len(pins)} packages of this name and version")
        pin = pins[0]
        layer = self._environments.files().get(reference_from_id(pin.instance_id)[1])
        self._sizes[pin.instance_id] = layer.size if layer else 0
        return replace(pin, template=wanted.template, until=self._until)

    def resolve_locked(self, locked: Sequence[Locked]) -> Resolution:
        """Pin what a lockfile has: files by their hash, without a look at what the images were made for."""
        return Resolution(tuple(sorted(collect(locked, self._locked), key=lambda pin: pin.name)))

    def _locked(self, locked: Locked) -> Pin:
        name, sha256, size = locked.filename, locked.sha256, locked.size
        if not name:
            layer = self._layer(locked)
            name, sha256, size = layer.title, layer.sha256, layer.size
        pin_id = instance_id(bytes.fromhex(sha256))
        self._sizes[pin_id] = size
        return Pin(locked.name, locked.name, locked.version, pin_id, self._origin, "", self._until, name)

    def _layer(self, locked: Locked) -> Descriptor:
        """Return the wheel that has one of the hashes of a lockfile and fits."""
        from packaging.utils import canonicalize_name

        there = self._environments.files()
        layers = {there[each].title: there[each] for each in locked.hashes if each in there}
        best = self._best(list(layers), self._tags)
        if best is None or canonicalize_name(best.partition("-")[0]) != canonicalize_name(locked.name):
            tag = self._tags[0]
            raise MissingError(f"`{self._origin}` has none of its wheels for `{tag}`")
        return layers[best]

    def fetch(self, pins: Sequence[Pin]) -> tuple[str, ...]:
        """Return verified files, copied into the root where it lacks them."""
        return collect(pins, telling(self._fetch, self._tell), workers=WORKERS)

    def _tell(self, pin: Pin, path: str) -> None:
        if self._arrived is not None and os.path.exists(path):
            self._arrived(pin, path)

    def _fetch(self, pin: Pin) -> str:
        algorithm, digest = reference_from_id(pin.instance_id)
        if algorithm != SHA256:
            raise UserError(f"`{pin.instance_id}` is not a SHA-256, by which `{self._origin}` has its files")
        path = self._layout.package(pin.instance_id)
        if pin.filename and self._is_installed(digest):
            return path
        if not blob_file.is_sound(path, digest):
            self._bring(pin, digest, path)
        if not (pin.filename and self._stage):
            return path
        own = os.path.join(self._stage, pin.instance_id)
        try:
            files.link_or_copy(path, own)
        except FileNotFoundError:  # another process has installed it, and removed its file
            if not self._is_installed(digest):
                raise
        return own

    def _bring(self, pin: Pin, digest: str, path: str) -> None:
        """Write the file of a pin to its place in the root."""

        def check(written: str) -> None:
            if not pin.filename:
                from vpy.packages.cipd import package_file

                package_file.read_manifest(written, expected_name=pin.name)

        size = self._sizes.get(pin.instance_id, 0)
        if not blob_file.put(self._environments.images, digest, size, path, check):
            raise MissingError(f"`{self._origin}` lacks `{pin.filename or pin.instance_id}`")

    def forget(self, pins: Sequence[Pin]) -> None:
        """Do nothing: images are read each time."""

    def release(self, pins: Sequence[Pin]) -> None:
        """Remove the files of wheels that are installed by now."""
        for pin in pins:
            if pin.filename and self._is_installed(reference_from_id(pin.instance_id)[1]):
                with contextlib.suppress(OSError):
                    os.unlink(self._layout.package(pin.instance_id))
