"""`-vpython-tool pack`: make CIPD packages of wheels, in a directory of packages."""

from __future__ import annotations

import os

from vpy.commands.support import text_output
from vpy.errors import UserError
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping, Sequence

    from bootstrap.request import Request
    from vpy.config import Config
    from vpy.model import Tag
    from vpy.operations.context import Context
    from vpy.packages.cipd.package_writer import Member
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal
    from vpy.wheels.filename import WheelName


@value
class PackContext:
    """Surroundings of packing.

    `download` returns the path of a wheel for each `NAME==VERSION`, `built` those of the wheels that were
    built here for requirements.
    """

    config: Config
    terminal: Terminal
    environ: Mapping[str, str]
    layout: Layout
    download: Callable[[Sequence[str]], Sequence[str]]
    built: Callable[[Sequence[str]], Sequence[str]]


@value
class Order:
    """Wheels and requirements to pack, and where to, under which name, tags and refs.

    The wheels of requirements were built here where it `is_built`.
    """

    repository: str
    name: str | None
    tags: tuple[str, ...]
    refs: tuple[str, ...]
    wheels: tuple[str, ...]
    requirements: tuple[str, ...]
    is_built: bool = False


@value
class Package:
    """Package to write, of `wheels`, which are paths and their names."""

    name: str
    tags: tuple[str, ...]
    wheels: tuple[tuple[str, WheelName], ...]


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Pack what the arguments name, with what is downloaded for it in a directory of this run."""
    from vpy.operations import wheel_set
    from vpy.operations.root import open_root
    from vpy.packages.index import built_wheels
    from vpy.system import files

    open_root(context)
    with files.staging_directory(context.layout.staging, "pack-") as stage:
        return pack(
            arguments,
            PackContext(
                config=context.config,
                terminal=context.terminal,
                environ=context.environ,
                layout=context.layout,
                download=lambda requirements: wheel_set.download(requirements, request, stage, context),
                built=lambda requirements: built_wheels.find(requirements, context.layout, stage),
            ),
        )


def pack(arguments: Namespace, context: PackContext) -> int:
    """Write the packages; write nothing unless every wheel is sound and every package has a name."""
    from vpy.packages import repository

    order = order_of(arguments)
    paths = [*order.wheels]
    if order.requirements:
        paths += (context.built if order.is_built else context.download)(order.requirements)
    wheels = [(path, _checked(path)) for path in dict.fromkeys(paths)]
    if arguments.as_wheels:
        return _copy(wheels, order.repository, arguments, context)

    written = []
    for package in plan(order, wheels, context.config.wheel_prefix):
        instance_id = repository.put(
            order.repository,
            package.name,
            _members(package),
            tags=package.tags,
            refs=order.refs,
            layout=context.layout,
        )
        names = {"tags": list(package.tags), "refs": list(order.refs)}
        written.append({"name": package.name, "instance_id": instance_id, **names})
        context.terminal.info(
            f"packed {len(package.wheels)} wheels as `{package.name}`: {', '.join(package.tags)}"
        )
        if not arguments.json:
            text_output.show(f"{package.name}:{instance_id}")
    repository.write_list(order.repository)

    if arguments.json:
        text_output.show_json({"directory": order.repository, "packages": written})
    return 0


def _copy(
    wheels: Sequence[tuple[str, WheelName]], directory: str, arguments: Namespace, context: PackContext
) -> int:
    """Write the wheels as they are into a directory, which counts beside an index."""
    from vpy.system import files

    os.makedirs(directory, exist_ok=True)
    rows = []
    for path, name in wheels:
        final = os.path.join(directory, name.filename)
        with files.disk_errors("write", final):
            files.write_bytes(final, files.read_bytes(path), mode=0o644)
        rows.append({"path": final, "sha256": files.sha256_of(final)})
        context.terminal.info(f"copied `{name.filename}`")
        if not arguments.json:
            text_output.show(final)
    if arguments.json:
        text_output.show_json({"directory": directory, "wheels": rows})
    return 0


def order_of(arguments: Namespace) -> Order:
    """Sort the arguments into wheels and requirements; raise UserError for what is neither."""
    return Order(
        repository=arguments.repo,
        name=arguments.name,
        tags=tuple(arguments.tag),
        refs=tuple(arguments.ref),
        wheels=tuple(item for item in arguments.items if _is_path(item)),
        requirements=tuple(
            item if arguments.built else _requirement(item) for item in arguments.items if not _is_path(item)
        ),
        is_built=arguments.built,
    )


def _is_path(item: str) -> bool:
    return item.endswith(".whl")


def _requirement(item: str) -> str:
    """Parse `NAME==VERSION`, and no other requirement: those would be another wheel every day."""
    from packaging.utils import InvalidName, canonicalize_name
    from packaging.version import InvalidVersion, Version

    name, equals, version = item.partition("==")
    try:
        return f"{canonicalize_name(name, validate=True)}=={Version(version)}"
    except (InvalidName, InvalidVersion) as error:
        what = "version" if equals and isinstance(error, InvalidVersion) else "item"
        raise UserError(f"`{item}` is neither a wheel nor NAME==VERSION: bad {what}") from error


def _checked(path: str) -> WheelName:
    from vpy.wheels.contents import wheel_facts

    return wheel_facts(path).name


def plan(order: Order, wheels: Sequence[tuple[str, WheelName]], prefix: str) -> tuple[Package, ...]:
    """Return the packages to write.

    Raises UserError, a line for each, where the conventions have no name for a wheel, or one for two.
    """
    if order.name:
        return (Package(order.name, _tags(order, [name for _, name in wheels]), tuple(wheels)),)
    packages = []
    taken: dict[tuple[str, str], str] = {}
    mistakes = []
    for path, wheel in wheels:
        tags = _tags(order, [wheel])
        names = package_names(wheel, prefix)
        if not names:
            mistakes.append(f"`{wheel.filename}` is for a platform for which no package can be named")
        for name in names:
            packages.append(Package(name, tags, ((path, wheel),)))
            for version in (*tags, *order.refs):
                first = taken.setdefault((name, version), wheel.filename)
                if first != wheel.filename:
                    mistakes.append(f"`{first}` and `{wheel.filename}` would both be `{name}` at `{version}`")
    if mistakes:
        raise UserError(mistakes, hint="name the package with --name NAME")
    return tuple(packages)


def _tags(order: Order, names: Sequence[WheelName]) -> tuple[str, ...]:
    """Return the tags as given, and `version:X` unless that is given or the wheels have several versions."""
    from vpy.packages.cipd.names import parse_tag

    versions = {name.version_text for name in names}
    automatic = []
    if len(versions) == 1 and not any(tag.startswith("version:") for tag in order.tags):
        automatic = [parse_tag(f"version:{versions.pop()}")]
    if not (automatic or order.tags or order.refs):
        raise UserError(
            f"the wheels of package `{order.name}` have several versions",
            hint="name its version with --tag KEY:VALUE or --ref REF",
        )
    return tuple(dict.fromkeys([*automatic, *order.tags]))


def package_names(wheel: WheelName, prefix: str) -> tuple[str, ...]:
    """Return the conventional names of a wheel's packages.

    They are `NAME-py3` or `NAME-py2_py3` for a pure wheel, else `NAME/linux-amd64_cp311_cp311` for each
    tag. A wheel for several platforms (`universal2`) has a name for each, since a target asks for its own.
    """
    from vpy.packages.cipd.names import parse_package_name

    if wheel.abis == ("none",) and wheel.platforms == ("any",):
        return (parse_package_name(f"{prefix}{wheel.name}-{'_'.join(wheel.pythons)}"),)
    names = [
        parse_package_name(f"{prefix}{wheel.name}/{platform}_{tag.python}_{tag.abi}")
        for tag in wheel.tags
        for platform in _platforms(tag)
    ]
    return tuple(dict.fromkeys(names))


def _platforms(tag: Tag) -> tuple[str, ...]:
    from vpy.target.tags import cipd_platform

    if tag.platform.startswith("macosx_") and tag.platform.endswith("_universal2"):
        return ("mac-amd64", "mac-arm64")
    platform = cipd_platform(tag)
    return (platform,) if platform else ()


def _members(package: Package) -> list[Member]:
    from vpy.packages.cipd.package_writer import Member

    return [Member(name=name.filename, source=os.path.abspath(path)) for path, name in package.wheels]
