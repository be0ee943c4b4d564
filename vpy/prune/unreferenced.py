"""Unreferenced things in the stores: wheels, packages, pages, venv templates, Pythons, answers, old formats.

Candidates are listed while builders run, and removed, by renames, while none does: with the store's lock
held exclusively. A builder shares that lock from its first look into a store until its environment is
complete, so nothing that it found is removed; where an environment came up since the candidates were
listed, they are listed again.

Only what has a name and a shape that vpython gives is a candidate.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import time

from vpy.errors import VpythonError
from vpy.prune import incomplete
from vpy.prune.entries import (
    entries,
    is_digest,
    is_digest_directory,
    is_older,
    is_regular_file,
    modified,
    walk,
)
from vpy.prune.environments import SETTLE_SECONDS, START_SECONDS
from vpy.prune.policy import APP_AGE
from vpy.system import files, locks, processes, sealed, usage_lock
from vpy.system.layout import DIGEST
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import Any

    from vpy.prune.policy import Policy
    from vpy.prune.trash import Reason, Trash
    from vpy.system.layout import Layout

LARGEST_WHY = 16 << 20  # bytes of a `why.json`
ADDRESS_DIGITS = 26  # of the names that `bootstrap/kept_script.py` gives
INSTANCE_ID_LENGTHS = (40, 44)  # of CIPD: SHA-1 as hex, SHA-256 as base64


@value
class Candidate:
    """Candidate for removal; `stamp` is when it was made or last used, in seconds since the epoch."""

    kind: str
    path: str
    stamp: float
    is_tree: bool = True
    reason: Reason = "unused"


@value
class References:
    """Things that environments reference: sha256 of wheels, identities of templates, base Pythons."""

    wheels: frozenset[str]
    templates: frozenset[str]
    pythons: frozenset[str]


def remove_old(
    layout: Layout,
    trash: Trash,
    removed: Collection[str],
    policy: Policy,
    *,
    now: float,
    build: str,
) -> None:
    """Remove what is old and what no environment references, but for those `removed` already.

    Nothing is removed while a builder runs.
    """

    def is_old(stamp: float) -> bool:
        return policy.is_old(now - stamp)

    def candidates() -> list[Candidate]:
        references = references_of(layout, removed)
        found = [
            *unlinked(layout, trash, references),
            *packages(layout),
            *pages(layout),
            *pythons(layout, references),
            *probes(layout, references, now, policy.cached_age),
            *apps(layout, build, now),
            *scripts(layout),
            *formats(layout, is_old),
        ]
        return [
            *(candidate for candidate in found if is_old(candidate.stamp)),
            *resolutions(layout, references, now, policy.cached_age),
            *(
                Candidate(incomplete.KIND, path, 0.0, reason=incomplete.KIND)
                for path in incomplete.find(layout, now, age=policy.incomplete_age)
            ),
        ]

    _remove(layout, trash, candidates, None)


def free(layout: Layout, trash: Trash, removed: Collection[str], size: int) -> None:
    """Remove unreferenced wheels, templates, packages and pages, however new, until `size` bytes are free.

    The oldest go first. The environments in `removed` do not count as references.
    """

    def candidates() -> list[Candidate]:
        others = [*packages(layout), *pages(layout)]
        found = [
            *unlinked(layout, trash, references_of(layout, removed)),
            *(replace(candidate, reason="max-size") for candidate in others),
        ]
        return sorted(found, key=lambda candidate: (candidate.stamp, candidate.path))

    _remove(layout, trash, candidates, size)


def wheels_of(layout: Layout, keys: Collection[str]) -> frozenset[str]:
    """Return the sha256 of the wheels that environments reference, cut off as the store's names are."""
    rows = (_ingredients(layout.environment(key)).get("wheels", ()) for key in keys)
    return frozenset(sha256[:DIGEST] for wheels in rows for _, sha256 in wheels)


def remove_wheels(layout: Layout, trash: Trash, removed: Collection[str], wheels: Collection[str]) -> None:
    """Remove stored wheels, but for those that environments reference or share files with."""

    def candidates() -> list[Candidate]:
        going = frozenset(wheels) - references_of(layout, removed).wheels
        trees = [
            tree for tree in _wheel_trees(layout) if os.path.basename(os.path.dirname(tree.path)) in going
        ]
        return [tree for tree in trees if not _is_linked(tree.path, trash)]

    if wheels:
        _remove(layout, trash, candidates, None)


def remove_scripts(layout: Layout, trash: Trash, directories: Collection[str]) -> None:
    """Remove what was fetched from addresses, of whatever age."""

    def candidates() -> list[Candidate]:
        found = [each for each in scripts(layout) if each.path in directories]
        return [replace(candidate, reason="asked") for candidate in found]

    if directories:
        _remove(layout, trash, candidates, None)


