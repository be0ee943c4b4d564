"""Lockfiles of specs made and brought up to date, with what changed in them."""

from __future__ import annotations

import os

from vpy.errors import UserError
from vpy.operations import relock
from vpy.operations.relock import Keeping
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootstrap.request import Request
    from vpy.model import Interpreter, Spec, SpecSource
    from vpy.operations.context import Context
    from vpy.spec.lockfile.model import Lockfile, LockfileFormat


@value
class Asked:
    """What a lockfile is made for: `upgrade` keeps none of its versions, `upgrade_packages` not those of these
    projects; `kind` is the format of a new one. Under `is_check` nothing is written.
    """

    upgrade: bool = False
    upgrade_packages: tuple[str, ...] = ()
    kind: LockfileFormat | None = None
    is_check: bool = False


@value
class Change:
    """Distribution whose versions differ; "" where it is not in a lockfile, versions joined by `, `."""

    name: str
    before: str
    after: str


@value
class Relocked:
    """Lockfile that was made: where, whether its text is another than before, and what changed.

    `is_new`: there was none. `count` is the number of its distributions.
    """

    path: str
    is_new: bool
    is_changed: bool
    count: int
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]


def lock(request: Request, asked: Asked, context: Context) -> Relocked:
    """Make the lockfile of a request's spec; write it where it is another than the one that is there."""
    from vpy.operations import plan

    discovery, spec = plan.read_spec(request, context)
    if discovery.source.kind == "empty":
        raise UserError("there is no spec here", hint="name a script or a spec: SCRIPT, vpython.toml")
    found = plan.find_interpreter(request, context, spec, discovery.source)
    return lock_spec(discovery.source, spec, found.interpreter, request, asked, context)


def lock_spec(
    source: SpecSource,
    spec: Spec,
    interpreter: Interpreter,
    request: Request,
    asked: Asked,
    context: Context,
) -> Relocked:
    """Make the lockfile of a spec on the Python that it runs on here."""
    from vpy.operations import plan, sources
    from vpy.spec import edit
    from vpy.spec.lockfile import write

    path, kind = relock.destination(source, asked.kind)
    before = _before(path, kind, is_kept=not asked.upgrade)
    names = frozenset(edit.project(name) for name in asked.upgrade_packages)
    made = relock.lock(
        spec,
        path,
        kind,
        plan.source_of(spec, sources.requested(request, context, spec)),
        interpreter,
        context,
        Keeping(None if asked.upgrade else before, names),
    )
    text = write.text_of(made.lockfile, kind)
    is_changed = _text(path) != text
    if is_changed and not asked.is_check:
        edit.write(path, text)
    return Relocked(
        path=path,
        is_new=not os.path.lexists(path) or (before is None and is_changed),
        is_changed=is_changed,
        count=len(made.lockfile.distributions),
        changes=tuple(_changes(before, made.lockfile)),
        warnings=made.warnings,
    )


def _text(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"cannot read the lockfile `{path}`: {error.strerror}") from None


def _before(path: str, kind: LockfileFormat, *, is_kept: bool) -> Lockfile | None:
    """Return the lockfile that is there; None for none, or a broken one of which nothing is to be kept."""
    from vpy.spec.lockfile import read

    text = _text(path)
    if text is None:
        return None
    try:
        return read.read(text.encode("utf-8", "surrogateescape"), path, kind)
    except UserError as error:
        if is_kept:
            raise UserError(error.lines, hint="mend it, or make a new one with `lock --upgrade`") from None
        return None


def _changes(before: Lockfile | None, after: Lockfile) -> list[Change]:
    old, new = _versions(before) if before else {}, _versions(after)
    return [
        Change(name, old.get(name, ""), new.get(name, ""))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _versions(lockfile: Lockfile) -> Mapping[str, str]:
    found: dict[str, list[str]] = {}
    for each in lockfile.distributions:
        found.setdefault(each.name, []).append(each.version or each.url)
    return {name: ", ".join(versions) for name, versions in found.items()}
