"""Pages of an index (PEP 503, PEP 592, PEP 629, PEP 691, PEP 700): a project's wheels that fit a target."""

# ruff: noqa: SLF001  (pip has no public interface)
from __future__ import annotations

import functools
import hashlib
import importlib
import itertools
import json
import os
import re
from urllib.parse import urljoin

from vpy.system import sdist_name
from vpy.wheels.index_client import errors
from vpy.wheels.index_client.cache import forbids
from vpy.wheels.index_client.errors import UncoveredError
from vpy.wheels.index_client.web import OFFLINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from vpy.wheels.index_client.rules import Rules
    from vpy.wheels.index_client.web import Web

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
_FRESH = {"Accept": ACCEPT, "Cache-Control": "max-age=0"}
_MISSING = (404, 410)
_BUILD = re.compile(r"(\d+)(.*)", re.ASCII)  # PEP 427


class File:
    """One wheel of a page.

    `sha256` is hex, "" where the page has none; `metadata` is the hex sha256 of its METADATA that the
    index offers (PEP 658), "" where it offers one without a hash, None where it offers none; `size` is
    in bytes, 0 for unknown; `uploaded` is when, in RFC 3339, "" for unknown.
    """

    __slots__ = ("filename", "metadata", "sha256", "size", "uploaded", "url", "yanked")

    def __init__(
        self,
        filename: str,
        url: str,
        sha256: str,
        metadata: str | None,
        size: int,
        yanked: bool,
        uploaded: str = "",
    ) -> None:
        self.filename = filename
        self.url = url
        self.sha256 = sha256
        self.metadata = metadata
        self.size = size
        self.yanked = yanked
        self.uploaded = uploaded

    def row(self) -> list[Any]:
        """Return what makes this file again."""
        return [self.filename, self.url, self.sha256, self.metadata, self.size, self.yanked, self.uploaded]


class Ranks:
    """Order of preference of a Python's tags, given as rows of (python, abi, platforms)."""

    def __init__(self, rows: Iterable[tuple[str, str, Mapping[str, int]]]) -> None:
        self._rows: dict[tuple[str, str], list[tuple[int, Mapping[str, int]]]] = {}
        first = 0
        for python, abi, positions in rows:
            self._rows.setdefault((python, abi), []).append((first, positions))
            first += len(positions)
        self._parse_tags = importlib.import_module("pip._vendor.packaging.tags").parse_tag
        self._known: dict[tuple[str, ...], int | None] = {}

    @classmethod
    def of(cls, tags: Iterable[Sequence[str]]) -> Ranks:
        """Return the order of tags that are listed one by one."""
        rows: list[tuple[str, str, dict[str, int]]] = []
        for python, abi, platform in tags:
            if not rows or rows[-1][:2] != (python, abi) or platform in rows[-1][2]:
                rows.append((python, abi, {}))
            rows[-1][2][platform] = len(rows[-1][2])
        return cls(rows)

    def of_tags(self, tags: tuple[str, ...]) -> int | None:
        """Return the position of the best of a wheel's tags in the order, or None."""
        # Thousands of files have a few hundred sets of tags.
        if tags not in self._known:
            self._known[tags] = self._best(*tags) if len(tags) == 3 else None
        return self._known[tags]

    def _best(self, pythons: str, abis: str, platforms: str) -> int | None:
        best = None
        for python in pythons.split("."):
            for abi in abis.split("."):
                # Most files are for another Python.
                for first, positions in self._rows.get((python, abi), ()):
                    for platform in platforms.split("."):
                        if platform in positions and (best is None or first + positions[platform] < best):
                            best = first + positions[platform]
        return best if best is not None and self._is_valid(f"{pythons}-{abis}-{platforms}") else None

    def _is_valid(self, tags: str) -> bool:
        try:
            return bool(self._parse_tags(tags))
        except ValueError:
            return False