def _remove(
    layout: Layout, trash: Trash, candidates: Callable[[], list[Candidate]], size: int | None
) -> None:
    """Remove candidates, until `size` bytes are free where a size is given; none while a builder runs."""
    seen = _environments(layout)
    found = candidates()
    if trash.dry_run:
        _move_to_trash(layout, trash, found, size)
        return

    try:
        with locks.try_exclusive(layout.store_lock) as is_exclusive:
            if not is_exclusive:
                return
            if _environments(layout) != seen:
                found = candidates()
            _move_to_trash(layout, trash, found, size)
    except (VpythonError, OSError):
        pass
    trash.empty()


def _move_to_trash(layout: Layout, trash: Trash, candidates: list[Candidate], size: int | None) -> None:
    for candidate in candidates:
        if trash.is_gone(candidate.path):  # in a dry run it is listed all the same
            continue
        if size is not None:
            if size <= 0:
                break
            size -= trash.would_free(candidate.path)
        if candidate.kind == "scripts" and not trash.dry_run and _is_starting(candidate, layout):
            continue
        remove = trash.remove_tree if candidate.is_tree else trash.remove_file
        remove(candidate.kind, candidate.path, candidate.reason, candidate.stamp or None)

    for entry in entries(layout.wheels):
        if is_digest_directory(entry):
            trash.remove_empty_directory(entry.path)


def _environments(layout: Layout) -> set[tuple[str, int]]:
    """Return the environments that there are, to notice that one has come or gone."""
    return {(entry.name, entry.inode()) for entry in entries(layout.environments)}


def references_of(layout: Layout, removed: Collection[str]) -> References:
    """Return what all environments but those in `removed` reference in their `why.json`."""
    wheels: set[str] = set()
    templates: set[str] = set()
    pythons: set[str] = set()
    for entry in entries(layout.environments):
        if entry.name in removed:
            continue
        ingredients = _ingredients(entry.path)
        wheels.update(sha256[:DIGEST] for _, sha256 in ingredients.get("wheels", ()))
        templates.add(ingredients.get("skeleton", ""))
        pythons.update(ingredients.get("python", ())[:1])
    return References(frozenset(wheels), frozenset(templates), frozenset(pythons))


