"""Lockfile of a plan: found beside the spec, compared with it, and followed or refused."""

from __future__ import annotations

from bootstrap.shown import printable
from vpy.errors import UserError, VpythonError
from vpy.operations import additions
from vpy.system.lean.dataclasses import value
from vpy.system.terminal import BOT_VARIABLES, is_bot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bootstrap.request import Request
    from vpy.model import Discovery, Interpreter, Observation, Sources, Spec, SpecSource, Wanted
    from vpy.operations.context import Context
    from vpy.spec.lockfile.find import Found
    from vpy.spec.lockfile.model import Lockfile

STALE_HINT = "`{} {}` brings it up to date; -vpython-frozen follows it as it is"
MISSING_HINT = "`vpython-tool lock {}` writes it"
# Of a script that came from an address.
FETCHED_STALE_HINT = "-vpython-frozen follows it as it is"
FETCHED_MISSING_HINT = "`vpython-tool lock --embed` puts one into a script before it is published"

# Changes that one line names.
_SHOWN = 4


@value
class Followed:
    """Spec and its packages as their lockfile has them, and what that depends on.

    `lockfile` is None where there is none, or none of it is left to follow.
    """

    lockfile: Lockfile | None
    spec: Spec
    packages: tuple[Wanted, ...]
    observations: tuple[Observation, ...]


def follow(
    discovery: Discovery,
    spec: Spec,
    interpreter: Interpreter,
    request: Request,
    context: Context,
    sources: Sources,
    packages: tuple[Wanted, ...],
    *,
    relocking: bool = False,
) -> Followed:
    """Find the lockfile beside a spec as `find` does, and lay it over the spec and its packages."""
    lockfile, observations = find(
        discovery, spec, interpreter, request, context, sources, packages, relocking=relocking
    )
    if lockfile is None:
        return Followed(None, spec, packages, observations)
    if lockfile.format == "versions":
        from vpy.operations import instance_pins

        packages = instance_pins.pin(packages, lockfile, spec, request)
    elif additions.are_asked_for(request):
        spec, lockfile = additions.with_locked(spec, lockfile, interpreter), None
    return Followed(lockfile, spec, packages, observations)


def find(
    discovery: Discovery,
    spec: Spec,
    interpreter: Interpreter,
    request: Request,
    context: Context,
    sources: Sources,
    packages: Sequence[Wanted] = (),
    *,
    relocking: bool = False,
) -> tuple[Lockfile | None, tuple[Observation, ...]]:
    """Return the lockfile beside a spec that is to be followed, and the observations of the search.

    `sources` are where the packages come from, `packages` are those that a text spec means here. A lockfile
    that is stale is a UserError on a bot and under `-vpython-locked`; elsewhere it is brought up to date with
    `relocking`, or else a warning. `-vpython-frozen` follows it as it is.
    """
    is_frozen, is_locked = bool(request.options.get("frozen")), bool(request.options.get("locked"))
    found, observations = _search(
        discovery.source, spec, sources, context, is_demanded=is_locked or is_frozen
    )
    if found is None:
        from vpy.operations import image_lockfiles

        return image_lockfiles.find(spec, interpreter, request, context, sources), observations

    lockfile, stale = _read(found, discovery.source, spec, interpreter, request, packages)
    context.terminal.debug(f"lockfile: `{printable(lockfile.path)}`")
    if is_frozen or not stale:
        return lockfile, observations
    if is_locked or is_bot(context.environ):
        lines = [f"{printable(lockfile.path)} is not current: {fact}" for fact in stale]
        raise UserError(lines, hint=_stale_hint(lockfile, discovery.source))
    origin = sources if relocking and not _is_foreign(lockfile) else None
    declared = additions.without(spec, request)
    if _is_locked_again(lockfile, stale, discovery.source, declared, interpreter, origin, context):
        return find(discovery, spec, interpreter, request, context, sources, packages)
    followed = lockfile if _holds_in_part(lockfile) else None
    return followed, (*observations, *_bot_observations(context.environ))


def _stale_hint(lockfile: Lockfile, source: SpecSource) -> str:
    if source.is_fetched:
        return FETCHED_STALE_HINT
    command = "uv lock --script" if lockfile.format == "uv-script" else "vpython-tool lock"
    return STALE_HINT.format(command, _shown(source))


