"""Wheels that a plan comes to: from the cache where they were resolved before, else from their source."""

from __future__ import annotations

import os

from bootstrap import unsettled
from vpy.errors import RefusedError, UnreachableError, UserError
from vpy.model import Observation, Pin, StoredWheel, WheelFile
from vpy.operations import cache, package_contents, sources
from vpy.packages.freshness import OUTAGE_SECONDS, REF_SECONDS
from vpy.system import files, run_once
from vpy.system.lean import contextlib, hashlib
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from bootstrap.request import Request
    from vpy.model import Interpreter, Resolution, Source, Sources
    from vpy.operations.context import Context
    from vpy.operations.pipe_status import PipeStatus
    from vpy.operations.plan import Plan
    from vpy.operations.read_through import ReadThrough
    from vpy.packages.gather import Gathering
    from vpy.packages.index.builds import Builder
    from vpy.packages.index.loader import Bring, IndexLoader
    from vpy.packages.loader import Arrived, PackageLoader
    from vpy.system.layout import Layout
    from vpy.wheels.install import Installation


@value
class WheelSet:
    """Wheels of a plan and the pins they came from.

    `notes` are lines for stderr; `observations` are what the resolution depends on. `asked` is when the
    source was asked (seconds since the epoch).
    """

    wheels: tuple[WheelFile, ...]
    pins: tuple[Pin, ...]
    notes: tuple[str, ...] = ()
    observations: tuple[Observation, ...] = ()
    asked: float = 0.0


def resolve(plan: Plan, context: Context) -> WheelSet:
    """Return the wheels of a plan, each installed in the store.

    What the same packages came to before, for the same target and source, is cached in the root: a
    hit needs no network, and imports neither pip nor what only a resolution needs.
    """
    if plan.is_empty:
        return WheelSet(wheels=(), pins=())
    question, observations = question_of(plan, context)
    path = context.layout.resolution(cache.digest_of(question))
    known = _get_installed(path, plan, context)
    if known is not None:
        return _with_observations(known, observations)

    def is_done() -> bool:
        nonlocal known
        known = _get_installed(path, plan, context)
        return known is not None

    lock = context.layout.lock("supply", os.path.basename(path))
    with (
        files.disk_errors("get packages into", context.layout.root),
        run_once.run_once(lock, is_done, "gets the same packages", context.terminal) as is_ours,
    ):
        if is_ours:
            known = _get_or_last(path, plan, context)
            cache.put(path, _dump(known))
    assert known is not None
    return _with_observations(known, observations)


def _get_or_last(path: str, plan: Plan, context: Context) -> WheelSet:
    """Ask the source; where it cannot be asked, and answered before, return that with one line."""
    try:
        return get(plan, context)
    except UnreachableError as error:
        last = _read(path)
        if last is None or not is_installed(last, plan, context):
            raise
        context.terminal.warning(f"using the last answer of `{plan.sources}`: {error.summary}")
        until = int(context.now()) + OUTAGE_SECONDS
        return replace(last, observations=(Observation("until", (str(until),)),), asked=context.now())


def cached(plan: Plan, context: Context) -> WheelSet | None:
    """Return what a plan came to before, installed or not; None where it is not cached. Needs no network."""
    return _get(context.layout.resolution(cache.digest_of(question_of(plan, context)[0])), plan, context)


def question_of(plan: Plan, context: Context) -> tuple[dict[str, object], tuple[Observation, ...]]:
    """Return everything that decides which wheels a plan comes to, and the observations of it."""
    source, observations = sources.identity(plan.sources, context)
    interpreter = plan.interpreter
    return {
        "packages": [
            [each.name, each.version, *([each.instance_id] if each.instance_id else [])]
            for each in plan.packages
        ],
        "dependencies": list(plan.spec.dependencies),
        "tags": hashlib.sha256(" ".join(interpreter.tags.texts()).encode()).hexdigest(),
        "python": [interpreter.version_text, interpreter.platform, _lasting(interpreter.markers)],
        "source": source,
        **({"lockfile": plan.lockfile.digest} if plan.lockfile and plan.spec.dependencies else {}),
        **({"resolution": rows} if (rows := plan.spec.resolution.rows()) else {}),
        **({"refresh after": plan.refresh_after} if plan.refresh_after else {}),
    }, observations


