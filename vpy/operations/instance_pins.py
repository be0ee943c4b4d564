"""Lockfile of a text spec, followed: the packages that it pins to instances, and those that it lacks."""

from __future__ import annotations

from bootstrap.shown import printable
from vpy.errors import UserError
from vpy.operations import additions
from vpy.packages.cipd import versions_file
from vpy.spec.lockfile.model import Lockfile
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootstrap.request import Request
    from vpy.model import Spec, SpecSource, Wanted


def read(data: bytes, path: str) -> Lockfile:
    """Parse a lockfile in CIPD's format of resolved versions; raise UserError `path:line: fact`."""
    from vpy.spec.lockfile import read as lockfile_read
    from vpy.system.lean import hashlib

    versions = versions_file.parse(lockfile_read.decode(data, path), printable(path))
    return Lockfile(
        path=path,
        format="versions",
        digest=hashlib.sha256(data).hexdigest(),
        distributions=(),
        instances=tuple((*key, instance_id) for key, instance_id in sorted(versions.items())),
    )


def beside(source: SpecSource) -> dict[tuple[str, str], str]:
    """Return the instance id of each (package, version) in the lockfile of a text spec; {} without one."""
    from vpy.spec.lockfile import find

    found, _ = find.find(source)
    if found is None or found[1] != "versions":
        return {}
    return versions_of(read(found[2], found[0]))


def missing(lockfile: Lockfile, packages: Sequence[Wanted], spec: Spec, request: Request) -> tuple[str, ...]:
    """Return a fact for each package of a spec that the lockfile lacks; () where it is current.

    What the command line adds to the spec need not be in it.
    """
    versions = versions_of(lockfile)
    return tuple(
        f"`{each.name}` at `{each.version}` is not in it"
        for each in _declared(packages, spec, request)
        if versions_file.look_up(versions, each.name, each.version) is None
    )


def pin(packages: Sequence[Wanted], lockfile: Lockfile, spec: Spec, request: Request) -> tuple[Wanted, ...]:
    """Return the packages, each with the instance that the lockfile pins it to, if it does.

    `-vpython-frozen` also takes the one other version that is locked; UserError where there is none.
    """
    versions = versions_of(lockfile)
    frozen: Sequence[Wanted] = ()
    if request.options.get("frozen"):
        frozen = _declared(packages, spec, request)
    pinned = []
    mistakes = []
    for each in packages:
        instance_id = versions.get((each.name, each.version))
        if each in frozen and versions_file.look_up(versions, each.name, each.version) is None:
            locked = sorted({found for (name, _), found in versions.items() if name == each.name})
            instance_id = locked[0] if len(locked) == 1 else None
            if instance_id is None:
                others = f", but {len(locked)} other instances of it are" if locked else ""
                mistakes.append(f"`{each.name}` at `{each.version}` is not in it{others}")
        pinned.append(replace(each, instance_id=instance_id))
    if mistakes:
        where = printable(lockfile.path)
        raise UserError(
            [f"{where}: {fact}" for fact in mistakes], hint="`vpython-tool lock` brings it up to date"
        )
    return tuple(pinned)


def versions_of(lockfile: Lockfile) -> dict[tuple[str, str], str]:
    """Return the instance id of each (package, version)."""
    return {(name, version): instance_id for name, version, instance_id in lockfile.instances}


def _declared(packages: Sequence[Wanted], spec: Spec, request: Request) -> tuple[Wanted, ...]:
    """Return the packages that the spec itself means."""
    entries = {(wheel.name, wheel.version) for wheel in additions.without(spec, request).wheels}
    return tuple(each for each in packages if (each.template, each.version) in entries)
