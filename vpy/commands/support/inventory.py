"""Inventory of the root: its environments, whose they are, who runs in them; names of stored things."""

from __future__ import annotations

import os
import re

from bootstrap import shown
from vpy.environment import verify
from vpy.errors import VpythonError
from vpy.model import Origin
from vpy.operations import remote_script
from vpy.prune import environments as prune_environments
from vpy.prune import records
from vpy.prune.entries import entries
from vpy.system import files, processes, usage_lock
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Literal

    from vpy.commands.support.text_output import Shorten
    from vpy.operations.context import Context
    from vpy.system.layout import Layout
    from vpy.system.processes import Process

    State = Literal["complete", "incomplete", "unreadable"]

SHORT_KEY = 8
LONGEST_COMMAND = 60
LARGEST_MANIFEST = 1 << 16  # bytes of a stored wheel's manifest in which its name is looked for
_DIST_INFO = re.compile(rb"([^/\n]+)\.dist-info\n")


@value
class Environment:
    """Environment in the root.

    `used` is when it was last used, in seconds since the epoch. `origins` are the scripts and directories
    whose starts use it, the one that it was made for first; `spec` is the path of its spec, "" for none.
    `wheels` is None where its `why.json` cannot be read. `processes` are those that hold it, as far as they
    can be seen.
    """

    key: str
    path: str
    used: float
    state: State
    python: str
    wheels: int | None
    origins: tuple[Origin, ...]
    spec: str
    processes: tuple[Process, ...]
    is_held: bool


@value
class Inventory:
    """Environments, the last used first, and the processes that are making some, by key."""

    environments: tuple[Environment, ...]
    builders: Mapping[str, tuple[Process, ...]]
    packages: Mapping[str, str]  # names by instance id


def take(context: Context) -> Inventory:
    """Take the inventory of the root; nothing is written."""
    layout = context.layout
    users = processes.users(layout.root, dict(context.environ))
    origins = _origins(layout)
    packages: dict[str, str] = {}
    found = [
        _environment(each, origins.get(each.key, []), users, packages, context)
        for each in reversed(prune_environments.environments(layout))
    ]
    return Inventory(tuple(found), _builders(layout, users), packages)


def _origins(layout: Layout) -> dict[str, list[Origin]]:
    """Return the origins of environments by key, in order."""
    found: dict[str, set[tuple[str, str]]] = {}
    for key, origin in records.origins(layout):
        found.setdefault(key, set()).add((origin.path, origin.kind))
    return {
        key: [
            _with_address(Origin("script" if kind == "script" else "directory", path), layout)
            for path, kind in sorted(each)
        ]
        for key, each in found.items()
    }


def _with_address(origin: Origin, layout: Layout) -> Origin:
    """Return an origin with the address that its script came from, if that is where it came from."""
    address = remote_script.address_of(origin.path, layout) if origin.kind == "script" else None
    return replace(origin, address=address) if address else origin


def _environment(
    entry: prune_environments.Environment,
    recorded: Iterable[Origin],
    users: Mapping[str, tuple[Process, ...]],
    packages: dict[str, str],
    context: Context,
) -> Environment:
    layout = context.layout
    description = verify.describe(layout, entry.key)
    holders = _users_of(layout, users, entry.path, layout.lock("environment", entry.key))
    known = Environment(
        key=entry.key,
        path=entry.path,
        used=entry.used / 1e9,
        state="unreadable",
        python="",
        wheels=None,
        origins=tuple(recorded),
        spec="",
        processes=holders,
        is_held=bool(holders) or _is_locked(layout, entry.key),
    )
    if isinstance(description, str):
        return known

    for row in description.why["packages"]:
        packages.setdefault(row.get("instance_id", ""), f"{row.get('name', '')} {row.get('version', '')}")
    spec = description.why["spec"]
    made_for = description.origin or _origin_of_spec(spec, context.config.suffix)
    made_for = made_for and _with_address(made_for, layout)
    origins = dict.fromkeys([*([made_for] if made_for else []), *recorded])
    return replace(
        known,
        state="complete" if os.path.exists(os.path.join(entry.path, "complete")) else "incomplete",
        python=description.version,
        wheels=len(description.wheels),
        origins=tuple(origins),
        spec=spec["path"] if os.path.isabs(spec["path"]) else "",
    )


def _users_of(layout: Layout, users: Mapping[str, tuple[Process, ...]], *paths: str) -> tuple[Process, ...]:
    names = (os.path.relpath(path, layout.root).replace(os.sep, "/") for path in paths)
    found = {process.pid: process for name in names for process in users.get(name, ())}
    return tuple(found[pid] for pid in sorted(found))


