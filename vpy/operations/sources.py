"""Loaders of package sources, with the network and the root of a start."""

from __future__ import annotations

import os
import sys
from functools import partial

from vpy.errors import ToolError, UserError
from vpy.operations import cache, source_setting
from vpy.packages.freshness import REF_SECONDS, Freshness
from vpy.system import files
from vpy.system.lean import contextlib
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from vpy.model import Interpreter, Observation, ResolutionSettings, Source, Sources, Spec
    from vpy.operations.context import Context
    from vpy.packages.catalogue import Catalogue
    from vpy.packages.cipd.loader import CipdLoader
    from vpy.packages.directory import DirectoryLoader
    from vpy.packages.index.loader import Heard, IndexLoader
    from vpy.packages.index.rules import Rules
    from vpy.packages.loader import Arrived, PackageLoader
    from vpy.packages.oci.environment import Environments
    from vpy.packages.oci.loader import OciLoader
    from vpy.packages.oci.registry import Registry
    from vpy.system.layout import Layout
    from vpy.system.network.http import Client
    from vpy.system.network.retry import RetryPolicy
    from vpy.wheels.pip_runner import HostPython

WORKERS = 8
UNREACHABLE_HINT = (
    "-vpython-source index takes the packages from an index, directory:PATH from a mirror; "
    "what was resolved before starts with -vpython-offline"
)


@value
class RootCache:
    """Cache of a loader's answers in the root: `packages.loader.Cache`. With `is_fresh` it has none yet."""

    layout: Layout
    is_fresh: bool = False

    def get(self, question: object) -> Any:
        """Return the cached answer, or None."""
        if self.is_fresh:
            return None
        return cache.get(self.layout.resolution(cache.digest_of(question)))

    def put(self, question: object, answer: object) -> None:
        """Store an answer; a root that cannot be written is no error."""
        cache.put(self.layout.resolution(cache.digest_of(question)), answer)

    def drop(self, question: object) -> None:
        """Remove the cached answer, if there is one."""
        cache.drop(self.layout.resolution(cache.digest_of(question)))


def identity(sources: Sources, context: Context) -> tuple[list[object], tuple[Observation, ...]]:
    """Return what tells sources from all others, and the observations that this depends on."""
    found = [_identity(source, context) for source in sources.members]
    names: list[object] = [name for name, _ in found]
    observations = [each for _, seen in found for each in seen]
    if len(names) == 1:
        return found[0][0], tuple(observations)
    if sources.index is not None:
        from vpy.packages.index import pip_config

        listed, seen = pip_config.files_beside(sources.find_links)
        names.append(listed)
        observations += seen
    return names, tuple(observations)


def _identity(source: Source, context: Context) -> tuple[list[object], tuple[Observation, ...]]:
    if source.kind == "index":
        from vpy.packages.index import pip_config

        digest, observations = pip_config.index_identity(context.environ, str(source), home(context))
        return ["index", digest], observations
    if source.kind == "oci":
        return _images_identity(source)
    if source.kind == "directory":
        return ["directory", os.path.abspath(source.folder) if source.folder else str(source.address)], ()
    return [str(source), service_url(source, context)], ()


def _images_identity(source: Source) -> tuple[list[object], tuple[Observation, ...]]:
    """Return what tells a place of OCI images: on this machine also the state of the file that lists them."""
    from vpy.model import Observation

    if source.local_path is None:
        return [str(source)], ()
    path = os.path.abspath(source.local_path)
    listing = os.path.join(path, "index.json") if os.path.isdir(path) else path
    try:
        fields = files.signature_fields(os.stat(listing))
    except OSError:
        return ["oci", path], (Observation("no-file", (listing,)),)
    return ["oci", path, *fields], (Observation("signature", (listing, *fields)),)


def loader(sources: Sources, interpreter: Interpreter, context: Context, spec: Spec) -> PackageLoader:
    """Return the loader of sources for a spec; an index's wheels fit `interpreter`."""
    if spec.dependencies:
        if sources.images is not None:
            return oci_loader(sources.images, interpreter, context)
        return index_loader(sources, interpreter, context, resolution=spec.resolution)

    def of(source: Source) -> PackageLoader:
        if source.kind == "oci":
            return oci_loader(source, interpreter, context)
        if source.kind == "index":
            return index_loader(sources.beside(source), interpreter, context, resolution=spec.resolution)
        return package_loader(source, context)

    return in_order(sources, of)


