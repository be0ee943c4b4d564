"""Locking: a spec's requirements resolved for all of its platforms and Pythons, as one lockfile."""

from __future__ import annotations

import os

from bootstrap.shown import printable
from vpy.errors import UserError, VpythonError
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from vpy.model import Interpreter, Sources, Spec, SpecSource, Tag
    from vpy.operations.context import Context
    from vpy.packages.index.loader import IndexLoader
    from vpy.packages.index.universal import UniversalTarget
    from vpy.spec.lockfile.model import LockedDistribution, Lockfile, LockfileFormat

    Version = tuple[int, int]


@value
class Keeping:
    """Lockfile of before, with which the new one is compared.

    Its versions stay where they fit, but those of the projects `not_of`; none of them with `is_upgrade`.
    """

    lockfile: Lockfile | None = None
    not_of: frozenset[str] = frozenset()
    is_upgrade: bool = False


@value
class Locking:
    """Lockfile that was made, and lines for stderr: what it is not for.

    `contents` are {scripts, pth} by `NAME VERSION`, of what differs from the lockfile of before.
    """

    lockfile: Lockfile
    warnings: tuple[str, ...]
    contents: Mapping[str, Mapping[str, Sequence[str]]]


@value
class LockTarget:
    """Target of a lockfile: a Python on a platform.

    `is_own`: it is this machine's platform; `is_required`: a lockfile without it is none.
    """

    python: Version
    tag: Tag
    interpreter: Interpreter
    is_own: bool
    is_required: bool


def destination(source: SpecSource, kind: LockfileFormat | None = None) -> tuple[str, LockfileFormat]:
    """Return the path and the format of a spec's lockfile: the one that is there, or a new one of a kind."""
    from vpy.spec.lockfile import find as lockfile_search

    found = lockfile_search.candidates(source)
    if not found:
        raise UserError(f"`{printable(source.path)}` is no file that a lockfile can lie beside")
    there = [each for each in found if os.path.lexists(each[0])]
    new = [each for each in found if each[1] == (kind or "pylock")] or [*found]
    path, kind = there[0] if there else new[-1]
    if kind == "uv-script":
        raise UserError(
            f"`{printable(path)}` is uv's own lockfile", hint="`uv lock --script` writes it; or remove it"
        )
    return path, kind


def lock(
    spec: Spec,
    path: str,
    kind: LockfileFormat,
    packages: Sources,
    interpreter: Interpreter,
    context: Context,
    keeping: Keeping | None = None,
    *,
    exclude_newer: str = "",
) -> Locking:
    """Resolve a spec's requirements for all of its platforms and Pythons.

    `interpreter` is the Python that the spec runs on here; `exclude_newer` takes the place of the spec's.
    Raises the error of a target that the spec asks for; a default platform that cannot be had, and the newest
    Pythons, are left out with a warning.
    """
    from vpy.operations import sources, spec_settings, wheel_build
    from vpy.packages.index import universal
    from vpy.spec.lockfile.current import normalized

    pythons = pythons_of(spec, interpreter)
    targets = targets_of(spec, interpreter, context)
    meant = spec_settings.for_target(spec, interpreter)
    if by_marker := [each.project for each in spec.resolution.sources if each.marker]:
        raise UserError(
            f"`{by_marker[0]}` comes from other places on other platforms, which no lockfile can say",
            hint="leave out the `marker` in its `sources`",
        )
    resolution = meant.resolution
    if exclude_newer:
        resolution = replace(resolution, exclude_newer=exclude_newer)
    index = sources.index_loader(packages, interpreter, context, resolution=resolution)
    requires_python = spec.requires_python or f">={pythons[0][0]}.{pythons[0][1]}"
    with context.terminal.status.stage("locking"):
        answer = universal.resolve(
            index,
            meant.dependencies,
            [_target(target, keeping or Keeping()) for target in targets],
            requires_python=requires_python,
            builder=wheel_build.builder(packages, interpreter, spec, context),
            stage=context.layout.staging,
            before=versions(keeping.lockfile, has_urls=False) if keeping and keeping.lockfile else None,
        )
    left, warnings = _judge(targets, answer["targets"], index)
    limit = max(target.python for target in left)
    if limit < pythons[-1]:
        requires_python = f"{requires_python},<{limit[0]}.{limit[1] + 1}"

    from packaging.requirements import Requirement

    return Locking(
        lockfile=replace(
            _lockfile(answer, requires_python, path, kind),
            requirements=tuple(sorted(normalized(Requirement(text)) for text in spec.dependencies)),
            settings=spec_settings.lines(spec),
            environments=_environments(targets, left),
            declared_python=spec.requires_python if spec.requires_python != requires_python else None,
        ),
        warnings=(*_went_bad(keeping.lockfile if keeping else None, answer["listed"]), *warnings),
        contents=answer["contents"],
    )