class Target:
    """Python that is resolved for: its tags in order of preference, its version, its markers."""

    def __init__(self, job: Mapping[str, Any], ranks: Ranks | None = None) -> None:
        specifiers = importlib.import_module("pip._vendor.packaging.specifiers")
        self._specifier_set = specifiers.SpecifierSet
        self._invalid = specifiers.InvalidSpecifier
        self.rank_of = (ranks or Ranks.of(job["tags"])).of_tags
        self.python = ".".join(map(str, job["version"]))
        self.markers = {**job["markers"], "extra": ""}
        self._allowed: dict[str, bool] = {}
        self._too_new: dict[str, bool] = {}

    def allows(self, requires_python: str | None) -> bool:
        """Return whether a `requires-python` allows this Python; one that is no specifier allows all."""
        if not requires_python:
            return True
        if requires_python not in self._allowed:
            try:
                found = self._specifier_set(requires_python).contains(self.python, prereleases=True)
            except self._invalid:
                found = True
            self._allowed[requires_python] = found
        return self._allowed[requires_python]

    def is_too_new_for(self, requires_python: str | None) -> bool:
        """Return whether a `requires-python` refuses this Python, and not because it is too old."""
        if not requires_python or self.allows(requires_python):
            return False
        if requires_python not in self._too_new:
            parts = self._specifier_set(requires_python)
            lower = [part for part in parts if part.operator in (">", ">=")]
            self._too_new[requires_python] = all(part.contains(self.python) for part in lower)
        return self._too_new[requires_python]

    def wants(self, filename: str) -> bool:
        """Return whether a file may be a candidate: a wheel whose tags fit."""
        return filename.endswith(".whl") and self.best_rank(filename) is not None

    def best_rank(self, filename: str) -> int | None:
        """Return the position of a wheel's best tag in this Python's order, or None."""
        return self.rank_of(tags_of(filename))


def tags_of(filename: str) -> tuple[str, ...]:
    """Return the tags in a wheel's file name: those of Pythons, ABIs, platforms, each joined by dots."""
    return tuple(filename[:-4].rsplit("-", 3)[1:])


class Release:
    """Wheels of one version that fit the target, made of their rows when somebody asks for them."""

    __slots__ = ("_files", "_version", "rows", "text")

    def __init__(self, text: str, rows: Sequence[Sequence[Any]], version: Any = None) -> None:
        self.text = text
        self.rows = rows
        self._version = version
        self._files: list[File] | None = None

    @property
    def version(self) -> Any:
        """Version of PEP 440."""
        if self._version is None:
            self._version = importlib.import_module("pip._vendor.packaging.version").Version(self.text)
        return self._version

    @property
    def files(self) -> list[File]:
        """Wheels, the best one first."""
        if self._files is None:
            self._files = [File(*row) for row in self.rows]
        return self._files


