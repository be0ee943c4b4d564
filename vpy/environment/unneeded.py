"""What the stores hold that no environment needs: wheels, packages, what is known of Pythons, and more.

Everything here only looks. What does not have the name and the shape that we give is not ours.
"""

from __future__ import annotations

import json
import os
import stat

from vpy.environment import hold, leftovers
from vpy.environment.leftovers import is_plain_file, modified
from vpy.environment.reaper import entries, walk
from vpy.errors import VpythonError
from vpy.system import files
from vpy.system.layout import DIGEST
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import Any

    from vpy.environment.reaper import Reaper
    from vpy.system.layout import Layout

DAY = 24 * 3600.0
REMEMBERED = 90 * DAY
RENEWED = 2 * DAY  # by then a build that is used has said so again
LARGEST_WHY = 16 << 20


@value
class Candidate:
    """Something that nobody needs: `stamp` is when it was made or used, in seconds."""

    kind: str
    path: str
    stamp: float
    tree: bool = True


@value
class Living:
    """What the environments that stay are made of: wheels' sha256, skeletons, base Pythons."""

    wheels: frozenset[str]
    skeletons: frozenset[str]
    pythons: frozenset[str]


def living_of(layout: Layout, gone: Collection[str]) -> Living:
    """What all environments but those in `gone` say of themselves in `why.json`."""
    wheels: set[str] = set()
    skeletons: set[str] = set()
    pythons: set[str] = set()
    for entry in entries(layout.environments):
        if entry.name in gone:
            continue
        told = _ingredients(entry.path)
        wheels.update(sha256[:DIGEST] for _, sha256 in told.get("wheels", ()))
        skeletons.add(told.get("skeleton", ""))
        pythons.update(told.get("python", ())[:1])
    return Living(frozenset(wheels), frozenset(skeletons), frozenset(pythons))


