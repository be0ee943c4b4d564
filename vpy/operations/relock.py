"""Locking: a spec's requirements resolved for all of its platforms and Pythons, as one lockfile."""

from __future__ import annotations

from bootstrap.shown import printable
from vpy.errors import UserError
from vpy.operations import lock_targets, sources, spec_settings
from vpy.system import vcs_url
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from vpy.model import Interpreter, ProjectSource, Sources, Spec, SpecSource
    from vpy.operations.context import Context
    from vpy.operations.lock_targets import LockTarget
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


def destination(source: SpecSource, kind: LockfileFormat | None = None) -> tuple[str, LockfileFormat]:
    """Return the path and the format of a spec's lockfile: the one that is there, or a new one of a kind."""
    from vpy.spec.lockfile import find as lockfile_search

    places = lockfile_search.candidates(source)
    if not places:
        raise UserError(f"`{printable(source.path)}` is not a file that a lockfile can be put beside")
    new = [each for each in places if each[1] == (kind or "pylock")] or [*places]
    path, kind = lockfile_search.existing(source) or new[-1]
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
    keeping: Keeping,
    *,
    exclude_newer: str = "",
) -> Locking:
    """Resolve a spec's requirements for all of its platforms and Pythons.

    `interpreter` is the Python that the spec runs on here; `exclude_newer` takes the place of the spec's.
    Raises the error of a target that the spec asks for; a default platform that cannot be had, and Pythons
    that it does not promise, are left out with a warning.
    """
    meant, origins = _meant(spec, interpreter, exclude_newer)
    oldest = lock_targets.pythons_of(spec, interpreter)[0]
    requires_python = spec.requires_python or f">={oldest[0]}.{oldest[1]}"
    targets = lock_targets.targets_of(spec, interpreter, context)
    with context.terminal.status.stage("locking"):
        index = sources.index_loader(packages, interpreter, context, resolution=meant.resolution)
        answer = _answer(index, meant, origins, packages, targets, requires_python, keeping, context)
    left, warnings = lock_targets.judge(targets, answer["targets"], index, spec, interpreter.version[:2])
    first = min(target.python for target in left)
    if first > oldest:
        requires_python = lock_targets.narrowed(requires_python, first)
    requires_python += lock_targets.upper_bound(targets, left)
    return Locking(
        lockfile=replace(
            _lockfile(answer, requires_python, path, kind),
            requirements=normalized_requirements(spec.dependencies),
            settings=spec_settings.lines(spec),
            environments=lock_targets.environments(targets, left),
            declared_python=spec.requires_python if spec.requires_python != requires_python else None,
        ),
        warnings=(*_warnings(keeping.lockfile, answer), *warnings),
        contents=answer["contents"],
    )


def normalized_requirements(requirements: Sequence[str]) -> tuple[str, ...]:
    """Return requirements as a lockfile records them."""
    from packaging.requirements import Requirement

    from vpy.spec.requirements import normalized

    return tuple(sorted(normalized(Requirement(text)) for text in requirements))


def _meant(
    spec: Spec, interpreter: Interpreter, exclude_newer: str
) -> tuple[Spec, tuple[ProjectSource, ...]]:
    """Return a spec with its requirements as they are meant on all targets alike, and what is by target.

    The latter are the sources of projects that come from other places on other targets.
    """
    by_marker = {each.project for each in spec.resolution.sources if each.marker}
    origins = tuple(each for each in spec.resolution.sources if each.project in by_marker)
    alike = tuple(each for each in spec.resolution.sources if each.project not in by_marker)
    if exclude_newer:
        spec = replace(spec, resolution=replace(spec.resolution, exclude_newer=exclude_newer))
    meant = spec_settings.for_target(
        replace(spec, resolution=replace(spec.resolution, sources=alike)), interpreter
    )
    return meant, tuple(map(spec_settings.with_hash, origins))


def _answer(
    index: IndexLoader,
    spec: Spec,
    origins: Sequence[ProjectSource],
    packages: Sources,
    targets: Sequence[LockTarget],
    requires_python: str,
    keeping: Keeping,
    context: Context,
) -> Mapping[str, Any]:
    """Ask the index for what the requirements of a spec come to on each target."""
    from vpy.operations import wheel_build
    from vpy.packages.index import universal

    before = versions(keeping.lockfile, has_urls=False) if keeping.lockfile else None
    return universal.resolve(
        index,
        spec.dependencies,
        [_target(target, keeping) for target in targets],
        requires_python=requires_python,
        builder=wheel_build.builder(packages, index.interpreter, spec, context),
        stage=context.layout.staging,
        before=before,
        origins=origins,
        commits=_commits(keeping),
    )


def _commits(keeping: Keeping) -> Mapping[str, str]:
    """Return the commits that a lockfile of before has for references to repositories, and that stay."""
    if keeping.lockfile is None or keeping.is_upgrade:
        return {}
    return {
        vcs_url.parse(each.url).text(each.revision): vcs_url.parse(each.url).revision
        for each in keeping.lockfile.distributions
        if each.is_commit and each.name not in keeping.not_of
    }


