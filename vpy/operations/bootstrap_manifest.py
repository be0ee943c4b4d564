"""Manifest beside vpython: the instance of vpython that is to run, and the Pythons it offers."""

from __future__ import annotations

import os

from vpy.errors import UserError
from vpy.model import Observation, Pin
from vpy.system.lean import contextlib
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootstrap.request import Request
    from vpy.config import Config
    from vpy.model import Wanted
    from vpy.packages.cipd.ensure_file import EnsureFile

NAME = "cipd_manifest.txt"
VPYTHON = {"vpython", "vpython3"}
UPDATE = "`vpython-tool ensure FILE --resolve` brings it up to date"


@value
class BootstrapManifest:
    """Pins of a manifest for this machine, and what they were read from.

    `service` is the address of `$ServiceURL`, None where it names none. `vpython` is None where none
    is pinned; `pythons` keep their order. `path` is None where there is no manifest.
    """

    path: str | None
    service: str | None
    vpython: Pin | None
    pythons: tuple[Pin, ...]
    observations: tuple[Observation, ...]


def read(request: Request, config: Config) -> BootstrapManifest:
    """Find the manifest of this start and read it; raise UserError where a package has no pin."""
    path, rows = find(request)
    if path is None:
        return BootstrapManifest(None, None, None, (), rows)
    from vpy.target import template

    file, wanted, bundle = _read(path, template.host_platform(), config)
    versions = _versions_path(path, file)
    pins = [_pin(each, file, path, versions) for each in wanted]
    rows = (
        *rows,
        *_signature(path),
        *(_signature(versions) if file.resolved_versions else ()),
    )
    return BootstrapManifest(
        path=path,
        service=file.service_url,
        vpython=next((pin for pin in pins if pin.name != bundle), None),
        pythons=tuple(pin for pin in pins if pin.name == bundle),
        observations=rows,
    )


def pythons_on(platform: str, manifest: BootstrapManifest, config: Config) -> tuple[Pin, ...]:
    """Return the Pythons that a manifest pins for a platform such as `linux-amd64`."""
    from vpy.target import template

    if manifest.path is None or platform == template.host_platform():
        return manifest.pythons
    path = manifest.path
    file, wanted, bundle = _read(path, platform, config)
    pins = []
    for each in wanted:
        with contextlib.suppress(UserError):
            pins.append(_pin(each, file, path, _versions_path(path, file)))
    return tuple(pin for pin in pins if pin.name == bundle)


def _read(path: str, platform: str, config: Config) -> tuple[EnsureFile, list[Wanted], str | None]:
    """Return a manifest, what counts of it on a platform, and what a Python is called there."""
    from vpy.packages.cipd import ensure_file
    from vpy.target import template

    values = template.platform_values(platform)
    text = _text(path, ensure_file.LARGEST)
    file = ensure_file.parse(text, path, lambda item: template.validate(item, values))
    bundle = template.expand(config.bundle_package, values)
    wanted = [
        each
        for _, each in ensure_file.expand(file, path, lambda item: template.expand(item, values))
        if each.name == bundle or VPYTHON & set(each.name.split("/"))
    ]
    return file, wanted, bundle


def _versions_path(path: str, file: EnsureFile) -> str:
    return os.path.join(os.path.dirname(path), *(file.resolved_versions or "").split("/"))


def find(request: Request) -> tuple[str | None, tuple[Observation, ...]]:
    """Return the manifest's real path (None for no manifest) and the observations of the search.

    It is the file that an option or variable names, else the one beside vpython as it was called, else
    beside the file that this leads to. A source tree runs as it is: no manifest beside it counts.
    """
    named = request.options.get("manifest")
    if named:
        path = os.path.join(request.cwd or "/", named)
        if not os.path.isfile(path):
            raise UserError(f"the manifest `{path}` does not exist")
        return _real(path)
    from bootstrap import BUILD

    if BUILD == "source":
        return None, ()
    rows: tuple[Observation, ...] = ()
    for caller in dict.fromkeys((request.caller, os.path.realpath(request.caller))):
        path = os.path.join(os.path.dirname(caller), NAME)
        if os.path.isfile(path):
            found, more = _real(path)
            return found, (*rows, *more)
        rows = (*rows, Observation("no-file", (path,)))
    return None, rows


def _real(path: str) -> tuple[str, tuple[Observation, ...]]:
    real = os.path.realpath(path)
    return real, (Observation("real", (path, real)),)


def _text(path: str, most: int) -> str:
    from vpy.system import files

    try:
        return files.read_bytes(path, 4 * most + 1).decode("utf-8")
    except OSError as error:
        raise UserError(f"cannot read `{path}`: {error.strerror}") from error
    except UnicodeDecodeError:
        raise UserError(f"`{path}` is not UTF-8") from None


def _signature(path: str) -> tuple[Observation, ...]:
    from vpy.system import files

    try:
        return (Observation("signature", (path, *files.signature_fields(os.stat(path)))),)
    except OSError:
        return ()


def _pin(wanted: Wanted, file: EnsureFile, path: str, versions: str) -> Pin:
    from vpy.packages.cipd import versions_file
    from vpy.packages.cipd.names import looks_like_instance_id

    known: Mapping[tuple[str, str], str] = {}
    if not looks_like_instance_id(wanted.version):
        if not file.resolved_versions:
            raise UserError(
                f"`{path}` has no `$ResolvedVersions`, which would pin `{wanted.name}`", hint=UPDATE
            )
        known = versions_file.parse(_text(versions, versions_file.LARGEST), versions)
    found = versions_file.look_up(known, wanted.name, wanted.version)
    if found is None:
        raise UserError(f"`{versions}` does not pin `{wanted.name}` at `{wanted.version}`", hint=UPDATE)
    return Pin(wanted.name, wanted.template, wanted.version, found, path)
