"""Keys of `[tool.uv]` that change what requirements come to: those that are followed, and the others.

https://docs.astral.sh/uv/reference/settings/
"""

from __future__ import annotations

import os

from vpy.model import ProjectSource, ResolutionSettings
from vpy.spec.requirements import project_of, requirement_fact, specifier_fact, url_fact
from vpy.spec.text import quoted
from vpy.spec.times import parse_cutoff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vpy.spec.toml_table import Table

# Those that change which versions or files are taken, and are not followed.
UNFOLLOWED = (
    "config-settings", "config-settings-package", "conflicts",
    "dependency-groups", "dependency-metadata", "environments", "exclude-dependencies",
    "exclude-newer-package", "extra-build-dependencies", "extra-build-variables", "extra-index-url",
    "find-links", "fork-strategy", "index-strategy", "index-url", "no-binary", "no-binary-package",
    "no-build-isolation", "no-build-isolation-package", "no-index", "no-sources", "no-sources-package",
    "prerelease", "required-environments", "resolution", "torch-backend",
)  # fmt: skip
_NO_WHEEL = {"workspace": "a workspace member"}


def unfollowed(uv: Table) -> tuple[str, ...]:
    """Return the keys that are set and change a resolution, but are not followed."""
    return tuple(key for key in UNFOLLOWED if key in uv.values)


def no_build(uv: Table) -> tuple[str, ...]:
    """Return the projects that may not be built from their source; `*` for all of them."""
    projects = uv.texts("no-build-package")
    return ("*", *projects) if uv.flag("no-build", default=False) else projects


def exclude_newer(table: Table) -> str:
    """Return the cutoff of `exclude-newer`, a text, or a date or time of TOML; "" for none."""
    given = table.values.get("exclude-newer")
    if given is None:
        return ""
    text = given.isoformat() if hasattr(given, "isoformat") else table.text("exclude-newer")
    cutoff = parse_cutoff(text)
    if cutoff is None and text:
        table.refuse("exclude-newer", "a date, a time with its offset, or an age as `7d`")
    return cutoff or ""


def default_index(uv: Table, path: str) -> str:
    """Return the address of the index that is the default one; "" where none is."""
    found = [address(row, "url", path) for row in uv.tables("index") if row.flag("default", default=False)]
    if len(found) > 1:
        uv.add("index", "two of `tool.uv.index` are the default")
    return found[0] if found else ""


def resolution(uv: Table, dependencies: Sequence[str], path: str) -> ResolutionSettings:
    """Return the settings that narrow what `dependencies` come to; `path` is the spec's.

    `required-version` is about uv itself: it is checked, and says nothing of a resolution.
    """
    if fact := specifier_fact(required := uv.text("required-version"), "tool.uv.required-version"):
        uv.add("required-version", fact, required)
    constraints = uv.checked("constraint-dependencies", requirement_fact)
    overrides = uv.checked("override-dependencies", requirement_fact)
    used = {project_of(text) for text in (*dependencies, *constraints, *overrides)}

    named: dict[str, str] = {}
    asked_first = []
    for row in uv.tables("index"):
        url = _index_address(row, path)
        named.setdefault(row.text("name"), url)
        if not row.flag("default", default=False) and not row.flag("explicit", default=False):
            asked_first.append(url)
    return ResolutionSettings(
        indexes=tuple(dict.fromkeys(filter(None, asked_first))),
        sources=tuple(_sources(uv, used, named, path)),
        exclude_newer=exclude_newer(uv),
        constraints=constraints,
        overrides=overrides,
        build_constraints=uv.checked("build-constraint-dependencies", requirement_fact),
    )


def _index_address(row: Table, path: str) -> str:
    if row.text("format") not in ("", "simple"):
        row.refuse("format", "`simple`, which alone is read")
    if row.flag("explicit", default=False) and not row.text("name"):
        row.add("index", "an explicit index of `tool.uv.index` has no `name`")
    return address(row, "url", path)


