"""Pages of an index (PEP 503, PEP 592, PEP 629, PEP 691, PEP 700): a project's wheels that fit a target."""

# ruff: noqa: SLF001  (pip has no public interface)
from __future__ import annotations

import importlib
import json
import os
from urllib.parse import urljoin

from vpy.wheels.index_client.errors import UncoveredError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from vpy.wheels.index_client.web import Web

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
_MISSING = (404, 410)


class File:
    """One wheel of a page.

    `sha256` is hex, "" where the page has none; `metadata` is the hex sha256 of its METADATA that the
    index offers (PEP 658), "" where it offers one without a hash, None where it offers none; `size` is
    in bytes, 0 for unknown. `rank` is its best tag's position in the target's order.
    """

    __slots__ = ("build", "filename", "metadata", "rank", "sha256", "size", "url", "yanked")

    def __init__(
        self, filename: str, url: str, sha256: str, metadata: str | None, size: int, yanked: bool
    ) -> None:
        self.filename = filename
        self.url = url
        self.sha256 = sha256
        self.metadata = metadata
        self.size = size
        self.yanked = yanked
        self.rank = 0
        self.build: tuple[Any, ...] = ()


class Target:
    """Python that is resolved for: its tags in order of preference, its version, its markers."""

    def __init__(self, job: dict[str, Any]) -> None:
        specifiers = importlib.import_module("pip._vendor.packaging.specifiers")
        self._specifier_set = specifiers.SpecifierSet
        self._invalid = specifiers.InvalidSpecifier
        self.rank: dict[str, int] = {}
        for number, row in enumerate(job["tags"]):
            self.rank.setdefault("-".join(row), number)
        self.python = ".".join(map(str, job["version"]))
        self.markers = {**job["markers"], "extra": ""}
        self._allowed: dict[str, bool] = {}

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

    def best_rank(self, filename: str) -> int | None:
        """Return the position of a wheel's best tag in this Python's order, or None."""
        parts = filename[:-4].rsplit("-", 3)
        if len(parts) != 4:
            return None
        ranks = (
            self.rank.get(f"{python}-{abi}-{platform}")
            for python in parts[1].split(".")
            for abi in parts[2].split(".")
            for platform in parts[3].split(".")
        )
        return min((rank for rank in ranks if rank is not None), default=None)


class Page:
    """Wheels of one project that fit the target, by version, newest first; best file of a version first."""

    def __init__(self, project: str) -> None:
        self.project = project
        self.files: dict[Any, list[File]] = {}
        self.versions: list[Any] = []

    def add(self, files: Iterator[tuple[File, str | None]], target: Target) -> None:
        """Take the files that fit; `files` has each with its `requires-python`."""
        utils = importlib.import_module("pip._vendor.packaging.utils")
        for file, requires_python in files:
            rank = target.best_rank(file.filename)
            if rank is None or not target.allows(requires_python):
                continue
            try:
                name, version, build, _ = utils.parse_wheel_filename(file.filename)
            except (utils.InvalidWheelFilename, ValueError):
                continue
            if name == self.project:
                file.rank, file.build = rank, build
                self.files.setdefault(version, []).append(file)

    def sort(self) -> None:
        """Put the newest version first, and of each the file that pip takes: not yanked, best tag, build."""
        for files in self.files.values():
            files.sort(key=lambda file: (not file.yanked, -file.rank, file.build), reverse=True)
        self.versions = sorted(self.files, reverse=True)


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
            raise UncoveredError("find-links that are no directory")
        if os.path.isdir(path):
            for name in os.listdir(path):
                # A source's name may have a `-` of its own.
                stems = (name.partition("-")[0], name.rpartition("-")[0]) if "-" in name else ()
                names.update(map(utils.canonicalize_name, stems))
    return frozenset(names)


def read(web: Web, indexes: Sequence[str], project: str, target: Target) -> Page:
    """Fetch a project's page from each index and merge them; an index without the project adds nothing."""
    page = Page(project)
    for index in indexes:
        url = urljoin(index.rstrip("/") + "/", f"{project}/")
        response = web.get(url, {"Accept": ACCEPT, "Cache-Control": "max-age=0"})
        if response.status_code in _MISSING:
            continue
        if response.status_code != 200:
            raise UncoveredError(f"status {response.status_code} at {project}")
        page.add(_files(response, target), target)
    page.sort()
    return page


def _files(response: Any, target: Target) -> Iterator[tuple[File, str | None]]:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "application/vnd.pypi.simple.v1+json":
        yield from _json_files(response, target)
    elif kind in ("application/vnd.pypi.simple.v1+html", "text/html"):
        yield from _html_files(response)
    else:
        raise UncoveredError(f"a page of type {kind}")


def _json_files(response: Any, target: Target) -> Iterator[tuple[File, str | None]]:
    try:
        data = json.loads(response.content)
        if not str(data["meta"]["api-version"]).startswith("1."):
            raise UncoveredError("an index of another version")
        for row in data["files"]:
            filename = row["filename"]
            # Most files of a page are for other targets: they cost as little as can be.
            if not filename.endswith(".whl") or target.best_rank(filename) is None:
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


def _html_files(response: Any) -> Iterator[tuple[File, str | None]]:
    collector = importlib.import_module("pip._internal.index.collector")
    content = collector.IndexContent(
        response.content,
        response.headers["Content-Type"],
        encoding=collector._get_encoding_from_headers(response.headers),
        url=response.url,
        cache_link_parsing=False,
    )
    for link in collector.parse_links(content):
        if not link.filename.endswith(".whl"):
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
