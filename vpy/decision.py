"""What is decided before any package is looked at: the spec, the Python, the packages by name."""

from __future__ import annotations

import os
import sys

from vpy.errors import UserError
from vpy.model import Observation, Wanted
from vpy.value import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.context import Context
    from vpy.model import Discovery, Interpreter, Spec, SpecSource, Target, Wheel
    from vpy.spec.discover import Invocation
    from vpy.target.search import Found
    from vpython import Request

    Discovered = tuple[Discovery, SpecSource | None]

VARIABLES = {
    "interpreter": "VPYTHON_INTERPRETER",
    "source": "VPYTHON_PACKAGE_SOURCE",
    "manifest": "VPYTHON_MANIFEST",
}


@value
class Choice:
    """What was decided before any package is looked at.

    `skipped` are (wheel, why it is not for this target); `observations` are all that the choice
    hangs on so far.
    """

    discovery: Discovery
    spec: Spec
    target: Target
    wanted: tuple[Wanted, ...]
    skipped: tuple[tuple[Wheel, str], ...]
    source: str
    observations: tuple[Observation, ...]

    @property
    def interpreter(self) -> Interpreter:
        return self.target.interpreter


def invocation_of(request: Request) -> Invocation:
    from vpy.spec.discover import Invocation

    return Invocation(
        kind=request.command.kind,
        target=request.command.target,
        cwd=request.cwd,
        spec=request.options.get("spec"),
        legacy=request.legacy,
    )


def discover_spec(request: Request, context: Context) -> tuple[Discovery, SpecSource | None]:
    """Find the spec that counts for this request, and the default that may lend it a `python_version`."""
    from vpy.spec import discover

    invocation = invocation_of(request)
    found = discover.discover(invocation, environ=context.environ, config=context.config)
    context.terminal.debug(f"spec: {found.source.kind} `{found.source.path}`")
    return found, discover.fallback(found, invocation, context.environ)


def read_spec(
    request: Request, context: Context, discovered: Discovered | None = None
) -> tuple[Discovery, Spec]:
    """Find the spec and read it, from memory where these bytes were read before."""
    from vpy import memory

    found, default = discovered or discover_spec(request, context)
    question = memory.spec_question(found.source, default)
    spec = memory.remembered_spec(context.layout, question)
    if spec is None:
        from vpy.spec import read

        spec = read.read(found.source, default)
        memory.keep(context.layout.resolution(memory.digest_of(question)), memory.dump_spec(spec))
    return found, spec


def choose(request: Request, context: Context, discovered: Discovered | None = None) -> Choice:
    """Decide on the spec (`discovered`, where it was just found), the Python, the packages it names."""
    discovery, spec = read_spec(request, context, discovered)
    for warning in spec.warnings:
        context.terminal.warning(warning)
    found = find_interpreter(request, context, spec)
    context.terminal.debug(f"python: `{found.interpreter.executable}` ({found.interpreter.version_text})")
    return decide(discovery, spec, found, request, context)


def decide(discovery: Discovery, spec: Spec, found: Found, request: Request, context: Context) -> Choice:
    """What a spec comes to on the Python that was found for it."""
    from vpy import sources
    from vpy.target import choice as target_choice

    target = target_choice.choose(found.interpreter)
    wanted, skipped = expand(spec, target, discovery.source.path, discovery.source)
    return Choice(
        discovery=discovery,
        spec=spec,
        target=target,
        wanted=wanted,
        skipped=skipped,
        source=sources.check(request.options.get("source") or context.config.default_source),
        observations=(*discovery.observations, *option_rows(request, context), *found.observations),
    )


def find_interpreter(request: Request, context: Context, spec: Spec) -> Found:
    from vpy import manifest
    from vpy.target import interpreter

    explicit = request.options.get("interpreter")
    pinned = manifest.read(request, context)
    bundle = None
    if not explicit:
        bundle = manifest.hermetic_python(pinned, spec.python_version, spec.requires_python, request, context)
    found = interpreter.find(
        spec.python_version,
        spec.requires_python,
        explicit=os.path.join(request.cwd or "/", explicit) if explicit else None,
        bundle=bundle,
        environ=context.environ,
        config=context.config,
        layout=context.layout,
        debug=context.terminal.debug,
        platform=sys.platform,
    )
    return replace(found, observations=(*pinned.observations, *found.observations))


def option_rows(request: Request, context: Context) -> tuple[Observation, ...]:
    """The variables that would have decided otherwise, had they been other."""
    rows = []
    for variable in (*VARIABLES.values(), "CIPD_SERVICE_URL"):
        text = context.environ.get(variable)
        rows.append(
            Observation("unset", (variable,)) if text is None else Observation("variable", (variable, text))
        )
    return tuple(rows)


def expand(
    spec: Spec, target: Target, path: str, source: SpecSource | None = None
) -> tuple[tuple[Wanted, ...], tuple[tuple[Wheel, str], ...]]:
    """The packages of the spec that are for this target, and the others with the reason.

    Mistakes are told with the place in `source`, where that is given, else with `path`.
    """
    from vpy.spec import normal, text
    from vpy.target import template

    values = dict(target.template)
    selected = normal.select(spec, target.interpreter.tags)
    chosen = {(wheel.name, wheel.version) for wheel in selected}
    skipped = [
        (wheel, "no tag of this Python matches")
        for wheel in spec.wheels
        if (wheel.name, wheel.version) not in chosen
    ]
    wanted: dict[str, Wanted] = {}
    mistakes = []
    for wheel in selected:
        try:
            name = template.expand(wheel.name, values)
        except UserError as error:
            place = text.place_of(source, wheel.name) if source else path
            mistakes.append(f"{place}: {error.message}")
            continue
        if name is None:
            skipped.append((wheel, "its name is not for this platform"))
            continue
        other = wanted.setdefault(name, Wanted(name=name, template=wheel.name, version=wheel.version))
        if other.version != wheel.version:
            mistakes.append(
                f"{path}: two versions of package `{name}`: `{other.version}` (as `{other.template}`)"
                f" and `{wheel.version}` (as `{wheel.name}`)"
            )
    if mistakes:
        raise UserError("\n".join(mistakes))
    return tuple(wanted.values()), tuple(skipped)