def _ingredients(environment: str) -> dict[str, Any]:
    try:
        told = json.loads(files.read_bytes(os.path.join(environment, "why.json"), LARGEST_WHY))
        ingredients = told["ingredients"]
        return {
            "wheels": [(str(name), str(sha256)) for name, sha256 in ingredients["wheels"]],
            "skeleton": str(ingredients["skeleton"]),
            "python": [str(one) for one in ingredients["python"]],
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def is_digest(entry: os.DirEntry[str]) -> bool:
    return leftovers.is_hex(entry.name) and entry.is_dir(follow_symlinks=False)


def unlinked(layout: Layout, reaper: Reaper, living: Living) -> list[Candidate]:
    """Trees of wheels and skeletons of which no environment has a file.

    Where no tree has, the filesystem may not have links at all: then those that are named stay.
    """
    trees = [*_wheel_trees(layout), *_skeletons(layout)]
    free = [one for one in trees if not _is_linked(one.path, reaper)]
    if len(free) < len(trees):
        return free
    named = living.wheels | living.skeletons
    return [
        one
        for one in free
        if os.path.basename(one.path) not in named
        and os.path.basename(os.path.dirname(one.path)) not in named
    ]


def _wheel_trees(layout: Layout) -> Iterator[Candidate]:
    for digest in entries(layout.wheels):
        for entry in entries(digest.path) if is_digest(digest) else ():
            manifest = modified(os.path.join(entry.path, "manifest"))
            if manifest is not None and entry.is_dir(follow_symlinks=False):
                yield Candidate("wheels", entry.path, manifest)


def _skeletons(layout: Layout) -> Iterator[Candidate]:
    for entry in entries(layout.interpreters):
        listing = modified(os.path.join(entry.path, "skeleton.json"))
        if listing is not None and is_digest(entry):
            yield Candidate("interpreters", entry.path, listing)


def _is_linked(tree: str, reaper: Reaper) -> bool:
    return any(stat.S_ISREG(found.st_mode) and reaper.links(found) > 1 for _, found in walk(tree))


def probes(layout: Layout, living: Living, now: float) -> Iterator[Candidate]:
    """Answers of Pythons; one that an environment stands on stays for longer: it may be asked again."""
    for entry in entries(layout.interpreters):
        path = os.path.join(entry.path, "probe.json")
        stamp = modified(path)
        if stamp is None or not is_digest(entry):
            continue
        try:
            executable = str(json.loads(files.read_bytes(path)).get("executable"))
        except (OSError, ValueError, AttributeError, RecursionError):
            executable = ""
        if executable not in living.pythons or now - stamp >= REMEMBERED:
            yield Candidate("interpreters", entry.path, stamp)


def packages(layout: Layout) -> Iterator[Candidate]:
    """Package files: what was made of them is stored, and they can be had again."""
    for entry in entries(layout.packages):
        stamp = modified(entry.path)
        if stamp is not None and len(entry.name) in (40, 44) and is_plain_file(entry):
            yield Candidate("packages", entry.path, stamp, tree=False)


def pythons(layout: Layout, living: Living) -> Iterator[Candidate]:
    """Unpacked Pythons that no environment stands on, and vpythons; both touch their mark when chosen."""
    for entry in entries(layout.pythons):
        stamp = modified(entry.path)
        inside = os.path.join(os.path.realpath(entry.path), "")
        if stamp is None or len(entry.name) not in (40, 44) or not entry.is_dir(follow_symlinks=False):
            continue
        if not any(python.startswith(inside) for python in living.pythons):
            yield Candidate("pythons", entry.path, stamp)


def resolutions(layout: Layout, living: Living, now: float) -> Iterator[Candidate]:
    """What was found out long ago, but for what an environment that stays came of."""
    for entry in entries(layout.resolutions):
        old = len(entry.name) == 64 and leftovers.is_older(entry.path, now, REMEMBERED)
        if old and is_plain_file(entry):
            named = _wheels_named(entry.path)
            if not named or not named <= living.wheels:
                yield Candidate("resolutions", entry.path, 0.0, tree=False)


def _wheels_named(path: str) -> set[str]:
    try:
        rows = json.loads(files.read_bytes(path)).get("wheels", ())
        return {text for row in rows for text in row if isinstance(text, str) and len(text) == 64}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return set()


def apps(layout: Layout, build: str, now: float) -> Iterator[Candidate]:
    """Code of ours, as other builds unpacked it.

    A long way renews the mark of its own code once a day. Before that it runs for a moment without
    the store's lock: so no code that was used yesterday goes, whatever age is asked for.
    """
    for entry in entries(layout.apps):
        stamp = modified(os.path.join(entry.path, "complete"))
        if stamp is None or entry.name.startswith(f"{build}-") or not entry.is_dir(follow_symlinks=False):
            continue
        if now - stamp >= RENEWED:
            yield Candidate("apps", entry.path, stamp)


def formats(layout: Layout, aged: Callable[[float], bool]) -> list[Candidate]:
    """Rooms of format versions that we do not know; none while environments of such a format are used."""
    rooms = [room for room in layout.other_formats() if not os.path.islink(room) and os.path.isdir(room)]
    found = [Candidate("formats", room, _last_use(room)) for room in rooms]
    environments = [one for one in found if layout.is_environments(one.path)]
    if any(not aged(one.stamp) or not _is_free(layout, one.path) for one in environments):
        return []
    return found


def _last_use(room: str) -> float:
    stamps = [modified(room)]
    for entry in entries(room):
        stamps += [modified(os.path.join(entry.path, name)) for name in ("used", "complete")]
    return max((stamp for stamp in stamps if stamp is not None), default=0.0)


def _is_free(layout: Layout, room: str) -> bool:
    """Whether no process holds an environment in there, as far as its format locks as ours does."""
    try:
        return all(hold.is_free(layout, entry.name) for entry in entries(room))
    except (VpythonError, OSError):
        return False
