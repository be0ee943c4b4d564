"""`-vpython-tool ensure`: deploy what an ensure file pins, as the CIPD client does.

    ensure FILE -root DIR     make DIR hold exactly the packages of FILE
    ensure FILE -resolve      ask anew, for every verified platform, and write the file's `.versions`

FILE may be `-` for stdin. Prints `NAME:INSTANCE_ID` for each package, behind its `SUBDIR/` if it has one.
"""

from __future__ import annotations

import hashlib
import os
import sys

from vpy.errors import ToolError, UserError
from vpy.model import Pin, Wanted
from vpy.system import files, locks
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vpy.context import Context
    from vpy.packages.ensurefile import EnsureFile
    from vpy.packages.loader import PackageLoader
    from vpy.packages.site import Site
    from vpython import Request

USAGE = "ensure FILE -root DIR, or ensure FILE -resolve"


@value
class Order:
    """The command line, read: where the ensure file lies, what it is for, and from where paths count."""

    path: str
    root: str
    resolve: bool
    cwd: str


def run(request: Request, context: Context) -> int:
    from vpy import cli

    order = parse(request.options.tool_words, request.cwd or "/")
    file = read(order)
    cli.open_root(context)
    loader = _loader(request, context, file)
    if order.resolve:
        return _resolve(order, file, loader)
    return _deploy(order, file, loader, context)


def parse(words: Sequence[str], cwd: str) -> Order:
    """Read the tool's own words; UserError for what is none of them."""
    root, resolve, items, rest = "", False, [], list(words)
    while rest:
        word = rest.pop(0)
        name, equals, text = word.lstrip("-").partition("=")
        if word == "-" or not word.startswith("-"):
            items.append(word)
        elif name == "resolve" and not equals:
            resolve = True
        elif name == "root" and (equals or rest):
            root = text if equals else rest.pop(0)
        else:
            raise UserError(f"unknown option `{word}` of ensure, or its value is missing", hint=USAGE)
    if len(items) != 1 or bool(root) == resolve:
        raise UserError("ensure needs one ensure file, and either -root or -resolve", hint=USAGE)
    return Order(items[0], root, resolve, cwd)


def read(order: Order) -> EnsureFile:
    """The ensure file; a UserError names its mistakes by line and column."""
    from vpy.packages import ensurefile

    if order.path == "-":
        data = sys.stdin.buffer.read(ensurefile.LARGEST * 4 + 1)
    else:
        data = _bytes(os.path.join(order.cwd, order.path), ensurefile.LARGEST * 4 + 1)
    return ensurefile.parse(_text(data, order.path), order.path, _validator())


def _bytes(path: str, most: int) -> bytes:
    try:
        return files.read_bytes(path, most)
    except OSError as error:
        raise UserError(f"cannot read `{path}`: {error.strerror}") from error


