"""Lockfile of a plan: found beside the spec, compared with it, and followed or refused."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.system.terminal import BOT_VARIABLES, is_bot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bootstrap.request import Request
    from vpy.model import Discovery, Interpreter, Observation, Spec, SpecSource
    from vpy.operations.context import Context
    from vpy.spec.lockfile.model import Lockfile

STALE_HINT = "lock again with the tool that wrote it; -vpython-frozen follows it as it is"
MISSING_HINT = "`uv lock --script`, `uv pip compile --universal --generate-hashes` and `pip lock` write one"


def find(
    discovery: Discovery, spec: Spec, interpreter: Interpreter, request: Request, context: Context
) -> tuple[Lockfile | None, tuple[Observation, ...]]:
    """Return the lockfile beside a spec that is to be followed, and the observations of the search.

    One that is stale is a UserError on a bot and under `-vpython-locked`, and a warning elsewhere;
    `-vpython-frozen` follows it as it is.
    """
    from vpy.spec.lockfile import find as lockfile_search

    if not spec.dependencies:
        return None, ()
    is_frozen, is_locked = bool(request.options.get("frozen")), bool(request.options.get("locked"))
    found, observations = lockfile_search.find(discovery.source)
    if found is None:
        if is_locked or is_frozen:
            raise _missing(discovery.source)
        return None, observations

    from bootstrap.shown import printable
    from vpy.operations import additions
    from vpy.spec.lockfile import current, read

    path, kind, data = found
    lockfile = read.read(data, path, kind)
    context.terminal.debug(f"lockfile: `{printable(path)}`")
    markers = dict(interpreter.markers)
    wanted = _wanted(spec, interpreter) if lockfile.requirements is None else spec.dependencies
    stale = current.differences(lockfile, wanted, spec.requires_python, markers)
    if additions.are_asked_for(request):
        stale = ()  # it locks the spec, to which the command line adds
    if is_frozen or not stale:
        return lockfile, observations
    if is_locked or is_bot(context.environ):
        lines = [f"{printable(path)} is not current: {fact}" for fact in stale]
        raise UserError(lines, hint=STALE_HINT)
    more = f" and {len(stale) - 1} more" if len(stale) > 1 else ""
    context.terminal.warning(f"`{printable(path)}` is not current, so it is not followed: {stale[0]}{more}")
    return None, (*observations, *_bot_observations(context.environ))


def _wanted(spec: Spec, interpreter: Interpreter) -> tuple[str, ...]:
    """Return what a lockfile that does not repeat the requirements must hold: with its overrides."""
    from vpy.operations import spec_settings

    return spec_settings.overridden(spec_settings.for_target(spec, interpreter, with_hashes=False))


def _bot_observations(environ: Mapping[str, str]) -> Iterator[Observation]:
    """Yield the state of the variables under which this would have been an error."""
    from vpy.model import Observation

    for name in BOT_VARIABLES:
        text = environ.get(name)
        yield Observation("unset", (name,)) if text is None else Observation("variable", (name, text))


def _missing(source: SpecSource) -> UserError:
    from bootstrap.shown import printable
    from vpy.spec.lockfile import find as lockfile_search

    paths = [path for path, _ in lockfile_search.candidates(source)]
    where = f": `{printable(paths[0])}`" if paths else ""
    return UserError(f"there is no lockfile{where}", hint=MISSING_HINT if paths else None)
