"""Selection of the wheels that fit the target, by the rules of pip."""

from __future__ import annotations

import os

from vpy.errors import ToolError, UserError
from vpy.model import WheelFile
from vpy.system import files
from vpy.system.lean import contextlib
from vpy.system.lean.dataclasses import value
from vpy.wheels import filename
from vpy.wheels.filename import WheelName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from vpy.model import Tag

    Rank = tuple[int, int, str]

MOST_LISTED = 12  # file names in one message


@value
class PackagedWheel:
    """Wheel of a package: its path there, with `/`, its parsed name, its sha256 as hex ("": not known)."""

    package: str
    path: str
    name: WheelName
    sha256: str


@value
class _Candidate:
    """Candidate wheel: its path, with `/`, its parsed name, and the package that brought it ("": none did).

    `rank` is greater for a better wheel, None for a wheel that does not fit.
    """

    path: str
    name: WheelName
    package: str
    rank: Rank | None

    def __str__(self) -> str:
        return f"`{self.name.filename}`" + (f" (package `{self.package}`)" if self.package else "")


def choose(
    directory: str, tags: Sequence[Tag], owners: Mapping[str, str], *, contact: str = ""
) -> tuple[WheelFile, ...]:
    """Return the best wheel for `tags` of every distribution under `directory`, sorted by name.

    `tags` are best first. As with pip the best tag wins, then the higher build tag, then the first file
    name. `owners` maps a path (relative to `directory`, with `/`) to the package that brought it.

    Raises one UserError for all distributions with two versions, without a wheel for these tags, or
    with different files of one name; its hint is `contact` where a wheel is missing.
    """
    groups, faults = _group_by_distribution(directory, tags, owners)
    chosen = []
    is_one_missing = False

    for _, group in sorted(groups.items()):
        fitting = [candidate for candidate in group if candidate.rank is not None]
        if _has_two_versions(group):
            faults.append(_two_versions(group))
        elif fitting:
            chosen.append(_choose_best(directory, fitting, faults))
        else:
            faults.append(_nothing_fits(group, tags))
            is_one_missing = True

    if faults:
        raise UserError(faults, hint=contact if is_one_missing and contact else None)
    return tuple(chosen)


def best_filename(filenames: Sequence[str], tags: Sequence[Tag]) -> str | None:
    """Return the file name of the best wheel for `tags` as `choose` has it; None where none fits."""
    positions = _positions(tags)
    fitting = []
    for each in filenames:
        with contextlib.suppress(ToolError):  # no wheel
            name = filename.parse(each)
            candidate = _Candidate(each, name, "", _rank(name, positions))
            fitting += [candidate] if candidate.rank is not None else []
    return _best(fitting).path if fitting else None


def choose_known(wheels: Sequence[PackagedWheel], tags: Sequence[Tag]) -> tuple[WheelFile, ...] | None:
    """Choose among cached wheels as `choose` does, without paths; return None where files must be read.

    They must be read where a hash is not known, and where something is wrong, so that `choose` reports it.
    """
    if len({wheel.path for wheel in wheels}) < len(wheels):
        return None

    positions = _positions(tags)
    groups: dict[str, list[PackagedWheel]] = {}
    for wheel in wheels:
        groups.setdefault(wheel.name.name, []).append(wheel)

    chosen = [_choose_best_known(group, positions) for _, group in sorted(groups.items())]
    known = tuple(wheel for wheel in chosen if wheel is not None)
    return known if len(known) == len(chosen) else None


def _choose_best_known(group: Sequence[PackagedWheel], positions: Mapping[Tag, int]) -> WheelFile | None:
    """Return the best wheel of one distribution; None where files must be read."""
    candidates = [
        _Candidate(wheel.path, wheel.name, wheel.package, _rank(wheel.name, positions)) for wheel in group
    ]
    fitting = [candidate for candidate in candidates if candidate.rank is not None]
    if not fitting or len({wheel.name.version for wheel in group}) > 1:
        return None

    best = _best(fitting)
    hashes = {wheel.sha256 for wheel in group if wheel.name.filename == best.name.filename}
    if len(hashes) > 1 or "" in hashes:
        return None
    return WheelFile(best.name.filename, hashes.pop(), "", best.package)


def dump(wheels: Sequence[PackagedWheel]) -> dict[str, object]:
    """Return wheels as JSON for the cache."""
    return {"offers": [list(_row(wheel)) for wheel in wheels]}  # "offers": the name in roots that exist


