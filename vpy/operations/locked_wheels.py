"""Wheels that a lockfile means on a target: distributions by their markers, files by their tags."""

from __future__ import annotations

import os

from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.model import Interpreter, Locked
    from vpy.spec.lockfile.model import LockedDistribution, LockedFile, Lockfile


def select(lockfile: Lockfile, interpreter: Interpreter) -> tuple[Locked, ...]:
    """Return what a lockfile installs for a Python, sorted by name.

    Raises one UserError for all that has no wheel for it, and where the lockfile is not for this Python.
    """
    from bootstrap.shown import printable
    from vpy.spec.lockfile import select as lockfile_select

    selected: dict[str, Locked] = {}
    mistakes = []
    for distribution in lockfile_select.applying(lockfile, interpreter):
        other = selected.get(distribution.name)
        if other is not None:
            mistakes.append(
                f"`{distribution.name}` is locked to two versions:"
                f" `{other.version}` and `{distribution.version}`"
            )
            continue
        file = best_file(distribution, interpreter)
        if file is None and not distribution.is_commit and not _hashes(distribution):
            mistakes.append(
                f"no wheel of `{distribution.name}` {distribution.version} in it fits `{interpreter.tags[0]}`"
            )
            continue
        try:
            selected[distribution.name] = _locked(distribution, file, lockfile.path)
        except UserError as error:
            mistakes += error.lines
    if mistakes:
        where = printable(lockfile.path)
        raise UserError(f"{where}: {fact}" for fact in mistakes)
    return tuple(selected[name] for name in sorted(selected))


def _hashes(distribution: LockedDistribution) -> tuple[str, ...]:
    """Return the hashes of what may be asked for where no wheel that is named fits.

    They are those of the sdist, or of all files where a lockfile names none.
    """
    if distribution.sdist is not None:
        return (distribution.sdist.sha256,)
    return () if distribution.files else distribution.hashes


def best_file(distribution: LockedDistribution, interpreter: Interpreter) -> LockedFile | None:
    """Return the wheel that fits a Python best; None where none does, or where only hashes are locked."""
    from vpy.wheels import select as wheel_select

    by_name = {file.filename: file for file in reversed(distribution.files)}
    best = wheel_select.best_filename(list(by_name), interpreter.tags)
    return None if best is None else by_name[best]


def _locked(distribution: LockedDistribution, file: LockedFile | None, lockfile: str) -> Locked:
    """Return what is installed; raise UserError where a wheel's name is another distribution's."""
    from packaging.utils import canonicalize_name

    from vpy.model import Locked
    from vpy.wheels import filename

    if file is None:
        return Locked(
            distribution.name, distribution.version, url=distribution.url, hashes=_hashes(distribution)
        )
    wheel = filename.parse(file.filename)
    version = distribution.version or wheel.version
    if wheel.name != canonicalize_name(distribution.name) or not _is_same(version, wheel.version):
        raise UserError(f"`{distribution.name}` {version} is locked to another wheel: `{file.filename}`")
    url = _absolute(file.url, lockfile)
    return Locked(wheel.name, version, file.filename, url, file.sha256, file.size, (file.sha256,))


def _absolute(url: str, lockfile: str) -> str:
    """Return the URL of a file that a lockfile may name by a path relative to itself (PEP 751)."""
    from pathlib import PurePath

    if not url or "://" in url:
        return url
    return PurePath(os.path.join(os.path.dirname(lockfile), url)).as_uri()


def _is_same(version: str, other: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version) == Version(other)
    except InvalidVersion:
        return False
