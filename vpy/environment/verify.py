"""Verification of an environment's own files: quick for a start, thorough for `doctor`.

`vpy.wheels.audit` does the same for the files of its wheels.
"""

from __future__ import annotations

import hashlib
import json
import os

from vpy.environment import build
from vpy.model import Origin
from vpy.system import files, locks
from vpy.system.layout import OWN_FILES
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vpy.environment.venv_template import VenvTemplate
    from vpy.system.layout import Layout

LOCK = "its lock file"


@value
class Description:
    """Environment as its `why.json`, here `why`, describes it."""

    key: str
    path: str
    why: Mapping[str, Any]

    @property
    def python(self) -> str:
        """Executable of the base Python."""
        return str(self.why["ingredients"]["python"][0])

    @property
    def version(self) -> str:
        """Version of the base Python, as text."""
        return str(self.why["ingredients"]["python"][1])

    @property
    def template(self) -> str:
        """Identity of the venv template."""
        return str(self.why["ingredients"]["skeleton"])

    @property
    def wheels(self) -> tuple[tuple[str, str], ...]:
        """Wheels as (file name, sha256 as hex)."""
        return tuple((name, sha256) for name, sha256 in self.why["ingredients"]["wheels"])

    @property
    def origin(self) -> Origin | None:
        """Script or directory that it was made for; None where that is not known."""
        try:
            kind, path = self.why["origin"]["kind"], self.why["origin"]["path"]
        except (KeyError, TypeError):
            return None
        is_known = kind in ("script", "directory") and isinstance(path, str) and path
        return Origin(kind, path) if is_known else None


def keys(layout: Layout) -> list[str]:
    """Return the key of every environment in the root."""
    if os.path.islink(layout.environments) or not os.path.isdir(layout.environments):
        return []
    names = os.listdir(layout.environments)
    return sorted(name for name in names if not os.path.islink(layout.environment(name)))


def describe(layout: Layout, key: str) -> Description | str:
    """Return the description of an environment, or the reason why its `why.json` cannot be used."""
    path = layout.environment(key)
    try:
        found = Description(key, path, json.loads(files.read_bytes(os.path.join(path, "why.json"))))
        is_known = build.key_of(found.why["ingredients"]) == key
        _check_types(found.why)
    except FileNotFoundError:
        return "why.json: is missing"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "why.json: cannot be read"
    return found if is_known else "why.json: describes another environment"


def _check_types(why: Mapping[str, Any]) -> None:
    """Raise TypeError or KeyError where what the key does not vouch for is not of the type that it had."""
    texts = [why["spec"][name] for name in ("kind", "format", "path", "text")]
    texts += [text for row in why["packages"] for text in row.values()]
    if not all(isinstance(text, str) for text in (*texts, why.get("source", ""))):
        raise TypeError("a field is not a text")


def is_being_built(layout: Layout, key: str) -> bool:
    """Return whether a process is building the environment at this moment."""
    lock = layout.lock("build", key)
    if not os.path.exists(lock):
        return False
    with locks.try_exclusive(lock) as is_exclusive:
        return not is_exclusive


def start_faults(layout: Layout, description: Description) -> dict[str, str]:
    """Return what is wrong with the files that a start checks first: facts by path in the environment."""
    faults = {}
    if not os.path.exists(os.path.join(description.path, "complete")):
        faults["complete"] = "is missing"
    if not os.path.exists(layout.lock("environment", description.key)):
        faults[LOCK] = "is missing"
    if not os.access(description.python, os.X_OK):
        faults["its Python"] = f"no longer exists: `{description.python}`"
    if not os.path.exists(os.path.join(description.path, "used")):
        faults["used"] = "is missing"
    return faults