def _row(wheel: PackagedWheel) -> Iterator[object]:
    name = wheel.name
    yield from (wheel.path, wheel.sha256, name.filename, name.distribution, name.version_text)
    yield from (name.name, name.version, name.build, name.pythons, name.abis, name.platforms)


def load(package: str, data: Any) -> list[PackagedWheel] | None:
    """Return the wheels of a package that `dump` wrote; None for other data."""
    try:
        return [_packaged_wheel(package, *row) for row in data["offers"]] or None
    except (KeyError, TypeError, ValueError):
        return None


def _packaged_wheel(package: str, path: str, sha256: str, *texts: Any) -> PackagedWheel:
    file, distribution, version_text, name, version, build, pythons, abis, platforms = texts
    wheel_name = WheelName(
        file, distribution, version_text, name, version, build, tuple(pythons), tuple(abis), tuple(platforms)
    )
    return PackagedWheel(package, path, wheel_name, sha256)


def _group_by_distribution(
    directory: str, tags: Sequence[Tag], owners: Mapping[str, str]
) -> tuple[dict[str, list[_Candidate]], list[str]]:
    """Return the candidates under `directory` by distribution, and what is wrong with other file names."""
    groups: dict[str, list[_Candidate]] = {}
    faults = []
    positions = _positions(tags)

    for path in _wheels_under(directory):
        try:
            name = filename.parse(path.rpartition("/")[2])
        except ToolError as error:
            within = f", in package `{owners[path]}`" if path in owners else ""
            faults.append(f"{error.message}{within}")
            continue
        candidate = _Candidate(path, name, owners.get(path, ""), _rank(name, positions))
        groups.setdefault(name.name, []).append(candidate)

    return groups, faults


def _wheels_under(directory: str) -> list[str]:
    return sorted(
        os.path.relpath(os.path.join(parent, name), directory).replace(os.sep, "/")
        for parent, _, names in os.walk(directory)
        for name in names
        if name.lower().endswith(filename.SUFFIX)
    )


def _positions(tags: Sequence[Tag]) -> dict[Tag, int]:
    """Return the first position of each tag."""
    return {tag: position for position, tag in reversed([*enumerate(tags)])}


def _rank(name: WheelName, positions: Mapping[Tag, int]) -> Rank | None:
    found = [positions[tag] for tag in name.tags if tag in positions]
    if not found:
        return None
    # PEP 427: a build tag sorts by its number, then by the rest; no build tag comes before any.
    rest = name.build.lstrip("0123456789")
    number = int(name.build.removesuffix(rest)) if name.build else -1
    return -min(found), number, rest


def _best(fitting: Sequence[_Candidate]) -> _Candidate:
    by_name = sorted(fitting, key=lambda candidate: candidate.name.filename)
    return max(by_name, key=lambda candidate: candidate.rank or (0, 0, ""))


def _choose_best(directory: str, fitting: Sequence[_Candidate], faults: list[str]) -> WheelFile:
    """Return the best of the wheels that fit; add a fault where files of its name have other bytes."""
    best = _best(fitting)
    hashes = {
        candidate: files.sha256_of(os.path.join(directory, candidate.path))
        for candidate in fitting
        if candidate.name.filename == best.name.filename
    }
    faults += [
        f"different files of one name: {best}, {candidate}"
        for candidate in hashes
        if hashes[candidate] != hashes[best]
    ]

    return WheelFile(
        filename=best.name.filename,
        sha256=hashes[best],
        path=os.path.join(directory, *best.path.split("/")),
        package=best.package,
    )


def _has_two_versions(group: Sequence[_Candidate]) -> bool:
    from packaging.version import Version

    return len({Version(candidate.name.version) for candidate in group}) > 1


def _two_versions(group: Sequence[_Candidate]) -> str:
    first = {candidate.name.version: candidate for candidate in reversed(group)}
    listed = ", ".join(str(candidate) for _, candidate in sorted(first.items()))
    return f"two versions of `{group[0].name.name}`: {listed}"


def _nothing_fits(group: Sequence[_Candidate], tags: Sequence[Tag]) -> str:
    packages = sorted({candidate.package for candidate in group if candidate.package})
    within = f" in package `{'`, `'.join(packages)}`" if packages else ""

    names = sorted({candidate.name.filename for candidate in group})
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    listed = ", ".join(f"`{name}`" for name in names[:MOST_LISTED]) + more

    wanted = f"`{tags[0]}`" if tags else "this Python"
    name = group[0].name
    return f"no wheel of `{name.name}` {name.version} for {wanted}{within}: there is {listed}"
