"""Search for the lockfile of a spec: the first of a fixed list of names beside it, or the one in a script."""

from __future__ import annotations

import os

from bootstrap.shown import printable
from vpy.errors import UserError
from vpy.spec.look import MAX_LOCKED, FileObserver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.model import Observation, Spec, SpecSource
    from vpy.spec.lockfile.model import LockfileFormat

    # Path, format and bytes; a lockfile in a script is part of its spec, and has none.
    Found = tuple[str, LockfileFormat, bytes]

# Behind the name of a text spec, or of the script that it is in.
LOCK_SUFFIX = ".versions"


def candidates(source: SpecSource) -> tuple[tuple[str, LockfileFormat], ...]:
    """Return the paths at which a spec's lockfile may be, in their order, each with its format.

    `tool.py` has `tool.py.uv.lock`, `tool.py.lock` (uv's own), `pylock.tool.toml`; `vpython.toml` has
    `vpython.toml.uv.lock`, `pylock.vpython.toml` and `pylock.toml` (PEP 751 leaves the name to the tool), a
    requirements file the first two of its own name. A text spec has its file's name with `.versions` behind
    it.
    """
    if source.format in ("empty", "pylock") or not os.path.isabs(source.path):
        return ()
    if source.format == "text":
        return ((f"{source.path}{LOCK_SUFFIX}", "versions"),)
    directory, name = os.path.split(source.path)
    stem = name.partition(".")[0]
    named: tuple[tuple[str, LockfileFormat], ...] = ((f"{name}.uv.lock", "uv-requirements"),)
    if source.format == "script":
        named += ((f"{name}.lock", "uv-script"),)
    if stem:
        named += ((f"pylock.{stem}.toml", "pylock"),)
    # A spec of another name is one of several in its directory.
    if source.format == "toml" and (source.kind == "common" or name == "vpython.toml"):
        named += (("pylock.toml", "pylock"),)
    return tuple((os.path.join(directory, each), kind) for each, kind in named)


def existing(source: SpecSource) -> tuple[str, LockfileFormat] | None:
    """Return the path and format of the lockfile that lies beside a spec; None where there is none."""
    return next((each for each in candidates(source) if os.path.lexists(each[0])), None)


def of_requirements(source: SpecSource, spec: Spec) -> tuple[Found | None, tuple[Observation, ...]]:
    """Return the lockfile of what a spec asks for, or None, and what the answer depends on.

    A spec that is a lockfile is its own; else one beside the spec counts before one in the script. Raises
    UserError for one that cannot be read.
    """
    if not spec.dependencies and not spec.wheels:
        return None, ()
    if source.format == "pylock":
        return (source.path, "pylock", source.text.encode()), ()
    within: Found | None = (source.path, "embedded", b"") if spec.lock is not None else None
    if within and source.format == "requirements":
        return within, ()
    found, observations = find(source)
    return found or within, observations


def is_spec(source: SpecSource, path: str) -> bool:
    """Return whether a lockfile is the spec itself, which asks for what it has."""
    return path == source.path and source.format in ("pylock", "requirements")


def find(source: SpecSource) -> tuple[Found | None, tuple[Observation, ...]]:
    """Return the lockfile beside a spec, or None, and what the answer depends on.

    Raises UserError for one that cannot be read.
    """
    observer = FileObserver()
    for path, kind in candidates(source):
        if not os.path.lexists(path):
            observer.observe("absent", path)
            continue
        return (path, kind, _read(path, observer)), observer.observations
    return None, observer.observations


def _read(path: str, observer: FileObserver) -> bytes:
    try:
        with open(path, "rb", 0) as file:
            status = os.fstat(file.fileno())
            data = file.read(MAX_LOCKED + 1) if status.st_size <= MAX_LOCKED else b"x" * (MAX_LOCKED + 1)
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise UserError(f"cannot read the lockfile `{printable(path)}`: {reason}") from error
    if len(data) > MAX_LOCKED:
        raise UserError(f"the lockfile `{printable(path)}` has more than {MAX_LOCKED >> 20} MiB")
    observer.observe_data(path, data, status)
    return data