def address(table: Table, key: str, path: str) -> str:
    """Return the address of an index, a path as a file URL; "" where it is none."""
    text = table.text(key)
    if not text:
        if key not in table.values or isinstance(table.values[key], str):
            table.add(key if key in table.values else "index", f"`{table.name}` has no `{key}`")
        return ""
    if "://" not in text:
        return _file_url(table, key, path)
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        is_index = parts.scheme == "file" or (parts.scheme in ("http", "https") and bool(parts.hostname))
        _ = parts.port
    except ValueError:
        is_index = False
    if not is_index:
        table.refuse(key, "the address of an index")
    return text if is_index else ""


def _file_url(table: Table, key: str, path: str) -> str:
    """Return a path, relative to the spec's directory, as a URL; "" where the spec is in no directory."""
    from pathlib import PurePath

    text = table.text(key)
    if not os.path.isabs(text) and not os.path.isabs(path):
        table.refuse(key, "absolute, and nothing lies beside this spec")
        return ""
    return PurePath(os.path.normpath(os.path.join(os.path.dirname(path), text))).as_uri()


def _sources(uv: Table, used: set[str], named: dict[str, str], path: str) -> Iterator[ProjectSource]:
    """Yield where the projects in use are to come from."""
    from packaging.utils import canonicalize_name

    sources = uv.table("sources")
    for key in sources.values:
        project = str(canonicalize_name(key))
        for row in sources.tables(key) if project in used else ():
            # Those of an extra or a group of a project: a spec has neither.
            if "extra" in row.values or "group" in row.values:
                continue
            before = len(uv.mistakes)
            source = _source(row, project, named, path)
            if len(uv.mistakes) == before:
                yield source


def _source(row: Table, project: str, named: dict[str, str], path: str) -> ProjectSource:
    """Return one source of a project, with mistakes noted."""
    kinds = [key for key in ("url", "path", "index", "git", *_NO_WHEEL) if key in row.values]
    marker = row.text("marker")
    _check_marker(row, marker)
    key = project
    if len(kinds) != 1:
        row.add(key, f"`{row.name}` needs one of `git`, `index`, `path` and `url`")
        return ProjectSource(project)
    if kinds[0] in _NO_WHEEL:
        row.add(key, f"`{row.name}`: {_NO_WHEEL[kinds[0]]} is not a wheel, and only wheels are installed")
        return ProjectSource(project)
    if kinds[0] == "index":
        name = row.text("index")
        if name and name not in named:
            row.add(key, f"`{row.name}` names the index {quoted(name)}, which `tool.uv.index` lacks")
        return ProjectSource(project, index=named.get(name, ""), marker=marker)
    if kinds[0] == "git":
        url = _git_url(row, key)
    else:
        url = row.text("url") if kinds[0] == "url" else _file_url(row, "path", path)
    if url and (fact := url_fact(url)):
        row.add(key, f"`{row.name}`: {fact}: {quoted(url, 120)}")
    return ProjectSource(project, url=url, marker=marker)


def _git_url(row: Table, key: str) -> str:
    """Return the direct reference to a repository; mistakes are noted at `key`."""
    url = row.text("git").removeprefix("git+")
    refs = {"rev": "", "tag": "refs/tags/", "branch": "refs/heads/"}
    named = [prefix + row.text(key) for key, prefix in refs.items() if row.values.get(key)]
    if len(named) > 1:
        row.add(key, f"`{row.name}` has more than one of `rev`, `tag` and `branch`")
    subdirectory = row.text("subdirectory")
    # Without a revision an `@` in the path would begin one.
    has_at = "@" in url.partition("://")[2].partition("/")[2]
    revision = f"@{named[0]}" if named else "@HEAD" * has_at
    return f"git+{url}{revision}" + (f"#subdirectory={subdirectory}" if subdirectory else "")


def _check_marker(row: Table, marker: str) -> None:
    from packaging.markers import InvalidMarker, Marker

    if marker:
        try:
            Marker(marker)
        except (InvalidMarker, RecursionError):
            row.refuse("marker", "a marker of PEP 508")
