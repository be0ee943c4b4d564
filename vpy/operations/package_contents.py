"""Wheels that packages hold: unpacked and chosen for a target, or taken from the cache of an earlier look."""

from __future__ import annotations

import os

from vpy.errors import UserError, VpythonError
from vpy.model import WheelFile
from vpy.operations import cache
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.model import Pin, Tag
    from vpy.packages.gather import Gathering
    from vpy.system.layout import Layout
    from vpy.wheels.select import PackagedWheel


def get_wheels(pins: Sequence[Pin], tags: Sequence[Tag], layout: Layout) -> tuple[WheelFile, ...] | None:
    """Return the wheels that packages hold for `tags`, without paths; None where one must be unpacked."""
    from vpy.wheels import select

    wheels = [_wheel_of(pin, layout) for pin in pins if pin.filename]
    packaged: list[PackagedWheel] = []
    for pin in pins:
        if pin.filename:
            continue
        contents = _get(pin, layout)
        if contents is None:
            return None
        packaged += contents
    if not packaged:
        return tuple(wheels)
    chosen = select.choose_known(packaged, tags)
    return None if chosen is None else _together(wheels, chosen)


def likely_wheels(
    pin: Pin, path: str, gathering: Gathering, tags: Sequence[Tag], layout: Layout
) -> list[WheelFile]:
    """Return the wheels of one package file that are likely to be chosen, whatever the others bring.

    Nothing is refused here: `unpack_wheels` looks at it again, and says why.
    """
    from vpy.system import files
    from vpy.wheels import filename, select

    if pin.filename:
        return [replace(_wheel_of(pin, layout), path=path)]
    try:
        by_name = {os.path.basename(wheel): wheel for wheel in gathering.unpack(pin, path)}
        projects: dict[str, list[str]] = {}
        for name in by_name:
            projects.setdefault(filename.parse(name).name, []).append(name)
        best = filter(None, (select.best_filename(names, tags) for names in projects.values()))
        return [WheelFile(name, files.sha256_of(by_name[name]), by_name[name], pin.name) for name in best]
    except (VpythonError, OSError):
        return []


def unpack_wheels(
    pins: Sequence[Pin],
    paths: Sequence[str],
    tags: Sequence[Tag],
    gathering: Gathering,
    layout: Layout,
    *,
    contact: str,
) -> tuple[WheelFile, ...]:
    """Unpack package files and choose their wheels for `tags`.

    A package file that is a wheel itself is taken as it is. `contact` is the hint where no wheel fits.
    """
    from vpy.wheels import select

    wheels = [
        replace(_wheel_of(pin, layout), path=path)
        for pin, path in zip(pins, paths, strict=True)
        if pin.filename
    ]
    packages = [(pin, path) for pin, path in zip(pins, paths, strict=True) if not pin.filename]
    if not packages:
        return tuple(wheels)

    package_pins = [pin for pin, _ in packages]
    directory, contents = gathering.gather(package_pins, [path for _, path in packages])
    owners: dict[str, str] = {}
    for pin, names in zip(package_pins, contents, strict=True):
        for name in names:
            owners.setdefault(name, pin.name)
    chosen = select.choose(directory, tags, owners, contact=contact)
    _put(package_pins, contents, directory, chosen, layout)
    return _together(wheels, chosen)


def _together(whole: Sequence[WheelFile], chosen: Sequence[WheelFile]) -> tuple[WheelFile, ...]:
    """Return the wheels of an index and those chosen from packages, without what both have.

    Raises UserError where they have two wheels of one distribution.
    """
    from vpy.wheels import filename

    owners = {filename.parse(wheel.filename).name: wheel for wheel in whole}
    faults = []
    for wheel in chosen:
        project = filename.parse(wheel.filename).name
        other = owners.setdefault(project, wheel)
        if (other.filename, other.sha256) != (wheel.filename, wheel.sha256):
            faults.append(
                f"packages `{other.package}` and `{wheel.package}` hold two wheels of `{project}`: "
                f"`{other.filename}`, `{wheel.filename}`"
            )
    if faults:
        raise UserError(faults)
    return tuple(owners.values())


def _wheel_of(pin: Pin, layout: Layout) -> WheelFile:
    """Return the wheel that a package file is itself."""
    from vpy.packages.cipd.names import reference_from_id

    _, sha256 = reference_from_id(pin.instance_id)
    return WheelFile(str(pin.filename), sha256, layout.package(pin.instance_id), pin.name)


def _put(
    pins: Sequence[Pin],
    contents: Sequence[Sequence[str]],
    directory: str,
    chosen: Sequence[WheelFile],
    layout: Layout,
) -> None:
    """Cache which wheels each package holds below `directory`, and the hashes of those `chosen` there."""
    from vpy.wheels import filename, select

    hashes = {os.path.relpath(wheel.path, directory).replace(os.sep, "/"): wheel.sha256 for wheel in chosen}
    for pin, paths in zip(pins, contents, strict=True):
        known = {wheel.path: wheel.sha256 for wheel in _get(pin, layout) or ()}
        wheels = [
            select.PackagedWheel(
                package=pin.name,
                path=path,
                name=filename.parse(path.rpartition("/")[2]),
                sha256=hashes.get(path) or known.get(path, ""),
            )
            for path in paths
        ]
        cache.put(_cache_path(pin, layout), select.dump(wheels))


def _get(pin: Pin, layout: Layout) -> list[PackagedWheel] | None:
    from vpy.wheels import select

    return select.load(pin.name, cache.get(_cache_path(pin, layout)))


def _cache_path(pin: Pin, layout: Layout) -> str:
    # An instance never changes, so what it holds is cached for ever.
    return layout.resolution(cache.digest_of(["wheels of", pin.name, pin.instance_id]))
