"""Lockfiles of specs made and brought up to date, with what changed in them."""

from __future__ import annotations

from bootstrap.shown import printable
from vpy.errors import UserError
from vpy.operations import relock
from vpy.operations.relock import Keeping
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpy.model import Interpreter, Sources, Spec, SpecSource
    from vpy.operations.context import Context
    from vpy.operations.relock import Locking
    from vpy.spec.lockfile.model import Lockfile, LockfileFormat

# Characters of an instance id that tell it from others.
SHOWN_CHARACTERS = 12


@value
class Asked:
    """What is asked of a lockfile.

    `upgrade` keeps none of its versions, `upgrade_packages` not those of these projects; `kind` is the format
    of a new one. Files that were uploaded after `exclude_newer` do not count, "" for the spec's own (see
    `ResolutionSettings`). Under `is_check` nothing is written; with `is_embedded` the lockfile goes into the
    script's own block.
    """

    upgrade: bool = False
    upgrade_packages: tuple[str, ...] = ()
    kind: LockfileFormat | None = None
    is_check: bool = False
    exclude_newer: str = ""
    is_embedded: bool = False


@value
class Change:
    """Distribution whose versions differ; "" where it is not in a lockfile, versions joined by `, `.

    `scripts` are programs that came with it, `pth` files that Python runs at its start, `native`: it has code
    for a platform now, and had none.
    """

    name: str
    before: str
    after: str
    scripts: tuple[str, ...] = ()
    pth: tuple[str, ...] = ()
    native: bool = False


@value
class Relocked:
    """Lockfile that was made: where, whether its text is another than before, and what changed.

    `is_new`: there was none. `count` is the number of its distributions, or whatever the `noun` says.
    """

    path: str
    is_new: bool
    is_changed: bool
    count: int
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    noun: str = "distribution"


def lock(
    source: SpecSource,
    spec: Spec,
    interpreter: Interpreter,
    packages: Sources,
    asked: Asked,
    context: Context,
) -> Relocked:
    """Make the lockfile of a spec; write it where it is another than before.

    `interpreter` is what the spec runs on here, `packages` where its packages come from.
    """
    from vpy.spec import edit
    from vpy.spec.lockfile import find as lockfile_search
    from vpy.spec.lockfile import write

    if source.format == "pylock" or (source.format == "requirements" and spec.lock is not None):
        raise UserError(
            f"`{printable(source.path)}` is a lockfile itself", hint="what wrote it brings it up to date"
        )
    if spec.wheels:
        return _lock_packages(source, spec, interpreter, packages, asked, context)
    if asked.is_embedded or (spec.lock is not None and not lockfile_search.existing(source)):
        return _lock_in_script(source, spec, interpreter, packages, asked, context)
    path, kind = relock.destination(source, asked.kind)
    before = _before(path, kind, is_kept=not asked.upgrade)
    made = _made(before, spec, path, kind, interpreter, packages, asked, context)
    text, known = write.text_of(made.lockfile, kind), _text(path)
    if known != text and not asked.is_check:
        edit.write(path, text)
    return _relocked(before, made, is_new=known is None, is_changed=known != text)


def _lock_in_script(
    source: SpecSource,
    spec: Spec,
    interpreter: Interpreter,
    packages: Sources,
    asked: Asked,
    context: Context,
) -> Relocked:
    """Make the lockfile in a script's own block."""
    from vpy.spec import edit
    from vpy.spec.lockfile import embedded
    from vpy.spec.lockfile import find as lockfile_search

    if source.format != "script":
        raise UserError("only a script with a PEP 723 block carries its own lockfile")
    path = source.path
    if lockfile_search.existing(source):
        raise UserError(
            f"`{printable(path)}` has a lockfile beside it, which comes before one inside it",
            hint="remove it first",
        )
    before = embedded.parse(spec.lock, path) if spec.lock else None
    made = _made(before, spec, path, "embedded", interpreter, packages, asked, context)
    lock = embedded.of(relock.compact(made.lockfile, spec, interpreter, context))
    if lock != spec.lock and not asked.is_check:
        edit.write(path, edit.with_table(edit.read(path), "tool.vpython.lock", embedded.table(lock)))
    return _relocked(before, made, is_new=before is None, is_changed=lock != spec.lock)


def _made(
    before: Lockfile | None,
    spec: Spec,
    path: str,
    kind: LockfileFormat,
    interpreter: Interpreter,
    packages: Sources,
    asked: Asked,
    context: Context,
) -> Locking:
    """Resolve a spec's requirements, with what is to be kept of the lockfile of before."""
    from vpy.spec import edit

    names = frozenset(edit.project(name) for name in asked.upgrade_packages)
    keeping = Keeping(before, names, is_upgrade=asked.upgrade)
    return relock.lock(
        spec, path, kind, packages, interpreter, context, keeping, exclude_newer=asked.exclude_newer
    )


