"""The package sources, made of what a start knows."""

from __future__ import annotations

import os
import sys

from vpy import memory
from vpy.errors import ToolError, UserError
from vpy.system import scope
from vpy.value import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from vpy.context import Context
    from vpy.model import Interpreter
    from vpy.packages.catalogue import Catalogue
    from vpy.packages.directory import DirectoryLoader
    from vpy.packages.index import Index
    from vpy.packages.loader import PackageLoader
    from vpy.packages.service import CipdLoader
    from vpy.system.http import Client
    from vpy.system.layout import Layout
    from vpy.system.progress import Progress
    from vpy.wheels.host import HostPython

WORKERS = 8
WAY_OUT = (
    "-vpython-source index takes the packages from an index, directory:PLACE from a mirror; "
    "what was resolved before starts with -vpython-offline"
)


@value
class Remembered:
    """Answers in the root: `packages.loader.Memory`."""

    layout: Layout

    def recall(self, question: object) -> Any:
        return memory.recall(self.layout.resolution(memory.digest_of(question)))

    def keep(self, question: object, answer: object) -> None:
        memory.keep(self.layout.resolution(memory.digest_of(question)), answer)


def check(source: str) -> str:
    """Return `-vpython-source`'s value where it is spelt as a source is, else UserError; asks nobody."""
    kind, _, place = source.partition(":")
    if kind not in ("cipd", "directory", "index"):
        raise UserError(
            f"unknown package source `{source}`",
            hint="use cipd, cipd:URL, directory:PATH, directory:URL, index or index:URL",
        )
    if kind == "directory" and not place:
        raise UserError(f"not a directory of packages: `{source}`", hint="use directory:PATH")
    if kind == "index" and source != "index":
        _check_index(place)
    return source


def _check_index(place: str) -> None:
    from urllib.parse import urlsplit

    from vpy.system import address

    try:
        parts = urlsplit(place)
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        sound = False
    if not sound and not place.startswith("file:///"):
        raise UserError(f"not the address of an index: `{address.shown(place)}`", hint="use index:URL")


def loader_of(source: str, context: Context) -> PackageLoader:
    """The source, no index, that `-vpython-source` names."""
    kind, _, place = source.partition(":")
    if kind == "directory" and "://" in place:
        return web_directory(source, context)
    if kind == "directory":
        from vpy.packages import directory

        return directory.DirectoryLoader(
            directory.FolderReader(_folder(place)),
            context.layout,
            source,
            contact=context.config.contact,
        )
    return cipd(source, context, way_out=WAY_OUT)


def catalogue_of(source: str, context: Context) -> Catalogue:
    """What tells which packages the source, no index, has."""
    from vpy.packages import catalogue, directory, prpc, repository, web
    from vpy.system import address

    kind, _, place = source.partition(":")
    if kind == "directory" and "://" not in place:
        path = _folder(place)
        return catalogue.TreeCatalogue(directory.FolderReader(path), lambda: repository.package_names(path))
    if context.offline:
        raise ToolError(f"`{source}` may not be asked", hint="run it without -vpython-offline")
    client = client_for(context)
    if kind == "directory":
        reader = web.WebReader(_tree_address(source), client, progress_for(context))
        return catalogue.TreeCatalogue(reader, lambda: catalogue.listed(reader, source))
    service = prpc.Service(client, address.root(service_address(source, context)))
    return catalogue.ServiceCatalogue(service, WAY_OUT)


def _folder(place: str) -> str:
    path = os.path.abspath(place)
    if not os.path.isdir(path):
        raise UserError(f"the directory of packages `{path}` is not there")
    return path


def _tree_address(source: str) -> str:
    from vpy.system import address

    url = source.partition(":")[2]
    if "?" in url or "#" in url:
        raise UserError(f"the address of a tree of packages has no `?` and no `#`: `{address.shown(url)}`")
    return url


def service_address(source: str, context: Context, *, named: str = "") -> str:
    """The service's address: of `cipd:URL`, else `CIPD_SERVICE_URL`, else `named`, else the default."""
    place = source.partition(":")[2]
    return place or context.environ.get("CIPD_SERVICE_URL") or named or context.config.service


