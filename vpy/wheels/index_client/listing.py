"""Projects as an index lists them whole: wheels for every target and sdists, as a lockfile names them."""

from __future__ import annotations

import importlib
import threading
from concurrent.futures import Future
from urllib.parse import unquote, urlsplit

from vpy.wheels.index_client import metadata, pages
from vpy.wheels.index_client.errors import UncoveredError
from vpy.wheels.index_client.pages import File, Names, Page, Release
from vpy.wheels.index_client.resolution import Catalogue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from vpy.wheels.index_client.download import Wheels
    from vpy.wheels.index_client.metadata import Metadata
    from vpy.wheels.index_client.pages import Target
    from vpy.wheels.index_client.rules import Rules
    from vpy.wheels.index_client.web import Web

    # A file, the `requires-python` that the page has for it, and its build number.
    Listed = tuple[File, str | None, tuple[Any, ...]]

SDISTS = (".tar.gz", ".zip")


class UnbuiltError(UncoveredError):
    """METADATA is asked for that only a build of the sdist tells."""

    def __init__(self, file: File) -> None:
        super().__init__(f"{file.filename} is not built")
        self.file = file


class UnfitError(UncoveredError):
    """A version's METADATA is not for a Python that the page lets it be for."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"{name} {version} has another Requires-Python than the page")
        self.version = (name, version)


class Library:
    """Files of projects by version, and their METADATA, each read once for all targets.

    `direct` are the wheels that requirements name by URL, by project: nothing else of these counts. `built`
    are paths of wheels that were made of sdists, by the sdist's file name. `forbids` says whether a project's
    sdists are out of the question; `pinned` are versions that are asked for exactly.
    """

    def __init__(
        self,
        web: Web,
        indexes: Sequence[str],
        wheels: Wheels,
        *,
        rules: Rules,
        direct: Mapping[str, File],
        built: Mapping[str, str],
        forbids: Callable[[str], bool],
        pinned: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self.web = web
        self.indexes = indexes
        self.rules = rules
        self.wheels = wheels
        self.unfit: set[tuple[str, str]] = set()
        self._without_wheels: set[str] = set()
        self._direct = direct
        self._built = built
        self._forbids = forbids
        self._pinned = pinned
        self._lock = threading.Lock()
        self._listings: dict[str, Future[dict[Any, list[Listed]]]] = {}
        self._by_url: dict[str, File] = {}
        self.asked: dict[str, Future[Metadata | None]] = {}

    def files(self, project: str) -> dict[Any, list[Listed]]:
        """Return the files of a project by version, the newest first."""
        with self._lock:
            known = self._listings.get(project)
            is_first = known is None
            if known is None:
                known = self._listings[project] = Future()
        if is_first:
            try:
                known.set_result(self._read(project))
            except BaseException as error:
                known.set_exception(error)
                raise
        return known.result()

    def _read(self, project: str) -> dict[Any, list[Listed]]:
        names = Names(project)
        found: dict[Any, list[Listed]] = {}
        rows = [(self._direct[project], None)] if project in self._direct else self._pages(project)
        for file, requires in rows:
            version, build = names.parse(file.filename) if is_wheel(file) else (None, ())
            if not is_wheel(file):
                version = _sdist_version(file.filename, project)
            if version is not None:
                found.setdefault(version, []).append((file, requires, build))
        for files in found.values():
            files.sort(key=lambda row: row[0].filename)
            representative = min((file for file, _, _ in files), key=_difficulty)
            self._by_url.update({file.url: representative for file, _, _ in files})
        if not any(is_wheel(file) for files in found.values() for file, _, _ in files):
            self._without_wheels.add(project)
        return {version: found[version] for version in sorted(found, reverse=True)}

    def build_more(self, projects: Iterable[str]) -> bool:
        """Let versions that only a build tells of count for projects; return whether that is anything new."""
        new = {
            project
            for project in projects
            if project not in self._without_wheels
            and not self._forbids(project)
            and any(not any(is_wheel(row[0]) for row in rows) for rows in self.files(project).values())
        }
        self._without_wheels |= new
        return bool(new)

    def _pages(self, project: str) -> Iterator[tuple[File, str | None]]:
        def from_answer(response: Any) -> list[Release]:
            rows = pages.files_of(response, _is_distribution)
            return [Release("", [[*file.row(), requires] for file, requires in rows])]

        groups = self.rules.groups(self.indexes, project)
        for releases in pages.first_group(self.web, groups, project, from_answer):
            for *row, requires in (row for release in releases for row in release.rows):
                file = File(*row)
                if not self.rules.excludes(file.uploaded, project):
                    yield file, requires

    def page(self, project: str, target: Target, *, prefers_wheels: bool) -> Page:
        """Return the releases for a target: wheels that fit, or sdists where a version has none.

        With `prefers_wheels` the versions with a wheel stand before all others. An sdist that is older than
        a version which is not for this Python does not count: it only fails to say the same of itself.
        """
        with_wheel: list[Release] = []
        with_sdist: list[Release] = []
        is_refused = False
        for version, rows in self.files(project).items():
            if (project, str(version)) in self.unfit:
                continue
            is_sdist = self._may_build(project, version, rows, is_refused=is_refused)
            file = self._best(rows, target, is_sdist=is_sdist)
            if file is not None:
                release = Release(str(version), [file.row()], version)
                (with_wheel if is_wheel(file) or not prefers_wheels else with_sdist).append(release)
            elif not is_refused and not version.is_prerelease:
                is_refused = any(target.is_too_new_for(requires) for _, requires, _ in rows)
        return Page((*with_wheel, *with_sdist))

    def has(self, project: str, version: Any, target: Target, *, as_wheel: bool) -> bool:
        """Return whether a version has a wheel for a target, or also an sdist that may be built."""
        rows = self.files(project).get(version, [])
        is_sdist = not as_wheel and self._may_build(project, version, rows, is_refused=False)
        return self._best(rows, target, is_sdist=is_sdist) is not None

    def _may_build(self, project: str, version: Any, rows: Sequence[Listed], *, is_refused: bool) -> bool:
        """Return whether the sdist of a version counts.

        One that must be built for its METADATA does where there is nothing else: who goes back through the
        versions of a project would build all of its old ones.
        """
        is_known = project in self._without_wheels or any(is_wheel(file) for file, _, _ in rows)
        is_pinned = (project, str(version)) in self._pinned
        return (is_pinned or (is_known and not is_refused)) and not self._forbids(project)

    @staticmethod
    def _best(rows: Sequence[Listed], target: Target, *, is_sdist: bool) -> File | None:
        """Return the file of a version that pip takes for a target: a wheel, else an sdist."""
        fitting = [row for row in rows if target.allows(row[1])]
        wheels = [row for row in fitting if target.wants(row[0].filename)]
        if wheels:
            return max(
                wheels,
                key=lambda row: (not row[0].yanked, -(target.best_rank(row[0].filename) or 0), row[2]),
            )[0]
        sdists = [file for file, _, _ in fitting if not is_wheel(file)]
        return sdists[0] if sdists and is_sdist else None

    def requires_python(self, project: str, version: Any) -> list[str]:
        """Return what the page has as `requires-python` of the files of a version."""
        return sorted({requires for _, requires, _ in self.files(project)[version] if requires})

    def representative(self, file: File) -> File:
        """Return the file whose METADATA stands for all of a version: a wheel, where there is one."""
        return self._by_url.get(file.url, file)

    def metadata(self, file: File) -> Metadata | None:
        """Return METADATA that is here already: of a wheel that was built, or that lies on this machine."""
        if file.filename in self._built:
            return metadata.parse(metadata.bytes_of_wheel(self._built[file.filename]))
        if file.url.startswith("file:"):
            return metadata.parse(metadata.bytes_of_wheel(local_path(file.url)))
        return None


class TargetCatalogue(Catalogue):
    """Catalogue of one target of several, which share a library."""

    def __init__(self, library: Library, target: Target, rules: Rules, *, prefers_wheels: bool) -> None:
        super().__init__(library.web, library.indexes, target, library.wheels, frozenset(), rules)
        self._library = library
        self._prefers_wheels = prefers_wheels
        self._metadata = library.asked

    def read_page(self, project: str) -> Page:
        """Return the releases of a project for the target, those that no constraint excludes."""
        page = self._library.page(project, self.target, prefers_wheels=self._prefers_wheels)
        constraints = [each.specifier for each in self.rules.constraints.get(project, ())]
        if not constraints:
            return page
        return Page(
            release
            for release in page.releases
            if all(each.contains(release.version, prereleases=True) for each in constraints)
        )

    def metadata(self, file: File) -> Metadata:
        """Return the METADATA of a version; raise UnbuiltError, UnfitError where it has none for this."""
        chosen = self._library.representative(file)
        found = self._library.metadata(chosen)
        if found is None and not is_wheel(chosen):
            raise UnbuiltError(chosen)
        found = found or super().metadata(chosen)
        if not self.target.allows(found.requires_python):
            raise UnfitError(*name_and_version(chosen.filename))
        return found

    def _ask_metadata(self, file: File) -> Future[Metadata | None]:
        chosen = self._library.representative(file)
        if is_wheel(chosen) and not chosen.url.startswith("file:"):
            return super()._ask_metadata(chosen)
        none: Future[Metadata | None] = Future()
        none.set_result(None)
        return none


def direct_file(name: str, url: str) -> File:
    """Return the wheel that a direct reference names, with the hash in its fragment."""
    plain, _, fragment = url.partition("#")
    fields = dict(part.partition("=")[::2] for part in fragment.split("&"))
    filename = unquote(urlsplit(plain).path.rpartition("/")[2])
    if name_and_version(filename)[0] != name:
        raise UncoveredError(f"{filename} is no wheel of {name}")
    return File(filename, plain, fields.get("sha256", "").lower(), None, 0, False)


def is_wheel(file: File) -> bool:
    """Return whether a file is a wheel, not an sdist."""
    return file.filename.endswith(".whl")


def local_path(url: str) -> str:
    """Return the path that a file URL names."""
    return str(importlib.import_module("pip._internal.utils.urls").url_to_path(url.partition("#")[0]))


def name_and_version(filename: str) -> tuple[str, str]:
    """Return the normalized name and the version in a distribution's file name."""
    utils = importlib.import_module("pip._vendor.packaging.utils")
    parse = utils.parse_wheel_filename if filename.endswith(".whl") else utils.parse_sdist_filename
    try:
        name, version = parse(filename)[:2]
    except ValueError as error:
        raise UncoveredError(str(error)) from error
    return str(name), str(version)


def _is_distribution(filename: str) -> bool:
    return filename.endswith((".whl", *SDISTS))


def _difficulty(file: File) -> tuple[bool, bool, bool, int, str]:
    """Return what orders the files of a version: the first has METADATA that is the easiest to come by."""
    return (not is_wheel(file), file.metadata is None, file.yanked, file.size, file.filename)


def _sdist_version(filename: str, project: str) -> Any:
    """Return the version of a project's sdist; None for others. Before PEP 625 its name may have a `-`."""
    utils = importlib.import_module("pip._vendor.packaging.utils")
    version = importlib.import_module("pip._vendor.packaging.version").Version
    stem = filename.removesuffix(".zip").removesuffix(".tar.gz")
    for at in (index for index, letter in enumerate(stem) if letter == "-"):
        if utils.canonicalize_name(stem[:at]) == project:
            try:
                return version(stem[at + 1 :])
            except ValueError:
                return None
    return None
