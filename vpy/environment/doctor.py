"""What is wrong with an environment, apart from its wheels: seen cheaply by a start, wholly by `doctor`."""

from __future__ import annotations

import hashlib
import json
import os

from vpy.environment import build
from vpy.system import files, locks
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vpy.environment.skeleton import Skeleton
    from vpy.system.layout import Layout

# What an environment has of its own, beside its skeleton and its wheels.
OWN = frozenset({"complete", "complete.aside", "used", "why.json"})
LOCK = "its lock file"


@value
class Case:
    """An environment as its `why.json` tells of it."""

    key: str
    path: str
    why: Mapping[str, Any]

    @property
    def python(self) -> str:
        """The base Python's executable."""
        return str(self.why["ingredients"]["python"][0])

    @property
    def version(self) -> str:
        return str(self.why["ingredients"]["python"][1])

    @property
    def skeleton(self) -> str:
        return str(self.why["ingredients"]["skeleton"])

    @property
    def wheels(self) -> tuple[tuple[str, str], ...]:
        """(file name, sha256 as hex) of each."""
        return tuple((name, sha256) for name, sha256 in self.why["ingredients"]["wheels"])


def keys(layout: Layout) -> list[str]:
    """Every environment's key."""
    if os.path.islink(layout.environments) or not os.path.isdir(layout.environments):
        return []
    names = os.listdir(layout.environments)
    return sorted(name for name in names if not os.path.islink(layout.environment(name)))


def case_of(layout: Layout, key: str) -> Case | str:
    """What `why.json` says of an environment, or why that cannot be believed."""
    path = layout.environment(key)
    try:
        case = Case(key, path, json.loads(files.read_bytes(os.path.join(path, "why.json"))))
        _ = case.python, case.version, case.skeleton, case.wheels, case.why["spec"], case.why["packages"]
    except FileNotFoundError:
        return "why.json: is missing"
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return "why.json: cannot be read"
    if build.key_of(case.why["ingredients"]) != key:
        return "why.json: tells of another environment"
    return case


def is_being_made(layout: Layout, key: str) -> bool:
    """Whether somebody builds it at this moment."""
    lock = layout.lock("build", key)
    if not os.path.exists(lock):
        return False
    with locks.try_exclusive(lock) as alone:
        return not alone


def frame_faults(layout: Layout, case: Case) -> dict[str, str]:
    """What is wrong with what a start needs first: facts by path in the environment."""
    faults = {}
    if not os.path.exists(os.path.join(case.path, "complete")):
        faults["complete"] = "is missing"
    if not os.path.exists(layout.lock("environment", case.key)):
        faults[LOCK] = "is missing"
    if not os.access(case.python, os.X_OK):
        faults["its Python"] = f"has gone: `{case.python}`"
    if not os.path.exists(os.path.join(case.path, "used")):
        faults["used"] = "is missing"
    return faults


def lost(skeleton: Skeleton, prefix: str, python: str) -> str:
    """The first thing of the skeleton that an environment lacks, relative; "" for none."""
    for path in (*skeleton.directories, *skeleton.plain, *skeleton.placed):
        if not os.path.exists(os.path.join(prefix, path)):
            return path
    for path, target in skeleton.links:
        if _target(os.path.join(prefix, path)) != target:
            return path
    return "" if os.access(python, os.X_OK) else os.path.relpath(python, prefix)


def _target(link: str) -> str | None:
    try:
        return os.readlink(link)
    except OSError:
        return None


def skeleton_faults(skeleton: Skeleton) -> dict[str, str]:
    """What is wrong with a stored skeleton: facts by path."""
    faults = {}
    for path, (_, _, sha256) in skeleton.stamps.items():
        if fact := _differs(os.path.join(skeleton.path, path), sha256):
            faults[path] = fact
    return faults


def skeleton_differences(skeleton: Skeleton, prefix: str) -> dict[str, str]:
    """What is wrong with the environment's own files: facts by path."""
    faults = {}
    for path, target in skeleton.links:
        if _target(os.path.join(prefix, path)) != target:
            faults[path] = "is not the link that it was"
    for path in skeleton.plain:
        if fact := _differs(os.path.join(prefix, path), skeleton.stamps[path][2]):
            faults[path] = fact
    for path in skeleton.placed:
        wanted = hashlib.sha256(skeleton.placed_data(path, prefix)).hexdigest()
        if fact := _differs(os.path.join(prefix, path), wanted):
            faults[path] = fact
    return faults


def _differs(path: str, sha256: str) -> str:
    """What is wrong with a file that should have this hash; "" where nothing is."""
    try:
        same = hashlib.sha256(files.read_bytes(path)).hexdigest() == sha256
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if same else "has other bytes than when it was made"


def strangers(prefix: str, known: set[str]) -> dict[str, str]:
    """Files that neither the skeleton nor a wheel brought; compiled code is nobody's."""
    found = {}
    for parent, names, leaves in os.walk(prefix):
        names[:] = sorted(name for name in names if name != "__pycache__")
        links = [name for name in names if os.path.islink(os.path.join(parent, name))]
        for name in sorted(leaves) + links:
            path = os.path.relpath(os.path.join(parent, name), prefix).replace(os.sep, "/")
            if path not in known and path not in OWN:
                found[path] = "was not brought by a wheel"
    return found
