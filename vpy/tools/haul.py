"""What `mirror` takes along: packages as they are, wheels packed, wheels as an index has them."""

from __future__ import annotations

import os

from vpy import sources
from vpy.errors import UserError
from vpy.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vpy.context import Context
    from vpy.model import Target, WheelFile
    from vpy.packages.index import Answer, Index
    from vpy.tools.coverage import Sheet


def bring(sheets: Sequence[Sheet], directory: str, context: Context) -> Iterator[str]:
    """Bring what the sheets have found into the directory; yields a line for each thing that is there."""
    for sheet in sheets:
        if sheet.spec.dependencies:
            yield from _wheels(sheet, directory, context)
        elif sheet.source.startswith("index"):
            yield from _packed(sheet, directory, context)
        else:
            yield from _packages(sheet, directory, context)


def _packages(sheet: Sheet, directory: str, context: Context) -> Iterator[str]:
    """The packages that offer a wheel somewhere, byte for byte."""
    from vpy.model import Pin
    from vpy.packages import names, repository

    found: dict[tuple[str, str], dict[str, None]] = {}
    for (_, version), cells in zip(sheet.rows, sheet.cells):
        for cell in cells:
            if cell.state == "ok":
                found.setdefault((cell.package, cell.instance_id), {})[version] = None
    pins = [Pin(name, name, instance_id, instance_id, sheet.source) for name, instance_id in found]
    paths = sources.loader_of(sheet.source, context).fetch(pins)
    for (name, instance_id), path in zip(found, paths, strict=True):
        kinds = [(names.parse_version(version).kind, version) for version in found[name, instance_id]]
        repository.add(
            directory,
            name,
            path,
            instance_id,
            tags=[version for kind, version in kinds if kind == "tag"],
            refs=[version for kind, version in kinds if kind == "ref"],
            layout=context.layout,
        )
        yield f"{name}:{instance_id}"


def _packed(sheet: Sheet, directory: str, context: Context) -> Iterator[str]:
    """The wheels that the index has for a package's project, on all platforms, as one package."""
    from vpy.model import Wanted
    from vpy.packages import simple

    brought: dict[tuple[str, str], dict[str, WheelFile]] = {}
    for number, target in enumerate(sheet.columns):
        wanted = {}
        for (template, version), cells in zip(sheet.rows, sheet.cells):
            if cells[number].state == "ok":
                one = Wanted(cells[number].package, template, version)
                wanted[one] = simple.project_of(cells[number].wheels[0])
        if not wanted:
            continue
        answer = _index(sheet, target, context).packages(list(wanted))
        of_project = {simple.project_of(wheel.filename): wheel for wheel in answer.wheels}
        for one, project in wanted.items():
            wheel = of_project[project]
            brought.setdefault((one.name, one.version), {})[wheel.filename] = wheel
    for (name, version), wheels in sorted(brought.items()):
        yield f"{name}:{_pack(directory, name, version, wheels, context)}"


def _index(sheet: Sheet, target: Target, context: Context) -> Index:
    """The index for a target whose wheels are wanted as files, installed or not."""
    return replace(sources.index_for(sheet.source, target.interpreter, context), stored=lambda _: False)


def _pack(directory: str, name: str, version: str, wheels: Mapping[str, WheelFile], context: Context) -> str:
    """Pack the wheels, with those that the directory's package of this version has already."""
    from vpy.packages import packagefile, repository
    from vpy.packages.packagewriter import Member
    from vpy.system import files

    with files.staging_directory(context.layout.staging, "mirror-") as stage:
        sources_of = {filename: wheel.path for filename, wheel in wheels.items()}
        for number, path in enumerate(repository.instances_of(directory, name, version)):
            place = os.path.join(stage, str(number))
            packagefile.unpack(path, place, expected_name=name)
            for filename, before in _files_below(place):
                ours = sources_of.setdefault(filename, before)
                if files.read_bytes(ours) != files.read_bytes(before):
                    raise UserError(
                        f"`{path}` has other bytes of `{filename}` than the index",
                        hint="mirror to another directory",
                    )
        members = [Member(name=filename, source=path) for filename, path in sources_of.items()]
        return repository.put(
            directory, name, members, tags=[version], refs=[], layout=context.layout, moving=True
        )


def _files_below(place: str) -> Iterator[tuple[str, str]]:
    """Each file's path in the package, with `/`, and on disk."""
    for parent, _, names in os.walk(place):
        for name in names:
            path = os.path.join(parent, name)
            yield os.path.relpath(path, place).replace(os.sep, "/"), path


def _wheels(sheet: Sheet, directory: str, context: Context) -> Iterator[str]:
    """The wheels of requirements, with their dependencies, as the pages of an index."""
    from vpy.packages import simple

    for number, target in enumerate(sheet.columns):
        here = [text for (text, _), cells in zip(sheet.rows, sheet.cells) if cells[number].state == "ok"]
        if not here:
            continue
        answer: Answer = _index(sheet, target, context).dependencies(here)
        for wheel in answer.wheels:
            if simple.add(os.path.join(directory, "simple"), wheel.path, wheel.filename):
                yield wheel.filename
    simple.write_pages(os.path.join(directory, "simple"))
