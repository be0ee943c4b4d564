"""Text of a lockfile in the format that it has: what the readers of this directory read."""

from __future__ import annotations

import re

from vpy.errors import UserError
from vpy.spec import edit
from vpy.spec.lockfile import document
from vpy.system import vcs_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vpy.spec.lockfile.model import LockedDistribution, LockedFile, Lockfile, LockfileFormat

CREATOR = "vpython"
# Names of PEP 427 and PEP 625 as nearly all files have them.
_NAME = r"(?P<name>[A-Za-z0-9]+(?:[._][A-Za-z0-9]+)*)-(?P<version>[0-9][A-Za-z0-9.!+]*)"
_TAGS = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_WHEEL = re.compile(rf"{_NAME}(?:-\d\w*)?-{_TAGS}-\w+(?:\.\w+)*-\w+(?:\.\w+)*\.whl", re.ASCII)
_SDIST = re.compile(rf"{_NAME}\.(?:tar\.gz|zip)", re.ASCII)


def text_of(lockfile: Lockfile, kind: LockfileFormat) -> str:
    """Return a lockfile as text; the same lockfile always makes the same text."""
    if kind == "pylock":
        return _pylock(lockfile)
    if commits := [each.name for each in lockfile.distributions if each.is_commit]:
        listed = ", ".join(f"`{name}`" for name in commits)
        raise UserError(
            f"a lockfile of hashes cannot have what is built of a repository: {listed}",
            hint="`vpython-tool lock --format pylock` writes a lockfile that can",
        )
    return requirements(lockfile)


def requirements(lockfile: Lockfile, *, hashes: bool = True) -> str:
    """Return a requirements file: each version with its marker and the hashes of all of its files.

    Behind each stands which distributions asked for it, as uv has it.
    """
    lines = []
    for each in lockfile.distributions:
        lines.append(each.requirement)
        for sha256 in sorted(each.hashes) if hashes else ():
            lines[-1] += " \\"
            lines.append(f"    --hash=sha256:{sha256}")
        asked = sorted(filter(None, each.via))
        if len(asked) == 1:
            lines.append(f"    # via {asked[0]}")
        elif asked:
            lines += ["    # via", *(f"    #   {name}" for name in asked)]
    return "".join(f"{line}\n" for line in lines)


def constraints(lockfile: Lockfile) -> str:
    """Return a constraints file: each version with its marker."""
    return "".join(f"{each.requirement}\n" for each in lockfile.distributions)


def _pylock(lockfile: Lockfile) -> str:
    """Return PEP 751 text, in the order of keys that the specification has."""
    own: dict[str, Any] = {"requirements": list(lockfile.requirements or ())}
    if lockfile.settings:
        own["settings"] = list(lockfile.settings)
    if lockfile.declared_python is not None:
        own = {"requires-python": lockfile.declared_python, **own}
    tables: dict[str, Any] = {
        "lock-version": "1.0",
        "environments": list(lockfile.environments),
        "requires-python": lockfile.requires_python,
        "created-by": CREATOR,
        "packages": [_package(each) for each in lockfile.distributions],
        "tool": {"vpython": own},
    }
    tables = {key: each for key, each in tables.items() if each or key == "packages"}
    if not all(map(_is_plain, tables["packages"])):
        _validate(tables)
    return document.text_of(tables)


def _is_plain(package: Mapping[str, Any]) -> bool:
    """Return whether nothing that an index says of a package can be against PEP 751, as far as is seen."""
    from vpy.spec.requirements import specifier_fact

    names = [(row["name"], _WHEEL) for row in package.get("wheels", ())]
    names += [(package["sdist"]["name"], _SDIST)] if "sdist" in package else []
    return not specifier_fact(package.get("requires-python", ""), "requires-python") and all(
        (match := pattern.fullmatch(name)) is not None
        and match["version"] == package["version"]
        and edit.project(match["name"]) == package["name"]
        for name, pattern in names
    )


def _validate(tables: dict[str, Any]) -> None:
    """Raise the error of the specification's own reader for what it would refuse."""
    from packaging.pylock import Pylock

    from vpy.spec.lockfile import pylock

    Pylock.from_dict(pylock.with_plain_sdists(tables)).validate()


def _package(distribution: LockedDistribution) -> dict[str, Any]:
    package: dict[str, Any] = {"name": distribution.name, "version": distribution.version}
    if distribution.marker:
        package["marker"] = distribution.marker
    if distribution.requires_python:
        package["requires-python"] = distribution.requires_python
    if distribution.is_commit:
        del package["version"]  # PEP 751: it is that of a source tree
        return {**package, "vcs": _vcs(distribution)}
    if distribution.url:
        (file,) = distribution.files
        return {**package, "archive": _file(file)}
    if distribution.sdist is not None:
        package["sdist"] = {"name": _sdist_name(distribution), **_file(distribution.sdist)}
    if distribution.files:
        package["wheels"] = [{"name": file.filename, **_file(file)} for file in distribution.files]
    return package


def _vcs(distribution: LockedDistribution) -> dict[str, Any]:
    """Return the repository and the commit that a distribution is built of."""
    reference = vcs_url.parse(distribution.url)
    row = {
        "type": "git",
        "url": reference.plain_url,
        "requested-revision": distribution.revision,
        "commit-id": reference.revision,
        "subdirectory": reference.subdirectory,
    }
    return {key: text for key, text in row.items() if text}


def _sdist_name(distribution: LockedDistribution) -> str:
    """Return the name of an sdist, by PEP 625 where its own is older: readers of PEP 751 know no others."""
    assert distribution.sdist is not None
    filename = distribution.sdist.filename
    if filename == f"{distribution.name.replace('-', '_')}-{distribution.version}.tar.gz":
        return filename
    from vpy.spec.lockfile import pylock

    if not filename.endswith((".tar.gz", ".zip")):
        return filename
    plain = pylock.plain_sdist(filename, distribution.name, distribution.version)
    return plain.replace(".tar.gz", ".zip") if filename.endswith(".zip") else plain


def _file(file: LockedFile) -> dict[str, Any]:
    size = {"size": file.size} if file.size else {}
    place = "url" if "://" in file.url else "path"
    return {place: file.url, **size, "hashes": {"sha256": file.sha256}}
