"""Versions of a project that a source has, by platform: for `find`."""

from __future__ import annotations

import itertools
import re

from vpy.errors import MissingError
from vpy.operations import sources
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.version import Version

    from vpy.model import Sources, Target
    from vpy.operations.context import Context
    from vpy.packages.catalogue import Catalogue, Instance
    from vpy.packages.index.loader import IndexLoader
    from vpy.wheels.filename import WheelName

EVERY = "every platform"
WORKERS = 8
NEAREST = 5
_PLATFORM = re.compile(r"((?:linux|mac|windows)-[a-z0-9]+)(?:_([a-z]+[0-9]+)_([a-z0-9]+))?")
_PYTHONS = re.compile(r"[-_](py[23](?:[._]py[23])?)$")
# Projects that are imported by another name than their own.
IMPORTED_AS = {
    "attr": "attrs", "bs4": "beautifulsoup4", "crypto": "pycryptodome", "cv2": "opencv-python",
    "dateutil": "python-dateutil", "dotenv": "python-dotenv", "git": "gitpython",
    "grpc": "grpcio", "jwt": "pyjwt", "markdown2": "markdown", "openssl": "pyopenssl", "pil": "pillow",
    "pkg-resources": "setuptools", "serial": "pyserial", "skimage": "scikit-image", "sklearn": "scikit-learn",
    "usb": "pyusb", "win32api": "pywin32", "win32com": "pywin32", "yaml": "pyyaml", "zmq": "pyzmq",
}  # fmt: skip


@value
class PackageVersion:
    """Version of a package, with the Pythons it is for by platform; () is any Python.

    `name` is as a spec has it, with `${…}` where the packages of several platforms differ; `version` is
    a version of that source; `refs` are the package service's.
    """

    name: str
    version: str
    refs: tuple[str, ...]
    platforms: Mapping[str, tuple[str, ...]]


def in_catalogue(name: str, most: int, catalogue: Catalogue, context: Context) -> list[PackageVersion]:
    """Return the versions in a package service or a directory, the newest of each package first.

    Raises UserError where there is no such package.
    """
    from vpy.system import threads

    packages = _packages(name, catalogue, context.config.wheel_prefix)
    outcomes = threads.map_concurrently(
        packages, lambda package: catalogue.instances(package, most), workers=WORKERS, stop=lambda: None
    )
    found: dict[tuple[str, str], dict[str, dict[str, None]]] = {}
    refs: dict[tuple[str, str], dict[str, None]] = {}
    for package, outcome in zip(packages, outcomes, strict=True):
        template, platform, python = _split(package)
        for instance in outcome():
            for version in _versions(instance):
                platforms = found.setdefault((template, version), {})
                platforms.setdefault(platform, {}).update(dict.fromkeys([python] if python else []))
                refs.setdefault((template, version), {}).update(dict.fromkeys(instance.refs))
    versions = [
        PackageVersion(template, version, tuple(refs[template, version]), {
            platform: tuple(pythons) for platform, pythons in sorted(platforms.items())
        })
        for (template, version), platforms in found.items()
    ]  # fmt: skip
    versions.sort(key=lambda found: _rank(found.version), reverse=True)
    return sorted(versions, key=lambda found: found.name)


def _packages(name: str, catalogue: Catalogue, prefix: str) -> list[str]:
    """Return the packages that a project's name, or a package's whole name or prefix, means."""
    from vpy.packages.cipd.names import parse_package_prefix

    base, _, stem = (name if "/" in name else prefix + name).rstrip("/").rpartition("/")
    base = parse_package_prefix(base)
    packages, prefixes = catalogue.inside(base)
    wanted = _normal(stem)
    found = [package for package in packages if _project(package) == wanted or package == f"{base}/{stem}"]
    for below in prefixes:
        if _project(below) == wanted:
            found += catalogue.below(below)
    if not found:
        raise no_such_package(name, sorted({_project(package) for package in (*packages, *prefixes)}))
    return sorted(set(found))


def no_such_package(name: str, known: Sequence[str]) -> MissingError:
    """Return the error for a name that is not there, with the names that come near."""
    import difflib

    wanted = _normal(name.rstrip("/").rpartition("/")[2])
    near = difflib.get_close_matches(wanted, known, n=NEAREST, cutoff=0.6)
    imported = IMPORTED_AS.get(wanted)
    if imported and (imported in known or not known):
        near.insert(0, imported)
    hint = f"there is {', '.join(f'`{name}`' for name in dict.fromkeys(near))}" if near else None
    return MissingError(f"there is no package `{name}`", hint=hint)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def project(name: str) -> str:
    """Return the project of a package, by its name with or without `${…}`."""
    return _project(name.partition("/$")[0])


def _project(package: str) -> str:
    return _normal(_PYTHONS.sub("", package.rpartition("/")[2]))


