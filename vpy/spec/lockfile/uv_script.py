"""Reader of the lockfiles of `uv lock --script`: a graph of packages in TOML."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

from bootstrap.shown import printable
from vpy.errors import UserError
from vpy.spec.lockfile.model import Dependency, LockedDistribution, LockedFile, Lockfile
from vpy.spec.lockfile.toml import load_toml
from vpy.spec.text import quoted
from vpy.system import vcs_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from vpy.system.vcs_url import Reference

_VERSION = 1
_ROOT = ("", "", "")


def parse(text: str, path: str, digest: str) -> Lockfile:
    """Parse a uv lockfile of a script; raise UserError `path: fact` where it cannot be followed."""
    where = printable(path)
    tables = load_toml(text, where)
    if tables.get("version") != _VERSION:
        raise UserError(
            f"{where}: a lockfile of version {quoted(str(tables.get('version')), 20)}; version 1 is read"
        )
    try:
        packages = [_package(table) for table in tables.get("package", [])]
        manifest = tables.get("manifest", {})
        return Lockfile(
            path=path,
            format="uv-script",
            digest=digest,
            distributions=tuple(distribution for distribution, _ in packages),
            requires_python=str(tables.get("requires-python", "")),
            requirements=tuple(sorted(_requirement(row) for row in manifest.get("requirements", []))),
            edges=(
                (_ROOT, tuple(_manifest_edge(row) for row in manifest.get("requirements", []))),
                *(edge for _, edges in packages for edge in edges),
            ),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        fact = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{where}: not a lockfile of uv: {quoted(fact, 120).strip('`')}") from None


def _package(
    table: dict[str, Any],
) -> tuple[LockedDistribution, list[tuple[tuple[str, str, str], tuple[Dependency, ...]]]]:
    name, version = str(table["name"]), str(table.get("version", ""))
    source = table.get("source", {})
    url = str(source.get("url", ""))
    revision = ""
    if "git" in source:
        asked, commit = _git(str(source["git"]))
        url, revision = asked.text(commit), asked.revision
    files = [_file(wheel, url) for wheel in table.get("wheels", [])]
    edges = [((name, version, ""), tuple(map(_edge, table.get("dependencies", []))))]
    for extra, rows in table.get("optional-dependencies", {}).items():
        edges.append(((name, version, str(extra)), tuple(map(_edge, rows))))
    # Where one version of several counts; "" for everywhere.
    marker = " or ".join(f"({text})" for text in map(str, table.get("resolution-markers", [])))
    distribution = LockedDistribution(
        name=name, version=version, marker=marker, files=tuple(files), url=url, revision=revision
    )
    return distribution, edges


def _git(text: str) -> tuple[Reference, str]:
    """Return what was asked for, and the commit that it came to, "" in a requirement.

    uv writes `URL?subdirectory=…&rev=…#COMMIT`, with `tag` or `branch` in the place of `rev`.
    """
    from urllib.parse import parse_qsl, quote

    plain, _, commit = text.partition("#")
    url, _, query = plain.partition("?")
    fields = dict(parse_qsl(query))
    refs = {"rev": "", "tag": "refs/tags/", "branch": "refs/heads/"}
    revision = next((prefix + fields[key] for key, prefix in refs.items() if key in fields), "")
    if commit and not vcs_url.is_commit(commit):
        raise ValueError(f"{commit} is not a commit")
    at = f"@{quote(revision)}" if revision else ""
    return vcs_url.parse(f"git+{url}{at}#subdirectory={fields.get('subdirectory', '')}"), commit


def _file(row: dict[str, Any], direct: str) -> LockedFile:
    url = str(row.get("url") or row.get("path") or direct)
    algorithm, _, sha256 = str(row.get("hash", "")).partition(":")
    filename = str(row.get("filename") or unquote(os.path.basename(urlsplit(url).path)))
    if algorithm != "sha256":
        raise ValueError(f"{filename} has no sha256")
    return LockedFile(filename, url, sha256.lower(), int(row.get("size", 0)))


def _edge(row: dict[str, Any]) -> Dependency:
    return Dependency(
        name=str(row["name"]),
        extras=tuple(map(str, row.get("extra", ()))),
        marker=str(row.get("marker", "")),
        version=str(row.get("version", "")),
    )


def _manifest_edge(row: dict[str, Any]) -> Dependency:
    """Return a direct requirement as an edge: here `extras` is the key, and no version is named."""
    return Dependency(
        name=str(row["name"]),
        extras=tuple(map(str, row.get("extras", ()))),
        marker=str(row.get("marker", "")),
    )


def _requirement(row: dict[str, Any]) -> str:
    """Return a direct requirement as normalized PEP 508 text."""
    from packaging.requirements import Requirement

    from vpy.spec.requirements import normalized

    extras = f"[{','.join(map(str, row['extras']))}]" if row.get("extras") else ""
    where = f" @ {row['url']}" if row.get("url") else str(row.get("specifier", ""))
    if "git" in row:
        where = f" @ {_git(str(row['git']))[0].text()}"
    marker = f" ; {row['marker']}" if row.get("marker") else ""
    return normalized(Requirement(f"{row['name']}{extras}{where}{marker}"))


def walk(lockfile: Lockfile, holds: Any) -> Iterator[LockedDistribution]:
    """Yield the distributions that the direct requirements lead to, each once; `holds` judges a marker."""
    edges = dict(lockfile.edges)
    by_name: dict[str, list[LockedDistribution]] = {}
    for distribution in lockfile.distributions:
        by_name.setdefault(distribution.name, []).append(distribution)

    seen: set[tuple[str, str, str]] = {_ROOT}
    found: dict[tuple[str, str], LockedDistribution] = {}
    waiting = [_ROOT]
    while waiting:
        for edge in edges.get(waiting.pop(), ()):
            if edge.marker and not holds(edge.marker):
                continue
            distribution = _only(lockfile, by_name.get(edge.name, []), edge, holds)
            found.setdefault((distribution.name, distribution.version), distribution)
            for extra in ("", *edge.extras):
                node = (distribution.name, distribution.version, extra)
                if node not in seen:
                    seen.add(node)
                    waiting.append(node)
    yield from found.values()


def _only(
    lockfile: Lockfile, known: list[LockedDistribution], edge: Dependency, holds: Any
) -> LockedDistribution:
    fitting = [each for each in known if edge.version in ("", each.version)]
    if len(fitting) > 1:
        fitting = [each for each in fitting if not each.marker or holds(each.marker)]
    if len(fitting) != 1:
        fact = "is not in it" if not fitting else "is in it at several versions"
        raise UserError(f"{printable(lockfile.path)}: `{edge.name}` is needed and {fact}")
    return fitting[0]
