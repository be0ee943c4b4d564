"""Lockfiles in other formats than the one that lies beside the spec."""

from __future__ import annotations

from bootstrap.shown import printable
from vpy.errors import UserError
from vpy.operations import relock, spec_settings
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from vpy.model import Interpreter, Sources, Spec, SpecSource
    from vpy.operations.context import Context
    from vpy.spec.lockfile.model import Lockfile

    Form = Literal["pylock", "requirements", "constraints"]

# What another format needs no more for than what a requirements file has.
_ENOUGH = {("uv-requirements", "requirements"), ("uv-requirements", "constraints")}


def text_of(
    source: SpecSource, spec: Spec, interpreter: Interpreter, packages: Sources, form: Form, context: Context
) -> str:
    """Return the lockfile of a spec in a format; raise UserError where there is none, or a stale one."""
    from vpy.spec.lockfile import write

    lockfile = current_lockfile(source, spec, interpreter)
    if lockfile is None:
        raise UserError(
            f"there is no lockfile of `{printable(source.path)}`", hint="`vpython-tool lock` writes it"
        )
    if lockfile.format != "pylock" and (lockfile.format, form) not in _ENOUGH:
        lockfile = with_files(lockfile, spec, packages, interpreter, context)
    if form == "pylock":
        return write.text_of(lockfile, "pylock")
    return write.requirements(lockfile) if form == "requirements" else write.constraints(lockfile)


def current_lockfile(source: SpecSource, spec: Spec, interpreter: Interpreter) -> Lockfile | None:
    """Return the lockfile of a spec, None where it has none; raise UserError for a stale one."""
    from vpy.spec.lockfile import current, find, read

    found, _ = find.of_requirements(source, spec)
    if found is None:
        return None
    lockfile = read.of_spec(found, spec)
    markers = dict(interpreter.markers)
    if not find.is_spec(source, found[0]) and (
        stale := current.differences(
            lockfile, spec.dependencies, spec.requires_python, markers, spec_settings.lines(spec)
        )
    ):
        raise UserError(
            [f"{printable(found[0])} is not current: {fact}" for fact in stale],
            hint="`vpython-tool lock` brings it up to date",
        )
    return lockfile


def with_files(
    lockfile: Lockfile, spec: Spec, packages: Sources, interpreter: Interpreter, context: Context
) -> Lockfile:
    """Return a lockfile of the same versions with their files and markers, as the index has them.

    Raises UserError where it would be of other versions.
    """
    from vpy.operations.relock import Keeping

    keeping = Keeping(lockfile)
    made = relock.lock(spec, lockfile.path, "pylock", packages, interpreter, context, keeping).lockfile
    before, after = relock.versions(lockfile), relock.versions(made)
    for name in sorted({*before, *after}):
        if set(before.get(name, ())) != set(after.get(name, ())):
            raise UserError(
                f"{printable(lockfile.path)}: the index does not resolve `{name}` to"
                f" {', '.join(before.get(name, ['-']))} any more, but to {', '.join(after.get(name, ['-']))}",
                hint="`vpython-tool lock` locks again",
            )
    known: dict[tuple[str, str], tuple[str, ...]] = {}
    for each in lockfile.distributions:
        key = (each.name, each.version)
        known[key] = (*known.get(key, ()), *each.hashes)
    return replace(
        made,
        distributions=tuple(
            relock.with_hashes(each, known.get((each.name, each.version), ())) for each in made.distributions
        ),
    )