def in_order(sources: Sources, loader: Callable[[Source], PackageLoader]) -> PackageLoader:
    """Return the loader that takes each package from the first source that has it."""
    if len(sources.members) == 1:
        return loader(sources.members[0])
    from vpy.packages.chain import ChainLoader

    return ChainLoader([(str(source), partial(loader, source)) for source in sources.members])


def package_loader(
    source: Source, context: Context, *, arrived: Arrived | None = None, fresh: bool = False
) -> CipdLoader | DirectoryLoader:
    """Return the loader of a source of CIPD packages: the service, or a directory of packages.

    With `fresh` the service is asked for everything, whatever it answered before.
    """
    if source.kind == "oci":
        raise UserError(f"this is asked of a source of packages, and `{source}` holds environments")
    if source.kind == "directory":
        return directory_loader(source, context, arrived=arrived)
    return cipd_loader(source, context, hint=UNREACHABLE_HINT, arrived=arrived, fresh=fresh)


def oci_loader(
    source: Source,
    interpreter: Interpreter,
    context: Context,
    *,
    arrived: Arrived | None = None,
    stage: str = "",
) -> OciLoader:
    """Return the loader of environments in an image layout or a registry, for one target."""
    from vpy.packages.oci.loader import OciLoader
    from vpy.wheels import select

    is_tag = source.local_path is None and "@sha256:" not in str(source)
    return OciLoader(
        environments(source, context),
        interpreter.tags,
        context.layout,
        best=select.best_filename,
        is_installed=is_stored(interpreter, context),
        arrived=arrived,
        stage=stage,
        until=int(context.now()) + REF_SECONDS if is_tag else 0,
    )


def environments(source: Source, context: Context) -> Environments:
    """Return the environments that an image layout or a registry holds."""
    from vpy.packages.oci.environment import Environments

    if source.local_path is not None:
        from vpy.packages.oci.layout import LayoutImages

        path = os.path.abspath(source.local_path)
        if not os.path.exists(path):
            raise UserError(f"the OCI image layout `{path}` does not exist")
        return Environments(LayoutImages(path, str(source)), str(source))
    if context.offline:
        raise ToolError(
            f"cannot ask `{source}`: network access is disabled by `-vpython-offline`",
            hint="run it without -vpython-offline",
        )
    return Environments(registry(str(source), context), str(source))


def registry(reference: str, context: Context, *, policy: RetryPolicy | None = None) -> Registry:
    """Return the repository of an OCI registry that `oci://HOST/NAME[:TAG]` names."""
    from vpy.packages.oci.credentials import Credentials
    from vpy.packages.oci.reference import parse
    from vpy.packages.oci.registry import Registry

    client = http_client(context)
    if policy is not None:
        client.policy = policy
    found = Credentials(context.environ, home(context))
    return Registry(client, parse(reference), found, status=context.terminal.status)


def directory_loader(source: Source, context: Context, *, arrived: Arrived | None = None) -> DirectoryLoader:
    """Return the loader of a directory of packages: a local one, or one behind a web server."""
    from vpy.packages import directory

    contact = context.config.contact
    if source.folder is not None:
        reader = directory.FolderReader(_folder(source.folder))
        return directory.DirectoryLoader(
            reader, context.layout, str(source), contact=contact, arrived=arrived
        )

    from vpy.packages import web

    client = http_client(context)
    return directory.DirectoryLoader(
        web.WebReader(_tree_url(source), None if context.offline else client, context.terminal.status),
        context.layout,
        str(source),
        contact=contact,
        workers=WORKERS,
        stop=client.stop,
        arrived=arrived,
    )


