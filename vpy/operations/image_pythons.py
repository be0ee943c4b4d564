"""Hermetic Pythons in OCI images: put there beside what runs on them, and taken from there."""

from __future__ import annotations

import os
import sys

from vpy.errors import MissingError
from vpy.operations import bootstrap_manifest, oci_store, settings, source_setting, sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from bootstrap.request import Request
    from vpy.model import Interpreter, Pin, Spec, Tag
    from vpy.operations.context import Context
    from vpy.packages.oci.environment import Environments, PackagedFile


def packaged(
    spec: Spec, tag: Tag, interpreter: Interpreter, fetch: Callable[[Pin], str], context: Context
) -> PackagedFile | None:
    """Return the package of the manifest's Python for a spec on a target; None where it offers none."""
    from vpy.packages.oci import environment
    from vpy.target import bundle
    from vpy.target.python_requirement import PythonRequirement
    from vpy.target.tags import cipd_platform

    manifest, platform = context.manifest, cipd_platform(tag)
    if manifest is None or manifest.path is None or platform is None:
        return None
    requirement = PythonRequirement(spec.python_version, spec.requires_python)
    for pin in bootstrap_manifest.pythons_on(platform, manifest, context.config):
        version = bundle.version_of(pin.version)
        fits = version[:2] == interpreter.version[:2] and requirement.may_accept(version)
        if fits or interpreter.executable.startswith(context.layout.python(pin.instance_id) + os.sep):
            return environment.packaged_python(pin, fetch(pin))
    return None


def environments(spec: Spec, request: Request, context: Context) -> Environments | None:
    """Return the environments of the images that are the source of a start; None where none are."""
    if not spec.dependencies and not spec.wheels:
        return None
    setting = settings.source(request, context, spec)
    images = source_setting.of_setting(setting, spec, context.environ).images
    if images is None or (context.offline and images.local_path is None):
        return None
    return sources.environments(images, context)


def pins(found: Environments, spec: Spec) -> tuple[Pin, ...]:
    """Return the Pythons that images have for this machine, first those that were put there for the spec."""
    import platform

    from vpy.packages.oci import environment

    markers = {"platform_machine": platform.machine(), "sys_platform": sys.platform}
    return found.pythons(environment.platform_of(markers), os.path.basename(spec.path))


def fetch(pin: Pin, found: Environments | None, spec: Spec, context: Context) -> str | None:
    """Return the package of a Python in the root, from images or the store; None where neither has it.

    Raises MissingError where the images themselves name it.
    """
    from vpy.packages.cipd.names import SHA256, reference_from_id
    from vpy.packages.oci import blob_file

    algorithm, sha256 = reference_from_id(pin.instance_id)
    path = context.layout.package(pin.instance_id)
    if algorithm != SHA256:
        return None
    if blob_file.is_sound(path, sha256):
        return path
    if found is not None:
        if blob_file.put(found.images, sha256, 0, path):
            return path
        if pin.origin == found.origin:
            raise MissingError(f"`{found.origin}` lacks `{pin.name}`")
    came: list[str] = []
    setting = settings.store(context, spec).address
    if setting.text and not context.offline:
        store = oci_store.file_store(setting, context)
        store.bring({sha256: 0}, lambda _, where: came.append(where))
    return came[0] if came else None