def missing_file(template: VenvTemplate, prefix: str, python: str) -> str | None:
    """Return the first path of the template that an environment lacks, relative; None for none.

    A file must have the bytes that it was made with: there are few, and Python's own start reads some
    of them. `python` is the path of the environment's Python, which must be executable.
    """
    for path in template.directories:
        if not os.path.isdir(os.path.join(prefix, path)):
            return path
    if faults := file_differences(template, prefix):
        return next(iter(faults))
    for path, target in template.links:
        if _link_target(os.path.join(prefix, path)) != target:
            return path
    for path in template.offered:
        if not os.path.exists(os.path.join(prefix, path)):
            return path
    return None if os.access(python, os.X_OK) else os.path.relpath(python, prefix)


def template_paths(template: VenvTemplate) -> set[str]:
    """Return every path of a template, relative, with `/`."""
    links = [path for path, _ in template.links]
    return {*template.directories, *template.plain, *template.relocated, *template.offered, *links}


def foreign_names(prefix: str, watched: Sequence[str], known: set[str]) -> list[str]:
    """Return what lies right in the watched directories of an environment and is none of the `known` paths.

    Distributions by their names where there are any, else paths. Python's compiled code is not counted.
    """
    found = []
    for directory in watched:
        place = directory.replace(os.sep, "/") + "/"
        ours = {path[len(place) :].partition("/")[0] for path in known if path.startswith(place)}
        there = os.path.join(prefix, directory)
        names = sorted(os.listdir(there)) if os.path.isdir(there) else []
        found += [place + name for name in names if name not in ours and name != "__pycache__"]
    installed = [name.rpartition("/")[2] for name in found if name.endswith((".dist-info", ".egg-info"))]
    return [name.partition("-")[0] for name in installed] or found


def _link_target(link: str) -> str | None:
    try:
        return os.readlink(link)
    except OSError:
        return None


def template_faults(template: VenvTemplate) -> dict[str, str]:
    """Return what is wrong with a stored template: facts by path."""
    faults = {}
    for path, (_, _, sha256) in template.stamps.items():
        if fact := _fault(os.path.join(template.path, path), sha256):
            faults[path] = fact
    return faults


def template_differences(template: VenvTemplate, prefix: str, brought: set[str]) -> dict[str, str]:
    """Return what is wrong with the files of an environment that come from its template: facts by path.

    `brought` are the paths that its wheels bring.
    """
    faults = {}
    for path in template.offered:
        fact = _fault(os.path.join(prefix, path), template.stamps[path][2])
        if fact and path not in brought:
            faults[path] = fact
    for path, target in template.links:
        if _link_target(os.path.join(prefix, path)) != target:
            faults[path] = "is not the link that it was"
    return faults | file_differences(template, prefix)


def file_differences(template: VenvTemplate, prefix: str) -> dict[str, str]:
    """Return what is wrong with the plain and the relocated files of an environment: facts by path."""
    faults = {}
    for path in template.plain:
        if fact := _fault(os.path.join(prefix, path), template.stamps[path][2]):
            faults[path] = fact
    for path in template.relocated:
        expected = hashlib.sha256(template.relocated_data(path, prefix)).hexdigest()
        if fact := _fault(os.path.join(prefix, path), expected):
            faults[path] = fact
    return faults


def _fault(path: str, sha256: str) -> str | None:
    """Return what is wrong with a file that should have this hash, or None."""
    try:
        is_same = hashlib.sha256(files.read_bytes(path)).hexdigest() == sha256
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if is_same else "has changed since it was made"


def unknown_files(prefix: str, known: set[str]) -> dict[str, str]:
    """Return the files that come neither from the template nor from a wheel: facts by path.

    `known` are the paths of those that do. Python's compiled code is not counted.
    """
    found = {}
    for parent, names, leaves in os.walk(prefix):
        names[:] = sorted(name for name in names if name != "__pycache__")
        links = [name for name in names if os.path.islink(os.path.join(parent, name))]
        for name in sorted(leaves) + links:
            path = os.path.relpath(os.path.join(parent, name), prefix).replace(os.sep, "/")
            if path not in known and path not in OWN_FILES:
                found[path] = "does not belong to a wheel"
    return found