def _text(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise UserError(f"{path}:{line}:{column}: not UTF-8") from None


def _validator() -> Callable[[str], str]:
    from vpy.target import template

    values = platform_values(host_platform())
    return lambda text: template.validate(text, values)


def _filler(platform: str) -> Callable[[str], str | None]:
    from vpy.target import template

    values = platform_values(platform)
    return lambda text: template.expand(text, values)


def platform_values(platform: str) -> Mapping[str, str]:
    """The template values of an ensure file: `${platform}`, `${os}`, `${arch}`."""
    from vpy.target import template

    system, machine = template.parse_platform(platform)
    return {"platform": platform, "os": system, "arch": machine}


def host_platform() -> str:
    """This machine, as package names have it (`linux-amd64`)."""
    import sysconfig

    from vpy.model import Tag
    from vpy.target import tags

    told = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    found = tags.platform_for(Tag(platform=told))
    if found is None:
        raise ToolError(f"there is no package platform for this machine: `{told}`")
    return found


def _loader(request: Request, context: Context, file: EnsureFile) -> PackageLoader:
    from vpy import sources

    source = request.options.get("source") or context.config.default_source
    kind = source.partition(":")[0]
    if kind == "index":
        raise UserError(
            f"an ensure file's packages do not come from `{source}`", hint="use cipd or directory:PATH"
        )
    if kind == "cipd":
        return sources.cipd(source, context, named=file.service_url)
    return sources.loader_of(source, context)


def _versions_path(order: Order, file: EnsureFile) -> str:
    """Where the `.versions` file lies: beside the ensure file, unless its path is absolute."""
    beside = order.cwd if order.path == "-" else os.path.dirname(os.path.join(order.cwd, order.path))
    return os.path.join(beside, *file.resolved_versions.split("/")) if file.resolved_versions else ""


def _pinned(
    order: Order, file: EnsureFile, wanted: Sequence[Wanted], loader: PackageLoader
) -> tuple[Pin, ...]:
    """The instance of each package: of the `.versions` file where one is named, else asked for."""
    from vpy.packages import versionsfile

    path = _versions_path(order, file)
    if not path:
        return loader.resolve(wanted)
    if not os.path.exists(path):
        raise UserError(f"there is no `{path}`", hint="make it with ensure FILE -resolve")
    known = versionsfile.parse(_text(_bytes(path, versionsfile.LARGEST * 4), path), path)
    pins, missing = [], []
    for each in wanted:
        found = versionsfile.look_up(known, each.name, each.version)
        if found is None:
            missing.append(f"{path}: `{each.name}` at `{each.version}` is not in it")
        else:
            pins.append(Pin(each.name, each.template, each.version, found, path))
    if missing:
        raise UserError("\n".join(missing), hint="bring it up to date with ensure FILE -resolve")
    return tuple(pins)


def _resolve(order: Order, file: EnsureFile, loader: PackageLoader) -> int:
    """Ask for every verified platform, and write the answers."""
    from vpy.packages import ensurefile, versionsfile

    path = _versions_path(order, file)
    if not path:
        raise UserError(f"`{order.path}` names no $ResolvedVersions to write")
    wanted: dict[tuple[str, str], Wanted] = {}
    for platform in file.verified_platforms or (host_platform(),):
        for _, each in ensurefile.expand(file, order.path, _filler(platform)):
            wanted.setdefault((each.name, each.version), each)
    known: dict[tuple[str, str], str] = {}
    for pin in loader.resolve(tuple(wanted.values())):
        versionsfile.add(known, pin.name, pin.version, pin.instance_id)
        print(f"{pin.name}:{pin.instance_id}")
    with files.disk_errors("write", path):
        files.write_bytes(path, versionsfile.render(known).encode(), mode=0o644)
    return 0


def _deploy(order: Order, file: EnsureFile, loader: PackageLoader, context: Context) -> int:
    """Fetch all that is missing, then change the site: nothing is touched where a package cannot be had."""
    from vpy.packages import ensurefile
    from vpy.packages.site import Site

    entries = ensurefile.expand(file, order.path, _filler(host_platform()))
    pins = _pinned(order, file, [wanted for _, wanted in entries], loader)
    pairs = [(subdir, pin) for (subdir, _), pin in zip(entries, pins, strict=True)]
    site = Site(os.path.join(order.cwd, order.root))
    name = hashlib.sha256(os.fsencode(os.path.realpath(site.top))).hexdigest()[:16]
    with locks.exclusive(context.layout.lock("site", name)):
        _change(site, pairs, file, loader, context)
    for subdir, pin in sorted(pairs, key=lambda pair: (pair[0], pair[1].name)):
        print(f"{subdir + '/ ' if subdir else ''}{pin.name}:{pin.instance_id}")
    return 0


def _change(
    site: Site, pairs: Sequence[tuple[str, Pin]], file: EnsureFile, loader: PackageLoader, context: Context
) -> None:
    there = site.deployed()
    missing = []
    for subdir, pin in pairs:
        found = there.pop((subdir, pin.name), None)
        if (
            found is None
            or found.instance_id != pin.instance_id
            or not site.is_whole(found, file.paranoid_mode)
        ):
            missing.append((subdir, pin))
    paths = loader.fetch([pin for _, pin in missing])
    for gone in there.values():
        context.terminal.info(f"removing `{gone.name}`")
        site.remove(gone)
    for (subdir, pin), path in zip(missing, paths, strict=True):
        context.terminal.info(f"deploying `{pin.name}` at `{pin.version}`")
        site.deploy(subdir, pin, path, override=file.override_install_mode)
