"""Plan of a start, before any package is asked for: the spec, the base Python, the packages by name."""

from __future__ import annotations

import os
import sys

from vpy.errors import UserError
from vpy.model import Observation, Origin
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bootstrap.request import Request
    from vpy.model import Discovery, Interpreter, Sources, Spec, SpecSource, Target, Wanted, Wheel
    from vpy.operations.context import Context
    from vpy.operations.settings import Age, Setting
    from vpy.spec.discover import Invocation
    from vpy.spec.lockfile.model import Lockfile
    from vpy.target.discovery import FoundInterpreter

    # A discovered spec, and the default spec that may lend it a `python_version`.
    Discovered = tuple[Discovery, SpecSource | None]

VARIABLES = {
    "interpreter": "VPYTHON_INTERPRETER",
    "source": "VPYTHON_PACKAGE_SOURCE",
    "manifest": "VPYTHON_MANIFEST",
}


@value
class Plan:
    """Decisions of a start before any package is asked for.

    `packages` are those that the spec means on this target; `skipped` are (wheel entry, why it is
    not for this target). PEP 508 dependencies are in `spec`. `sources` are where the packages
    come from. `observations` are the facts that all of this depends on. `lockfile` is followed where there is
    one: then nothing is resolved that it has. `refresh_after` is the age in seconds at which an index is
    asked again, 0 for none. `origin` is the script or directory of the start, None where it has neither.
    `added` is what the command line adds to the spec.
    """

    discovery: Discovery
    spec: Spec
    target: Target
    packages: tuple[Wanted, ...]
    skipped: tuple[tuple[Wheel, str], ...]
    sources: Sources
    observations: tuple[Observation, ...]
    lockfile: Lockfile | None = None
    refresh_after: int = 0
    origin: Origin | None = None
    added: tuple[str, ...] = ()

    @property
    def interpreter(self) -> Interpreter:
        """Base Python of the environment."""
        return self.target.interpreter

    @property
    def is_empty(self) -> bool:
        """Whether the environment has no packages."""
        return not self.packages and not self.spec.dependencies


def make_plan(
    request: Request, context: Context, discovered: Discovered | None = None, *, relocking: bool = False
) -> Plan:
    """Decide on the spec (`discovered`, where it was just found), the Python and the packages it names.

    With `relocking` a stale lockfile is brought up to date.
    """
    discovery, spec = read_spec(request, context, discovered)
    for warning in (*discovery.warnings, *spec.warnings):
        context.terminal.warning(warning)

    found = find_interpreter(request, context, spec, discovery.source)
    context.terminal.debug(f"python: `{found.interpreter.executable}` ({found.interpreter.version_text})")

    return plan_for(discovery, spec, found, request, context, relocking=relocking)


def plan_for(
    discovery: Discovery,
    spec: Spec,
    found: FoundInterpreter,
    request: Request,
    context: Context,
    *,
    relocking: bool = False,
) -> Plan:
    """Return the plan of a spec on the Python that was found for it."""
    from vpy.operations import additions, expansion, lockfiles, settings, spec_settings
    from vpy.target import template

    spec_settings.check_version(spec, context)
    target = template.target_for(found.interpreter)
    setting = settings.source(request, context, spec)
    packages_from = _sources_of(spec, setting, context)
    packages, skipped = expansion.expand(spec, target, discovery.source.path, discovery.source)
    followed = lockfiles.follow(
        discovery, spec, found.interpreter, request, context, packages_from, packages, relocking=relocking
    )
    spec = spec_settings.for_target(spec_settings.without_replaced(followed.spec, setting), found.interpreter)
    observations = (*discovery.observations, *found.observations, *followed.observations)
    observations += _setting_observations(spec, setting, context)
    refresh_after = _refresh_after(spec, followed.lockfile, context)
    return Plan(
        discovery=discovery,
        spec=spec,
        target=target,
        packages=followed.packages,
        skipped=skipped,
        sources=packages_from,
        observations=(*observations, *refresh_after.observations),
        lockfile=followed.lockfile,
        refresh_after=refresh_after.seconds,
        origin=_origin_of(request),
        added=tuple(additions.added(spec, request)),
    )


def _origin_of(request: Request) -> Origin | None:
    """Return the script of a start, or its working directory, as its record has it."""
    if request.cwd is None:
        return None
    if request.command.kind != "script":
        return Origin("directory", request.cwd)
    return Origin("script", os.path.normpath(os.path.join(request.cwd, request.command.target)))


