"""Lockfiles that OCI images carry: of the source of a start, or of the store that is trusted."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.operations import additions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bootstrap.request import Request
    from vpy.model import Interpreter, Source, Sources, Spec
    from vpy.operations.context import Context
    from vpy.spec.lockfile.model import Lockfile

# Differences that one error names.
_SHOWN = 4


def find(
    spec: Spec, interpreter: Interpreter, request: Request, context: Context, sources: Sources
) -> Lockfile | None:
    """Return the lockfile of an image for a spec that has none of its own; None where nothing is asked.

    Raises UserError where the source of the start is a place of images, and has none for the spec.
    """
    if not spec.dependencies:
        return None
    if sources.images is not None:
        return _of_images(sources.images, spec, interpreter, request, context)
    if sources.is_index and not additions.are_asked_for(request):
        return _trusted(spec, interpreter, context)
    return None


def _of_images(
    source: Source,
    spec: Spec,
    interpreter: Interpreter,
    request: Request,
    context: Context,
) -> Lockfile:
    """Return the lockfile of the image that was made for these requirements, on this target.

    Raises UserError where none was; it says in what the one for this target differs.
    """
    from vpy.operations import sources, spec_settings
    from vpy.spec.lockfile import current, read

    if additions.are_asked_for(request):
        fact = f"`{source}` holds what the spec declares, no more"
        raise UserError(fact, hint="leave out -vpython-with and -vpython-dev")
    environments = sources.environments(source, context)
    markers, narrowing = dict(interpreter.markers), spec_settings.lines(spec)
    differing: list[str] = []
    for name, data in environments.lockfiles(markers):
        lockfile = read.of_image(data, str(source))
        stale = current.differences(lockfile, spec.dependencies, spec.requires_python, markers, narrowing)
        if not stale:
            return lockfile
        differing += [f"`{source}` is of another spec, `{name}`: {fact}" for fact in stale[:_SHOWN]]
    if differing:
        raise UserError(differing, hint="`vpython-tool bundle` or `push` of the script makes a new one")
    raise UserError(
        f"`{source}` holds nothing for Python {markers['python_version']} on this platform",
        hint=f"it holds {'; '.join(environments.described())}",
    )


def _trusted(spec: Spec, interpreter: Interpreter, context: Context) -> Lockfile | None:
    """Return what the store of this start has for the very same requirements, where that is trusted."""
    from vpy.operations import oci_store

    data, origin = oci_store.resolution(spec, interpreter, context)
    if data is None:
        return None
    from vpy.operations import spec_settings
    from vpy.spec.lockfile import current, read

    try:
        lockfile = read.of_image(data, origin)
        stale = current.differences(
            lockfile, spec.dependencies, spec.requires_python, dict(interpreter.markers),
            spec_settings.lines(spec),
        )  # fmt: skip
    except UserError as error:
        stale, lockfile = (error.lines[0],), None
    if stale:
        context.terminal.warning(f"what `{origin}` has for this spec is not followed: {stale[0]}")
        return None
    context.terminal.info(f"resolved as `{origin}` has it")
    return lockfile
