"""Reader of PEP 751 lockfiles (`pylock.toml`), by `packaging.pylock`."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

from bootstrap.shown import printable
from vpy.errors import UserError
from vpy.spec.lockfile.model import LockedDistribution, LockedFile, Lockfile
from vpy.spec.lockfile.toml import load_toml
from vpy.spec.text import quoted
from vpy.system import sdist_name, vcs_url
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from packaging.pylock import Package, Pylock


def parse(text: str, path: str, digest: str) -> Lockfile:
    """Parse a PEP 751 lockfile; raise UserError `path: fact` where it is none, or needs a newer reader."""
    from packaging.pylock import Pylock, PylockUnsupportedVersionError, PylockValidationError

    where = printable(path)
    tables = load_toml(text, where)
    try:
        lock = Pylock.from_dict(with_plain_sdists(tables))
    except PylockUnsupportedVersionError as error:
        raise UserError(f"{where}: {quoted(str(error), 120).strip('`')}") from None
    except (PylockValidationError, ValueError, TypeError) as error:
        raise UserError(f"{where}: not a PEP 751 lockfile: {quoted(str(error), 160).strip('`')}") from None

    return Lockfile(
        path=path,
        format="pylock",
        digest=digest,
        distributions=tuple(_distributions(lock, tables["packages"], where)),
        requires_python=str(lock.requires_python or ""),
        environments=tuple(map(str, lock.environments or ())),
        requirements=_texts(tables, "requirements"),
        declared_python=_own(tables, "requires-python", str),
        settings=_texts(tables, "settings"),
    )


def _texts(tables: dict[str, Any], key: str) -> tuple[str, ...] | None:
    """Return a list of what the lockfile says it was made for; None where it does not say."""
    found = _own(tables, key, list)
    return tuple(found) if found is not None and all(isinstance(each, str) for each in found) else None


def _own(tables: dict[str, Any], key: str, kind: type) -> Any:
    """Return a value of `[tool.vpython]`; None where there is none of this type."""
    tool = tables.get("tool", {})
    own = tool.get("vpython", {}) if isinstance(tool, dict) else {}
    found = own.get(key) if isinstance(own, dict) else None
    return found if isinstance(found, kind) else None


def with_plain_sdists(tables: dict[str, Any]) -> dict[str, Any]:
    """Return a lockfile whose sdists from before PEP 625 have names of it: `packaging` knows no others.

    One whose name is another project's, or of another version, keeps it.
    """
    packages = tables.get("packages")
    if not isinstance(packages, list):
        return tables
    return {**tables, "packages": [_with_plain_sdist(each) for each in packages]}


def _with_plain_sdist(package: Any) -> Any:
    try:
        name = plain_sdist(_sdist_name(package), package["name"], package["version"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return package  # which is refused, or has no sdist
    return {**package, "sdist": {**package["sdist"], "name": name}}


def plain_sdist(filename: str, project: str, version: str) -> str:
    """Return the name of PEP 625 for a project's sdist; raise ValueError where it is none of this version."""
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    if Version(sdist_name.version_text(filename, project, canonicalize_name)) != Version(version):
        raise ValueError(filename)
    return f"{canonicalize_name(project).replace('-', '_')}-{Version(version)}.tar.gz"


def _sdist_name(package: dict[str, Any]) -> str:
    """Return the name of a package's sdist as its table has it."""
    sdist = package["sdist"]
    return str(sdist.get("name") or _basename(sdist.get("path") or sdist.get("url") or ""))


def _distributions(
    lock: Pylock, tables: Sequence[dict[str, Any]], where: str
) -> Iterator[LockedDistribution]:
    """Yield the distributions of the default groups: no others, and no extras, can be asked for."""
    from packaging.utils import canonicalize_name

    from vpy.spec.lockfile import markers

    groups = frozenset(canonicalize_name(name) for name in lock.default_groups or ())
    for package, table in zip(lock.packages, tables, strict=True):
        distribution = _distribution(package, where)
        if distribution.sdist is not None:
            sdist = replace(distribution.sdist, filename=_sdist_name(table))
            distribution = replace(distribution, sdist=sdist)
        if "extras" in distribution.marker or "dependency_groups" in distribution.marker:
            try:
                condition = markers.parse(distribution.marker, groups=groups)
            except markers.TooManyTermsError:
                fact = f"the marker of `{distribution.name}` has too many terms"
                raise UserError(f"{where}: {fact}") from None
            if condition == markers.NOWHERE:
                continue
            distribution = replace(distribution, marker=str(condition))
        yield distribution


def _distribution(package: Package, where: str) -> LockedDistribution:
    if package.directory is not None:
        raise UserError(f"{where}: `{package.name}` is locked to a directory, which no other machine has")
    if package.vcs is not None:
        return LockedDistribution(
            name=package.name,
            version="",
            marker=str(package.marker or ""),
            requires_python=str(package.requires_python or ""),
            url=_commit(package, where),
            revision=package.vcs.requested_revision or "",
        )

    files = [_file(wheel.filename, wheel.url, wheel.path, wheel.hashes, wheel.size, where)
             for wheel in package.wheels or ()]  # fmt: skip
    sdist = package.sdist
    source = None
    if sdist is not None:
        source = _file(sdist.filename, sdist.url, sdist.path, sdist.hashes, sdist.size, where)
    archive = package.archive
    url = ""
    if archive is not None:
        url = archive.url or str(archive.path)
        files.append(_file(_basename(url), archive.url, archive.path, archive.hashes, archive.size, where))
    return LockedDistribution(
        name=package.name,
        version=str(package.version or ""),
        marker=str(package.marker or ""),
        requires_python=str(package.requires_python or ""),
        files=tuple(files),
        hashes=tuple(sorted(file.sha256 for file in (*files, *([source] if source else [])))),
        url=url,
        sdist=source,
    )


def _commit(package: Package, where: str) -> str:
    """Return the direct reference to the commit that a package is locked to."""
    vcs = package.vcs
    assert vcs is not None
    if vcs.type != "git" or not vcs.url:
        raise UserError(f"{where}: `{package.name}` is locked to another repository than a URL of git's")
    fragment = f"#subdirectory={vcs.subdirectory}" if vcs.subdirectory else ""
    url = f"git+{vcs.url.removeprefix('git+')}@{vcs.commit_id}{fragment}"
    try:
        reference = vcs_url.parse(url)
    except ValueError as error:
        raise UserError(f"{where}: `{package.name}`: {error}: {quoted(vcs.url, 120)}") from None
    if not reference.is_commit:
        raise UserError(f"{where}: `{package.name}` is locked to no commit: {quoted(vcs.commit_id, 60)}")
    return reference.text(with_login=True)


def _file(
    name: str | None, url: str | None, path: str | None, hashes: Any, size: int | None, where: str
) -> LockedFile:
    sha256 = str(hashes.get("sha256", "")).lower()
    filename = name or _basename(url or path or "")
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise UserError(f"{where}: `{filename}` has no sha256")
    return LockedFile(filename, url or (path or ""), sha256, size or 0)


def _basename(location: str) -> str:
    return unquote(os.path.basename(urlsplit(location).path))
