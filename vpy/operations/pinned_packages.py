"""Packages that the manifest beside vpython pins, unpacked in the root: vpython itself and its Pythons."""

from __future__ import annotations

import os
import sys

from bootstrap import unsettled
from vpy.errors import UserError
from vpy.model import Source
from vpy.operations import source_setting, sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from bootstrap.request import Request
    from vpy.model import Pin, Spec
    from vpy.operations.bootstrap_manifest import BootstrapManifest
    from vpy.operations.context import Context
    from vpy.packages.loader import PackageLoader


def is_running(pin: Pin, request: Request) -> bool:
    """Return whether the pinned vpython is the one that runs: by its build, or by its directory's name."""
    from bootstrap import BUILD

    directory = os.path.dirname(os.path.realpath(request.caller))
    return pin.version == f"build:{BUILD}" or os.path.basename(directory) == pin.instance_id


def other_vpython(request: Request, context: Context) -> str | None:
    """Return the file of the vpython that the manifest pins; None where this one may run."""
    from vpy.operations.root import open_root
    from vpy.system import locks

    manifest = context.manifest
    if manifest is None or manifest.vpython is None or is_running(manifest.vpython, request):
        return None
    pin = manifest.vpython

    open_root(context)
    with locks.shared(context.layout.store_lock):
        directory = unpack(pin, manifest, request, context)

    for name in ("vpython", "vpython3") if request.legacy else ("vpython3", "vpython"):
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            return path
    raise UserError(f"the package `{pin.name}` at `{pin.version}` holds no vpython")


def hermetic_python(spec: Spec, request: Request, context: Context) -> str | None:
    """Return the Python that may fit a spec, unpacked in the root; None where none is offered.

    The manifest offers it, else the images that packages come from. It is taken from these where they have
    it, else from the store.
    """
    from vpy.operations import image_pythons
    from vpy.target import bundle

    manifest = context.manifest
    if manifest is None:
        return None
    images = image_pythons.environments(spec, request, context)
    pythons = manifest.pythons
    if not pythons and images is not None:
        pythons = image_pythons.pins(images, spec)

    def finish(directory: str, final: str) -> None:
        bundle.compile_library(directory, final, context.environ, sys.platform)

    return bundle.find_python(
        pythons,
        spec.python_version,
        spec.requires_python,
        lambda pin: unpack(
            pin,
            manifest,
            request,
            context,
            finish,
            nearer=lambda: image_pythons.fetch(pin, images, spec, context),
        ),
        sys.platform,
    )


def unpack(
    pin: Pin,
    manifest: BootstrapManifest,
    request: Request,
    context: Context,
    finish: Callable[[str, str], None] = lambda directory, final: None,
    nearer: Callable[[], str | None] = lambda: None,
) -> str:
    """Return the directory with a pinned package's files, fetched and unpacked where it is missing.

    `finish` completes the unpacked directory (first argument) before it gets its final path (second).
    `nearer` returns the package's file from where it is looked for first, None where it is not there.
    """
    from vpy.packages import unpacked

    if not os.path.isdir(context.layout.python(pin.instance_id)):
        unsettled.mark(context.layout.root, "build")

    def get() -> str:
        context.terminal.info(f"fetching `{pin.name}` at `{pin.version}`")
        return nearer() or fetch(pin, manifest, request, context)

    return unpacked.ensure(pin, get, context.layout, terminal=context.terminal, finish=finish)


def fetch(pin: Pin, manifest: BootstrapManifest, request: Request, context: Context) -> str:
    """Return the file of a pinned package, fetched where it is missing."""
    return _loader(pin, manifest, request, context).fetch((pin,))[0]


def _loader(pin: Pin, manifest: BootstrapManifest, request: Request, context: Context) -> PackageLoader:
    """Return the loader of this start's first directory that has the package, else CIPD's."""
    named = request.options.get("source") or context.config.default_source
    members = source_setting.parse(named, context.environ).members
    for source in members:
        if source.kind == "directory" and (
            source.folder is None
            or os.path.exists(os.path.join(source.folder, *pin.name.split("/"), "+", pin.instance_id))
        ):
            return sources.directory_loader(source, context)
    service = next((source for source in members if source.kind == "cipd"), Source("cipd"))
    return sources.cipd_loader(service, context, default_service=manifest.service)