def _ingredients(environment: str) -> dict[str, Any]:
    try:
        data = json.loads(files.read_bytes(os.path.join(environment, "why.json"), LARGEST_WHY))
        ingredients = data["ingredients"]
        return {
            "wheels": [(str(name), str(sha256)) for name, sha256 in ingredients["wheels"]],
            "skeleton": str(ingredients["skeleton"]),
            "python": [str(text) for text in ingredients["python"]],
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def unlinked(layout: Layout, trash: Trash, references: References) -> list[Candidate]:
    """Return the stored wheels and venv templates that share no file with an environment.

    Where none of them shares a file, the filesystem may have no links at all: then those that are
    referenced by name stay.
    """
    trees = [*_wheel_trees(layout), *_templates(layout)]
    found = [tree for tree in trees if not _is_linked(tree.path, trash)]
    if len(found) < len(trees):
        return found

    named = references.wheels | references.templates
    return [tree for tree in found if named.isdisjoint(tree.path.split(os.sep)[-2:])]


def _wheel_trees(layout: Layout) -> Iterator[Candidate]:
    for digest in entries(layout.wheels):
        for entry in entries(digest.path) if is_digest_directory(digest) else ():
            stamp = modified(os.path.join(entry.path, "manifest"))
            if stamp is not None and entry.is_dir(follow_symlinks=False):
                yield Candidate("wheels", entry.path, stamp, reason="unreferenced")


def _templates(layout: Layout) -> Iterator[Candidate]:
    for entry in entries(layout.interpreters):
        stamp = modified(os.path.join(entry.path, "skeleton.json"))
        if stamp is not None and is_digest_directory(entry):
            yield Candidate("interpreters", entry.path, stamp, reason="unreferenced")


def _is_linked(tree: str, trash: Trash) -> bool:
    return any(stat.S_ISREG(found.st_mode) and trash.links_left(found) > 1 for _, found in walk(tree))


def probes(layout: Layout, references: References, now: float, cached_age: float) -> Iterator[Candidate]:
    """Yield cached probes; that of a referenced Python stays for longer, since it may be used again."""
    for entry in entries(layout.interpreters):
        path = os.path.join(entry.path, "probe.json")
        stamp = modified(path)
        if stamp is None or not is_digest_directory(entry):
            continue
        try:
            executable = str(sealed.read(path).get("executable"))
        except (OSError, ValueError, AttributeError, RecursionError):
            executable = ""
        if executable not in references.pythons or now - stamp >= cached_age:
            yield Candidate("interpreters", entry.path, stamp)


def packages(layout: Layout) -> Iterator[Candidate]:
    """Yield all package files: their wheels are stored, and they can be fetched again."""
    for entry in entries(layout.packages):
        stamp = modified(entry.path)
        if stamp is not None and len(entry.name) in INSTANCE_ID_LENGTHS and is_regular_file(entry):
            yield Candidate("packages", entry.path, stamp, is_tree=False)


def pages(layout: Layout) -> Iterator[Candidate]:
    """Yield what an index said, which can be asked again; a resolution that uses it renews its mtime."""
    for entry in entries(layout.pages):
        stamp = modified(entry.path)
        if stamp is not None and is_digest(entry.name, 64) and is_regular_file(entry):
            yield Candidate("pages", entry.path, stamp, is_tree=False)


def pythons(layout: Layout, references: References) -> Iterator[Candidate]:
    """Yield unpacked Pythons that no environment references, and vpythons; a start updates their mtime.

    Never the Python that runs this.
    """
    used = {*references.pythons, os.path.realpath(sys.executable)}
    for entry in entries(layout.pythons):
        stamp = modified(entry.path)
        is_package = len(entry.name) in INSTANCE_ID_LENGTHS and entry.is_dir(follow_symlinks=False)
        if stamp is None or not is_package:
            continue
        inside = os.path.join(os.path.realpath(entry.path), "")
        if not any(python.startswith(inside) for python in used):
            yield Candidate("pythons", entry.path, stamp, reason="unreferenced")


def scripts(layout: Layout) -> Iterator[Candidate]:
    """Yield scripts that were fetched from their addresses; a start by the address updates their mtime.

    Each address is one thing with its newest version; older versions are others.
    """
    for entry in entries(layout.scripts):
        if not (is_digest(entry.name, ADDRESS_DIGITS) and entry.is_dir(follow_symlinks=False)):
            continue
        newest = _last_start(entry.path)
        yield Candidate("scripts", entry.path, newest)
        for version in _versions(entry.path):
            if (stamp := _last_start(version)) < newest:
                yield Candidate("scripts", version, stamp)


def _versions(address: str) -> list[str]:
    return [each.path for each in entries(address) if is_digest(each.name, 64)]


def _is_starting(script: Candidate, layout: Layout) -> bool:
    """Return whether a fetched script runs, or has been started since it was listed.

    One that is pinned starts without the store's lock: so one that was started a moment ago is waited for
    until it shows in the list of processes.
    """
    age = time.time() - script.stamp
    if 0 <= age < SETTLE_SECONDS:
        time.sleep(SETTLE_SECONDS - age)
    address = layout.address_of(os.path.join(script.path, "script")) or script.path
    if abs(age) < START_SECONDS and processes.use(address, layout.root, {"PATH": os.defpath}):
        return True
    return _last_start(script.path) != script.stamp


def _last_start(path: str) -> float:
    """Return when a version of a fetched script, or any of an address, was started last."""
    return max(modified(each) or 0.0 for each in (_versions(path) or [path]))


def resolutions(layout: Layout, references: References, now: float, cached_age: float) -> Iterator[Candidate]:
    """Yield cached answers over their age limit, but for resolutions whose wheels are all referenced."""
    for entry in entries(layout.resolutions):
        is_old = len(entry.name) == 64 and is_older(entry.path, now, cached_age)
        if not is_old or not is_regular_file(entry):
            continue
        wheels = _wheels_of(entry.path)
        if not wheels or not wheels <= references.wheels:
            yield Candidate("resolutions", entry.path, modified(entry.path) or 0.0, is_tree=False)


def _wheels_of(resolution: str) -> set[str]:
    """Return the sha256 of the wheels of a cached resolution; none for another kind of answer."""
    try:
        rows = sealed.read(resolution).get("wheels", ())
        return {text for row in rows for text in row if isinstance(text, str) and len(text) == 64}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return set()


def apps(layout: Layout, build: str, now: float) -> Iterator[Candidate]:
    """Yield unpacked code of other builds of vpython.

    A cold start renews the mark of its own code once a day. Before that it runs for a moment without the
    store's lock: so no code that was used yesterday is removed, whatever the policy's age limit.
    """
    for entry in entries(layout.apps):
        stamp = modified(os.path.join(entry.path, "complete"))
        if stamp is None or entry.name.startswith(f"{build}-") or not entry.is_dir(follow_symlinks=False):
            continue
        if now - stamp >= APP_AGE:
            yield Candidate("apps", entry.path, stamp)


def formats(layout: Layout, is_old: Callable[[float], bool]) -> list[Candidate]:
    """Return the directories of unknown format versions; none while environments of one are in use."""
    directories = [
        path for path in layout.other_formats() if not os.path.islink(path) and os.path.isdir(path)
    ]
    found = [Candidate("formats", path, _last_use(path)) for path in directories]
    environments = [candidate for candidate in found if layout.is_environments(candidate.path)]
    if any(not is_old(candidate.stamp) or not _is_free(layout, candidate.path) for candidate in environments):
        return []
    return found


def _last_use(directory: str) -> float:
    stamps = [modified(directory)]
    for entry in entries(directory):
        stamps += [modified(os.path.join(entry.path, name)) for name in ("used", "complete")]
    return max((stamp for stamp in stamps if stamp is not None), default=0.0)


def _is_free(layout: Layout, directory: str) -> bool:
    """Return whether no process holds an environment in `directory`, if that format locks as ours does."""
    try:
        return all(usage_lock.is_free(layout, entry.name) for entry in entries(directory))
    except (VpythonError, OSError):
        return False
