"""Store of a start: an OCI repository that is asked before the source of packages, and not for long."""

from __future__ import annotations

from vpy.errors import UserError, VpythonError
from vpy.operations import settings, sources, spec_settings
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpy.model import Interpreter, Spec
    from vpy.operations.context import Context
    from vpy.operations.settings import Setting
    from vpy.packages.oci.file_store import FileStore
    from vpy.packages.oci.registry import Registry
    from vpy.system.network.retry import RetryPolicy


def resolution(spec: Spec, interpreter: Interpreter, context: Context) -> tuple[bytes | None, str]:
    """Return the lockfile that the store has for what a spec asks for on a target, and the store.

    It is None where nobody trusts the store so far, where it has none, or where it fails, with one line then.
    """
    store = settings.store(context, spec)
    setting = store.address
    if not setting.text or context.offline:
        return None, ""
    registry = repository(setting, context)
    if store.trust.text != "resolutions":
        return None, ""
    from vpy.packages.oci import image

    tag = question_of(spec, dict(interpreter.markers))
    try:
        found = registry.manifest(tag)
        if found is None:
            return None, ""
        manifest = image.manifest_of(found[0], setting.text)
        if manifest is None or manifest.config.media_type != image.LOCKFILE:
            return None, ""
        return registry.read_blob(manifest.config.digest, image.LARGEST_CONFIG), f"{setting.text}:{tag}"
    except VpythonError as error:
        context.terminal.warning(f"the store `{setting.text}` is left out: {error.summary}")
        return None, ""


def question_of(spec: Spec, markers: Mapping[str, str]) -> str:
    """Return the tag of the image that answers a spec's requirements on a target; "" for a text spec."""
    from vpy.operations import relock
    from vpy.packages.oci import environment

    if not spec.dependencies:
        return ""
    requirements = relock.normalized_requirements(spec.dependencies)
    return environment.question_tag(requirements, spec_settings.lines(spec), spec.requires_python, markers)


def file_store(setting: Setting, context: Context) -> FileStore:
    """Return the repository that a setting names, asked for files by their hash."""
    from vpy.packages.oci.file_store import FileStore

    registry = repository(setting, context)
    return FileStore(registry, setting.text, context.layout, context.terminal.warning)


def repository(setting: Setting, context: Context) -> Registry:
    """Return the repository that a setting names, asked for no longer than a start can spare."""
    try:
        return sources.registry(setting.text, context, policy=_policy())
    except UserError as error:
        raise UserError(f"{setting.origin}: {error.message}", hint=error.hint) from None


def _policy() -> RetryPolicy:
    """Return how long a store is waited for, since there is another source: two seconds in all."""
    from vpy.system.network import http

    return replace(
        http.POLICY,
        connect_timeout=1.0,
        idle_timeout=1.0,
        least_bytes=128 << 10,
        total_timeout=2.0,
        closing_timeout=2.0,
        longest_download=300.0,
        attempts=1,
        unreachable_attempts=1,
        resumes=0,
        retry_seconds=None,
    )