def cipd(source: str, context: Context, *, named: str = "", way_out: str = "") -> CipdLoader:
    """The package service that `cipd` or `cipd:URL` means; UserError for an address that may not be asked.

    `way_out` is the hint where the service cannot be reached.
    """
    from vpy.packages import admission, caches, prpc, service
    from vpy.system import address

    if notice := admission.notice(context.environ, admission.default_path()):
        context.terminal.warning(notice)
    root = address.root(service_address(source, context, named=named))
    client = client_for(context)
    return service.CipdLoader(
        prpc.Service(client, root),
        None if context.offline else client,
        layout=context.layout,
        memory=Remembered(context.layout),
        caches=caches.from_environ(context.environ),
        terminal=context.terminal,
        now=context.now,
        progress=progress_for(context),
        origin=source,
        contact=context.config.contact,
        way_out=way_out,
    )


def web_directory(source: str, context: Context) -> DirectoryLoader:
    """The tree of packages at the address of `directory:URL`."""
    from vpy.packages import directory, web

    client = client_for(context)
    return directory.DirectoryLoader(
        web.WebReader(_tree_address(source), None if context.offline else client, progress_for(context)),
        context.layout,
        source,
        contact=context.config.contact,
        workers=WORKERS,
        stop=client.stop,
    )


def client_for(context: Context) -> Client:
    """What asks, as this start may: its proxies, its trust, its name."""
    import random
    import time

    from vpy.system import http
    from vpy.system.patience import Clockwork

    clockwork = Clockwork(clock=time.monotonic, sleep=time.sleep, chance=random.random)
    return http.Client(context.environ, user_agent(context), clockwork)


def user_agent(context: Context) -> str:
    """`vpython/1.0.0`, with what `CIPD_HTTP_USER_AGENT_PREFIX` puts before it."""
    prefix = context.environ.get("CIPD_HTTP_USER_AGENT_PREFIX", "")
    if not (prefix.isascii() and prefix.isprintable()):
        raise UserError("`CIPD_HTTP_USER_AGENT_PREFIX` has characters that no header has")
    name = f"vpython/{context.config.version}"
    return f"{prefix}/{name}" if prefix else name


def progress_for(context: Context) -> Progress:
    from vpy.system import progress

    return progress.Progress(progress.is_wanted(context.environ, context.terminal.level))


def index_for(source: str, interpreter: Interpreter, context: Context) -> Index:
    """The index for one target; `source` is `index` or `index:URL`."""
    from vpy.model import StoredWheel
    from vpy.packages import index
    from vpy.wheels import store

    scheme = store.scheme_id(interpreter)
    host = host_python(context)
    return index.Index(
        config=context.config,
        layout=context.layout,
        interpreter=interpreter,
        source=source if source.partition(":")[0] == "index" else "index",
        environ=context.environ,
        home=home(context),
        offline=context.offline,
        ask=lambda job: host.ask(job, environ=context.environ, terminal=context.terminal),
        stored=lambda sha256: store.is_stored(StoredWheel("", sha256, context.layout.wheel(sha256, scheme))),
    )


def host_python(context: Context) -> HostPython:
    """This Python runs pip: from the shipped archive, or from the source tree's vendored code."""
    from vpy.wheels import host

    if context.host:
        return context.host
    shipped = [os.path.join(context.app, name) for name in ("pip.zip", "pip")]
    source = os.path.join(context.app, "build", "vendor")
    return host.HostPython(
        executable=sys.executable,
        pip=next(filter(os.path.exists, shipped), source),
        programs=os.path.dirname(os.path.abspath(host.__file__)),
        temporary=context.layout.staging,
    )


@scope.contextmanager
def pip_ahead(context: Context) -> Iterator[Context]:
    """The context with a pip that loads from now on; it has ended when this is left."""
    with host_python(context).ahead(context.environ) as host:
        yield replace(context, host=host)


def home(context: Context) -> str:
    return context.environ.get("HOME") or os.path.expanduser("~")
