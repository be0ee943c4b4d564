"""The manifest beside vpython: the instance of vpython that is to run, and the Pythons it offers."""

from __future__ import annotations

import os

from vpy.errors import UserError
from vpy.model import Observation, Pin
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vpy.context import Context
    from vpy.model import Wanted
    from vpy.packages.ensurefile import EnsureFile
    from vpy.packages.loader import PackageLoader
    from vpython import Request

NAME = "cipd_manifest.txt"
VPYTHON = {"vpython", "vpython3"}
UPDATE = "bring it up to date with -vpython-tool ensure FILE -resolve"


@value
class Manifest:
    """What a manifest pins for this machine, and what that was read from.

    `vpython` is None where it pins none; `pythons` keep their order. `path` is "" where there is no
    manifest at all.
    """

    path: str
    service: str
    vpython: Pin | None
    pythons: tuple[Pin, ...]
    observations: tuple[Observation, ...]


def read(request: Request, context: Context) -> Manifest:
    """Find the manifest of this start and read it; UserError where it pins by half."""
    path, rows = find(request)
    if not path:
        return Manifest("", "", None, (), rows)
    from vpy.packages import ensurefile
    from vpy.target import observe, template
    from vpy.tools import ensure

    values = ensure.platform_values(ensure.host_platform())
    text = _text(path, ensurefile.LARGEST)
    file = ensurefile.parse(text, path, lambda item: template.validate(item, values))
    bundle = template.expand(context.config.bundle_package, values)
    wanted = [
        each
        for _, each in ensurefile.expand(file, path, lambda item: template.expand(item, values))
        if each.name == bundle or VPYTHON & set(each.name.split("/"))
    ]
    versions = os.path.join(os.path.dirname(path), *file.resolved_versions.split("/"))
    pins = [_pin(each, file, path, versions) for each in wanted]
    rows = (*rows, *observe.signature(path), *(observe.signature(versions) if file.resolved_versions else ()))
    return Manifest(
        path=path,
        service=file.service_url,
        vpython=next((pin for pin in pins if pin.name != bundle), None),
        pythons=tuple(pin for pin in pins if pin.name == bundle),
        observations=rows,
    )


def find(request: Request) -> tuple[str, tuple[Observation, ...]]:
    """The manifest's real path ("" for none), and rows of where it was looked for.

    It is what an option or variable names, else it lies beside vpython as it was called, else beside
    the file that this leads to. Code in a source tree is what it is: no manifest beside it counts.
    """
    named = request.options.get("manifest")
    if named:
        path = os.path.join(request.cwd or "/", named)
        if not os.path.isfile(path):
            raise UserError(f"the manifest `{path}` is not there")
        return _real(path)
    import vpython

    if vpython.BUILD == "source":
        return "", ()
    rows: tuple[Observation, ...] = ()
    for caller in dict.fromkeys((request.caller, os.path.realpath(request.caller))):
        path = os.path.join(os.path.dirname(caller), NAME)
        if os.path.isfile(path):
            found, more = _real(path)
            return found, (*rows, *more)
        rows = (*rows, Observation("no-file", (path,)))
    return "", rows


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


def _pin(wanted: Wanted, file: EnsureFile, path: str, versions: str) -> Pin:
    from vpy.packages import versionsfile
    from vpy.packages.names import looks_like_instance_id

    known: Mapping[tuple[str, str], str] = {}
    if not looks_like_instance_id(wanted.version):
        if not file.resolved_versions:
            raise UserError(
                f"`{path}` names no `$ResolvedVersions` that would pin `{wanted.name}`", hint=UPDATE
            )
        known = versionsfile.parse(_text(versions, versionsfile.LARGEST), versions)
    found = versionsfile.look_up(known, wanted.name, wanted.version)
    if found is None:
        raise UserError(f"`{versions}` does not pin `{wanted.name}` at `{wanted.version}`", hint=UPDATE)
    return Pin(wanted.name, wanted.template, wanted.version, found, path)


def is_us(pin: Pin, request: Request) -> bool:
    """Whether the pinned vpython is the one that runs: by its build, or where a shim or we have put it."""
    import vpython

    directory = os.path.dirname(os.path.realpath(request.caller))
    return pin.version == f"build:{vpython.BUILD}" or os.path.basename(directory) == pin.instance_id


def vpython_file(found: Manifest, request: Request, context: Context) -> str | None:
    """The pinned vpython, unpacked in the root; None where none is pinned."""
    pin = found.vpython
    if pin is None:
        return None
    directory = unpacked(pin, found, request, context)
    for name in ("vpython", "vpython3") if request.legacy else ("vpython3", "vpython"):
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            return path
    raise UserError(f"the package `{pin.name}` at `{pin.version}` holds no vpython")


def hermetic_python(
    found: Manifest, wanted_prefix: str, requires_python: str, request: Request, context: Context
) -> str | None:
    """The Python of the manifest that may fit a spec, unpacked in the root; None where it offers none."""
    import sys

    from vpy.target import bundle

    def finish(made: str, final: str) -> None:
        bundle.compile_library(made, final, context.environ, sys.platform)

    return bundle.choose(
        found.pythons,
        wanted_prefix,
        requires_python,
        lambda pin: unpacked(pin, found, request, context, finish),
        sys.platform,
    )


def unpacked(
    pin: Pin,
    found: Manifest,
    request: Request,
    context: Context,
    finish: Callable[[str, str], None] = lambda made, final: None,
) -> str:
    """The directory with a pinned package's files."""
    from vpy.packages import deployed

    def fetch() -> str:
        context.terminal.info(f"fetching `{pin.name}` at `{pin.version}`")
        return _loader(pin, found, request, context).fetch((pin,))[0]

    return deployed.ensure(pin, fetch, context.layout, terminal=context.terminal, finish=finish)


def _loader(pin: Pin, found: Manifest, request: Request, context: Context) -> PackageLoader:
    """Where a pinned package comes from: a folder that is the source of this start, else the service."""
    from vpy import sources

    source = request.options.get("source") or context.config.default_source
    kind, _, place = source.partition(":")
    if kind == "directory" and (
        "://" in place or os.path.exists(os.path.join(place, *pin.name.split("/"), "+", pin.instance_id))
    ):
        return sources.loader_of(source, context)
    return sources.cipd(source if kind == "cipd" else "cipd", context, named=found.service)