def cipd_loader(
    source: Source,
    context: Context,
    *,
    default_service: str | None = None,
    hint: str = "",
    arrived: Arrived | None = None,
    fresh: bool = False,
) -> CipdLoader:
    """Return the loader of the package service; raise UserError for an address that is refused.

    `default_service` is its address where neither the source nor a variable names one; `hint` is
    shown where it cannot be reached.
    """
    from vpy.packages.cipd import admission_plugin, caches, prpc
    from vpy.packages.cipd import loader as cipd
    from vpy.system.network import urls

    if notice := admission_plugin.notice(context.environ, admission_plugin.default_path()):
        context.terminal.warning(notice)
    root = urls.root(service_url(source, context, default=default_service))
    client = http_client(context)
    return cipd.CipdLoader(
        prpc.Service(client, root),
        None if context.offline else client,
        layout=context.layout,
        cache=RootCache(context.layout, is_fresh=fresh and not context.offline),
        caches=caches.from_environ(context.environ),
        terminal=context.terminal,
        freshness=Freshness(context.now, context.fresh_since),
        origin=str(source),
        contact=context.config.contact,
        hint=hint,
        arrived=arrived,
    )


def index_loader(
    sources: Sources,
    interpreter: Interpreter,
    context: Context,
    *,
    needs_files: bool = False,
    resolution: ResolutionSettings | None = None,
    refresh_after: int = 0,
    **options: Any,
) -> IndexLoader:
    """Return the loader of the index among sources for one target; `options` are those of `IndexLoader`.

    The wheels in the directories among them count, too.
    It does not fetch the file of a wheel that is installed in the store, unless the caller
    `needs_files`. `resolution` is that of a spec for the target. An answer that is `refresh_after` seconds
    old is asked for again, 0 for never.
    """
    from vpy.packages.index import loader as index

    _check_index(sources)
    pip_host = host_python(context)

    def ask(job: Mapping[str, Any], heard: Heard | None) -> dict[str, Any]:
        return pip_host.ask(job, environ=context.environ, terminal=context.terminal, heard=heard)

    return index.IndexLoader(
        config=context.config,
        layout=context.layout,
        interpreter=interpreter,
        source=sources.index or source_setting.index(context.environ),
        find_links=sources.find_links,
        environ=context.environ,
        home=home(context),
        offline=context.offline,
        ask=ask,
        rules=_rules(resolution, refresh_after, context),
        is_installed=_nothing if needs_files else is_stored(interpreter, context),
        **options,
    )


def _check_index(sources: Sources) -> None:
    """Raise UserError where the sources are no index, or a directory beside it is not there."""
    if sources.images is not None:
        raise UserError(f"this is asked of an index, and the source is `{sources.images}`")
    for source in sources.directories:
        if source.folder is not None:
            _folder(source.folder)


def _nothing(_: str) -> bool:
    return False


def is_stored(interpreter: Interpreter, context: Context) -> Callable[[str], bool]:
    """Return a function that says whether the wheel of a sha256 is installed in the store."""
    from vpy.model import StoredWheel
    from vpy.wheels import store

    scheme = store.scheme_id(interpreter)
    return lambda sha256: store.is_stored(StoredWheel("", sha256, context.layout.wheel(sha256, scheme)))


def _rules(resolution: ResolutionSettings | None, refresh_after: int, context: Context) -> Rules:
    """Return how an index is asked: by a spec's settings, where it has any."""
    from vpy.model import ResolutionSettings
    from vpy.packages.index.rules import Rules

    freshness = Freshness(context.now, context.fresh_since, refresh_after)
    return Rules(resolution or ResolutionSettings(), freshness, context.terminal.warning)


def catalogue(source: Source, context: Context) -> Catalogue:
    """Return what lists the packages of the service or of a directory."""
    from vpy.packages import catalogue as catalogues
    from vpy.packages import directory, repository, web
    from vpy.packages.cipd import prpc
    from vpy.system.network import urls

    if source.kind == "oci":
        raise UserError(f"`{source}` does not list what packages there are")
    if source.folder is not None:
        path = _folder(source.folder)
        return catalogues.DirectoryCatalogue(
            directory.FolderReader(path), lambda: repository.package_names(path)
        )
    if context.offline:
        raise ToolError(
            f"cannot ask `{source}`: network access is disabled by `-vpython-offline`",
            hint="run it without -vpython-offline",
        )

    client = http_client(context)
    if source.kind == "directory":
        reader = web.WebReader(_tree_url(source), client, context.terminal.status)
        return catalogues.DirectoryCatalogue(reader, lambda: catalogues.read_names(reader, str(source)))
    service = prpc.Service(client, urls.root(service_url(source, context)))
    return catalogues.ServiceCatalogue(service, UNREACHABLE_HINT)


