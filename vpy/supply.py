"""The wheels a choice comes to: from memory where they were found before, else from a source."""

from __future__ import annotations

import os

from vpy import memory, offered, sources
from vpy.model import Observation, Pin, WheelFile
from vpy.story import Supply
from vpy.system import digest, files, scope, turns
from vpy.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vpy.context import Context
    from vpy.decision import Choice
    from vpy.model import Interpreter, StoredWheel
    from vpy.system.layout import Layout
    from vpy.wheels.host import HostPython
    from vpython import Request

REF_SECONDS = 24 * 3600


def obtain(choice: Choice, context: Context) -> Supply:
    """The wheels of the choice, each stored as an installed tree.

    What a (packages, target, source) came to is remembered in the root: a hit asks nobody, and
    starts neither pip nor an import of what only a resolution needs.
    """
    if not choice.wanted and not choice.spec.dependencies:
        return Supply(wheels=(), pins=())
    question, rows = ask(choice, context)
    place = context.layout.resolution(memory.digest_of(question))
    known = _usable(place, choice, context)
    if known is not None:
        return _with(known, rows)

    def done() -> bool:
        nonlocal known
        known = _usable(place, choice, context)
        return known is not None

    lock = context.layout.lock("supply", os.path.basename(place))
    with (
        files.disk_errors("get packages into", context.layout.root),
        turns.turn(lock, done, "gets the same packages", context.terminal) as ours,
    ):
        if ours:
            known = get(choice, context)
            memory.keep(place, _dump(known))
    assert known is not None
    return _with(known, rows)


def remembered(choice: Choice, context: Context) -> Supply | None:
    """What the choice came to before, whether or not its wheels still lie in the root; asks nobody."""
    place = context.layout.resolution(memory.digest_of(ask(choice, context)[0]))
    return _recalled(place, context)


def ask(choice: Choice, context: Context) -> tuple[dict[str, object], tuple[Observation, ...]]:
    """Everything that decides which wheels a choice comes to, and the rows that tell of a change."""
    source, rows = origin(choice, context)
    interpreter = choice.interpreter
    return {
        "packages": [[wanted.name, wanted.version] for wanted in choice.wanted],
        "dependencies": list(choice.spec.dependencies),
        "tags": digest.sha256(" ".join(interpreter.tags.texts()).encode()).hexdigest(),
        "python": [interpreter.version_text, interpreter.platform, _lasting(interpreter.markers)],
        "source": source,
    }, rows


def _lasting(markers: Sequence[tuple[str, str]]) -> list[list[str]]:
    """The PEP 508 environment without what every update of the kernel changes."""
    return [[name, text] for name, text in markers if name not in ("platform_release", "platform_version")]


def origin(choice: Choice, context: Context) -> tuple[list[str], tuple[Observation, ...]]:
    """What names the source, so that another index or directory is another question."""
    source = choice.source
    if choice.spec.dependencies and not source.startswith("index"):
        source = "index"
    if source == "index" or source.startswith("index:"):
        from vpy.packages import pipconfig

        told, rows = pipconfig.index_identity(context.environ, source, sources.home(context))
        return ["index", told], rows
    if source.startswith("directory:"):
        place = source.removeprefix("directory:")
        return ["directory", place if "://" in place else os.path.abspath(place)], ()
    return [source, sources.service_address(source, context)], ()


def get(choice: Choice, context: Context, *, installing: bool = True) -> Supply:
    """Ask the source, fetch, choose the wheels and install those that are not stored.

    Without `installing` the last step is left out, and the wheels' paths may be gone already.
    """
    if choice.spec.dependencies or choice.source.partition(":")[0] == "index":
        return _from_index(choice, context, installing)
    loader = sources.loader_of(choice.source, context)
    pins = loader.resolve(choice.wanted)
    for pin in pins:
        if pin.note:
            context.terminal.warning(f"`{pin.name}` at `{pin.version}`: {pin.note}")
    if installing and (wheels := offered.recall(pins, choice.interpreter.tags, context.layout)):
        known = Supply(wheels=wheels, pins=tuple(pins), observations=_until(pins, context))
        if stored(known, choice, context):
            return known
    host = sources.host_python(context)
    with host.ahead(context.environ) if installing else scope.nullcontext(host) as ready:
        return _from_packages(choice, context, pins, loader.fetch(pins), ready if installing else None)


def _from_packages(
    choice: Choice, context: Context, pins: Sequence[Pin], paths: Sequence[str], host: HostPython | None
) -> Supply:
    """Unpack every package into one place, choose among the wheels there, install what is missing."""
    from vpy.packages import gather
    from vpy.wheels import select

    with files.staging_directory(context.layout.staging, "packages-") as stage:
        place, brought = gather.gather(pins, paths, stage)
        owners: dict[str, str] = {}
        for pin, wheels in zip(pins, brought, strict=True):
            for wheel in wheels:
                owners.setdefault(wheel, pin.name)
        chosen = select.choose(place, choice.interpreter.tags, owners, contact=context.config.contact)
        supply = Supply(wheels=chosen, pins=tuple(pins), observations=_until(pins, context))
        if host:
            _install(supply, choice, context, host)
        offered.keep(pins, brought, place, chosen, context.layout)
    return supply