class Repeatable:
    """Rows of an iterator, which is read no further than somebody has asked for: most ask for the first."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._rest = rows
        self._known: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        for at in itertools.count():
            if at == len(self._known):
                try:
                    self._known.append(next(self._rest))
                except StopIteration:
                    return
            yield self._known[at]


class Page:
    """Releases of one project for the target, the newest first."""

    def __init__(self, releases: Sequence[Release] | Repeatable) -> None:
        self.releases = releases

    def find(self, version: Any) -> Release | None:
        """Return the release that has the very text of a version."""
        return self.by_text.get(str(version))

    @functools.cached_property
    def by_text(self) -> dict[str, Release]:
        """All releases by the normalized texts of their versions."""
        return {release.text: release for release in self.releases}

    @functools.cached_property
    def by_version(self) -> dict[Any, Release]:
        """All releases by their versions, the newest first."""
        return {release.version: release for release in self.releases}

    def narrowed(self, rules: Rules, project: str) -> Page:
        """Return what the rules leave of the page."""
        constraints = [each.specifier for each in rules.constraints.get(project, ())]
        if rules.cutoff is None and not constraints:
            return self
        releases = [
            Release(release.text, rows)
            for release in self.releases
            if all(each.contains(release.version, prereleases=True) for each in constraints)
            and (rows := [row for row in release.rows if not rules.excludes(row[-1], project)])
        ]
        return Page(releases)


def ordered(files: Iterable[File], project: str, target: Target) -> list[Release]:
    """Return the releases of a project: the newest first, in each the file that pip takes first.

    That is one that is not yanked, has the best tag, has the highest build number.
    """
    found: dict[Any, list[tuple[tuple[Any, ...], File]]] = {}
    names = Names(project)
    for file in files:
        version, build = names.parse(file.filename)
        if version is not None:
            order = (not file.yanked, -(target.best_rank(file.filename) or 0), build)
            found.setdefault(version, []).append((order, file))
    releases = []
    for version in sorted(found, reverse=True):
        best_first = sorted(found[version], key=lambda row: row[0], reverse=True)
        releases.append(Release(str(version), [file.row() for _, file in best_first]))
    return releases


class Names:
    """Names of a project's wheels; their tags are read by `Target`, once for all that have the same."""

    def __init__(self, project: str) -> None:
        self._project = project
        # Thousands of files have a few names.
        normalize = importlib.import_module("pip._vendor.packaging.utils").canonicalize_name
        self._normalize = functools.cache(normalize)
        self._parse = importlib.import_module("pip._vendor.packaging.version").Version
        self._versions: dict[str, Any] = {}

    def parse(self, filename: str) -> tuple[Any, tuple[Any, ...]]:
        """Return the version and the build number (PEP 427); None as version for another project's wheel."""
        name, *parts = filename.split("-")[:-3]
        if "__" in name or self._normalize(name) != self._project:
            return None, ()
        if len(parts) == 1:
            return self._version(parts[0]), ()
        build = _BUILD.match(parts[1]) if len(parts) == 2 else None
        return (self._version(parts[0]), (int(build[1]), build[2])) if build else (None, ())

    def version_of_sdist(self, filename: str) -> Any:
        """Return the version in the name of an sdist; None for another project's."""
        return self._version(sdist_name.version_text(filename, self._project, self._normalize))

    def _version(self, text: str) -> Any:
        if text not in self._versions:
            try:
                self._versions[text] = self._parse(text)
            except ValueError:
                self._versions[text] = None
        return self._versions[text]


def found_elsewhere(find_links: Sequence[str]) -> frozenset[str]:
    """Return the normalized names of projects that directories of `--find-links` have files of.

    They are left to pip, which weighs them against the index; so is everything where one is no directory.
    """
    utils = importlib.import_module("pip._vendor.packaging.utils")
    to_path = importlib.import_module("pip._internal.utils.urls").url_to_path
    names: set[str] = set()
    for place in find_links:
        path = to_path(place) if place.startswith("file:") else place
        if "://" in path or os.path.isfile(path):
            raise UncoveredError("find-links that are not a directory")
        if os.path.isdir(path):
            for name in os.listdir(path):
                # The name of a source, and its version, may have a `-` of its own.
                ends = [at for at, letter in enumerate(name) if letter == "-"]
                ends = ends[:1] if name.endswith(".whl") else ends
                names.update(utils.canonicalize_name(name[:end]) for end in ends)
    return frozenset(names)


def read(web: Web, groups: Sequence[Sequence[str]], project: str, target: Target) -> Page:
    """Fetch a project's page from each index of the first group that has it, and merge them.

    An index without the project adds nothing.
    """

    def from_answer(response: Any) -> list[Release]:
        files = (file for file, requires in files_of(response, target.wants) if target.allows(requires))
        return ordered(files, project, target)

    found = first_group(web, groups, project, from_answer)
    if len(found) == 1:
        return Page(found[0])
    files = [file for releases in found for release in releases for file in release.files]
    return Page(ordered(files, project, target))


def first_group(
    web: Web, groups: Sequence[Sequence[str]], project: str, from_answer: Callable[[Any], list[Release]]
) -> list[list[Release]]:
    """Return the releases on the pages that the first group of indexes with the project has."""
    for indexes in groups:
        urls = [urljoin(index.rstrip("/") + "/", f"{project}/") for index in indexes]
        pages = (_releases(web, url, project, from_answer) for url in urls)
        if found := [releases for releases in pages if releases is not None]:
            return found
    return []