def _folder(location: str) -> str:
    path = os.path.abspath(location)
    if not os.path.isdir(path):
        raise UserError(f"the directory of packages `{path}` does not exist")
    return path


def _tree_url(source: Source) -> str:
    from vpy.system.network import urls

    url = source.address.asked if source.address else ""
    if "?" in url or "#" in url:
        raise UserError(f"the address of a tree of packages cannot have `?` or `#`: `{urls.shown(url)}`")
    return url


def service_url(source: Source, context: Context, *, default: str | None = None) -> str:
    """Return the service's address: of `cipd:URL`, `CIPD_SERVICE_URL`, `default`, or the domain's."""
    named = source.address.asked if source.kind == "cipd" and source.address else None
    return named or context.environ.get("CIPD_SERVICE_URL") or default or context.config.service


def http_client(context: Context) -> Client:
    """Return an HTTP client with the proxies, the trust and the user agent of this start."""
    import random
    import time

    from vpy.system.network import http
    from vpy.system.network.retry import Clock, retry_seconds

    clock = Clock(now=time.monotonic, sleep=time.sleep, random=random.random)
    policy = replace(http.POLICY, retry_seconds=retry_seconds(context.environ))
    return http.Client(context.environ, user_agent(context), clock, policy)


def user_agent(context: Context) -> str:
    """Return `vpython/1.0.0`, behind what `CIPD_HTTP_USER_AGENT_PREFIX` says."""
    prefix = context.environ.get("CIPD_HTTP_USER_AGENT_PREFIX", "")
    if not (prefix.isascii() and prefix.isprintable()):
        raise UserError("`CIPD_HTTP_USER_AGENT_PREFIX` has characters that an HTTP header cannot have")
    name = f"vpython/{context.config.version}"
    return f"{prefix}/{name}" if prefix else name


def host_python(context: Context) -> HostPython:
    """Return the Python that runs pip: this one, with the pip of the archive or of the source tree."""
    from vpy.wheels import pip_runner

    if context.host:
        return context.host
    shipped = [os.path.join(context.app, name) for name in ("pip.zip", "pip")]
    source_tree = os.path.join(context.app, "build", "vendor")
    return pip_runner.HostPython(
        executable=sys.executable,
        pip=next(filter(os.path.exists, shipped), source_tree),
        programs=os.path.dirname(os.path.abspath(pip_runner.__file__)),
        temporary=context.layout.staging,
    )


@contextlib.contextmanager
def pip_ahead(context: Context, *, asks: bool) -> Iterator[Context]:
    """Yield the context with a pip that loads from now on; end it when the block is left.

    With `asks` an index will be asked.
    """
    with host_python(context).loading_ahead(context.environ, asks=asks) as host:
        yield replace(context, host=host)


@contextlib.contextmanager
def asking_ahead(context: Context) -> Iterator[Context]:
    """Yield the context with a pip that `begin_asking` lets load; end it when the block is left."""
    with host_python(context).asking_ahead(context.environ) as host:
        yield replace(context, host=host)


def begin_asking(context: Context) -> None:
    """Let pip be loaded, where the context has one: an index will be asked."""
    if context.host is not None and context.host.asking is not None:
        context.host.asking.begin()


@contextlib.contextmanager
def one_pip(context: Context, workers: int) -> Iterator[Context]:
    """Yield the context with one pip for all questions to an index, so many of them at once."""
    with host_python(context).shared_by(workers, context.environ, context.terminal) as host:
        yield replace(context, host=host)


def home(context: Context) -> str:
    """Return the user's home directory."""
    return context.environ.get("HOME") or os.path.expanduser("~")