def _until(pins: Sequence[Pin], context: Context) -> tuple[Observation, ...]:
    """A ref may point elsewhere tomorrow: then it is asked again."""
    from vpy.packages import names

    tomorrow = int(context.now()) + REF_SECONDS
    times = [
        pin.until or tomorrow for pin in pins if pin.until or names.parse_version(pin.version).kind == "ref"
    ]
    return (Observation("until", (str(min(times)),)),) if times else ()


def _from_index(choice: Choice, context: Context, installing: bool) -> Supply:
    source = sources.index_for(choice.source, choice.interpreter, context)
    if choice.spec.dependencies:
        answer = source.dependencies(choice.spec.dependencies)
    else:
        answer = source.packages(choice.wanted)
    supply = Supply(wheels=answer.wheels, pins=answer.pins, notes=answer.notes)
    if installing:
        _install(supply, choice, context)
    return supply


def download(requirements: Sequence[str], request: Request, aside: str, context: Context) -> list[str]:
    """Wheels of `NAME==VERSION` from the index for the Python that fits best, by their names in `aside`."""
    from vpy import decision
    from vpy.model import Spec

    found = decision.find_interpreter(request, context, Spec())
    asked = request.options.get("source") or "index"
    source = replace(sources.index_for(asked, found.interpreter, context), stored=lambda _: False)
    paths = []
    for wheel in source.exactly(requirements).wheels:
        paths.append(os.path.join(aside, wheel.filename))
        files.link_or_copy(wheel.path, paths[-1])
    return paths


def _install(
    supply: Supply, choice: Choice, context: Context, host: HostPython | None = None
) -> tuple[StoredWheel, ...]:
    from vpy.wheels import install

    return install.ensure(
        supply.wheels,
        choice.interpreter,
        layout=context.layout,
        host=host or sources.host_python(context),
        environ=context.environ,
        terminal=context.terminal,
    )


def install(choice: Choice, supply: Supply, context: Context) -> tuple[StoredWheel, ...]:
    """The installed trees of a supply; where one has gone, its wheel is got again."""
    if not supply.wheels:
        return ()
    if not stored(supply, choice, context):
        get(choice, context)
    return _install(supply, choice, context)


def stored(supply: Supply, choice: Choice, context: Context) -> bool:
    """Whether every wheel of the supply lies installed in the root."""
    from vpy.wheels import store

    return all(map(store.is_stored, trees(supply, choice.interpreter, context.layout)))


def trees(supply: Supply, interpreter: Interpreter, layout: Layout) -> tuple[StoredWheel, ...]:
    """Where every wheel of the supply lies, once it is installed."""
    from vpy.model import StoredWheel
    from vpy.wheels import store

    scheme = store.scheme_id(interpreter)
    return tuple(
        StoredWheel(wheel.filename, wheel.sha256, layout.wheel(wheel.sha256, scheme))
        for wheel in supply.wheels
    )


def _usable(place: str, choice: Choice, context: Context) -> Supply | None:
    """What is remembered, where it is whole, still holds, and lies installed."""
    supply = _recalled(place, context)
    return supply if supply is not None and stored(supply, choice, context) else None


def _recalled(place: str, context: Context) -> Supply | None:
    """What is remembered, where it is whole and still holds."""
    try:
        supply = _load(memory.recall(place))
    except (ValueError, KeyError, TypeError):
        return None
    for row in supply.observations:
        if row.kind == "until" and int(row.fields[0]) <= context.now() and not context.offline:
            return None
    return supply


def _with(supply: Supply, rows: tuple[Observation, ...]) -> Supply:
    return Supply(supply.wheels, supply.pins, supply.notes, (*supply.observations, *rows))


def _dump(supply: Supply) -> dict[str, object]:
    return {
        "wheels": [[wheel.filename, wheel.sha256, wheel.package] for wheel in supply.wheels],
        "pins": [
            [pin.name, pin.template, pin.version, pin.instance_id, pin.origin, pin.note]
            for pin in supply.pins
        ],
        "notes": list(supply.notes),
        "until": [row.fields[0] for row in supply.observations if row.kind == "until"],
    }


def _load(told: Mapping[str, Any]) -> Supply:
    return Supply(
        wheels=tuple(WheelFile(name, sha256, "", package) for name, sha256, package in told["wheels"]),
        pins=tuple(Pin(*row) for row in told["pins"]),
        notes=tuple(told["notes"]),
        observations=tuple(Observation("until", (time,)) for time in told["until"]),
    )
