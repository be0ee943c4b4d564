"""Several sources as one `PackageLoader`: each package comes from the first that has it.

A source that cannot be asked is an error for what it was asked for: the next one might have something
else under the same name.
"""

from __future__ import annotations

from vpy.errors import MissingError, VpythonError
from vpy.model import Resolution
from vpy.packages.cipd.names import looks_like_instance_id
from vpy.packages.loader import answered, collect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vpy.model import Observation, Pin, Wanted
    from vpy.packages.loader import Answer, Item, PackageLoader

    Errors = dict[Wanted, VpythonError]


class ChainLoader:
    """`PackageLoader` over several: the name of each source, and what makes its loader once it is asked."""

    def __init__(self, members: Sequence[tuple[str, Callable[[], PackageLoader]]]) -> None:
        self._members = members
        self._loaders: dict[str, PackageLoader] = {}
        self._source_of: dict[tuple[str, str], str] = {}

    def resolve(self, packages: Sequence[Wanted], dependencies: Sequence[str] = ()) -> Resolution:
        """Pin each package by the first source that has it; name all where none has."""
        found: list[Resolution] = []
        failed: Errors = {}
        lacking: dict[Wanted, list[tuple[str, VpythonError]]] = {package: [] for package in packages}
        for name, _ in self._members:
            if not lacking:
                break
            resolutions, errors = self._ask(name, list(lacking))
            found += resolutions
            missing = {package: error for package, error in errors.items() if isinstance(error, MissingError)}
            failed.update({package: error for package, error in errors.items() if package not in missing})
            lacking = {package: [*lacking[package], (name, error)] for package, error in missing.items()}

        failed.update({package: nowhere(answers) for package, answers in lacking.items()})
        return _merged(packages, found, failed)

    def fetch(self, pins: Sequence[Pin]) -> tuple[str, ...]:
        """Return verified package files, each from the source that answered for it."""
        paths: dict[Pin, str] = {}
        failed: dict[Pin, VpythonError] = {}
        for name, own in self._by_source(pins):
            got, errors = _answered(own, self._loader(name).fetch)
            paths |= got
            failed |= errors

        def path(pin: Pin) -> str:
            if pin in failed:
                raise failed[pin]
            return paths[pin]

        return collect(pins, path)

    def forget(self, pins: Sequence[Pin]) -> None:
        """Drop the cached answers that came to these pins."""
        for name, own in self._by_source(pins):
            self._loader(name).forget(own)

    def release(self, pins: Sequence[Pin]) -> None:
        """Remove files of these pins that nothing needs any more."""
        for name, own in self._by_source(pins):
            self._loader(name).release(own)

    def _loader(self, name: str) -> PackageLoader:
        if name not in self._loaders:
            self._loaders[name] = dict(self._members)[name]()
        return self._loaders[name]

    def _by_source(self, pins: Sequence[Pin]) -> list[tuple[str, list[Pin]]]:
        """Return the pins of each source that answered for some."""
        by_source: dict[str, list[Pin]] = {}
        for pin in pins:
            by_source.setdefault(self._source_of[pin.name, pin.instance_id], []).append(pin)
        return list(by_source.items())

    def _ask(self, name: str, packages: Sequence[Wanted]) -> tuple[list[Resolution], Errors]:
        """Return what a source has of packages, and the error of each other one."""
        resolutions: list[Resolution] = []

        def resolve(wanted: Sequence[Wanted]) -> Sequence[Wanted]:
            resolutions.append(self._loader(name).resolve(wanted))
            return wanted

        _, errors = _answered(packages, resolve)
        pins = [pin for each in resolutions for pin in each.pins]
        locked = {package.name for package in packages if package.instance_id}
        absent = self._absent(name, [pin for pin in pins if pin.name in locked or _is_named(pin)])
        for package in packages:
            if package.name in absent:
                errors[package] = absent[package.name]
        kept = [
            Resolution(
                tuple(pin for pin in each.pins if pin.name not in absent), each.notes, each.observations
            )
            for each in resolutions
        ]
        for pin in (pin for each in kept for pin in each.pins):
            self._source_of[pin.name, pin.instance_id] = name
        return kept, errors

    def _absent(self, name: str, pins: Sequence[Pin]) -> dict[str, VpythonError]:
        """Return the error of each pin by an id whose package is not there: what it means needs no answer."""
        if name == self._members[-1][0]:
            return {}
        _, errors = _answered(pins, self._loader(name).fetch)
        return {pin.name: error for pin, error in errors.items()}


def _is_named(pin: Pin) -> bool:
    return looks_like_instance_id(pin.version)


def _answered(
    items: Sequence[Item], ask: Callable[[Sequence[Item]], Sequence[Answer]]
) -> tuple[dict[Item, Answer], dict[Item, VpythonError]]:
    """Return the answer to each item and the errors; an error that is of no item alone is one of all."""
    try:
        return answered(items, ask)
    except VpythonError as error:
        return {}, dict.fromkeys(items, error)


def nowhere(answers: Sequence[tuple[str, VpythonError]]) -> MissingError:
    """Return the error of a package that no source has, by what each of them says."""
    reasons = [
        error.summary if f"`{name}`" in error.summary else f"`{name}`: {error.summary}"
        for name, error in answers
    ]
    hints = dict.fromkeys(error.hint for _, error in answers if error.hint)
    return MissingError(f"no source has it: {'; '.join(reasons)}", hint=next(iter(hints), None))


def _merged(packages: Sequence[Wanted], found: Sequence[Resolution], failed: Errors) -> Resolution:
    """Return all pins in the order of the packages; raise one error for what failed."""

    def check(package: Wanted) -> None:
        if package in failed:
            raise failed[package]

    collect(packages, check)
    order = {package.name: number for number, package in enumerate(packages)}
    pins = sorted((pin for each in found for pin in each.pins), key=lambda pin: order[pin.name])
    notes = dict.fromkeys(note for each in found for note in each.notes)
    observations: dict[Observation, None] = dict.fromkeys(row for each in found for row in each.observations)
    return Resolution(tuple(pins), tuple(notes), tuple(observations))
