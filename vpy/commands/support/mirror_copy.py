"""Copies of a mirror: packages as they are, wheels packed, wheels as an index has them."""

from __future__ import annotations

import os

from vpy.errors import UserError
from vpy.operations import sources, spec_settings
from vpy.system import files
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vpy.commands.support.platform_matrix import Matrix
    from vpy.model import Source, Sources, Spec, Target, Wanted, WheelFile
    from vpy.operations.context import Context
    from vpy.packages.index.loader import IndexLoader


@value
class Copied:
    """Package in the mirror by its name and instance, or a wheel by its file name."""

    name: str
    instance_id: str | None = None

    @property
    def text(self) -> str:
        """Line to print."""
        return f"{self.name}:{self.instance_id}" if self.instance_id else self.name


def copy_all(matrices: Sequence[Matrix], directory: str, context: Context) -> Iterator[Copied]:
    """Copy what the matrices found into the directory; yield each thing that is there."""
    for matrix in matrices:
        if matrix.spec.dependencies:
            yield from _copy_wheels(matrix, directory, context)
            continue
        for source in matrix.sources.members:
            if source.kind == "index":
                yield from _pack_wheels(matrix, source, directory, context)
            else:
                yield from _copy_packages(matrix, source, directory, context)


def _copy_packages(matrix: Matrix, source: Source, directory: str, context: Context) -> Iterator[Copied]:
    """Copy the packages of a source that have a wheel for some platform, byte for byte."""
    from vpy.model import Pin
    from vpy.packages import repository
    from vpy.packages.cipd import names

    versions_of: dict[tuple[str, str], dict[str, None]] = {}
    for (_, version), cells in zip(matrix.rows, matrix.cells):
        for cell in cells:
            if cell.state == "ok" and cell.source == source:
                versions_of.setdefault((cell.package, cell.instance_id), {})[version] = None

    pins = [Pin(name, name, instance_id, instance_id, str(source)) for name, instance_id in versions_of]
    paths = sources.package_loader(source, context).fetch(pins)

    for (name, instance_id), path in zip(versions_of, paths, strict=True):
        versions = [(names.parse_version(text).kind, text) for text in versions_of[name, instance_id]]
        repository.add(
            directory,
            name,
            path,
            instance_id,
            tags=[version for kind, version in versions if kind == "tag"],
            refs=[version for kind, version in versions if kind == "ref"],
            layout=context.layout,
        )
        yield Copied(name, instance_id)


def _pack_wheels(matrix: Matrix, source: Source, directory: str, context: Context) -> Iterator[Copied]:
    """Pack the wheels that the index has for a package's project, on all platforms, as one package."""
    wheels_of: dict[tuple[str, str], dict[str, WheelFile]] = {}
    with files.staging_directory(context.layout.staging, "mirror-") as stage:
        for number, target in enumerate(matrix.columns):
            index = _index(matrix.sources.beside(source), target, stage, context)
            for package, wheel in _fetch_column(matrix, source, number, index):
                wheels_of.setdefault((package.name, package.version), {})[wheel.filename] = wheel
        for (name, version), wheels in sorted(wheels_of.items()):
            yield Copied(name, _pack(directory, name, version, wheels, context))


def _fetch_column(
    matrix: Matrix, source: Source, number: int, index: IndexLoader
) -> Iterator[tuple[Wanted, WheelFile]]:
    """Fetch the wheel of each package that one platform has from an index."""
    from vpy.model import Wanted
    from vpy.packages.index import simple_repository

    project_of = {
        Wanted(cells[number].package, template, version): simple_repository.project_of(
            cells[number].wheels[0]
        )
        for (template, version), cells in zip(matrix.rows, matrix.cells)
        if cells[number].state == "ok" and cells[number].source == source
    }
    if not project_of:
        return
    fetched = _fetch(index, list(project_of), ())
    wheel_of = {simple_repository.project_of(wheel.filename): wheel for wheel in fetched}
    for package, project in project_of.items():
        yield package, wheel_of[project]


def _index(
    asked: Sources, target: Target, stage: str, context: Context, spec: Spec | None = None
) -> IndexLoader:
    """Return the index for a target, whose wheels are fetched into `stage` even where they are installed."""
    return sources.index_loader(
        asked,
        target.interpreter,
        context,
        needs_files=True,
        stage=stage,
        resolution=spec.resolution if spec else None,
    )


def _fetch(index: IndexLoader, packages: Sequence[Wanted], dependencies: Sequence[str]) -> list[WheelFile]:
    """Return the wheel files that packages, or requirements with their dependencies, resolve to."""
    from vpy.model import WheelFile

    pins = index.resolve(packages, dependencies).pins
    paths = index.fetch(pins)
    return [WheelFile(str(pin.filename), "", path, pin.name) for pin, path in zip(pins, paths, strict=True)]


def _pack(directory: str, name: str, version: str, wheels: Mapping[str, WheelFile], context: Context) -> str:
    """Pack wheels together with those that the directory's package of this version has already."""
    from vpy.packages import repository
    from vpy.packages.cipd import package_file
    from vpy.packages.cipd.package_writer import Member

    with files.staging_directory(context.layout.staging, "mirror-") as stage:
        path_of = {filename: wheel.path for filename, wheel in wheels.items()}
        for number, package in enumerate(repository.instances_of(directory, name, version)):
            unpacked = os.path.join(stage, str(number))
            package_file.unpack(package, unpacked, expected_name=name)
            for filename, known in _files_below(unpacked):
                fetched = path_of.setdefault(filename, known)
                if files.read_bytes(fetched) != files.read_bytes(known):
                    raise UserError(
                        f"`{package}` has another file `{filename}` than the index",
                        hint="mirror to another directory",
                    )
        members = [Member(name=filename, source=path) for filename, path in path_of.items()]
        return repository.put(
            directory, name, members, tags=[version], refs=[], layout=context.layout, move_tags=True
        )


def _files_below(directory: str) -> Iterator[tuple[str, str]]:
    """Yield each file's path in the package, with `/`, and on disk."""
    for parent, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(parent, name)
            yield os.path.relpath(path, directory).replace(os.sep, "/"), path


def _copy_wheels(matrix: Matrix, directory: str, context: Context) -> Iterator[Copied]:
    """Copy the wheels of requirements, with their dependencies, as the pages of an index."""
    from vpy.packages.index import simple_repository

    pages = os.path.join(directory, "simple")
    with files.staging_directory(context.layout.staging, "mirror-") as stage:
        for number, target in enumerate(matrix.columns):
            requirements = [
                text for (text, _), cells in zip(matrix.rows, matrix.cells) if cells[number].state == "ok"
            ]
            if not requirements:
                continue
            spec = spec_settings.for_target(matrix.spec, target.interpreter)
            meant = dict(zip(matrix.spec.dependencies, spec.dependencies, strict=True))
            index = _index(matrix.sources, target, stage, context, spec)
            for wheel in _fetch(index, (), [meant[text] for text in requirements]):
                if simple_repository.add(pages, wheel.path, wheel.filename):
                    yield Copied(wheel.filename)
    simple_repository.write_pages(pages)
