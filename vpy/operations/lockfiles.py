"""Lockfile of a plan: found beside the spec, compared with it, and followed or refused."""

from __future__ import annotations

from vpy.errors import UserError, VpythonError
from vpy.system.terminal import BOT_VARIABLES, is_bot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bootstrap.request import Request
    from vpy.model import Discovery, Interpreter, Observation, Sources, Spec, SpecSource
    from vpy.operations.context import Context
    from vpy.spec.lockfile.model import Lockfile

STALE_HINT = "`{} {}` brings it up to date; -vpython-frozen follows it as it is"
MISSING_HINT = "`vpython-tool lock {}` writes it"

# Changes that one line names.
_SHOWN = 4


def find(
    discovery: Discovery,
    spec: Spec,
    interpreter: Interpreter,
    request: Request,
    context: Context,
    packages: Sources | None = None,
) -> tuple[Lockfile | None, tuple[Observation, ...]]:
    """Return the lockfile beside a spec that is to be followed, and the observations of the search.

    One that is stale is a UserError on a bot and under `-vpython-locked`; elsewhere it is brought up to date
    from `packages`, where they are given, or else a warning. `-vpython-frozen` follows it as it is.
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
    from vpy.operations import additions, spec_settings
    from vpy.spec.lockfile import current, read

    path, kind, data = found
    lockfile = read.read(data, path, kind)
    context.terminal.debug(f"lockfile: `{printable(path)}`")
    markers = dict(interpreter.markers)
    wanted = _wanted(spec, interpreter) if lockfile.requirements is None else spec.dependencies
    stale = current.differences(lockfile, wanted, spec.requires_python, markers, spec_settings.lines(spec))
    if additions.are_asked_for(request):
        stale = ()  # it locks the spec, to which the command line adds
    if is_frozen or not stale:
        return lockfile, observations
    if is_locked or is_bot(context.environ):
        lines = [f"{printable(path)} is not current: {fact}" for fact in stale]
        command = "uv lock --script" if kind == "uv-script" else "vpython-tool lock"
        raise UserError(lines, hint=STALE_HINT.format(command, _shown(discovery.source)))
    more = f" and {len(stale) - 1} more" if len(stale) > 1 else ""
    fact = f"`{printable(path)}` is not current ({stale[0]}{more})"
    if packages is None:
        context.terminal.warning(f"{fact}, so it is not followed")
    elif _is_locked_again(fact, discovery.source, spec, interpreter, packages, context):
        return find(discovery, spec, interpreter, request, context)
    return None, (*observations, *_bot_observations(context.environ))


def _is_locked_again(
    fact: str, source: SpecSource, spec: Spec, interpreter: Interpreter, packages: Sources, context: Context
) -> bool:
    """Bring a stale lockfile up to date, and say so; return whether that was possible."""
    from vpy.operations import lock_files

    try:
        done = lock_files.lock(source, spec, interpreter, packages, lock_files.Asked(), context)
    except VpythonError as error:
        context.terminal.warning(
            f"{fact}, so it is not followed, and cannot be locked again: {error.lines[0]}"
        )
        return False
    changes = [f"{each.name} {each.before or '-'} -> {each.after or '-'}" for each in done.changes]
    listed = ", ".join(
        [*changes[:_SHOWN], *([f"{len(changes) - _SHOWN} more"] if len(changes) > _SHOWN else [])]
    )
    context.terminal.warning(f"{fact}: locked again{f': {listed}' if listed else ''}")
    for warning in done.warnings:
        context.terminal.warning(warning)
    return True


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
    from vpy.spec.lockfile import find as lockfile_search

    if not lockfile_search.candidates(source):
        return UserError("there is no lockfile")
    where = _shown(source)
    return UserError(f"there is no lockfile of `{where}`", hint=MISSING_HINT.format(where))


def _shown(source: SpecSource) -> str:
    """Return the spec's path as a command line has it."""
    import shlex

    from bootstrap.shown import printable

    return shlex.quote(printable(source.path))