def _relocked(before: Lockfile | None, made: Locking, *, is_new: bool, is_changed: bool) -> Relocked:
    return Relocked(
        path=made.lockfile.path,
        is_new=is_new,
        is_changed=is_changed,
        count=len(made.lockfile.distributions),
        changes=tuple(_changes(before, made)),
        warnings=made.warnings,
    )


def _lock_packages(
    source: SpecSource,
    spec: Spec,
    interpreter: Interpreter,
    packages: Sources,
    asked: Asked,
    context: Context,
) -> Relocked:
    """Make the lockfile of a text spec, which pins packages to instances."""
    from vpy.operations import instance_pins, package_lock
    from vpy.spec import edit

    if asked.exclude_newer:
        raise UserError("`--exclude-newer` is for files of an index: packages of CIPD have no time of upload")
    path, kind = relock.destination(source)
    before = _before(path, kind, is_kept=not asked.upgrade)
    keeping = Keeping(before, frozenset(asked.upgrade_packages), is_upgrade=asked.upgrade)
    made = package_lock.lock(source, spec, interpreter, packages, context, keeping)
    text, known = package_lock.text_of(made.versions), _text(path)
    is_changed = known is None or text != known.replace("\r\n", "\n")
    if is_changed and not asked.is_check:
        edit.write(path, text)
    return Relocked(
        path=path,
        is_new=known is None,
        is_changed=is_changed,
        count=len(made.versions),
        changes=tuple(_package_changes(instance_pins.versions_of(before) if before else {}, made.versions)),
        warnings=made.warnings,
        noun="package",
    )


def _package_changes(
    before: Mapping[tuple[str, str], str], after: Mapping[tuple[str, str], str]
) -> list[Change]:
    """Return what differs, a package each, with its versions and the instance of each."""

    def by_name(versions: Mapping[tuple[str, str], str]) -> dict[str, list[str]]:
        rows: dict[str, list[str]] = {}
        for (name, version), instance_id in sorted(versions.items()):
            rows.setdefault(name, []).append(f"{version} {instance_id}")
        return rows

    old, new = by_name(before), by_name(after)
    return [
        Change(name=name, before=", ".join(old.get(name, ())), after=", ".join(new.get(name, ())))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def short(versions: str) -> str:
    """Return the versions of a change as text shows them: instance ids by their first characters."""
    from vpy.packages.cipd.names import looks_like_instance_id

    words = [word.removesuffix(",") for word in versions.split(" ")]
    for word in filter(looks_like_instance_id, words):
        versions = versions.replace(word, f"{word[:SHOWN_CHARACTERS]}…")
    return versions


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
    from vpy.operations import instance_pins
    from vpy.spec.lockfile import read

    text = _text(path)
    if text is None:
        return None
    try:
        data = text.encode("utf-8", "surrogateescape")
        return instance_pins.read(data, path) if kind == "versions" else read.read(data, path, kind)
    except UserError as error:
        if is_kept:
            raise UserError(
                error.lines, hint="mend it, or make a new one with `vpython-tool lock --upgrade`"
            ) from None
        return None


def _changes(before: Lockfile | None, made: Locking) -> list[Change]:
    old, new = relock.versions(before) if before else {}, relock.versions(made.lockfile)
    return [
        Change(
            name=name,
            before=", ".join(old.get(name, ())),
            after=", ".join(new.get(name, ())),
            scripts=_came("scripts", name, old, new, made),
            pth=_came("pth", name, old, new, made),
            native=_is_native(made.lockfile, name) and not (name in old and _may_be_native(before, name)),
        )
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _came(
    kind: str, name: str, old: Mapping[str, list[str]], new: Mapping[str, list[str]], made: Locking
) -> tuple[str, ...]:
    """Return what the new versions of a distribution bring, and none of the old ones did."""

    def brought(versions: list[str]) -> set[str]:
        rows = (made.contents.get(f"{name} {version}", {}) for version in versions)
        return {each for row in rows for each in row.get(kind, ())}

    return tuple(sorted(brought(new.get(name, [])) - brought(old.get(name, []))))


def _may_be_native(before: Lockfile | None, name: str) -> bool:
    """Return whether a distribution had code for a platform, as far as a lockfile says."""
    if before is None or _is_native(before, name):
        return before is not None
    return not any(each.files for each in before.distributions if each.name == name)


def _is_native(lockfile: Lockfile, name: str) -> bool:
    """Return whether a distribution has a wheel for one platform; a lockfile of hashes does not say."""
    named = [file.filename for each in lockfile.distributions if each.name == name for file in each.files]
    return any(not filename.endswith("-any.whl") for filename in named)
