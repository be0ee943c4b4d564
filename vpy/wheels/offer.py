"""What a package offers, as it is remembered: its wheels, so that it need not be unpacked again."""

from __future__ import annotations

from vpy.value import value
from vpy.wheels.filename import WheelName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


@value
class Offer:
    """One wheel of a package: its place there, what its name says, its sha256 as hex ("": not known)."""

    package: str
    place: str
    name: WheelName
    sha256: str


def dump(offers: Sequence[Offer]) -> dict[str, object]:
    return {
        "offers": [
            [
                *(one.place, one.sha256, one.name.filename, one.name.distribution, one.name.version_text),
                *(one.name.name, one.name.version, one.name.build),
                *(one.name.pythons, one.name.abis, one.name.platforms),
            ]
            for one in offers
        ]
    }


def load(package: str, told: Any) -> list[Offer] | None:
    """The offers that `told` says; None where it says none."""
    try:
        return [_offer(package, *row) for row in told["offers"]] or None
    except (KeyError, TypeError, ValueError):
        return None


def _offer(package: str, place: str, sha256: str, *texts: Any) -> Offer:
    file, distribution, version_text, name, version, build, pythons, abis, platforms = texts
    named = WheelName(
        file, distribution, version_text, name, version, build, tuple(pythons), tuple(abis), tuple(platforms)
    )
    return Offer(package, place, named, sha256)