def _split(package: str) -> tuple[str, str, str]:
    """Return the name as a spec has it (`a/${vpython_platform}`), the platform, the Python."""
    base, _, leaf = package.rpartition("/")
    found = _PLATFORM.fullmatch(leaf)
    if found is None:
        return package, EVERY, ""
    platform, python, abi = found[1], found[2] or "", found[3] or ""
    if not python:
        return f"{base}/${{platform}}", platform, ""
    if abi.startswith(python):
        return f"{base}/${{vpython_platform}}", platform, python
    return f"{base}/${{platform}}_{python}_{abi}", platform, f"{python}+" if abi == "abi3" else python


def _versions(instance: Instance) -> list[str]:
    """Return what names an instance best: its version tags, else another tag, a ref, its id."""
    versions = [tag for tag in instance.tags if tag.startswith("version:")]
    return versions or [*instance.tags[:1], *instance.refs[:1], instance.instance_id][:1]


def _rank(version: str) -> tuple[bool, Version]:
    """Return a key that is greater for a newer version (PEP 440), least for what is no version.

    Chromium's builds are `EPOCH@VERSION.chromium.N`: N counts builds of the same version.
    """
    from packaging.version import InvalidVersion, Version

    text = re.sub(r"[.-](chromium)", r"+\1", re.sub(r"^\d+@", "", version.partition(":")[2]))
    try:
        return True, Version(text)
    except InvalidVersion:
        return False, Version("0")


def in_index(
    name: str, most: int, asked: Sources, targets: Sequence[Target], context: Context
) -> list[PackageVersion]:
    """Return the versions in the index among sources, else in the default one, the newest first.

    Raises UserError where it has no wheel of the project.
    """
    from packaging.utils import InvalidName, canonicalize_name

    try:
        project = str(canonicalize_name(_index_name(name, context.config.wheel_prefix), validate=True))
    except InvalidName:
        raise MissingError(f"no project of an index is called `{name}`") from None
    versions = each_in_index([project], most, asked, targets, context)[project]
    if not versions:
        raise no_such_package(name, [])
    return versions


def each_in_index(
    projects: Sequence[str], most: int, asked: Sources, targets: Sequence[Target], context: Context
) -> dict[str, list[PackageVersion]]:
    """Return the versions of each project, by its normal name, as `in_index` does; [] where it has none."""
    from vpy.packages.index import query

    index: IndexLoader = sources.index_loader(asked, targets[0].interpreter, context)
    known = [(target, _known_platforms(target)) for target in targets]
    found = {}
    for project, files in query.files(index, projects).items():
        newest = itertools.islice(_by_version(files), most)
        found[project] = [_version(project, version, wheels, known, context) for version, wheels in newest]
    return found


def _by_version(files: Iterable[str]) -> Iterator[tuple[str, list[WheelName]]]:
    """Yield the wheels of each version, the newest first; their names are read no further than asked for."""
    named: dict[str, list[str]] = {}
    normal: dict[str, str] = {}
    for file in files:
        text = file.partition("-")[2].partition("-")[0]
        if text not in normal:
            normal[text] = _normal_version(text)
        named.setdefault(normal[text], []).append(file)
    for version in sorted(named, key=lambda version: _rank(f"version:{version}"), reverse=True):
        wheels = _wheels(named[version])
        if wheels:
            yield version, wheels


def _normal_version(text: str) -> str:
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(text))
    except InvalidVersion:
        return text


def _known_platforms(target: Target) -> frozenset[str]:
    rows = target.interpreter.tags.rows
    return frozenset(("any", *(platform for _, _, platforms in rows for platform in platforms)))


def _index_name(name: str, prefix: str) -> str:
    """Return the project that a package's whole name means, or the name itself."""
    inside = name.removeprefix(prefix)
    return inside if inside == name else _PYTHONS.sub("", inside.partition("/")[0])


def _wheels(files: Iterable[str]) -> list[WheelName]:
    from vpy.errors import ToolError
    from vpy.wheels import filename

    wheels = []
    for file in files:
        try:
            wheels.append(filename.parse(file))
        except ToolError:
            continue
    return wheels


def _version(
    project: str,
    version: str,
    wheels: Sequence[WheelName],
    targets: Sequence[tuple[Target, frozenset[str]]],
    context: Context,
) -> PackageVersion:
    prefix = context.config.wheel_prefix
    pure = [wheel for wheel in wheels if wheel.platforms == ("any",)]
    name = (
        f"{prefix}{project}-{'_'.join(pure[0].pythons)}"
        if pure
        else f"{prefix}{project}/${{vpython_platform}}"
    )
    platforms: dict[str, tuple[str, ...]] = {}
    tags = list(dict.fromkeys(tag for wheel in wheels for tag in wheel.tags))
    for target, known in targets:
        pythons = {
            f"{tag.python}+" if tag.abi == "abi3" else tag.python
            for tag in tags
            if tag.platform in known and tag.python.startswith(("cp", "py"))
        }
        if pythons:
            platforms[dict(target.template)["platform"]] = tuple(
                sorted(pythons, key=lambda python: (len(python.rstrip("+")), python))
            )
    return PackageVersion(name, f"version:{version}", (), platforms)
