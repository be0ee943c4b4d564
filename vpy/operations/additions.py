"""What a start lays over its spec: `-vpython-with REQ` and `-vpython-dev`."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.model import Wheel
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bootstrap.request import Request
    from vpy.model import Interpreter, Spec
    from vpy.spec.lockfile.model import Lockfile

OPTION = "-vpython-with"


def are_asked_for(request: Request) -> bool:
    """Return whether the environment of this start holds more than its spec declares."""
    return bool(request.options.get("with") or request.options.get("dev"))


def lay_over(spec: Spec, request: Request) -> Spec:
    """Return the spec with what the command line adds; raise UserError for what is no requirement."""
    wanted = added(spec, request)
    if not wanted:
        return spec
    if spec.wheels:
        return replace(spec, wheels=(*spec.wheels, *map(_wheel, wanted)))
    from vpy.spec.requirements import requirement_fact

    facts = [fact for entry in wanted if (fact := requirement_fact(entry))]
    if facts:
        raise UserError(f"{OPTION}: {fact}" for fact in facts)
    return replace(spec, dependencies=tuple(dict.fromkeys((*spec.dependencies, *wanted))))


def added(spec: Spec, request: Request) -> list[str]:
    """Return what the command line adds to a spec, as it is written."""
    dev = spec.dev_dependencies if request.options.get("dev") else ()
    return [*dev, *_entries(request)]


def without(spec: Spec, request: Request) -> Spec:
    """Return a text spec without what `lay_over` has added to it."""
    return replace(spec, wheels=spec.wheels[: len(spec.wheels) - len(_entries(request))])


def _entries(request: Request) -> list[str]:
    from bootstrap.command_line import BETWEEN

    return [entry for entry in (request.options.get("with") or "").split(BETWEEN) if entry]


def _wheel(entry: str) -> Wheel:
    name, at, version = entry.partition("@")
    if not at or not version or " " in name:
        hint = f"write it as {OPTION} PACKAGE@VERSION, as in infra/python/wheels/six-py2_py3@version:1.16.0"
        raise UserError(f"a text spec takes packages, which `{entry}` is not", hint=hint)
    return Wheel(name, version)


def with_locked(spec: Spec, lockfile: Lockfile, interpreter: Interpreter) -> Spec:
    """Return the spec with each distribution that the lockfile has for this Python at its version."""
    from vpy.operations import locked_wheels

    pins = [f"{locked.name}=={locked.version}" for locked in locked_wheels.select(lockfile, interpreter)]
    return replace(spec, dependencies=tuple(dict.fromkeys((*spec.dependencies, *pins))))
