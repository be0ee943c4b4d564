"""Comparison of a lockfile with the requirements of its spec: whether it answers the same question."""

from __future__ import annotations

from vpy.spec.lockfile import select
from vpy.spec.requirements import normalized, normalized_name
from vpy.system import vcs_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    from vpy.spec.lockfile.model import LockedDistribution, Lockfile
    from vpy.system.vcs_url import Reference

# Lines of settings that say where projects come from.
_ORIGINS = ("sources ", "indexes ")


def differences(
    lockfile: Lockfile,
    dependencies: Sequence[str],
    requires_python: str,
    markers: Mapping[str, str],
    settings: Sequence[str] = (),
    needed: Sequence[str] = (),
    sourced: Collection[str] = (),
) -> tuple[str, ...]:
    """Return how a lockfile differs from what a spec asks for, a fact each; () where it is current.

    A lockfile that says what it was made for must say the same, and have the projects of what is `needed`
    here; any other must hold every requirement whose marker holds, at a version that the requirement allows.
    `settings` are those of the spec that narrow the versions, a line for each. uv's own lockfile has what
    requirements come to by `sources`: those of the projects `sourced` are compared as they are meant here.
    """
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    wanted, found = [Requirement(text) for text in dependencies], list[str]()
    recorded = lockfile.requirements is not None
    known = lockfile.requires_python if lockfile.declared_python is None else lockfile.declared_python
    # A spec that leaves it open was locked for the Pythons that the lockfile names.
    if recorded and requires_python and SpecifierSet(requires_python) != SpecifierSet(known):
        found.append(f"`requires-python` is `{requires_python}`, in it `{known}`")
    if lockfile.requirements is not None:
        there, now = set(lockfile.requirements), {normalized(each) for each in wanted}
        if lockfile.edges:
            there, now = _by_sources(lockfile, wanted, needed, sourced, select.judge(markers))
            settings = [each for each in settings if not each.startswith(_ORIGINS)]
        found += [f"`{each}` is not in it" for each in sorted(now - there)]
        found += [f"`{each}` is only in it" for each in sorted(there - now)]
        found += _of_settings(set(lockfile.settings or ()), set(settings))
        return tuple(found or _absent(lockfile, [Requirement(text) for text in needed], markers))

    found += _unmet(lockfile, wanted, markers)
    if lockfile.direct is not None:
        names = {normalized_name(each) for each in wanted}
        found += [f"`{name}` is only in it" for name in sorted(lockfile.direct - names)]
    return tuple(found)


def _of_settings(there: set[str], now: set[str]) -> list[str]:
    return [
        *(f"it was made without `{each}`" for each in sorted(now - there)),
        *(f"it was made with `{each}`" for each in sorted(there - now)),
    ]


def _by_sources(
    lockfile: Lockfile,
    wanted: Sequence[Requirement],
    needed: Sequence[str],
    sourced: Collection[str],
    holds: Callable[[str], bool],
) -> tuple[set[str], set[str]]:
    """Return what uv's lockfile was made for, and what is wanted; what is `sourced` as it is meant here."""
    from packaging.requirements import Requirement

    there = set(_meant_here(map(Requirement, lockfile.requirements or ()), sourced, holds))
    now = {normalized(each) for each in wanted if normalized_name(each) not in sourced}
    here = (each for each in map(Requirement, needed) if normalized_name(each) in sourced)
    return there, now | set(_meant_here(here, sourced, holds))


def _meant_here(
    requirements: Iterable[Requirement], sourced: Collection[str], holds: Callable[[str], bool]
) -> Iterator[str]:
    """Yield requirements as normalized text; of `sourced` projects those that hold here, without a marker."""
    for each in requirements:
        if normalized_name(each) not in sourced:
            yield normalized(each)
        elif each.marker is None or holds(str(each.marker)):
            yield normalized(each).partition(" ; ")[0].partition("#")[0]


def _absent(lockfile: Lockfile, needed: Sequence[Requirement], markers: Mapping[str, str]) -> list[str]:
    """Return a fact for each project that is needed here, and of which a lockfile for this has nothing."""
    if lockfile.edges or not select.is_for(lockfile, markers):
        return []  # who follows it says so
    holds = select.judge(markers)
    there = {each.name for each in lockfile.distributions if not each.marker or holds(each.marker)}
    return [
        f"`{normalized_name(each)}` is not in it for this Python and platform"
        for each in needed
        if normalized_name(each) not in there and (each.marker is None or holds(str(each.marker)))
    ]


def _unmet(lockfile: Lockfile, wanted: Sequence[Requirement], markers: Mapping[str, str]) -> list[str]:
    """Return a fact for each requirement that the locked versions do not meet."""
    by_name: dict[str, list[LockedDistribution]] = {}
    for distribution in lockfile.distributions:
        by_name.setdefault(distribution.name, []).append(distribution)

    found = []
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate(dict(markers)):
            continue
        known = by_name.get(normalized_name(requirement), [])
        if not known:
            found.append(f"`{requirement}` is not in it")
        elif not any(_meets(each, requirement) for each in known):
            versions = ", ".join(f"`{each.version or each.url}`" for each in known)
            found.append(f"`{requirement}` does not allow the locked {versions}")
    return found


def _meets(distribution: LockedDistribution, requirement: Requirement) -> bool:
    if requirement.url:
        return _is_same_file(distribution, requirement.url)
    return not distribution.version or requirement.specifier.contains(distribution.version, prereleases=True)


def _is_same_commit(distribution: LockedDistribution, asked: Reference) -> bool:
    """Return whether a commit was locked for a reference: a branch may lead elsewhere by now."""
    locked = vcs_url.parse(distribution.url)
    is_asked = asked.revision in (locked.revision, distribution.revision)
    same = (asked.plain_url, asked.subdirectory) == (locked.plain_url, locked.subdirectory)
    return same and (is_asked or not (asked.is_commit or distribution.revision))


def _is_same_file(distribution: LockedDistribution, reference: str) -> bool:
    """Return whether a direct reference is the locked one, whose hash does not stand behind its URL."""
    if distribution.is_commit:
        return vcs_url.is_reference(reference) and _is_same_commit(distribution, vcs_url.parse(reference))
    url, _, fragment = reference.partition("#")
    sha256 = dict(part.partition("=")[::2] for part in fragment.split("&")).get("sha256", "").lower()
    return distribution.url.partition("#")[0] == url and (not sha256 or sha256 in distribution.hashes)
