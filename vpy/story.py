"""The way from a request to an environment, stage by stage: each reads as one line of the design."""

from __future__ import annotations

import os
import sys

from vpy.decision import choose, discover_spec
from vpy.errors import ToolError
from vpy.system import scope, twin
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from vpy.context import Context
    from vpy.decision import Choice, Discovered
    from vpy.model import Interpreter, Observation, Pin, WheelFile
    from vpython import Request


@value
class Made:
    """An environment and how it came to be; `built` says whether this start made it."""

    path: str
    key: str
    built: bool


@value
class Start:
    """An environment to be started: its landmark, and whether the choice is on record.

    `built` says whether this process made it, `spec` where its spec lies ("" where that was not asked).
    """

    environment: str
    landmark: str
    recorded: bool
    built: bool = False
    spec: str = ""


@value
class Supply:
    """The wheels a choice came to, who pinned them, and what else the answer hangs on."""

    wheels: tuple[WheelFile, ...]
    pins: tuple[Pin, ...]
    notes: tuple[str, ...] = ()
    observations: tuple[Observation, ...] = ()


def provide(choice: Choice, context: Context) -> tuple[Made, Supply]:
    """Make the environment that the choice comes to, or find it made."""
    from vpy import supply
    from vpy.environment import skeleton

    base = skeleton.identity(choice.interpreter)
    with _beginning(choice, base, context) as begun:
        got = supply.obtain(choice, context)
        return _provided(choice, got, base, begun, context), got


def _provided(choice: Choice, got: Supply, base: str, begun: Callable[[], None], context: Context) -> Made:
    from vpy.environment import build, skeleton

    for note in got.notes:
        context.terminal.info(note)
    context.terminal.debug(f"wheels: {len(got.wheels)} in the store")
    told = ingredients(choice, got, base)
    key = build.key_of(told)
    why = why_of(choice, got, told)
    plan = build.Plan(
        key=key,
        line=os.path.join(dict(choice.interpreter.scheme)["purelib"], skeleton.LINE),
        make=lambda into, final: fill(choice, got, base, into, final, begun, context),
        lost=lambda final: lost(choice, got, base, final, context),
    )
    path, built = build.ensure(plan, why, layout=context.layout, terminal=context.terminal)
    context.terminal.debug(f"environment: `{path}` ({'made' if built else 'found'})")
    return Made(path=path, key=key, built=built)


@scope.contextmanager
def _beginning(choice: Choice, base: str, context: Context) -> Iterator[Callable[[], None]]:
    """Begin an empty environment of a new base Python while its wheels are got; what is yielded waits for it.

    Whether it came well is for `fill` to find out, which makes it otherwise.
    """
    from vpy.environment import skeleton

    place = context.layout.interpreter(base)
    if skeleton.is_kept(place) or not twin.is_of_use():
        yield lambda: None
        return

    # The directory is ours: the copy is ended wherever it is, and may leave something in it.
    with (
        skeleton.staging(context.layout) as stage,
        twin.doing(lambda: skeleton.make(choice.interpreter, stage, place, context.environ), nice=10) as wait,
    ):

        def begun() -> None:
            with scope.suppress(ToolError, OSError):
                wait()

        yield begun


def ingredients(choice: Choice, got: Supply, base: str = "") -> dict[str, object]:
    """What the environment's key is made of; `base` is the skeleton's identity, where that is known."""
    from vpy.environment import build, skeleton

    wheels = [(wheel.filename, wheel.sha256) for wheel in got.wheels]
    return build.ingredients(choice.interpreter, base or skeleton.identity(choice.interpreter), wheels)


def fill(
    choice: Choice, got: Supply, base: str, into: str, final: str, begun: Callable[[], None], context: Context
) -> None:
    """Clone the skeleton and link every wheel into it; a stored wheel that went bad is made again."""
    from vpy import supply
    from vpy.environment import skeleton
    from vpy.wheels import link, script

    limits = script.limits_of(context.config, sys.platform)
    python = python_in(final, choice.interpreter)
    begun()
    made = skeleton.ensure(choice.interpreter, base, context.layout, context.environ)
    skeleton.clone(made, into, final)
    context.terminal.debug("venv: cloned")
    for attempt in (1, 2):
        stored = supply.install(choice, got, context)
        try:
            link.link(stored, final, into, python, limits=limits)
            context.terminal.debug(f"venv: {len(stored)} wheels linked")
            return
        except link.StaleWheel as stale:
            if attempt == 2:
                raise
            context.terminal.info(f"{stale.message}; making it again")


def python_in(environment: str, interpreter: Interpreter) -> str:
    """The file that starts the environment's Python; its scheme says which system that is for."""
    scripts = dict(interpreter.scheme)["scripts"]
    name = "python.exe" if interpreter.platform.startswith("win") else "python"
    return os.path.join(environment, *scripts.split("/"), name)


