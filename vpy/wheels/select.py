"""Which of the wheels that lie unpacked fit the target: the choice that pip makes."""

from __future__ import annotations

import os

from vpy.errors import ToolError, UserError
from vpy.model import WheelFile
from vpy.value import value
from vpy.wheels import filename

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vpy.model import Tag
    from vpy.wheels.filename import WheelName
    from vpy.wheels.offer import Offer

    Rank = tuple[int, int, str]

_LISTED = 12


@value
class _Candidate:
    """One wheel: its place under the unpacked directory, what its file name says, who brought it.

    `rank` is greater for a better wheel, None for one that does not fit.
    """

    place: str
    name: WheelName
    package: str
    rank: Rank | None

    def __str__(self) -> str:
        return f"`{self.name.filename}`" + (f" (package `{self.package}`)" if self.package else "")


def choose(
    directory: str, tags: Sequence[Tag], owners: Mapping[str, str], *, contact: str = ""
) -> tuple[WheelFile, ...]:
    """The best wheel for `tags` (best first) of every distribution under `directory`, sorted by name.

    `owners` says which package brought a path (relative to `directory`, with `/`). As pip does, the
    best tag wins, then the higher build tag, then the first by name. UserError names every
    distribution with two versions, without a wheel for these tags, or with different files of one
    name, and who brought them; `contact` is the hint for what is missing.
    """
    mistakes: list[str] = []
    groups: dict[str, list[_Candidate]] = {}
    order = {tag: position for position, tag in reversed([*enumerate(tags)])}
    for place in _wheels_under(directory):
        try:
            candidate = _read(place, order, owners.get(place, ""))
        except ToolError as error:
            mistakes.append(
                f"{error.message}, in package `{owners[place]}`" if place in owners else error.message
            )
            continue
        groups.setdefault(candidate.name.name, []).append(candidate)
    chosen = []
    lacking = False
    for _, group in sorted(groups.items()):
        fitting = [one for one in group if one.rank is not None]
        if _has_two_versions(group):
            mistakes.append(_two_versions(group))
        elif fitting:
            chosen.append(_take(directory, fitting, mistakes))
        else:
            mistakes.append(_nothing_fits(group, tags))
            lacking = True
    if mistakes:
        raise UserError("\n".join(mistakes), hint=contact if lacking and contact else None)
    return tuple(chosen)


def choose_again(offers: Sequence[Offer], tags: Sequence[Tag]) -> tuple[WheelFile, ...] | None:
    """The same choice among wheels seen before, without `path`s; None where files must be looked at.

    That is where something is wrong, which `choose` tells best, and where a hash is not known.
    """
    if len({one.place for one in offers}) < len(offers):
        return None
    order = {tag: position for position, tag in reversed([*enumerate(tags)])}
    groups: dict[str, list[tuple[_Candidate, str]]] = {}
    for one in offers:
        candidate = _Candidate(one.place, one.name, one.package, _rank(one.name, order))
        groups.setdefault(one.name.name, []).append((candidate, one.sha256))
    chosen = []
    for _, group in sorted(groups.items()):
        fitting = [candidate for candidate, _ in group if candidate.rank is not None]
        if not fitting or len({candidate.name.version for candidate, _ in group}) > 1:
            return None
        best = _best(fitting)
        hashes = {
            sha256
            for candidate, sha256 in group
            if candidate.rank is not None and candidate.name.filename == best.name.filename
        }
        if len(hashes) > 1 or "" in hashes:
            return None
        chosen.append(WheelFile(best.name.filename, hashes.pop(), "", best.package))
    return tuple(chosen)


def _wheels_under(directory: str) -> list[str]:
    return sorted(
        os.path.relpath(os.path.join(place, name), directory).replace(os.sep, "/")
        for place, _, names in os.walk(directory)
        for name in names
        if name.lower().endswith(filename.SUFFIX)
    )


def _read(place: str, order: Mapping[Tag, int], package: str) -> _Candidate:
    name = filename.parse(place.rpartition("/")[2])
    return _Candidate(place, name, package, _rank(name, order))


def _rank(name: WheelName, order: Mapping[Tag, int]) -> Rank | None:
    positions = [order[tag] for tag in name.tags if tag in order]
    if not positions:
        return None
    # PEP 427: a build tag sorts by its number, then by the rest; none at all comes before any.
    rest = name.build.lstrip("0123456789")
    number = int(name.build.removesuffix(rest)) if name.build else -1
    return -min(positions), number, rest


def _best(fitting: Sequence[_Candidate]) -> _Candidate:
    return max(sorted(fitting, key=lambda one: one.name.filename), key=lambda one: one.rank or (0, 0, ""))


def _has_two_versions(group: Sequence[_Candidate]) -> bool:
    from packaging.version import Version

    return len({Version(one.name.version) for one in group}) > 1


def _two_versions(group: Sequence[_Candidate]) -> str:
    first = {one.name.version: one for one in reversed(group)}
    listed = ", ".join(str(one) for _, one in sorted(first.items()))
    return f"two versions of `{group[0].name.name}`: {listed}"


def _nothing_fits(group: Sequence[_Candidate], tags: Sequence[Tag]) -> str:
    packages = sorted({one.package for one in group if one.package})
    within = f" in package `{'`, `'.join(packages)}`" if packages else ""
    names = sorted({one.name.filename for one in group})
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    listed = ", ".join(f"`{name}`" for name in names[:_LISTED]) + more
    wanted = f"`{tags[0]}`" if tags else "this Python"
    known = group[0].name
    return f"no wheel of `{known.name}` {known.version} for {wanted}{within}: there is {listed}"


def _take(directory: str, fitting: Sequence[_Candidate], mistakes: list[str]) -> WheelFile:
    """The best of the wheels that fit; several files of its name must be the same bytes."""
    from vpy.wheels.install import hash_of

    best = _best(fitting)
    hashes = {
        one: hash_of(os.path.join(directory, one.place))
        for one in fitting
        if one.name.filename == best.name.filename
    }
    mistakes += [
        f"different files of one name: {best}, {other}" for other in hashes if hashes[other] != hashes[best]
    ]
    return WheelFile(
        filename=best.name.filename,
        sha256=hashes[best],
        path=os.path.join(directory, *best.place.split("/")),
        package=best.package,
    )
