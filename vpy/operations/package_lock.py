"""Locking of a text spec: each package of all of its platforms, pinned to the instance that it has now."""

from __future__ import annotations

from vpy.errors import ToolError, UserError, VpythonError
from vpy.model import Sources, Wanted
from vpy.operations import expansion, instance_pins, platform_targets, sources
from vpy.packages.cipd import versions_file
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vpy.model import Interpreter, Spec, SpecSource, Target
    from vpy.operations.context import Context
    from vpy.operations.relock import Keeping

    Key = tuple[str, str]  # name and version of a package

HEAD = (
    "# Instances of the packages of a spec, by `vpython-tool lock`.\n"
    "# Do not edit: `vpython-tool lock` brings it up to date.\n"
)


@value
class PackageLocking:
    """Instance ids that were locked, and lines for stderr: what they are not for."""

    versions: Mapping[Key, str]
    warnings: tuple[str, ...]


@value
class _Cell:
    """One target and its packages, or why they are not known.

    `is_required`: there is no lockfile without it.
    """

    target: Target
    is_required: bool
    packages: tuple[Wanted, ...]
    error: UserError | None


def text_of(versions: Mapping[Key, str]) -> str:
    """Return instance ids in CIPD's format of resolved versions, sorted."""
    return versions_file.render(versions, HEAD)


def lock(
    source: SpecSource,
    spec: Spec,
    interpreter: Interpreter,
    packages: Sources,
    context: Context,
    keeping: Keeping,
) -> PackageLocking:
    """Pin the packages of a spec for all platforms that it is verified for, and for the Python here.

    `packages` are where they come from, but for an index among these. What the lockfile of before has stays,
    for other platforms too, while the spec means it. Raises the error of a platform that the spec asks for,
    and of a source that does not answer; a default platform that lacks a package is left out with a warning.
    """
    if packages.is_index:
        raise UserError(
            f"a text spec is locked to packages of CIPD, and the source is `{packages}`",
            hint="lock it with -vpython-source cipd or directory:PATH; the index has its own lockfiles, of "
            "PEP 723 blocks and vpython.toml",
        )
    before = instance_pins.versions_of(keeping.lockfile) if keeping.lockfile else {}
    cells = _cells(source, spec, interpreter, context)
    elsewhere = [
        Wanted(name, name, version) for name, version in before if expansion.may_mean(spec, name, version)
    ]
    wanted = [*(each for cell in cells for each in cell.packages), *elsewhere]

    versions, failed = _resolve(wanted, before, packages, context, keeping)
    _raise_failures(cells, wanted, failed)
    lost = [cell for cell in cells if cell.error or _errors(cell.packages, failed)]
    known = {_key(each) for cell in cells if cell not in lost for each in cell.packages}
    known |= set(map(_key, elsewhere))
    return PackageLocking(
        versions={key: versions[key] for key in sorted(versions) if key in known},
        warnings=tuple(f"not locked for `{cell.target.tag}`: {_reason(cell, failed)}" for cell in lost),
    )


def _cells(source: SpecSource, spec: Spec, interpreter: Interpreter, context: Context) -> list[_Cell]:
    """Return the platforms and the Python here. The spec's own tags are required; without any, the latter."""
    from vpy.target import template

    here = template.target_for(interpreter)
    targets = platform_targets.verified(spec, context.config, source.path)
    if here.tag not in [target.tag for target in targets]:
        targets = (*targets, here)
    required = spec.verify_tags or (here.tag,)
    return [_cell(target, target.tag in required, source, spec) for target in targets]


def _cell(target: Target, is_required: bool, source: SpecSource, spec: Spec) -> _Cell:
    try:
        packages, _ = expansion.expand(spec, target, source.path, source)
    except UserError as error:
        if is_required:
            raise
        return _Cell(target, is_required, (), error)
    # An instance id needs no lock.
    locked = tuple(each for each in packages if versions_file.look_up({}, *_key(each)) is None)
    return _Cell(target, is_required, locked, None)


def _key(wanted: Wanted) -> Key:
    return wanted.name, wanted.version


def _resolve(
    wanted: Iterable[Wanted], before: Mapping[Key, str], packages: Sources, context: Context, keeping: Keeping
) -> tuple[dict[Key, str], dict[Key, VpythonError]]:
    """Return the instance of each package that has one, kept or asked for, and the errors of the others."""
    from vpy.packages.loader import answered

    every = {_key(each): each for each in wanted}
    kept = {
        key: before[key] for key, each in every.items() if key in before and not _is_upgraded(each, keeping)
    }
    unknown = [each for key, each in every.items() if key not in kept]
    if not unknown:
        return kept, {}
    asked = Sources(tuple(each for each in packages.members if each.kind != "index"))
    loader = sources.in_order(asked, lambda each: sources.package_loader(each, context, fresh=True))
    with context.terminal.status.stage("locking"):
        pins, failed = answered(unknown, lambda some: loader.resolve(some).pins)
    new = {_key(each): pin.instance_id for each, pin in pins.items()}
    return {**kept, **new}, {_key(each): error for each, error in failed.items()}


def _is_upgraded(wanted: Wanted, keeping: Keeping) -> bool:
    """Return whether a package is to be resolved again, by a name that it may be called."""
    from vpy.spec import edit_text

    names = {*edit_text.names_of(wanted.name), *edit_text.names_of(wanted.template)}
    return keeping.is_upgrade or not names.isdisjoint(keeping.not_of)


def _raise_failures(
    cells: Sequence[_Cell], wanted: Sequence[Wanted], failed: Mapping[Key, VpythonError]
) -> None:
    """Raise one error for what must be had. A source that does not answer says nothing of any package."""
    lines = {}
    if not all(isinstance(error, UserError) for error in failed.values()):
        lines = _errors(wanted, failed)
        raise ToolError(list(lines.values()), hint=_hint(lines, failed))
    for cell in cells:
        if cell.is_required:
            found = _errors(cell.packages, failed)
            lines.update({key: f"on `{cell.target.tag}`: {line}" for key, line in found.items()})
    if lines:
        raise UserError(list(lines.values()), hint=_hint(lines, failed))


def _hint(keys: Iterable[Key], failed: Mapping[Key, VpythonError]) -> str | None:
    return next((failed[key].hint for key in keys if failed[key].hint), None)


def _errors(packages: Sequence[Wanted], failed: Mapping[Key, VpythonError]) -> dict[Key, str]:
    return {
        _key(each): f"cannot get `{each.name}` at `{each.version}`: {failed[_key(each)].summary}"
        for each in packages
        if _key(each) in failed
    }


def _reason(cell: _Cell, failed: Mapping[Key, VpythonError]) -> str:
    if cell.error is not None:
        return cell.error.lines[0]
    first, *more = _errors(cell.packages, failed).values()
    return f"{first} (and {len(more)} more)" if more else first