def _went_bad(before: Lockfile | None, listed: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each version of a lockfile that the index has withdrawn, removed or replaced since."""
    for each in before.distributions if before else ():
        row = listed.get(f"{each.name} {each.version}")
        if row is None:
            continue
        instead = f"; {row['newest']} is there" if row["newest"] not in ("", each.version) else ""
        if row["yanked"]:
            yield f"`{each.name}` {each.version} was withdrawn (yanked){instead}"
        elif not row["sha256"]:
            yield f"`{each.name}` {each.version} is not on the index any more{instead}"
        elif all(row["sha256"]) and (strange := set(each.hashes) - set(row["sha256"])):
            gone = f"{len(strange)} of its {len(each.hashes)} files are gone"
            yield f"`{each.name}` {each.version} has other files on the index than before: {gone}{instead}"


def versions(lockfile: Lockfile, *, has_urls: bool = True) -> dict[str, list[str]]:
    """Return the versions of each distribution; with `has_urls` the URL of one that has none."""
    found: dict[str, list[str]] = {}
    for each in lockfile.distributions:
        if each.version or has_urls:
            found.setdefault(each.name, []).append(each.version or each.url)
    return found


def pythons_of(spec: Spec, interpreter: Interpreter) -> list[Version]:
    """Return the minor versions that a spec allows; without `requires-python` the one here and newer."""
    from vpy.target import platforms
    from vpy.target.python_requirement import PythonRequirement

    own = interpreter.version[:2]
    requirement = PythonRequirement("", spec.requires_python)
    known = sorted({own, *((3, minor) for minor in platforms.MINORS)})
    if not spec.requires_python:
        return [version for version in known if version >= own]
    return [version for version in known if version == own or requirement.may_accept(version)]


def targets_of(spec: Spec, interpreter: Interpreter, context: Context) -> list[LockTarget]:
    """Return the targets of a spec's lockfile, by Pythons: for each this machine's platform first."""
    from vpy.model import Tag
    from vpy.target import platforms

    config = context.config
    systems = platforms.Systems(config.verify_glibc, config.verify_macos)
    defaults = [Tag(*fields) for fields in config.verify_tags]
    names = dict.fromkeys(tag.platform for tag in platforms.tags_to_verify(spec, defaults))
    own = _place(interpreter)
    targets = []
    for python in pythons_of(spec, interpreter):
        row = []
        for name in names:
            tag = _tag(python, name)
            found = _at_patch(platforms.interpreter_for(tag, systems), spec.requires_python)
            is_own = _place(found) == own
            is_required = is_own or bool(spec.verify_platforms)
            row.append(LockTarget(python, tag, found, is_own, is_required))
        if not any(target.is_own for target in row) and python == interpreter.version[:2]:
            row.append(LockTarget(python, interpreter.tags[0], interpreter, is_own=True, is_required=True))
        targets += sorted(row, key=lambda target: not target.is_own)
    return targets


def _tag(python: Version, platform: str) -> Tag:
    from vpy.model import Tag

    name = f"cp{python[0]}{python[1]}"
    return Tag(name, name if python >= (3, 8) else f"{name}m", platform)


def _place(interpreter: Interpreter) -> tuple[str, str]:
    markers = dict(interpreter.markers)
    return markers["sys_platform"], markers["platform_machine"]


def _at_patch(interpreter: Interpreter, requires_python: str) -> Interpreter:
    """Return an interpreter at the last patch version that is allowed."""
    from packaging.specifiers import SpecifierSet

    allowed, (major, minor, patch) = SpecifierSet(requires_python), interpreter.version
    while patch and not allowed.contains(f"{major}.{minor}.{patch}"):
        patch -= 1
    text = f"{major}.{minor}.{patch}"
    markers = {**dict(interpreter.markers), "python_full_version": text, "implementation_version": text}
    return replace(
        interpreter,
        version=(major, minor, patch),
        version_text=text,
        markers=tuple(sorted(markers.items())),
    )


def _target(target: LockTarget, keeping: Keeping) -> UniversalTarget:
    """Return what the index is asked for, with the versions that the lockfile of before has for it."""
    from vpy.packages.index.universal import UniversalTarget
    from vpy.spec.lockfile import select as lockfile_select

    preferred: dict[str, list[str]] = {}
    if keeping.lockfile is not None and not keeping.is_upgrade:
        try:
            for distribution in lockfile_select.applying(keeping.lockfile, target.interpreter):
                if distribution.version and distribution.name not in keeping.not_of:
                    preferred[distribution.name] = [distribution.version]
        except UserError:  # it was not for this target
            preferred = {}
    return UniversalTarget(target.interpreter, target.is_required, preferred)


def _judge(
    targets: Sequence[LockTarget], rows: Sequence[Mapping[str, Any]], index: IndexLoader
) -> tuple[list[LockTarget], list[str]]:
    """Return the targets that have an answer, and a line for those that are left out.

    Raises the error of one that the spec asks for: all of its Pythons here, but the newest ones.
    """
    from vpy.packages.index import universal

    by_markers = {tuple(sorted(row["markers"].items())): row for row in rows}
    failed = {
        target: universal.failure(index, row["errors"])
        for target in targets
        if (row := by_markers[target.interpreter.markers]).get("errors")
    }
    left = [target for target in targets if target not in failed]
    newest = max((target.python for target in left if target.is_own), default=(0, 0))
    fatal = [target for target in failed if (target.is_required and target.python < newest) or not left]
    if fatal or not newest > (0, 0):
        target = fatal[0] if fatal else next(iter(failed))
        raise _of_target(failed[target], target, is_oldest=target.python < newest)
    left = [target for target in left if target.python <= newest]
    return left, [_left_out(target, error) for target, error in failed.items() if target.python <= newest] + [
        f"not locked for Python {target.python[0]}.{target.python[1]}: {error.lines[0]}"
        for target, error in failed.items()
        if target.is_own and target.python > newest
    ]


def _left_out(target: LockTarget, error: VpythonError) -> str:
    return f"not locked for `{target.tag}`: {error.lines[0]}"


def _of_target(error: VpythonError, target: LockTarget, *, is_oldest: bool) -> VpythonError:
    """Return an error that names the target which it is about."""
    python = f"Python {target.python[0]}.{target.python[1]}"
    where = f"on {python}" if target.is_own else f"on `{target.tag}`"
    hint = f"raise `requires-python` above {python[7:]}" if is_oldest and target.is_own else error.hint
    return type(error)(
        [f"{where}: {line}" if not at else line for at, line in enumerate(error.lines)], hint=hint
    )


def _environments(targets: Sequence[LockTarget], left: Sequence[LockTarget]) -> tuple[str, ...]:
    """Return the markers of the platforms that are locked, where some are not; () where all are."""
    every = {_place(target.interpreter) for target in targets}
    there = {_place(target.interpreter) for target in left}
    if every == there:
        return ()
    return tuple(
        sorted(f"sys_platform == '{system}' and platform_machine == '{machine}'" for system, machine in there)
    )


def _lockfile(answer: Mapping[str, Any], requires_python: str, path: str, kind: LockfileFormat) -> Lockfile:
    """Return the lockfile of an answer, each distribution with its marker."""
    from vpy.spec.lockfile import universal
    from vpy.spec.lockfile.model import Lockfile

    targets = [
        universal.ResolvedTarget(
            markers=tuple(sorted(row["markers"].items())),
            chosen=tuple((name, each["version"]) for name, each in row["chosen"].items()),
        )
        for row in answer["targets"]
        if "chosen" in row
    ]
    distributions = [
        universal.ResolvedDistribution(row["name"], row["version"], tuple(row["dependencies"]))
        for row in answer["distributions"]
    ]
    placed = universal.place(answer["requirements"], targets, distributions, requires_python)
    return Lockfile(
        path=path,
        format=kind,
        digest="",
        distributions=tuple(
            _distribution(row, placed[row["name"], row["version"]]) for row in answer["distributions"]
        ),
        requires_python=requires_python,
        direct=frozenset(name for (name, _), each in placed.items() if "" in each.via),
    )


def _distribution(row: Mapping[str, Any], placed: Any) -> LockedDistribution:
    from vpy.spec.lockfile.model import LockedDistribution

    files = tuple(_files(row["files"]))
    wheels = tuple(file for file in files if file.filename.endswith(".whl"))
    sdists = [file for file in files if not file.filename.endswith(".whl")]
    return LockedDistribution(
        name=row["name"],
        version=row["version"],
        marker=placed.marker,
        requires_python=row["requires_python"],
        files=wheels,
        hashes=tuple(sorted(file.sha256 for file in files)),
        url=row["url"],
        sdist=sdists[0] if sdists else None,
        via=placed.via,
    )


def _files(rows: Sequence[Sequence[Any]]) -> Iterator[Any]:
    from vpy.spec.lockfile.model import LockedFile

    for filename, url, sha256, size, _ in rows:
        yield LockedFile(filename, url, sha256, size)


def with_hashes(distribution: LockedDistribution, hashes: Sequence[str]) -> LockedDistribution:
    """Return a distribution with those of its files that have one of the hashes; () for any."""
    if not hashes:
        return distribution
    sdist = distribution.sdist
    return replace(
        distribution,
        files=tuple(file for file in distribution.files if file.sha256 in hashes),
        sdist=sdist if sdist and sdist.sha256 in hashes else None,
        hashes=tuple(each for each in distribution.hashes if each in hashes),
    )