def _lasting(markers: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Return the PEP 508 environment without what every update of the kernel changes."""
    return [[name, text] for name, text in markers if name not in ("platform_release", "platform_version")]


def get(plan: Plan, context: Context, *, installing: bool = True) -> WheelSet:
    """Ask the source, fetch the packages, choose their wheels and install those that are not stored.

    A wheel is installed as soon as it is here, while others are still fetched. Without `installing` that
    is left out, and the wheels' paths may not last.
    """
    from vpy.operations.pipe_status import PipeStatus
    from vpy.packages.gather import Gathering

    status, tags = PipeStatus(plan, context.terminal.status), plan.interpreter.tags
    staging = files.staging_directory(context.layout.staging, "packages-")
    with context.terminal.status.stage(status.text), staging as stage:
        gathering = Gathering(stage)
        if not installing:
            loader = loader_of(plan, context, fetching=False, watch=status.watch)
            return _unpacked(plan, loader, _resolution(plan, loader, context), gathering, context)

        unsettled.mark(context.layout.root, "build")
        with (
            sources.pip_ahead(context, asks=plan.sources.index is not None) as ready,
            _installation(plan, ready, status) as installation,
        ):

            def arrived(pin: Pin, path: str) -> None:
                for wheel in package_contents.likely_wheels(pin, path, gathering, tags, context.layout):
                    status.added(installation.add(wheel))

            store = _store(plan, context, stage, arrived)
            loader = loader_of(
                plan, ready, arrived=arrived, stage=stage, watch=status.watch, bring=store.bring
            )
            resolution = _resolution(plan, loader, context)
            status.fetching()
            with _forgetting_refused(loader, resolution.pins):
                wheel_set = _unpacked(plan, loader, resolution, gathering, context, store.bring)
                store.write_back(wheel_set.pins, [wheel.path for wheel in wheel_set.wheels])
                installation.finish(wheel_set.wheels)
            _check_names(wheel_set, plan, context)
            loader.release(resolution.pins)
            return wheel_set


def _store(plan: Plan, context: Context, stage: str, arrived: Arrived) -> ReadThrough:
    """Return the store of this start, which is asked for files before their source is."""
    from vpy.operations.read_through import ReadThrough

    return ReadThrough(plan, context, stage, arrived)


def _unpacked(
    plan: Plan,
    loader: PackageLoader,
    resolution: Resolution,
    gathering: Gathering,
    context: Context,
    bring: Callable[[Sequence[Pin]], object] = lambda _: None,
) -> WheelSet:
    """Return the wheels of a resolution, unpacked unless they are stored.

    `bring` gets the pins before their source is asked for the files.
    """
    tags = plan.interpreter.tags
    wheel_set = WheelSet(
        wheels=package_contents.get_wheels(resolution.pins, tags, context.layout) or (),
        pins=resolution.pins,
        notes=resolution.notes,
        observations=_until(resolution.pins, plan, context),
        asked=context.now(),
    )
    if wheel_set.wheels and is_installed(wheel_set, plan, context):
        return wheel_set
    bring(resolution.pins)
    paths = loader.fetch(resolution.pins)
    wheels = package_contents.unpack_wheels(
        resolution.pins, paths, tags, gathering, context.layout, contact=context.config.contact
    )
    return replace(wheel_set, wheels=wheels)


def _installation(plan: Plan, context: Context, status: PipeStatus) -> Installation:
    from vpy.wheels import install

    return install.Installation(
        plan.interpreter,
        layout=context.layout,
        host=sources.host_python(context),
        environ=context.environ,
        terminal=context.terminal,
        done=status.installed,
    )


def loader_of(
    plan: Plan,
    context: Context,
    *,
    fetching: bool = True,
    arrived: Arrived | None = None,
    stage: str = "",
    watch: Callable[[Mapping[str, Any]], None] = lambda _: None,
    bring: Bring = lambda pins, sizes: (),
) -> PackageLoader:
    """Return the loader of a plan's sources; one that does not fetch says what a start would build."""

    def builder() -> Builder:
        from vpy.operations import wheel_build

        result = wheel_build.builder(plan.sources, plan.interpreter, plan.spec, context)
        return result if fetching else replace(result, yard=None)

    def index(asked: Sources) -> IndexLoader:
        return sources.index_loader(
            asked,
            plan.interpreter,
            context,
            builder=builder,
            fetching=fetching,
            arrived=arrived,
            stage=stage,
            watch=watch,
            bring=bring,
            resolution=plan.spec.resolution,
            refresh_after=plan.refresh_after,
        )

    def of(source: Source) -> PackageLoader:
        if source.kind == "oci":
            return sources.oci_loader(source, plan.interpreter, context, arrived=arrived, stage=stage)
        if source.kind != "index":
            return sources.package_loader(source, context, arrived=arrived)
        return index(plan.sources.beside(source))

    if plan.spec.dependencies and plan.sources.images is None:
        return index(plan.sources)
    return sources.in_order(plan.sources, of)


@contextlib.contextmanager
def _forgetting_refused(loader: PackageLoader, pins: Sequence[Pin]) -> Iterator[None]:
    """Let the source be asked again next time where a package is refused: it may be replaced there."""
    try:
        yield
    except (RefusedError, UserError):
        loader.forget(pins)
        raise


def _check_names(wheel_set: WheelSet, plan: Plan, context: Context) -> None:
    """Raise ToolError where a stored wheel is another than the one that was asked for by its hash."""
    from vpy.wheels import store

    for stored in trees(wheel_set, plan.interpreter, context.layout):
        store.check_name(stored)


def _resolution(plan: Plan, loader: PackageLoader, context: Context) -> Resolution:
    """Pin a plan's packages; its dependencies as its lockfile says, where it has one."""
    if plan.lockfile is None or not plan.spec.dependencies:
        resolution = loader.resolve(plan.packages, plan.spec.dependencies)
    else:
        from vpy.operations import locked_wheels
        from vpy.packages.index.loader import IndexLoader
        from vpy.packages.oci.loader import OciLoader

        assert isinstance(loader, (IndexLoader, OciLoader))
        resolution = loader.resolve_locked(locked_wheels.select(plan.lockfile, plan.interpreter))
    for pin in resolution.pins:
        if pin.note:
            context.terminal.warning(f"`{pin.name}` at `{pin.version}`: {pin.note}")
    return resolution


def _until(pins: Sequence[Pin], plan: Plan, context: Context) -> tuple[Observation, ...]:
    """Return the time at which a source must be asked again: a ref may point elsewhere by then.

    One that a lockfile pins need not be.
    """
    from vpy.packages.cipd import names

    tomorrow = int(context.now()) + REF_SECONDS
    locked = {each.name for each in plan.packages if each.instance_id}
    times = [
        pin.until or tomorrow
        for pin in pins
        if pin.name not in locked
        and (pin.until or (not pin.filename and names.parse_version(pin.version).kind == "ref"))
    ]
    return (Observation("until", (str(min(times)),)),) if times else ()


def download(requirements: Sequence[str], request: Request, directory: str, context: Context) -> list[str]:
    """Fetch `NAME==VERSION` requirements from the index into `directory`; return the wheels' paths.

    They are for the Python of this machine that fits best.
    """
    from vpy.model import Spec
    from vpy.operations import plan, source_setting

    found = plan.find_interpreter(request, context, Spec())
    named = source_setting.parse(request.options.get("source") or "index", context.environ)
    paths = []
    with files.staging_directory(directory, "downloads-") as stage:
        index = sources.index_loader(named, found.interpreter, context, needs_files=True, stage=stage)
        pins = index.resolve_exact(requirements).pins
        for pin, fetched in zip(pins, index.fetch(pins), strict=True):
            paths.append(os.path.join(directory, str(pin.filename)))
            files.link_or_copy(fetched, paths[-1])
    return paths


def install(plan: Plan, wheel_set: WheelSet, context: Context) -> tuple[StoredWheel, ...]:
    """Return the installed trees of a wheel set; fetch the wheels again where one is missing."""
    if not is_installed(wheel_set, plan, context):
        from vpy.wheels import install

        get(plan, context)
        install.ensure(  # an error where the source has other wheels by now
            wheel_set.wheels,
            plan.interpreter,
            layout=context.layout,
            host=sources.host_python(context),
            environ=context.environ,
            terminal=context.terminal,
        )
    return trees(wheel_set, plan.interpreter, context.layout)


def is_installed(wheel_set: WheelSet, plan: Plan, context: Context) -> bool:
    """Return whether every wheel of the set is installed in the store."""
    from vpy.wheels import store

    return all(map(store.is_stored, trees(wheel_set, plan.interpreter, context.layout)))


def trees(wheel_set: WheelSet, interpreter: Interpreter, layout: Layout) -> tuple[StoredWheel, ...]:
    """Return where each wheel of the set is stored once it is installed."""
    from vpy.wheels import store

    scheme = store.scheme_id(interpreter)
    return tuple(
        StoredWheel(wheel.filename, wheel.sha256, layout.wheel(wheel.sha256, scheme))
        for wheel in wheel_set.wheels
    )


def _get_installed(path: str, plan: Plan, context: Context) -> WheelSet | None:
    """Return the cached wheel set where it is whole, still holds, and is installed."""
    wheel_set = _get(path, plan, context)
    return wheel_set if wheel_set is not None and is_installed(wheel_set, plan, context) else None


def _get(path: str, plan: Plan, context: Context) -> WheelSet | None:
    """Return the cached wheel set where it is whole and still holds.

    Offline nothing is asked again; of what a network would be needed for, its loader says so.
    """
    wheel_set = _read(path)
    if wheel_set is None or wheel_set.asked < context.fresh_since:
        return None
    if context.offline and all(source.local_path for source in plan.sources.members):
        return wheel_set
    times = [int(row.fields[0]) for row in wheel_set.observations if row.kind == "until"]
    return wheel_set if all(context.now() < time for time in times) else None


def _read(path: str) -> WheelSet | None:
    """Return the cached wheel set where it is whole, however old."""
    try:
        return _load(cache.get(path))
    except (ValueError, KeyError, TypeError):
        return None


def _with_observations(wheel_set: WheelSet, observations: tuple[Observation, ...]) -> WheelSet:
    return replace(wheel_set, observations=(*wheel_set.observations, *observations))


def _dump(wheel_set: WheelSet) -> dict[str, object]:
    return {
        "wheels": [[wheel.filename, wheel.sha256, wheel.package] for wheel in wheel_set.wheels],
        "pins": [
            [pin.name, pin.template, pin.version, pin.instance_id, pin.origin, pin.note]
            for pin in wheel_set.pins
        ],
        "notes": list(wheel_set.notes),
        "until": [row.fields[0] for row in wheel_set.observations if row.kind == "until"],
        "asked": wheel_set.asked,
    }


def _load(data: Mapping[str, Any]) -> WheelSet:
    return WheelSet(
        wheels=tuple(WheelFile(name, sha256, "", package) for name, sha256, package in data["wheels"]),
        pins=tuple(Pin(*row) for row in data["pins"]),
        notes=tuple(data["notes"]),
        observations=tuple(Observation("until", (time,)) for time in data["until"]),
        asked=data.get("asked", 0.0),
    )