def _sources_of(spec: Spec, setting: Setting, context: Context) -> Sources:
    from vpy.operations import source_setting

    return source_setting.of_setting(setting, spec, context.environ)


def _refresh_after(spec: Spec, lockfile: Lockfile | None, context: Context) -> Age:
    """Return the age at which an index is asked again: never where each version is named."""
    from vpy.operations import settings

    if spec.dependencies and lockfile is None:
        return settings.refresh_after(context, spec)
    return settings.Age(0, "", "")


def _setting_observations(spec: Spec, setting: Setting, context: Context) -> tuple[Observation, ...]:
    """Return what the settings of a start depend on, those for packages where its spec asks for some."""
    from vpy.operations import spec_settings

    return (
        *variable_observations(context),
        *(setting.observations if spec.wheels or spec.dependencies else ()),
        *spec_settings.observations(spec),
    )


def discover_spec(request: Request, context: Context) -> Discovered:
    """Find the spec of a request, and the default spec that may lend it a `python_version`."""
    from vpy.spec import discover

    invocation = _invocation(request, context)
    found = discover.discover(invocation, environ=context.environ, config=context.config)
    context.terminal.debug(f"spec: {found.source.kind} `{found.source.path}`")
    return found, discover.fallback(found, invocation, context.environ)


def _invocation(request: Request, context: Context) -> Invocation:
    from vpy.spec.discover import Invocation

    is_fetched = context.layout.address_of(request.command.target) is not None
    if is_fetched:
        from vpy.operations import remote_script

        remote_script.check(request, context)
    return Invocation(
        kind=request.command.kind,
        target=request.command.target,
        cwd=request.cwd,
        spec=request.options.get("spec"),
        legacy=request.legacy,
        stdin=request.stdin,
        is_fetched=is_fetched,
    )


def read_spec(
    request: Request, context: Context, discovered: Discovered | None = None
) -> tuple[Discovery, Spec]:
    """Find the spec and parse it; a spec of the same bytes that was parsed before comes from the cache."""
    from vpy.operations import additions, cache

    discovery, default = discovered or discover_spec(request, context)
    question = cache.spec_question(discovery.source, default)
    spec = cache.get_spec(context.layout, question)
    if spec is None:
        from vpy.spec import read

        spec = read.read(discovery.source, default)
        if discovery.source.is_fetched:
            from vpy.operations import remote_script

            remote_script.check_sources(spec)
        for notice in spec.notices:
            context.terminal.warning(notice)
        cache.put(context.layout.resolution(cache.digest_of(question)), cache.dump_spec(spec))
    return discovery, additions.lay_over(spec, request)


def find_interpreter(
    request: Request, context: Context, spec: Spec, source: SpecSource | None = None
) -> FoundInterpreter:
    """Find the base Python for a spec; raise UserError where no Python of this machine fits.

    A `.python-version` counts where `source` is a PEP 723 block that leaves it open.
    """
    from vpy.operations import pinned_packages, python_choice
    from vpy.target import discovery

    choice = python_choice.choose(request, context, spec, source)
    bundle = None if choice.explicit else pinned_packages.hermetic_python(choice.spec, request, context)
    try:
        found = discovery.find(
            choice.spec.python_version,
            choice.spec.requires_python,
            explicit=choice.explicit,
            bundle=bundle,
            environ=context.environ,
            config=context.config,
            layout=context.layout,
            debug=context.terminal.debug,
            platform=sys.platform,
        )
    except UserError as error:
        if choice.asked_by:
            raise UserError([*error.lines, f"`{choice.asked_by}` asks for it"], hint=error.hint) from None
        raise
    manifest = context.manifest.observations if context.manifest else ()
    return replace(found, observations=(*manifest, *choice.observations, *found.observations))


def variable_observations(context: Context) -> tuple[Observation, ...]:
    """Return the state of each variable that would have changed the plan."""
    observations = []
    for variable in (*VARIABLES.values(), "CIPD_SERVICE_URL", "VPYTHON_AR_URL"):
        text = context.environ.get(variable)
        observations.append(
            Observation("unset", (variable,)) if text is None else Observation("variable", (variable, text))
        )
    return tuple(observations)
