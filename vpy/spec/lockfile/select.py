"""Distributions of a lockfile that are for a target, by their markers."""

from __future__ import annotations

from bootstrap.shown import printable
from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vpy.model import Interpreter
    from vpy.spec.lockfile.model import LockedDistribution, Lockfile


def applying(lockfile: Lockfile, interpreter: Interpreter) -> Iterator[LockedDistribution]:
    """Yield the distributions that a lockfile has for a Python; raise UserError where it is not for it."""
    _check_python(lockfile, dict(interpreter.markers))
    yield from _applying(lockfile, interpreter)


def is_for(lockfile: Lockfile, markers: Mapping[str, str]) -> bool:
    """Return whether a lockfile is for a Python with these markers, on this platform."""
    return _allows_python(lockfile, markers) and _allows_platform(lockfile, markers)


def _allows_python(lockfile: Lockfile, markers: Mapping[str, str]) -> bool:
    from packaging.specifiers import SpecifierSet

    allowed = SpecifierSet(lockfile.requires_python)
    return allowed.contains(markers["python_full_version"], prereleases=True)


def _allows_platform(lockfile: Lockfile, markers: Mapping[str, str]) -> bool:
    return not lockfile.environments or any(map(judge(markers), lockfile.environments))


def _check_python(lockfile: Lockfile, markers: Mapping[str, str]) -> None:
    if not _allows_python(lockfile, markers):
        full = markers["python_full_version"]
        raise UserError(
            f"{printable(lockfile.path)}: it is for Python {lockfile.requires_python}, this one is {full}"
        )
    if not _allows_platform(lockfile, markers):
        raise UserError(
            f"{printable(lockfile.path)}: it is not for this platform: none of its environments fits"
        )


def _applying(lockfile: Lockfile, interpreter: Interpreter) -> Iterator[LockedDistribution]:
    """Yield the distributions that are for a Python."""
    holds = judge(dict(interpreter.markers))
    if lockfile.edges:
        from vpy.spec.lockfile import uv_script

        yield from uv_script.walk(lockfile, holds)
        return
    for distribution in lockfile.distributions:
        if not distribution.marker or holds(distribution.marker):
            yield distribution


def judge(markers: Mapping[str, str]) -> Callable[[str], bool]:
    """Return what says whether a marker holds for a Python, with no extra asked for."""
    from packaging.markers import Marker

    environment = {**markers, "extra": ""}
    known: dict[str, bool] = {}

    def holds(marker: str) -> bool:
        if marker not in known:
            known[marker] = Marker(marker).evaluate(environment)
        return known[marker]

    return holds
