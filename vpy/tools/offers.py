"""Which versions of a project a source has, and for what: the facts behind `find`."""

from __future__ import annotations

import re

from vpy import sources
from vpy.errors import UserError
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.version import Version

    from vpy.context import Context
    from vpy.model import Target
    from vpy.packages.catalogue import Catalogue, Instance
    from vpy.packages.index import Index
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
class Offer:
    """One version of a package: `places` has, by platform, the Pythons that it is for ((): any).

    `name` is as a spec has it, with `${…}` where packages of several platforms differ; `version` is a
    version of that source; `refs` are the package service's.
    """

    name: str
    version: str
    refs: tuple[str, ...]
    places: Mapping[str, tuple[str, ...]]


def in_catalogue(name: str, most: int, catalogue: Catalogue, context: Context) -> list[Offer]:
    """The offers of a package service or a tree, the newest of each package first; UserError for none."""
    from vpy.system import crew

    packages = _packages(name, catalogue, context.config.wheel_prefix)
    outcomes = crew.side_by_side(
        packages, lambda each: catalogue.instances(each, most), workers=WORKERS, stop=lambda: None
    )
    found: dict[tuple[str, str], dict[str, dict[str, None]]] = {}
    refs: dict[tuple[str, str], dict[str, None]] = {}
    for package, outcome in zip(packages, outcomes, strict=True):
        template, platform, python = _split(package)
        for instance in outcome():
            for version in _versions(instance):
                places = found.setdefault((template, version), {})
                places.setdefault(platform, {}).update(dict.fromkeys([python] if python else []))
                refs.setdefault((template, version), {}).update(dict.fromkeys(instance.refs))
    offers = [
        Offer(template, version, tuple(refs[template, version]), {
            platform: tuple(pythons) for platform, pythons in sorted(places.items())
        })
        for (template, version), places in found.items()
    ]  # fmt: skip
    offers.sort(key=lambda one: _rank(one.version), reverse=True)
    return sorted(offers, key=lambda one: one.name)


def _packages(name: str, catalogue: Catalogue, prefix: str) -> list[str]:
    """The packages that are meant by a project's name, or by a package's whole name or prefix."""
    from vpy.packages.names import parse_package_prefix

    base, _, stem = (name if "/" in name else prefix + name).rstrip("/").rpartition("/")
    base = parse_package_prefix(base)
    packages, prefixes = catalogue.inside(base)
    wanted = _normal(stem)
    found = [each for each in packages if _project(each) == wanted or each == f"{base}/{stem}"]
    for each in prefixes:
        if _project(each) == wanted:
            found += catalogue.below(each)
    if not found:
        raise nothing(name, sorted({_project(each) for each in (*packages, *prefixes)}))
    return sorted(set(found))


def nothing(name: str, known: Sequence[str]) -> UserError:
    """The error where there is no such package, with the names that come near."""
    import difflib

    wanted = _normal(name.rstrip("/").rpartition("/")[2])
    near = difflib.get_close_matches(wanted, known, n=NEAREST, cutoff=0.6)
    other = IMPORTED_AS.get(wanted)
    if other and (other in known or not known):
        near.insert(0, other)
    hint = f"there is {', '.join(f'`{each}`' for each in dict.fromkeys(near))}" if near else None
    return UserError(f"there is no package `{name}`", hint=hint)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def project(name: str) -> str:
    """The project that a package is of, by its name with or without `${…}`."""
    return _project(name.partition("/$")[0])


def _project(package: str) -> str:
    return _normal(_PYTHONS.sub("", package.rpartition("/")[2]))


def _split(package: str) -> tuple[str, str, str]:
    """The name as a spec has it (`a/${vpython_platform}`), the platform, the Python."""
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
    """What names the instance best: its version tags, else another tag, a ref, its id."""
    versions = [tag for tag in instance.tags if tag.startswith("version:")]
    return versions or [*instance.tags[:1], *instance.refs[:1], instance.instance_id][:1]


def _rank(version: str) -> tuple[bool, Version]:
    """Greater for a newer version; what is none comes behind all that are."""
    from packaging.version import InvalidVersion, Version

    text = re.sub(r"[.-](chromium)", r"+\1", re.sub(r"^\d+@", "", version.partition(":")[2]))
    try:
        return True, Version(text)
    except InvalidVersion:
        return False, Version("0")


def in_index(name: str, most: int, source: str, columns: Sequence[Target], context: Context) -> list[Offer]:
    """The offers of an index, the newest first; UserError where it has no wheel of such a project."""
    from packaging.utils import InvalidName, canonicalize_name

    from vpy.packages import survey

    try:
        project = str(canonicalize_name(_index_name(name, context.config.wheel_prefix), validate=True))
    except InvalidName:
        raise UserError(f"no project of an index is called `{name}`") from None
    index: Index = sources.index_for(source, columns[0].interpreter, context)
    by_version: dict[str, list[WheelName]] = {}
    for wheel in _wheels(survey.files(index, project)):
        by_version.setdefault(wheel.version, []).append(wheel)
    if not by_version:
        raise nothing(name, [])
    newest = sorted(by_version, key=lambda each: _rank(f"version:{each}"), reverse=True)[:most]
    return [_offer(project, version, by_version[version], columns, context) for version in newest]


def _index_name(name: str, prefix: str) -> str:
    """The project that a package's whole name means, or the name itself."""
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


def _offer(
    project: str, version: str, wheels: Sequence[WheelName], columns: Sequence[Target], context: Context
) -> Offer:
    prefix = context.config.wheel_prefix
    pure = [wheel for wheel in wheels if wheel.platforms == ("any",)]
    name = (
        f"{prefix}{project}-{'_'.join(pure[0].pythons)}"
        if pure
        else f"{prefix}{project}/${{vpython_platform}}"
    )
    places: dict[str, tuple[str, ...]] = {}
    for target in columns:
        known = {tag.platform for tag in target.interpreter.tags} | {"any"}
        pythons = {
            f"{tag.python}+" if tag.abi == "abi3" else tag.python
            for wheel in wheels
            for tag in wheel.tags
            if tag.platform in known and tag.python.startswith(("cp", "py"))
        }
        if pythons:
            places[dict(target.template)["platform"]] = tuple(
                sorted(pythons, key=lambda one: (len(one.rstrip("+")), one))
            )
    return Offer(name, f"version:{version}", (), places)