def _search(
    spec_source: SpecSource, spec: Spec, sources: Sources, context: Context, *, is_demanded: bool
) -> tuple[Found | None, tuple[Observation, ...]]:
    """Return the lockfile that there is for the source; raise UserError where there must be one."""
    from vpy.spec.lockfile import find as lockfile_search

    found, observations = lockfile_search.of_requirements(spec_source, spec)
    has_own = sources.images is not None  # what an image has is locked
    if found is None and is_demanded and not has_own and (spec.dependencies or spec.wheels):
        raise _missing(spec_source)
    if found is None or found[1] != "versions" or not sources.is_index:
        return found, observations
    fact = f"`{printable(found[0])}` pins packages of CIPD, and the source is `{sources}`"
    if is_demanded:
        raise UserError(fact, hint="take them from -vpython-source cipd or directory:PATH")
    context.terminal.warning(f"{fact}: it is not followed")
    return None, observations


def _read(
    found: Found,
    source: SpecSource,
    spec: Spec,
    interpreter: Interpreter,
    request: Request,
    packages: Sequence[Wanted],
) -> tuple[Lockfile, tuple[str, ...]]:
    """Return a lockfile, and how it differs from what the spec asks for."""
    if found[1] == "versions":
        from vpy.operations import instance_pins

        lockfile = instance_pins.read(found[2], found[0])
        return lockfile, instance_pins.missing(lockfile, packages, spec, request)

    from vpy.operations import spec_settings
    from vpy.spec.lockfile import current, read
    from vpy.spec.lockfile import find as lockfile_search

    lockfile = read.of_spec(found, spec)
    if additions.are_asked_for(request) or lockfile_search.is_spec(source, found[0]):
        return lockfile, ()  # it locks the spec, to which the command line adds; or it is the spec
    markers = dict(interpreter.markers)
    needed = _wanted(spec, interpreter)
    wanted = needed if lockfile.requirements is None else spec.dependencies
    sourced = {each.project for each in spec.resolution.sources}
    return lockfile, current.differences(
        lockfile, wanted, spec.requires_python, markers, spec_settings.lines(spec), needed, sourced
    )


def _is_foreign(lockfile: Lockfile) -> bool:
    """Return whether no start rewrites a lockfile: it may be another tool's, or it is in the script."""
    is_anybodys = lockfile.format == "pylock" and lockfile.requirements is None
    return is_anybodys or lockfile.format == "embedded"


def _holds_in_part(lockfile: Lockfile) -> bool:
    """Return whether a lockfile is followed as far as it goes: packages were not resolved together."""
    return lockfile.format == "versions"


def _is_locked_again(
    lockfile: Lockfile,
    stale: Sequence[str],
    source: SpecSource,
    spec: Spec,
    interpreter: Interpreter,
    packages: Sources | None,
    context: Context,
) -> bool:
    """Bring a stale lockfile up to date from `packages`, unless these are images; say what is done."""
    from vpy.operations import lock_files

    more = f" and {len(stale) - 1} more" if len(stale) > 1 else ""
    fact = f"`{printable(lockfile.path)}` is not current ({stale[0]}{more})"
    without = "the rest is resolved" if _holds_in_part(lockfile) else "it is not followed"
    if packages is None or packages.images is not None:
        context.terminal.warning(f"{fact}, so {without}")
        return False
    try:
        done = lock_files.lock(source, spec, interpreter, packages, lock_files.Asked(), context)
    except VpythonError as error:
        context.terminal.warning(f"{fact}, so {without}, and cannot be locked again: {error.lines[0]}")
        return False
    changes = [
        f"{each.name} {lock_files.short(each.before) or '-'} -> {lock_files.short(each.after) or '-'}"
        for each in done.changes
    ]
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
    hint = FETCHED_MISSING_HINT if source.is_fetched else MISSING_HINT.format(where)
    return UserError(f"there is no lockfile of `{where}`", hint=hint)


def _shown(source: SpecSource) -> str:
    """Return the spec's path as a command line has it."""
    import shlex

    return shlex.quote(printable(source.path))
