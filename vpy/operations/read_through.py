"""Files of pins from the OCI repository that is asked before their source: by their hash, or not at all."""

from __future__ import annotations

import os

from vpy.errors import VpythonError
from vpy.operations import oci_store, settings, sources
from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vpy.model import Pin
    from vpy.operations.context import Context
    from vpy.operations.plan import Plan
    from vpy.packages.loader import Arrived

WRITE_BACK = "VPYTHON_STORE_WRITE_BACK"


def bring(pins: Sequence[Pin], plan: Plan, context: Context, stage: str, arrived: Arrived) -> None:
    """Fetch the files of pins that are neither installed nor here, from the store of this start.

    Tell `arrived` of each, by a link in `stage`. What the store lacks, or does not give in time, is left to
    the source; nothing is raised but for an address that is none.
    """
    setting = settings.store(context, plan.spec)
    if not setting.text or context.offline:
        return
    if all(source.local_path for source in plan.sources.members):
        return
    missing = _missing(pins, plan, context)
    if not missing:
        return
    from vpy.packages.oci.file_store import FileStore

    registry = oci_store.repository(setting, context)
    store = FileStore(registry, setting.text, context.layout, context.terminal.warning)
    sizes = _sizes(plan)

    def came(sha256: str, path: str) -> None:
        pin = missing[sha256]
        own = os.path.join(stage, f"from-store-{pin.instance_id}")
        files.link_or_copy(path, own)
        arrived(pin, own)

    store.bring({sha256: sizes.get(sha256, 0) for sha256 in missing}, came)


def write_back(pins: Sequence[Pin], paths: Sequence[str], plan: Plan, context: Context) -> None:
    """Put what a start has fetched from its source into the store, where a variable says that it may.

    It is found there by what it answers. Nothing is written of what the command line added, or where some
    of it was installed before: then its files are not here. A store that fails costs one line.
    """
    setting = settings.store(context, plan.spec)
    is_ours = plan.spec.dependencies and not plan.added and not plan.spec.resolution.sources
    if not (setting.text and context.environ.get(WRITE_BACK) and is_ours) or context.offline:
        return
    if not all(map(os.path.exists, paths)):
        return
    from vpy.operations import target_environments
    from vpy.operations.declared import Declared
    from vpy.packages.oci import environment
    from vpy.packages.oci.push import push

    source, interpreter = plan.discovery.source, plan.interpreter
    declared = Declared(source, plan.spec, interpreter, plan.sources)
    made = target_environments.of_files(declared, interpreter, pins, paths)
    registry = oci_store.repository(setting, context)
    try:
        if registry.manifest(made.question) is None:
            push(environment.assemble([made]), registry, tag=None)
    except VpythonError as error:
        context.terminal.warning(f"not written to the store `{setting.text}`: {error.summary}")


def _missing(pins: Sequence[Pin], plan: Plan, context: Context) -> dict[str, Pin]:
    """Return the pins whose files a start needs and has not, by their sha256."""
    from vpy.packages.cipd.names import SHA256, reference_from_id

    is_stored = sources.is_stored(plan.interpreter, context)
    missing = {}
    for pin in pins:
        algorithm, sha256 = reference_from_id(pin.instance_id)
        if algorithm != SHA256 or (pin.filename and is_stored(sha256)):
            continue
        if not os.path.exists(context.layout.package(pin.instance_id)):
            missing[sha256] = pin
    return missing


def _sizes(plan: Plan) -> Mapping[str, int]:
    """Return the sizes of files that a lockfile has, in bytes by their sha256."""
    if plan.lockfile is None:
        return {}
    return {file.sha256: file.size for each in plan.lockfile.distributions for file in each.files}
