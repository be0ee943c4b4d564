"""`-vpython-tool pack`: wheels become packages in a repository of files.

    pack -repo DIR [-name NAME] [-tag K:V]… [-ref R]… WHEEL…|NAME==VERSION…

Each wheel is one package, named and tagged by the conventions of the wheel packages; with `-name`
all of them are one. Prints `NAME:INSTANCE_ID`, a line for each package.
"""

from __future__ import annotations

import os

from vpy.errors import UserError
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vpy.config import Config
    from vpy.model import Tag
    from vpy.packages.packagewriter import Member
    from vpy.system.layout import Layout
    from vpy.system.terminal import Terminal
    from vpy.wheels.filename import WheelName

USAGE = "pack -repo DIR [-name NAME] [-tag KEY:VALUE]… [-ref REF]… WHEEL…|NAME==VERSION…"
OPTIONS = ("repo", "name", "tag", "ref")
SINGLE = ("repo", "name")


@value
class PackContext:
    """What packing needs: `download` brings a wheel for each `NAME==VERSION` and tells their paths."""

    config: Config
    terminal: Terminal
    environ: Mapping[str, str]
    layout: Layout
    download: Callable[[Sequence[str]], Sequence[str]]


@value
class Order:
    """The command line, read."""

    repository: str
    name: str
    tags: tuple[str, ...]
    refs: tuple[str, ...]
    wheels: tuple[str, ...]
    requirements: tuple[str, ...]


@value
class Package:
    """A package to be made of `wheels`, which are paths and their names."""

    name: str
    tags: tuple[str, ...]
    wheels: tuple[tuple[str, WheelName], ...]


def run(arguments: Sequence[str], context: PackContext) -> int:
    """Pack what `arguments` name; nothing is written unless every wheel is sound and every name is known."""
    from vpy.packages import repository

    order = parse(arguments)
    found = [*order.wheels]
    if order.requirements:
        found += context.download(order.requirements)
    wheels = [(path, _checked(path)) for path in dict.fromkeys(found)]
    for package in plan(order, wheels, context.config.wheel_prefix):
        instance_id = repository.put(
            order.repository,
            package.name,
            _members(package),
            tags=package.tags,
            refs=order.refs,
            layout=context.layout,
        )
        context.terminal.info(
            f"packed {len(package.wheels)} wheels as `{package.name}`: {', '.join(package.tags)}"
        )
        print(f"{package.name}:{instance_id}")
    repository.write_list(order.repository)
    return 0


def parse(arguments: Sequence[str]) -> Order:
    """Read the tool's own words; UserError for what is none of them."""
    from vpy.packages.names import parse_package_name, parse_ref, parse_tag

    given: dict[str, list[str]] = {option: [] for option in OPTIONS}
    items: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            items += rest
            break
        if not word.startswith("-") or word == "-":
            items.append(word)
            continue
        option, equals, text = word.removeprefix("-").removeprefix("-").partition("=")
        if option not in given:
            raise UserError(f"unknown option `{word}` of pack", hint=USAGE)
        if not equals:
            if not rest:
                raise UserError(f"option `{word}` of pack lacks its value", hint=USAGE)
            text = rest.pop(0)
        if option in SINGLE and given[option]:
            raise UserError(f"option `-{option}` of pack stands twice", hint=USAGE)
        given[option].append(text)
    if not given["repo"] or not given["repo"][0] or not items:
        raise UserError("pack needs -repo and at least one wheel", hint=USAGE)
    return Order(
        repository=given["repo"][0].removeprefix("directory:"),
        name=parse_package_name(given["name"][0]) if given["name"] else "",
        tags=tuple(parse_tag(text) for text in given["tag"]),
        refs=tuple(parse_ref(text) for text in given["ref"]),
        wheels=tuple(item for item in items if _is_path(item)),
        requirements=tuple(_requirement(item) for item in items if not _is_path(item)),
    )


