"""Files of pins from the OCI repository that is asked before their source: by their hash, or not at all."""

from __future__ import annotations

import os

from vpy.errors import UserError, VpythonError
from vpy.operations import settings, sources
from vpy.system import files
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vpy.model import Interpreter, Pin, Spec
    from vpy.operations.context import Context
    from vpy.operations.plan import Plan
    from vpy.operations.settings import Setting
    from vpy.packages.loader import Arrived
    from vpy.packages.oci.registry import Registry
    from vpy.system.network.retry import RetryPolicy


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

    store = FileStore(_repository(setting, context), setting.text, context.layout, context.terminal.warning)
    sizes = _sizes(plan)

    def came(sha256: str, path: str) -> None:
        pin = missing[sha256]
        own = os.path.join(stage, f"from-store-{pin.instance_id}")
        files.link_or_copy(path, own)
        arrived(pin, own)

    store.bring({sha256: sizes.get(sha256, 0) for sha256 in missing}, came)


def resolution(spec: Spec, interpreter: Interpreter, context: Context) -> tuple[bytes | None, str]:
    """Return the lockfile that the store has for what a spec asks for on a target, and the store.

    It is None where nobody trusts the store so far, where it has none, or where it fails, with one line then.
    """
    setting = settings.store(context, spec)
    if not setting.text or context.offline or settings.store_trust(context, spec).text != "resolutions":
        return None, ""
    from vpy.operations import target_environments
    from vpy.packages.oci import image

    tag = target_environments.question_of(spec, dict(interpreter.markers))
    registry = _repository(setting, context)
    try:
        found = registry.manifest(tag)
        if found is None:
            return None, ""
        config = image.manifest_of(found[0], setting.text).config
        if config.media_type != image.LOCKFILE:
            return None, ""
        return registry.read_blob(config.digest, image.LARGEST_CONFIG), f"{setting.text}:{tag}"
    except VpythonError as error:
        context.terminal.warning(f"the store `{setting.text}` is left out: {error.summary}")
        return None, ""


def _repository(setting: Setting, context: Context) -> Registry:
    """Return the repository that a setting names, asked for no longer than a start can spare."""
    try:
        return sources.registry(setting.text, context, policy=_policy())
    except UserError as error:
        raise UserError(f"{setting.origin}: {error.message}", hint=error.hint) from None


def _policy() -> RetryPolicy:
    """Return the patience with a store, for which there is another source: two seconds in all."""
    from vpy.system.network import http

    return replace(
        http.POLICY,
        connect_timeout=1.0,
        idle_timeout=1.0,
        least_bytes=128 << 10,
        total_timeout=2.0,
        attempts=1,
        unreachable_attempts=1,
        resumes=0,
        retry_seconds=None,
    )


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
