"""Lockfiles of specs made and brought up to date, with what changed in them."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.operations import relock
from vpy.operations.relock import Keeping
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpy.model import Interpreter, Source, Spec, SpecSource
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


def lock(
    source: SpecSource,
    spec: Spec,
    interpreter: Interpreter,
    packages: Source,
    asked: Asked,
    context: Context,
) -> Relocked:
    """Make the lockfile of a spec, which runs on `interpreter` here; write it where it is another than before.

    `packages` is where its packages come from.
    """
    from vpy.spec import edit
    from vpy.spec.lockfile import write

    path, kind = relock.destination(source, asked.kind)
    before = _before(path, kind, is_kept=not asked.upgrade)
    names = frozenset(edit.project(name) for name in asked.upgrade_packages)
    keeping = Keeping(None if asked.upgrade else before, names)
    made = relock.lock(spec, path, kind, packages, interpreter, context, keeping)
    text, known = write.text_of(made.lockfile, kind), _text(path)
    if known != text and not asked.is_check:
        edit.write(path, text)
    return Relocked(
        path=path,
        is_new=known is None,
        is_changed=known != text,
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