def lost(choice: Choice, got: Supply, base: str, final: str, context: Context) -> str:
    """The first thing that the environment at `final` lacks, relative; "" for none."""
    from vpy import supply
    from vpy.environment import doctor, skeleton
    from vpy.wheels import audit, script

    python = python_in(final, choice.interpreter)
    made = skeleton.recall(context.layout.interpreter(base))
    if made is not None and (gone := doctor.lost(made, final, python)):
        return gone
    limits = script.limits_of(context.config, sys.platform)
    trees = supply.trees(got, choice.interpreter, context.layout)
    return next((gone for tree in trees if (gone := audit.lost(tree, final, python, limits))), "")


def why_of(choice: Choice, got: Supply, told: Mapping[str, object]) -> dict[str, object]:
    """What `why.json` says: the key's ingredients, and where they came from."""
    source = choice.discovery.source
    return {
        "ingredients": told,
        "source": choice.source,
        "spec": {
            "kind": source.kind,
            "format": source.format,
            "path": source.path,
            "text": source.text,
        },
        "packages": [
            {"name": pin.name, "version": pin.version, "instance_id": pin.instance_id, "source": pin.origin}
            for pin in got.pins
        ],
    }


def ensure(request: Request, context: Context, *, attempts: int = 3) -> Start:
    """Make or find the environment and write the record of the choice.

    What the choice hung on is checked again before the start, since a script or a spec may have
    been changed while its environment was being made: then everything is decided anew.
    """
    from vpy import memory
    from vpy.system import turns
    from vpython_gate import WORK

    _tell_of_a_dead_python(request, context)
    first = discover_spec(request, context)
    lock = context.layout.lock("gate", memory.digest_of(first[0].source.text)[:2])
    with (
        turns.noted(request.gate, context.terminal),
        turns.gate(lock, WORK, context.terminal) as waited,
    ):
        if waited and not request.options.get("local-venv") and (known := recorded(request, context)):
            return known
        discovered: Discovered | None = None if waited else first
        earlier: list[object] = []
        with _prepared(first, context) as ready:
            for _ in range(attempts):
                choice = choose(request, ready, discovered)
                discovered = None
                if started := _settle(request, choice, ready, earlier):
                    return started
                context.terminal.debug("what the choice hung on has changed meanwhile: deciding anew")
    raise ToolError("the script, its spec or its environment keeps changing while it is being started")


def _prepared(discovered: Discovered, context: Context) -> AbstractContextManager[Context]:
    """Have pip load from now on where the root has no wheel and a spec is there: one will be installed."""
    if not discovered[0].source.text or os.path.exists(context.layout.wheels):
        return scope.nullcontext(context)
    from vpy import sources

    return sources.pip_ahead(context)


def _tell_of_a_dead_python(request: Request, context: Context) -> None:
    """Say why an environment that stands is not started again: its base Python does not."""
    from vpy.environment import record
    from vpython import python_of

    told = record.read(request.record) if request.record else None
    if told is None:
        return
    environment, landmark = told
    python = python_of(environment)
    stands = os.path.exists(python) and os.path.exists(landmark)
    if os.path.lexists(python) and not stands:
        context.terminal.warning(f"the Python of `{environment}` has gone: choosing anew")


def recorded(request: Request, context: Context) -> Start | None:
    """The start that somebody else has just made and recorded, where its record holds for us too."""
    from vpy.environment import record

    told = record.read(request.record) if request.record else None
    if told is None or not record.still_holds(request.record, context.environ.get("PATH"), told[0]):
        return None
    environment, landmark = told
    _touch(environment)
    if not os.path.exists(os.path.join(environment, "complete")):
        return None
    return Start(environment=environment, landmark=landmark, recorded=True)


def _settle(request: Request, choice: Choice, context: Context, earlier: list[object]) -> Start | None:
    """Provide what was chosen and record it; None where that is not so any more.

    `earlier` keeps what was decided before: where the same is decided again, nothing has changed, but
    there is something that no record can tell (a ref's time is up, and nobody may be asked).
    """
    from vpy.environment import build, record

    made, got = provide(choice, context)
    _touch(made.path)
    if not build.is_complete(context.layout, made.key):
        return None
    rows = (*choice.observations, *got.observations, *_listing(made.path, choice.interpreter))
    landmark = choice.interpreter.landmark
    context.terminal.debug("starting it")
    written = record.write(request.record, made.path, landmark, rows, context.layout)
    if written and not record.still_holds(request.record, context.environ.get("PATH"), made.path):
        if (made.path, rows) not in earlier:
            earlier.append((made.path, rows))
            return None
        record.forget(request.record)
        written = False
    place = choice.discovery.source.path
    return Start(environment=made.path, landmark=landmark, recorded=written, built=made.built, spec=place)


def _listing(environment: str, interpreter: Interpreter) -> tuple[Observation, ...]:
    """The row that tells of a package removed from the environment, or put into it by somebody else."""
    from vpy.model import Observation

    place = os.path.join(environment, dict(interpreter.scheme)["purelib"])
    try:
        return (Observation("listing", (place, str(os.stat(place).st_mtime_ns))),)
    except OSError:
        return ()


def _touch(environment: str) -> None:
    try:
        os.utime(os.path.join(environment, "used"))
    except OSError:
        pass
