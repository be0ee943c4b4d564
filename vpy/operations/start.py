"""Start of a script, stage by stage: request -> spec -> plan -> wheels -> environment -> record."""

from __future__ import annotations

import os

from vpy.errors import ToolError, UserError
from vpy.operations import environment as environments
from vpy.operations import forbidden_wheels, settle
from vpy.operations import plan as plans
from vpy.operations import wheel_set as wheel_sets
from vpy.operations.root import open_root
from vpy.system.lean import contextlib
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from bootstrap.request import Request
    from vpy.model import Interpreter, Observation, SpecSource
    from vpy.operations.context import Context
    from vpy.operations.environment import Environment
    from vpy.operations.plan import Discovered, Plan
    from vpy.operations.wheel_set import WheelSet

ATTEMPTS = 3


@value
class Started:
    """Environment to become, ready to be handed to the door.

    `landmark` is the base Python's `os.py`; `recorded` says whether a record of this start was
    written; `is_new` whether this process built the environment. `spec` is the path of its spec, and
    `purelib` that of its packages, relative to it: None and "" where another process has just recorded
    the start.
    """

    environment: str
    landmark: str
    recorded: bool
    is_new: bool = False
    spec: str | None = None
    purelib: str = ""


def start(request: Request, context: Context) -> Started:
    """Return the environment of what the request runs, held from now on by this process."""
    from bootstrap import BUILD
    from vpy.prune import schedule
    from vpy.system import locks, usage_lock

    _refuse_local_venv(request, context)
    open_root(context)
    for _ in range(ATTEMPTS):
        with locks.shared(context.layout.store_lock), context.terminal.status.stage("planning"):
            started = find_or_make(request, context)
        # A temporary root is used by this start alone, and on Windows an open file could not be removed.
        if request.temporary or usage_lock.share(context.layout, started.environment):
            break
    else:
        raise ToolError(
            f"the environment `{started.environment}` was removed by another process, {ATTEMPTS} times"
        )

    if request.options.get("local-venv") or _has_local_venv(started):
        from vpy.operations import local_venv

        local_venv.refresh(request, started.spec, started.environment, started.purelib, context)
    if not request.temporary:
        settle.in_background(context.layout)
        schedule.after_start(
            context.layout,
            context.config,
            app=context.app,
            build=BUILD,
            built=started.is_new,
            now=context.now,
            debug=context.terminal.debug,
        )
    return started


def _refuse_local_venv(request: Request, context: Context) -> None:
    """Raise UserError where `.venv` is asked for and there is no cache, or no directory, for it."""
    if not request.options.get("local-venv"):
        return
    if request.temporary:
        raise UserError(
            "`-vpython-local-venv` needs a root that stays",
            hint="leave VPYTHON_VIRTUALENV_ROOT unset, or name a directory in it",
        )
    if context.layout.address_of(request.command.target):
        raise UserError("`-vpython-local-venv` makes `.venv` beside a script, and this one has an address")


def find_or_make(request: Request, context: Context) -> Started:
    """Find or make the environment of a request, and record the start.

    What the plan depends on is checked again before the start, since a script or a spec may have
    changed while its environment was being made: then everything is decided again.
    """
    _report_missing_python(request, context)
    discovered = plans.discover_spec(request, context)
    with _one_at_a_time(request, discovered, context) as waited:
        if waited and (started := _recorded_by_another(request, context)):
            return started

        earlier: list[object] = []
        with _pip_ahead(request, discovered, context) as ready:
            for attempt in range(ATTEMPTS):
                known = discovered if attempt == 0 and not waited else None
                if started := _make(request, known, ready, earlier):
                    return started
                context.terminal.debug("what the plan depends on has changed: planning again")
    raise ToolError("the script, its spec or its environment keeps changing while it is being started")


def _make(
    request: Request, discovered: Discovered | None, context: Context, earlier: list[object]
) -> Started | None:
    """Go through all stages once; return None where something has changed meanwhile."""
    plan = plans.make_plan(request, context, discovered, relocking=True)
    environment, wheels = provide(plan, context)
    return _record(request, plan, wheels, environment, context, earlier)


def provide(plan: Plan, context: Context) -> tuple[Environment, WheelSet]:
    """Return the environment of a plan, made where it is missing, and the wheels in it."""
    with environments.template_ahead(plan, context) as template:
        wheels = wheel_sets.resolve(plan, context)
        forbidden_wheels.check(plan, wheels, context)
        return environments.ensure(plan, wheels, template, context), wheels


