"""Settings of a spec, applied to one target: where its projects come from, and what vpython must be."""

from __future__ import annotations

import json
import os

from bootstrap.shown import without_passwords
from vpy.errors import UserError
from vpy.model import Observation
from vpy.spec.requirements import project_of
from vpy.system import files
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vpy.model import Interpreter, ProjectSource, Spec
    from vpy.operations.context import Context
    from vpy.operations.settings import Setting


def check_version(spec: Spec, context: Context) -> None:
    """Raise UserError where the spec is not for this version of vpython."""
    if not spec.required_version:
        return
    from packaging.specifiers import SpecifierSet

    if not SpecifierSet(spec.required_version).contains(context.config.version, prereleases=True):
        raise UserError(
            f"the spec needs vpython {spec.required_version}, and this is {context.config.version}",
            hint="`required-version` of `[tool.vpython]` says so",
        )


def without_replaced(spec: Spec, setting: Setting) -> Spec:
    """Return a spec without its indexes where the command line or a variable names the one to ask."""
    if not (spec.resolution.indexes and setting.text.startswith("index:") and setting.is_asked_for):
        return spec
    return replace(spec, resolution=replace(spec.resolution, indexes=()))


def for_target(spec: Spec, interpreter: Interpreter, *, with_hashes: bool = True) -> Spec:
    """Return a spec whose requirements, in their order, are what they mean on a target.

    A project with a `url` in `sources` becomes a direct reference; of the sources are left those that name an
    index. Wheels of this machine get their hash, unless it is left out.
    """
    resolution = spec.resolution
    sources = _holding(resolution.sources, {**dict(interpreter.markers), "extra": ""})
    urls = {name: source.url for name, source in sources.items() if source.url}

    def meant(texts: tuple[str, ...]) -> tuple[str, ...]:
        direct = (_direct(text, urls) for text in texts)
        return tuple(map(_with_hash, direct) if with_hashes else direct)

    return replace(
        spec,
        dependencies=meant(spec.dependencies),
        resolution=replace(
            resolution,
            sources=tuple(replace(each, marker="") for each in sources.values() if each.index),
            constraints=meant(resolution.constraints),
            overrides=meant(resolution.overrides),
        ),
    )


def _holding(sources: tuple[ProjectSource, ...], markers: Mapping[str, str]) -> dict[str, ProjectSource]:
    """Return the source of each project that has one on a target: the first whose marker holds."""
    if not sources:
        return {}
    from packaging.markers import Marker

    found: dict[str, ProjectSource] = {}
    for source in sources:
        if not source.marker or Marker(source.marker).evaluate(dict(markers)):
            found.setdefault(source.project, source)
    return found


def _direct(text: str, urls: Mapping[str, str]) -> str:
    """Return a requirement as a direct reference where its project has a URL; its versions go."""
    if not urls:
        return text
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    requirement = Requirement(text)
    url = urls.get(canonicalize_name(requirement.name))
    if url is None or requirement.url:
        return text
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras} @ {url}{marker}"


def lines(spec: Spec) -> tuple[str, ...]:
    """Return what narrows the versions of a spec's requirements, a line for each, sorted; no passwords."""
    rows = spec.resolution.rows()
    pairs = [(name, each) for name in rows for each in rows[name]]
    texts = [f"{name} {each if isinstance(each, str) else json.dumps(each)}" for name, each in pairs]
    return tuple(sorted(map(without_passwords, texts)))


def overridden(spec: Spec) -> tuple[str, ...]:
    """Return the requirements of a spec with those in their places that override them, each once."""
    if not spec.resolution.overrides:
        return spec.dependencies
    overrides: dict[str, list[str]] = {}
    for text in spec.resolution.overrides:
        overrides.setdefault(project_of(text), []).append(text)
    found = (each for text in spec.dependencies for each in overrides.get(project_of(text), [text]))
    return tuple(dict.fromkeys(found))


def _with_hash(text: str) -> str:
    """Return a requirement of a wheel of this machine with its hash: another file is another requirement."""
    path = _local_path(text)
    if path is None or "sha256=" in text or not os.path.isfile(path):
        return text
    from packaging.requirements import Requirement

    requirement = Requirement(text)
    requirement.url = f"{requirement.url}#sha256={files.sha256_of(path)}"
    return str(requirement)


def with_hash(source: ProjectSource) -> ProjectSource:
    """Return a source whose wheel, where it is one of this machine, has its hash in the URL."""
    if not source.url:
        return source
    _, _, url = _with_hash(f"{source.project} @ {source.url}").partition(" @ ")
    return replace(source, url=url)


def _local_path(text: str) -> str | None:
    """Return the path of the wheel of this machine that a requirement names, if it names one."""
    if "file:" not in text:
        return None
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    from packaging.requirements import Requirement

    url = Requirement(text).url or ""
    return url2pathname(urlsplit(url).path) if url.startswith("file:") else None


def observations(spec: Spec) -> Iterator[Observation]:
    """Yield what a spec's local wheels are, so that a start after a change of one is planned again."""
    for path in filter(None, map(_local_path, (*spec.dependencies, *spec.resolution.overrides))):
        try:
            yield Observation("signature", (path, *files.signature_fields(os.stat(path))))
        except OSError:
            yield Observation("no-file", (path,))