def _is_path(item: str) -> bool:
    return item.endswith(".whl")


def _requirement(item: str) -> str:
    """`NAME==VERSION` and nothing else: one wheel is meant, not whatever fits today."""
    from packaging.utils import InvalidName, canonicalize_name
    from packaging.version import InvalidVersion, Version

    name, equals, version = item.partition("==")
    try:
        return f"{canonicalize_name(name, validate=True)}=={Version(version)}"
    except (InvalidName, InvalidVersion) as error:
        what = "version" if equals and isinstance(error, InvalidVersion) else "item"
        raise UserError(f"`{item}` is neither a wheel nor NAME==VERSION: bad {what}", hint=USAGE) from error


def _checked(path: str) -> WheelName:
    from vpy.wheels.contents import wheel_facts

    return wheel_facts(path).name


def plan(order: Order, wheels: Sequence[tuple[str, WheelName]], prefix: str) -> tuple[Package, ...]:
    """The packages to make; UserError, a line for each, where the conventions give no name, or one twice."""
    if order.name:
        return (Package(order.name, _tags(order, [name for _, name in wheels]), tuple(wheels)),)
    packages = []
    taken: dict[tuple[str, str], str] = {}
    mistakes = []
    for path, wheel in wheels:
        tags = _tags(order, [wheel])
        names = package_names(wheel, prefix)
        if not names:
            mistakes.append(f"`{wheel.filename}` is for no platform that packages are named by")
        for name in names:
            packages.append(Package(name, tags, ((path, wheel),)))
            for mark in (*tags, *order.refs):
                other = taken.setdefault((name, mark), wheel.filename)
                if other != wheel.filename:
                    mistakes.append(f"`{other}` and `{wheel.filename}` would both be `{name}` at `{mark}`")
    if mistakes:
        raise UserError("\n".join(mistakes), hint="name the package with -name NAME")
    return tuple(packages)


def _tags(order: Order, names: Sequence[WheelName]) -> tuple[str, ...]:
    """The tags as given, and `version:X` unless that is given or the wheels have several versions."""
    from vpy.packages.names import parse_tag

    versions = {name.version_text for name in names}
    automatic = []
    if len(versions) == 1 and not any(tag.startswith("version:") for tag in order.tags):
        automatic = [parse_tag(f"version:{versions.pop()}")]
    if not (automatic or order.tags or order.refs):
        raise UserError(
            f"the wheels of package `{order.name}` have several versions",
            hint="say what the package is found by with -tag KEY:VALUE or -ref REF",
        )
    return tuple(dict.fromkeys([*automatic, *order.tags]))


def package_names(wheel: WheelName, prefix: str) -> tuple[str, ...]:
    """The conventional names: `NAME-py3` or `NAME-py2_py3`, else `NAME/linux-amd64_cp311_cp311` for each tag.

    A wheel for several platforms (`universal2`) is a package for each: a target looks for its own.
    """
    from vpy.packages.names import parse_package_name

    if wheel.abis == ("none",) and wheel.platforms == ("any",):
        return (parse_package_name(f"{prefix}{wheel.name}-{'_'.join(wheel.pythons)}"),)
    names = [
        parse_package_name(f"{prefix}{wheel.name}/{platform}_{tag.python}_{tag.abi}")
        for tag in wheel.tags
        for platform in _platforms(tag)
    ]
    return tuple(dict.fromkeys(names))


def _platforms(tag: Tag) -> tuple[str, ...]:
    from vpy.target.tags import platform_for

    if tag.platform.startswith("macosx_") and tag.platform.endswith("_universal2"):
        return ("mac-amd64", "mac-arm64")
    platform = platform_for(tag)
    return (platform,) if platform else ()


def _members(package: Package) -> list[Member]:
    from vpy.packages.packagewriter import Member

    return [Member(name=name.filename, source=os.path.abspath(path)) for path, name in package.wheels]