def _warnings(before: Lockfile | None, answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each version of a lockfile that the index has withdrawn, removed or replaced since.

    And one for files that do not count, in directories beside it.
    """
    if answer["elsewhere"]:
        names = ", ".join(f"`{name}`" for name in answer["elsewhere"])
        yield f"files of {names} in a directory beside the index are not locked: no other machine has them"
    listed = answer["listed"]
    for each in before.distributions if before else ():
        row = listed.get(f"{each.name} {each.version}")
        if row is None:
            continue
        instead = f"; the newest is {row['newest']}" if row["newest"] not in ("", each.version) else ""
        if row["yanked"]:
            yield f"`{each.name}` {each.version} was withdrawn (yanked){instead}"
        elif not row["sha256"]:
            yield f"`{each.name}` {each.version} is not on the index any more{instead}"
        elif all(row["sha256"]) and (strange := set(each.hashes) - set(row["sha256"])):
            gone = f"{len(strange)} of its {len(each.hashes)} files are gone"
            yield f"`{each.name}` {each.version} has other files on the index than before: {gone}{instead}"


def compact(lockfile: Lockfile, spec: Spec, interpreter: Interpreter, context: Context) -> Lockfile:
    """Return a lockfile with the hashes alone of files that its own targets would take."""
    from vpy.operations import locked_wheels
    from vpy.spec.lockfile import select as lockfile_select

    taken: dict[tuple[str, str], set[str]] = {}
    for target in lock_targets.targets_of(spec, interpreter, context):
        try:
            there = list(lockfile_select.applying(lockfile, target.interpreter))
        except UserError:  # it is not for this one
            continue
        for each in there:
            file = locked_wheels.best_file(each, target.interpreter) or each.sdist
            taken.setdefault((each.name, each.version), set()).update([file.sha256] if file else [])
    return replace(
        lockfile,
        distributions=tuple(
            with_hashes(each, sorted(taken.get((each.name, each.version), ())))
            for each in lockfile.distributions
        ),
    )


def versions(lockfile: Lockfile, *, has_urls: bool = True) -> dict[str, list[str]]:
    """Return the versions of each distribution; with `has_urls` the URL of one that has none."""
    found: dict[str, dict[str, None]] = {}
    for each in lockfile.distributions:
        if each.version or has_urls:
            found.setdefault(each.name, {})[each.version or each.url] = None
    return {name: list(texts) for name, texts in found.items()}


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
    return UniversalTarget(
        target.interpreter, target.is_required and not target.is_new, preferred, target.is_new
    )


def _lockfile(answer: Mapping[str, Any], requires_python: str, path: str, kind: LockfileFormat) -> Lockfile:
    """Return the lockfile of an answer, each distribution with its marker."""
    from vpy.spec.lockfile import universal
    from vpy.spec.lockfile.model import Lockfile

    targets = [
        universal.ResolvedTarget(
            markers=tuple(sorted(row["markers"].items())),
            chosen=tuple((name, _label(each)) for name, each in row["chosen"].items()),
        )
        for row in answer["targets"]
        if "chosen" in row
    ]
    distributions = [
        universal.ResolvedDistribution(row["name"], _label(row), tuple(row["dependencies"]), row["origin"])
        for row in answer["distributions"]
    ]
    origins = [(row["project"], row["origin"], row["marker"]) for row in answer["sources"]]
    placed = universal.place(answer["requirements"], targets, distributions, requires_python, origins)
    return Lockfile(
        path=path,
        format=kind,
        digest="",
        distributions=tuple(
            _distribution(row, placed[row["name"], _label(row)], answer["revisions"])
            for row in answer["distributions"]
        ),
        requires_python=requires_python,
        direct=frozenset(name for (name, _), each in placed.items() if "" in each.via),
    )


def _label(row: Mapping[str, Any]) -> str:
    """Return what tells one version of a project from another: the same version may have two origins."""
    return f"{row['version']} {row['origin']}".rstrip()


def _distribution(row: Mapping[str, Any], placed: Any, revisions: Mapping[str, str]) -> LockedDistribution:
    from vpy.spec.lockfile.model import LockedDistribution

    if vcs_url.is_reference(row["url"]):
        return LockedDistribution(
            name=row["name"],
            version="",
            marker=placed.marker,
            requires_python=row["requires_python"],
            url=row["url"],
            via=placed.via,
            revision=revisions[row["url"]],
        )
    files = tuple(_files(row["files"]))
    wheels = tuple(file for file in files if file.filename.endswith(".whl"))
    sdists = [file for file in files if not file.filename.endswith(".whl")]
    sdists.sort(key=lambda file: not file.filename.endswith(".tar.gz"))  # PEP 625
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