def _record(
    request: Request,
    plan: Plan,
    wheels: WheelSet,
    environment: Environment,
    context: Context,
    earlier: list[object],
) -> Started | None:
    """Record this start; return None where what the plan depends on has changed meanwhile.

    `earlier` keeps what was recorded by earlier attempts: where the same comes up again, nothing has
    changed, but there is something that no record can hold (a ref is due to be asked again while
    network access is disabled). Then the start goes on without a record.
    """
    from vpy.environment import build, record

    _touch(environment.path)
    if not build.is_complete(context.layout, environment.key):
        return None
    if not environment.is_pure:
        record.remove(request.record)
        return _started(plan, environment, recorded=False)

    rows = (
        *plan.observations,
        *wheels.observations,
        *_listings(environment.path, plan.interpreter),
    )
    context.terminal.debug("starting it")
    written = record.write(request.record, environment.path, plan.interpreter.landmark, rows, context.layout)
    if written and not record.still_holds(request.record, context.environ.get("PATH"), environment.path):
        if (environment.path, rows) not in earlier:
            earlier.append((environment.path, rows))
            return None
        record.remove(request.record)
        written = False
    return _started(plan, environment, recorded=written)


def _started(plan: Plan, environment: Environment, *, recorded: bool) -> Started:
    return Started(
        environment=environment.path,
        landmark=plan.interpreter.landmark,
        recorded=recorded,
        is_new=environment.is_new,
        spec=plan.discovery.source.path,
        purelib=dict(plan.interpreter.scheme)["purelib"],
    )


def _has_local_venv(started: Started) -> bool:
    return bool(started.spec) and os.path.isdir(os.path.join(os.path.dirname(started.spec or ""), ".venv"))


@contextlib.contextmanager
def _one_at_a_time(request: Request, discovered: Discovered, context: Context) -> Iterator[bool]:
    """Let one start of a spec through, the others when it has ended; yield whether this one waited."""
    from bootstrap.start_lock import WORK
    from vpy.operations import cache
    from vpy.system import run_once

    lock = context.layout.lock("gate", cache.digest_of(discovered[0].source.text)[:2])
    with (
        run_once.publish_owner(request.gate, context.terminal),
        run_once.start_gate(lock, WORK, context.terminal) as waited,
    ):
        yield waited


def _pip_ahead(request: Request, discovered: Discovered, context: Context) -> AbstractContextManager[Context]:
    """Let pip load from now on where there is a spec and the root has no wheel yet."""
    if not discovered[0].source.text or os.path.exists(context.layout.wheels):
        return contextlib.nullcontext(context)
    from vpy.operations import sources

    return sources.pip_ahead(context, asks=_may_ask_index(request, discovered[0].source, context))


def _may_ask_index(request: Request, source: SpecSource, context: Context) -> bool:
    """Return whether a start is likely to ask an index; what its spec says of sources is not known yet."""
    from vpy.operations import source_setting

    try:
        requested = source_setting.requested(request, context)
    except UserError:  # reported by whoever reads the spec
        return False
    return requested.index is not None or (source.format != "text" and requested.images is None)


def _report_missing_python(request: Request, context: Context) -> None:
    """Say why a recorded environment is not started again: its base Python has gone."""
    from bootstrap.launch import python_of
    from vpy.environment import record

    recorded = record.read(request.record) if request.record else None
    if recorded is None:
        return
    environment, landmark = recorded
    python = python_of(environment)
    is_there = os.path.exists(python) and os.path.exists(landmark)
    if os.path.lexists(python) and not is_there:
        context.terminal.warning(f"the Python of `{environment}` no longer exists: choosing another")


def _recorded_by_another(request: Request, context: Context) -> Started | None:
    """Return the start that another process has just recorded, where its record holds here too."""
    from vpy.environment import record

    if request.options.get("local-venv") or request.options.get("refresh"):
        return None
    recorded = record.read(request.record) if request.record else None
    if recorded is None:
        return None
    environment, landmark = recorded
    if not record.still_holds(request.record, context.environ.get("PATH"), environment):
        return None
    _touch(environment)
    if not os.path.exists(os.path.join(environment, "complete")):
        return None
    return Started(environment=environment, landmark=landmark, recorded=True)


def _listings(environment: str, interpreter: Interpreter) -> tuple[Observation, ...]:
    """Return the observations that notice a package or a script that was added or removed."""
    from vpy.environment import build
    from vpy.model import Observation

    times = build.known_listing(environment)
    times = times or build.listed(environment, environments.watched_directories(interpreter))
    return tuple(
        Observation("listing", (os.path.join(environment, path), str(time))) for path, time in times.items()
    )


def _touch(environment: str) -> None:
    try:
        os.utime(os.path.join(environment, "used"))
    except OSError:
        pass