def _releases(
    web: Web, url: str, project: str, from_answer: Callable[[Any], list[Release]]
) -> list[Release] | None:
    """Return the releases on one page as `from_answer` reads them; None where the index has no such page.

    The page that is kept serves where it is the same still, or where nobody may be asked.
    """
    kept = web.cache.page(url)
    is_away = web.is_away(url)
    if kept is None and is_away:
        raise errors.network(f"{OFFLINE}: the page of `{project}`", "")
    if kept is None or not is_away:
        response = web.get(url, {**_FRESH, **_validators(kept)})
        body = hashlib.sha256(response.content).hexdigest()
        if kept is None or not _is_same(response, body, kept):
            releases = None if _is_missing(response, project) else from_answer(response)
            rows = None if releases is None else [[release.text, release.rows] for release in releases]
            web.cache.keep_page(url, response.headers, body, rows)
            return releases
    return None if kept["releases"] is None else [Release(text, rows) for text, rows in kept["releases"]]


def _validators(kept: dict[str, Any] | None) -> dict[str, str]:
    """Return the headers that ask whether a page is the same still (RFC 9110, 13.1)."""
    headers = {"If-None-Match": kept["etag"], "If-Modified-Since": kept["modified"]} if kept else {}
    return {name: text for name, text in headers.items() if text}


def _is_same(response: Any, body: str, kept: dict[str, Any]) -> bool:
    status = response.status_code
    if status in _MISSING:
        return kept["releases"] is None
    return status == 304 or (status == 200 and body == kept["body"] and not forbids(response.headers))


def _is_missing(response: Any, project: str) -> bool:
    """Return whether the index has no such page; raise UncoveredError for any other failure."""
    if response.status_code not in (200, *_MISSING):
        raise UncoveredError(f"status {response.status_code} at {project}")
    return bool(response.status_code != 200)


def files_of(response: Any, wants: Callable[[str], bool]) -> Iterator[tuple[File, str | None]]:
    """Yield the files on a page whose names are wanted, each with its `requires-python`."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "application/vnd.pypi.simple.v1+json":
        yield from _json_files(response, wants)
    elif kind in ("application/vnd.pypi.simple.v1+html", "text/html"):
        yield from _html_files(response, wants)
    else:
        raise UncoveredError(f"a page of type {kind}")


def _json_files(response: Any, wants: Callable[[str], bool]) -> Iterator[tuple[File, str | None]]:
    try:
        data = json.loads(response.content)
        if not str(data["meta"]["api-version"]).startswith("1."):
            raise UncoveredError("an index of another version")
        for row in data["files"]:
            filename = row["filename"]
            # Most files of a page are for other targets: they cost as little as can be.
            if not wants(filename):
                continue
            url = row["url"]
            if not url.startswith("https://"):
                url = _absolute(response.url, url)
            if not url:
                continue
            file = File(
                filename=filename,
                url=url,
                sha256=str(row["hashes"].get("sha256", "")).lower(),
                metadata=_offered(row.get("core-metadata", row.get("dist-info-metadata"))),
                size=int(row.get("size") or 0),
                yanked=bool(row.get("yanked", False)),
                uploaded=str(row.get("upload-time") or ""),
            )
            yield file, row.get("requires-python")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UncoveredError("a page that is not as PEP 691 has it") from error


def _absolute(page: str, url: str) -> str:
    """Return a page's link as an absolute URL; "" for one that cannot be parsed, which pip does without."""
    try:
        return urljoin(page, url)
    except ValueError:
        return ""


def _offered(field: object) -> str | None:
    """Return the hash of an offered METADATA, "" for one without a hash, None for none (PEP 714)."""
    if isinstance(field, dict):
        return str(field.get("sha256", "")).lower()
    return "" if field else None


def _html_files(response: Any, wants: Callable[[str], bool]) -> Iterator[tuple[File, str | None]]:
    collector = importlib.import_module("pip._internal.index.collector")
    content = collector.IndexContent(
        response.content,
        response.headers["Content-Type"],
        encoding=collector._get_encoding_from_headers(response.headers),
        url=response.url,
        cache_link_parsing=False,
    )
    for link in collector.parse_links(content):
        if not wants(link.filename):
            continue
        offered = link.metadata_file_data
        file = File(
            filename=link.filename,
            url=link.url_without_fragment,
            sha256=(link.hash or "") if link.hash_name == "sha256" else "",
            metadata=None if offered is None else (offered.hashes or {}).get("sha256", ""),
            size=0,
            yanked=link.is_yanked,
        )
        yield file, link.requires_python
