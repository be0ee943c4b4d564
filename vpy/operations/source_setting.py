"""Package sources of a start as settings name them: an option, variables, the spec, the user's file."""

from __future__ import annotations

import os

from bootstrap.command_line import split_sources
from vpy.errors import UserError
from vpy.model import Address, Source, Sources
from vpy.operations import settings
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootstrap.request import Request
    from vpy.model import Spec
    from vpy.operations.context import Context
    from vpy.operations.settings import Setting


def requested(request: Request, context: Context, spec: Spec | None = None) -> Sources:
    """Return the sources of a start: an option's, a variable's, the spec's, the user's, else the default."""
    return parse_setting(settings.source(request, context, spec), context.environ)


def of_spec(spec: Spec, requested: Sources, environ: Mapping[str, str]) -> Sources:
    """Return the sources of a spec's packages: PEP 508 dependencies always come from an index.

    The wheels in directories that are named with it count, too; without it, those in directories of this
    machine, since one behind a web server may have CIPD's packages alone.
    """
    if not spec.dependencies or requested.is_index:
        return requested
    if requested.images is not None:
        if len(requested.members) > 1:
            raise UserError(
                f"dependencies come from `{requested.images}` alone: no other source goes with it"
            )
        return requested
    if requested.index is None:
        return Sources((*(each for each in requested.directories if each.folder), index(environ)))
    indexes = [source for source in requested.members if source.kind == "index"]
    if len(indexes) > 1:
        listed = " and ".join(f"`{source}`" for source in indexes)
        raise UserError(
            f"dependencies come from one index, not from {listed}",
            hint="pip's setting `extra-index-url` adds another to `index`",
        )
    return Sources((*requested.directories, *indexes))


def of_setting(setting: Setting, spec: Spec, environ: Mapping[str, str]) -> Sources:
    """Return the sources of a spec's packages, where a setting names those that are asked."""
    return of_spec(spec, parse_setting(setting, environ), environ)


def index(environ: Mapping[str, str]) -> Source:
    """Return the index that counts where none is named by its address."""
    url = environ.get(settings.INDEX_VARIABLE)
    if not url:
        return Source("index")
    try:
        _check_index_url(url)
    except UserError as error:
        raise UserError(f"`{settings.INDEX_VARIABLE}`: {error.message}") from None
    return Source("index", Address(url))


def parse_setting(setting: Setting, environ: Mapping[str, str]) -> Sources:
    """Return the sources that a setting names; an error names the file that it is in."""
    try:
        sources = parse(setting.text, environ)
    except UserError as error:
        if not os.path.isabs(setting.origin):
            raise
        raise UserError(f"{setting.origin}: {error.message}", hint=error.hint) from None
    if not os.path.isabs(setting.origin):
        return sources
    return Sources(tuple(_below(source, setting.directory) for source in sources.members))


def _below(source: Source, directory: str) -> Source:
    """Return the source; where it is a relative path, that in `directory`."""
    if source.local_path is None:
        return source
    return replace(source, address=Address(os.path.join(directory, source.local_path)))


def parse(text: str, environ: Mapping[str, str]) -> Sources:
    """Parse `-vpython-source`'s value without asking anybody; raise UserError where it is no source."""
    return Sources(tuple(dict.fromkeys(_parse(each, environ) for each in split_sources(text))))


def _parse(text: str, environ: Mapping[str, str]) -> Source:
    kind, colon, location = text.partition(":")
    if kind == "cipd":
        return Source("cipd", Address(location) if colon else None)
    if kind == "directory":
        if not location:
            raise UserError(f"not a directory of packages: `{text}`", hint="use directory:PATH")
        return Source("directory", Address(location))
    if kind == "oci":
        return _images(location)
    if kind == "index" and not colon:
        return index(environ)
    if kind == "index":
        if os.path.isabs(location):
            from urllib.request import pathname2url

            location = f"file://{pathname2url(location)}"
        _check_index_url(location)
        return Source("index", Address(location))
    raise UserError(
        f"unknown package source `{text}`",
        hint="use cipd, cipd:URL, directory:PATH, directory:URL, oci:PATH, oci://HOST/NAME, index or "
        "index:URL, or several with commas",
    )


def _images(location: str) -> Source:
    if not location:
        raise UserError("not a place of OCI images: `oci:`", hint="use oci:KIT.tar or oci://HOST/NAME[:TAG]")
    if location.startswith("//"):
        from vpy.packages.oci.reference import parse as check

        check(f"oci:{location}")
    return Source("oci", Address(location))


def _check_index_url(url: str) -> None:
    from urllib.parse import urlsplit

    from vpy.system.network import urls

    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        is_valid = False
    if not is_valid and not url.startswith("file:///"):
        fact = f"not the address of an index: `{urls.shown(url)}`"
        raise UserError(fact, hint="use index:URL or index:/DIRECTORY")
