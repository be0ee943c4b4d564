"""What packages hold, remembered: another spec that names one need not unpack it to know its wheels."""

from __future__ import annotations

import os

from vpy import memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.model import Pin, Tag, WheelFile
    from vpy.system.layout import Layout
    from vpy.wheels.offer import Offer


def recall(pins: Sequence[Pin], tags: Sequence[Tag], layout: Layout) -> tuple[WheelFile, ...] | None:
    """The wheels that packages come to for `tags`, without paths; None where one has to be unpacked."""
    from vpy.wheels import select

    offers: list[Offer] = []
    for pin in pins:
        told = _recall(pin, layout)
        if told is None:
            return None
        offers += told
    return select.choose_again(offers, tags)


def keep(
    pins: Sequence[Pin],
    brought: Sequence[Sequence[str]],
    place: str,
    chosen: Sequence[WheelFile],
    layout: Layout,
) -> None:
    """Remember which wheels each package brought below `place`, and the hashes of those `chosen` there."""
    from vpy.wheels import filename, offer

    hashes = {os.path.relpath(one.path, place).replace(os.sep, "/"): one.sha256 for one in chosen}
    for pin, wheels in zip(pins, brought, strict=True):
        before = {one.place: one.sha256 for one in _recall(pin, layout) or ()}
        offers = [
            offer.Offer(
                package=pin.name,
                place=wheel,
                name=filename.parse(wheel.rpartition("/")[2]),
                sha256=hashes.get(wheel) or before.get(wheel, ""),
            )
            for wheel in wheels
        ]
        memory.keep(_place(pin, layout), offer.dump(offers))


def _recall(pin: Pin, layout: Layout) -> list[Offer] | None:
    from vpy.wheels import offer

    return offer.load(pin.name, memory.recall(_place(pin, layout)))


def _place(pin: Pin, layout: Layout) -> str:
    """An instance never changes: what it holds is asked once."""
    return layout.resolution(memory.digest_of(["wheels of", pin.name, pin.instance_id]))
