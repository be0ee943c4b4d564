"""`-vpython-tool ensure`: deploy the packages of an ensure file, as the CIPD client does."""

from __future__ import annotations

import hashlib
import os
import sys

from vpy.commands.support import text_output
from vpy.errors import UserError
from vpy.model import Pin, Sources, Wanted
from vpy.system import files, locks
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence

    from bootstrap.request import Request
    from vpy.model import Source
    from vpy.operations.context import Context
    from vpy.packages.cipd.deployment import Deployment
    from vpy.packages.cipd.ensure_file import EnsureFile
    from vpy.packages.loader import PackageLoader


@value
class Order:
    """Ensure file, `-` for stdin, the directory to deploy to, and what relative paths are relative to.

    Without `root` the file is to be resolved.
    """

    path: str
    root: str | None
    cwd: str


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Deploy or resolve the file, and print the instance of each package."""
    from vpy.operations.root import open_root

    order = Order(arguments.file, arguments.root, request.cwd or "/")
    file = read(order)
    open_root(context)
    loader = _loader(request, context, file)
    pairs = _deploy(order, file, loader, context) if order.root else _resolve(order, file, loader)
    _show(pairs, as_json=arguments.json)
    return 0


def _show(pairs: Sequence[tuple[str, Pin]], *, as_json: bool) -> None:
    """Print (subdirectory, pin) pairs."""
    if as_json:
        packages = [
            {"subdir": subdir, "name": pin.name, "version": pin.version, "instance_id": pin.instance_id}
            for subdir, pin in pairs
        ]
        text_output.show_json({"packages": packages})
        return
    for subdir, pin in pairs:
        text_output.show(f"{subdir + '/ ' if subdir else ''}{pin.name}:{pin.instance_id}")


def read(order: Order) -> EnsureFile:
    """Parse the ensure file; a UserError names its mistakes by line and column."""
    from vpy.packages.cipd import ensure_file

    if order.path == "-":
        data = sys.stdin.buffer.read(ensure_file.LARGEST * 4 + 1)
    else:
        data = _bytes(os.path.join(order.cwd, order.path), ensure_file.LARGEST * 4 + 1)
    return ensure_file.parse(_text(data, order.path), order.path, _validator())


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

    values = template.platform_values(template.host_platform())
    return lambda text: template.validate(text, values)


def _filler(platform: str) -> Callable[[str], str | None]:
    from vpy.target import template

    values = template.platform_values(platform)
    return lambda text: template.expand(text, values)


def _loader(request: Request, context: Context, file: EnsureFile) -> PackageLoader:
    from vpy.operations import source_setting, sources

    requested = source_setting.requested(request, context)
    members = tuple(source for source in requested.members if source.kind != "index")
    if not members:
        raise UserError(f"`ensure` takes no packages from `{requested}`", hint="use cipd or directory:PATH")

    def loader(source: Source) -> PackageLoader:
        if source.kind == "cipd":
            return sources.cipd_loader(source, context, default_service=file.service_url)
        return sources.directory_loader(source, context)

    return sources.in_order(Sources(members), loader)


def _versions_path(order: Order, file: EnsureFile) -> str:
    """Return the path of the resolved versions file; relative ones are beside the ensure file."""
    directory = order.cwd if order.path == "-" else os.path.dirname(os.path.join(order.cwd, order.path))
    return os.path.join(directory, *file.resolved_versions.split("/")) if file.resolved_versions else ""


def _pinned(
    order: Order, file: EnsureFile, wanted: Sequence[Wanted], loader: PackageLoader
) -> tuple[Pin, ...]:
    """Return the pin of each package: from the resolved versions file where one is named, else resolved."""
    from vpy.packages.cipd import versions_file

    path = _versions_path(order, file)
    if not path:
        return loader.resolve(wanted).pins
    if not os.path.exists(path):
        raise UserError(f"there is no `{path}`", hint="`vpython-tool ensure FILE --resolve` writes it")
    known = versions_file.parse(_text(_bytes(path, versions_file.LARGEST * 4), path), path)
    pins, missing = [], []
    for package in wanted:
        instance_id = versions_file.look_up(known, package.name, package.version)
        if instance_id is None:
            missing.append(f"{path}: `{package.name}` at `{package.version}` is not in it")
        else:
            pins.append(Pin(package.name, package.template, package.version, instance_id, path))
    if missing:
        raise UserError(missing, hint="`vpython-tool ensure FILE --resolve` brings it up to date")
    return tuple(pins)


def _resolve(order: Order, file: EnsureFile, loader: PackageLoader) -> list[tuple[str, Pin]]:
    """Resolve every package of every verified platform, and write the resolved versions file."""
    from vpy.packages.cipd import ensure_file, versions_file
    from vpy.target import template

    path = _versions_path(order, file)
    if not path:
        raise UserError(f"`{order.path}` has no `$ResolvedVersions`, which names the file to write")
    wanted: dict[tuple[str, str], Wanted] = {}
    for platform in file.verified_platforms or (template.host_platform(),):
        for _, package in ensure_file.expand(file, order.path, _filler(platform)):
            wanted.setdefault((package.name, package.version), package)

    pins = loader.resolve(tuple(wanted.values())).pins
    known: dict[tuple[str, str], str] = {}
    for pin in pins:
        versions_file.add(known, pin.name, pin.version, pin.instance_id)
    with files.disk_errors("write", path):
        files.write_bytes(path, versions_file.render(known).encode(), mode=0o644)
    return [("", pin) for pin in pins]


def _deploy(order: Order, file: EnsureFile, loader: PackageLoader, context: Context) -> list[tuple[str, Pin]]:
    """Fetch what is missing, then change the deployment: a package that cannot be fetched changes nothing."""
    from vpy.packages.cipd import ensure_file
    from vpy.packages.cipd.deployment import Deployment
    from vpy.target import template

    entries = ensure_file.expand(file, order.path, _filler(template.host_platform()))
    pins = _pinned(order, file, [wanted for _, wanted in entries], loader)
    pairs = [(subdir, pin) for (subdir, _), pin in zip(entries, pins, strict=True)]

    deployment = Deployment(os.path.join(order.cwd, str(order.root)))
    name = hashlib.sha256(os.fsencode(os.path.realpath(deployment.top))).hexdigest()[:16]
    waiting = f"waiting: another process deploys to `{deployment.top}`"
    lock = context.layout.lock("site", name)
    with locks.exclusive(lock, waiting=lambda: context.terminal.warning(waiting)):
        deployment.remove_abandoned()
        _change(deployment, pairs, file, loader, context)
    return sorted(pairs, key=lambda pair: (pair[0], pair[1].name))


def _change(
    deployment: Deployment,
    pairs: Sequence[tuple[str, Pin]],
    file: EnsureFile,
    loader: PackageLoader,
    context: Context,
) -> None:
    """Remove what is deployed and not wanted, and deploy what is missing or damaged."""
    deployed = deployment.packages()
    missing = []
    for subdir, pin in pairs:
        found = deployed.pop((subdir, pin.name), None)
        if (
            found is None
            or found.instance_id != pin.instance_id
            or not deployment.is_whole(found, file.paranoid_mode)
        ):
            missing.append((subdir, pin))
    paths = loader.fetch([pin for _, pin in missing])

    for unwanted in deployed.values():
        context.terminal.info(f"removing `{unwanted.name}`")
        deployment.remove(unwanted)
    for (subdir, pin), path in zip(missing, paths, strict=True):
        context.terminal.info(f"deploying `{pin.name}` at `{pin.version}`")
        deployment.deploy(subdir, pin, path, install_mode=file.override_install_mode)
