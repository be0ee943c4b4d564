"""Distributions of a lockfile that are for a target, by their markers."""

from __future__ import annotations

from bootstrap.shown import printable
from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vpy.model import Interpreter
    from vpy.spec.lockfile.model import LockedDistribution, Lockfile


def applying(lockfile: Lockfile, interpreter: Interpreter) -> Iterator[LockedDistribution]:
    """Yield the distributions that a lockfile has for a Python; raise UserError where it is not for it."""
    _check_python(lockfile, interpreter)
    yield from _applying(lockfile, interpreter)


def _check_python(lockfile: Lockfile, interpreter: Interpreter) -> None:
    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet

    markers = dict(interpreter.markers)
    if lockfile.requires_python:
        full = markers["python_full_version"]
        if not SpecifierSet(lockfile.requires_python).contains(full, prereleases=True):
            raise UserError(
                f"{printable(lockfile.path)}: it is for Python {lockfile.requires_python}, this one is {full}"
            )
    if lockfile.environments and not any(
        Marker(each).evaluate(dict(markers)) for each in lockfile.environments
    ):
        raise UserError(
            f"{printable(lockfile.path)}: it is not for this platform: none of its environments fits"
        )


def _applying(lockfile: Lockfile, interpreter: Interpreter) -> Iterator[LockedDistribution]:
    """Yield the distributions that are for a Python."""
    holds = _judge(interpreter)
    if lockfile.edges:
        from vpy.spec.lockfile import uv_script

        yield from uv_script.walk(lockfile, holds)
        return
    for distribution in lockfile.distributions:
        if not distribution.marker or holds(distribution.marker):
            yield distribution


def _judge(interpreter: Interpreter) -> Callable[[str], bool]:
    """Return what says whether a marker holds for a Python, with no extra asked for."""
    from packaging.markers import Marker

    environment = {**dict(interpreter.markers), "extra": ""}
    known: dict[str, bool] = {}

    def holds(marker: str) -> bool:
        if marker not in known:
            known[marker] = Marker(marker).evaluate(environment)
        return known[marker]

    return holds