def _is_locked(layout: Layout, key: str) -> bool:
    try:
        return not usage_lock.is_free(layout, key)
    except (VpythonError, OSError):
        return False


def _origin_of_spec(spec: Mapping[str, str], suffix: str) -> Origin | None:
    """Return the script of a spec that is in it or beside it: older records of builds tell no more."""
    path = spec["path"]
    if not os.path.isabs(path):
        return None
    if spec["kind"] == "partner":
        return Origin("script", path.removesuffix(suffix))
    return Origin("script", path) if spec["kind"] in ("inline", "script") else None


def _builders(layout: Layout, users: Mapping[str, tuple[Process, ...]]) -> dict[str, tuple[Process, ...]]:
    """Return who makes an environment at this moment, or waits for it."""
    prefix = os.path.relpath(layout.lock("build", ""), layout.root).replace(os.sep, "/")
    found = {name.removeprefix(prefix): who for name, who in users.items() if name.startswith(prefix)}
    return {key: who for key, who in found.items() if verify.is_being_built(layout, key)}


def label(environment: Environment, shorten: Shorten) -> str:
    """Return whose an environment is in a few words: its script, else its directory or its spec."""
    scripts = [origin for origin in environment.origins if origin.kind == "script"]
    directories = [origin for origin in environment.origins if origin.kind == "directory"]
    names = [
        f"{origin.address or shorten(origin.path)}{'' if exists(origin) else ' (gone)'}" for origin in scripts
    ]
    names = list(dict.fromkeys(names))  # versions of what came from one address
    if not names and environment.spec:
        names = [shorten(environment.spec)]
    names = names or [f"{shorten(origin.path).rstrip(os.sep)}{os.sep}" for origin in directories]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more}" if names else "(unknown)"


def exists(origin: Origin) -> bool:
    """Return whether a script or directory is still there."""
    return os.path.lexists(origin.path)


def holder(environment: Environment) -> str:
    """Return who holds an environment: the first process, and how many more; "" where it is free."""
    if not environment.is_held:
        return ""
    if not environment.processes:
        return "a process that cannot be seen"
    more = len(environment.processes) - 1
    return f"{command(environment.processes[0])}{f' and {more} more' if more else ''}"


def command(process: Process) -> str:
    """Return a process by number and command, without the directories of its program and its script."""
    words = [os.path.basename(word) if os.path.isabs(word) else word for word in process.words]
    if len(words) > 1 and words[0].startswith("python") and words[1] == "-s":  # which each start has
        del words[1]
    return shown.line(f"{process.pid} {' '.join(words)}".rstrip(), LONGEST_COMMAND)


def process_account(who: Iterable[Process]) -> list[dict[str, object]]:
    """Return processes as JSON has them."""
    return [{"pid": process.pid, "command": list(process.words)} for process in who]


def stored_names(inventory: Inventory, layout: Layout) -> dict[str, str]:
    """Return names for people of stored wheels and packages, by their paths in the root."""
    found = dict(_wheel_names(layout))
    for room in (layout.packages, layout.pythons):
        for entry in entries(room):
            name = inventory.packages.get(entry.name) or _package_name(entry.path)
            found[os.path.relpath(entry.path, layout.root)] = name or _cut(entry.name)
    for entry in entries(layout.scripts):
        if state := remote_script.read_state(entry.path):
            for path in (entry.path, *(each.path for each in entries(entry.path))):
                found[os.path.relpath(path, layout.root)] = state.address
    return found


def _wheel_names(layout: Layout) -> Iterator[tuple[str, str]]:
    for digest in entries(layout.wheels):
        for tree in entries(digest.path):
            try:
                head = files.read_bytes(os.path.join(tree.path, "manifest"), LARGEST_MANIFEST)
            except OSError:
                continue
            if match := _DIST_INFO.search(head):
                name = os.fsdecode(match[1]).partition(" ")[2] or os.fsdecode(match[1])
                yield os.path.relpath(tree.path, layout.root), name.replace("-", " ", 1)


def _package_name(path: str) -> str:
    """Return the name in a CIPD package file; "" for a file of another kind, or a directory."""
    from vpy.packages.cipd import package_file

    try:
        return package_file.read_manifest(path).package_name
    except (VpythonError, OSError):
        return ""


def _cut(name: str) -> str:
    return name[:SHORT_KEY]
