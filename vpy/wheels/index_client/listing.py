"""Projects as an index lists them whole: wheels for every target and sdists, as a lockfile names them."""

from __future__ import annotations

import importlib
import threading
from concurrent.futures import Future
from urllib.parse import unquote, urlsplit

from vpy.system import sdist_name
from vpy.wheels.index_client import metadata, pages
from vpy.wheels.index_client.errors import UncoveredError
from vpy.wheels.index_client.names import version_of
from vpy.wheels.index_client.pages import File, Names, Page, Release, Repeatable
from vpy.wheels.index_client.resolution import Catalogue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor
    from typing import Any

    from vpy.wheels.index_client.download import Wheels
    from vpy.wheels.index_client.metadata import Metadata
    from vpy.wheels.index_client.pages import Target
    from vpy.wheels.index_client.rules import Rules
    from vpy.wheels.index_client.web import Web

    # A file, the `requires-python` that the page has for it, and of a wheel its build number and tags.
    Row = tuple[File, str | None, tuple[Any, ...], tuple[str, ...] | None]


# The target that pages are kept for with all of their files.
EVERY_FILE = "every file"


class UnbuiltError(UncoveredError):
    """METADATA is asked for that only a build of the sdist tells.

    `row` is {name, version, filename, url, sha256, index}; the `index` alone has the project, "" for any.
    """

    def __init__(self, file: File, name: str, version: str, index: str) -> None:
        super().__init__(f"{file.filename} is not built")
        self.row = {
            "name": name,
            "version": version,
            "filename": file.filename,
            "url": file.url,
            "sha256": file.sha256,
            "index": index,
        }


class UnfitError(UncoveredError):
    """A version's METADATA is not for a Python that the page lets it be for."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"{name} {version} has another Requires-Python than the page")
        self.version = (name, version)


class Listed:
    """Files of one version that an index has, sorted by name, and whether one of them is a wheel."""

    __slots__ = ("has_wheel", "rows", "text")

    def __init__(self, version: Any, rows: Sequence[Row]) -> None:
        self.text = str(version)
        self.rows = sorted(rows, key=lambda row: row[0].filename)
        self.has_wheel = any(tags is not None for *_, tags in rows)


class Library:
    """Files of projects by version, and their METADATA, each read once for all targets.

    `direct` are the wheels that requirements name by URL, by project: nothing else of these counts. `built`
    are paths of wheels that were made of sdists and commits, by the sdist's file name or the reference to the
    commit. `forbids` says whether a project's sdists are out of the question; `pinned` are versions that are
    asked for exactly.
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
        self._listings: dict[str, Future[dict[Any, Listed]]] = {}
        self._by_url: dict[str, File] = {}
        self._owners: dict[str, tuple[str, str]] = {}
        self._excluded: dict[str, list[str]] = {}
        self.asked: dict[str, Future[Metadata | None]] = {}

    def files(self, project: str) -> dict[Any, Listed]:
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

    def is_listed(self, project: str) -> bool:
        """Return whether the files of a project are here."""
        known = self._listings.get(project)
        return known is not None and known.done()

    def _read(self, project: str) -> dict[Any, Listed]:
        names = Names(project)
        found: dict[Any, list[Row]] = {}
        rows = [(self._direct[project], None)] if project in self._direct else self._pages(project)
        for file, requires in rows:
            if is_wheel(file):
                version, build = names.parse(file.filename)
                tags = pages.tags_of(file.filename)
            else:
                version, build, tags = names.version_of_sdist(file.filename), (), None
            if version is not None:
                found.setdefault(version, []).append((file, requires, build, tags))
        for version, each in found.items():
            representative = min((row[0] for row in each), key=_difficulty)
            self._by_url.update({row[0].url: representative for row in each})
            self._owners[representative.url] = (project, str(version))
        listed = {version: Listed(version, found[version]) for version in sorted(found, reverse=True)}
        if not any(each.has_wheel for each in listed.values()):
            self._without_wheels.add(project)
        return listed

    def build_more(self, projects: Iterable[str]) -> bool:
        """Let versions that only a build tells of count for projects; return whether that is anything new."""
        new = {
            project
            for project in projects
            if project not in self._without_wheels
            and not self._forbids(project)
            and not all(each.has_wheel for each in self.files(project).values())
        }
        self._without_wheels |= new
        return bool(new)

    def _pages(self, project: str) -> Iterator[tuple[File, str | None]]:
        groups = self.rules.groups(self.indexes, project)
        for releases in pages.first_group(self.web, groups, project, every_file):
            for *row, requires in (row for release in releases for row in release.rows):
                file = File(*row)
                if self.rules.excludes(file.uploaded, project):
                    self._excluded.setdefault(project, []).append(file.filename)
                else:
                    yield file, requires

    def excludes(self, project: str, text: str) -> bool:
        """Return whether the index has files of a version that are too new to count."""
        self.files(project)
        excluded = self._excluded.get(project, ())
        return any(str(version_of(filename, project)) == text for filename in excluded)

    def releases(self, project: str, target: Target, *, prefers_wheels: bool) -> Iterator[Release]:
        """Yield the releases for a target: wheels that fit, or sdists where a version has none.

        With `prefers_wheels` the versions with a wheel stand before all others. An sdist that is older than
        a version which is not for this Python does not count: it only fails to say the same of itself.
        """
        with_sdist: list[Release] = []
        is_refused = False
        for version, each in self.files(project).items():
            if (project, each.text) in self.unfit:
                continue
            file = self._best(project, each, target, is_sdist=not is_refused)
            if file is not None:
                release = Release(each.text, [file.row()], version)
                if is_wheel(file) or not prefers_wheels:
                    yield release
                else:
                    with_sdist.append(release)
            elif not is_refused and not version.is_prerelease:
                is_refused = any(target.is_too_new_for(requires) for _, requires, *_ in each.rows)
        yield from with_sdist

    def best(self, project: str, version: Any, target: Target) -> File | None:
        """Return the file for a target of the version with this very text, an sdist if it may count."""
        each = self.files(project).get(version)
        if each is None or each.text != str(version) or (project, each.text) in self.unfit:
            return None
        return self._best(project, each, target, is_sdist=True)

    def has(self, project: str, version: Any, target: Target, *, as_wheel: bool) -> bool:
        """Return whether a version has a wheel for a target, or also an sdist that may be built."""
        each = self.files(project).get(version)
        if each is None:
            return False
        # Which wheel it is does not count here, and there are many.
        if any(
            tags is not None and target.rank_of(tags) is not None and target.allows(requires)
            for _, requires, _, tags in each.rows
        ):
            return True
        return not as_wheel and self._best(project, each, target, is_sdist=True) is not None

    def _may_build(self, project: str, each: Listed, *, is_sdist: bool) -> bool:
        """Return whether the sdist of a version counts; with `is_sdist` it need not be asked for by itself.

        One that must be built for its METADATA does where there is nothing else: who goes back through the
        versions of a project would build all of its old ones.
        """
        is_known = each.has_wheel or project in self._without_wheels
        is_pinned = (project, each.text) in self._pinned
        return (is_pinned or (is_known and is_sdist)) and not self._forbids(project)

    def _best(self, project: str, each: Listed, target: Target, *, is_sdist: bool) -> File | None:
        """Return the file of a version that pip takes for a target: a wheel, else an sdist.

        Every file of every version comes by here, for every target.
        """
        best: File | None = None
        order: tuple[Any, ...] = ()
        sdist: File | None = None
        for file, requires, build, tags in each.rows:
            if requires and not target.allows(requires):
                continue
            if tags is None:
                sdist = sdist or file
                continue
            rank = target.rank_of(tags)
            if rank is not None and (own := (not file.yanked, -rank, build)) > order:
                best, order = file, own
        if best is None and sdist is not None and self._may_build(project, each, is_sdist=is_sdist):
            return sdist
        return best

    def requires_python(self, project: str, version: Any) -> list[str]:
        """Return what the page has as `requires-python` of the files of a version."""
        return sorted({requires for _, requires, *_ in self.files(project)[version].rows if requires})

    def representative(self, file: File) -> File:
        """Return the file whose METADATA stands for all of a version: a wheel, where there is one."""
        return self._by_url.get(file.url, file)

    def owner(self, file: File) -> tuple[str, str]:
        """Return the project and the version that a representative file is of, whatever its name is like."""
        return self._owners[file.url]

    def metadata(self, file: File) -> Metadata | None:
        """Return METADATA that is here already: of a wheel that was built, or that lies on this machine."""
        wheel = self._built.get(file.url) or self._built.get(file.filename)
        if wheel is not None:
            return metadata.parse(metadata.bytes_of_wheel(wheel))
        if file.url.startswith("file:"):
            return metadata.parse(metadata.bytes_of_wheel(local_path(file.url)))
        return None


class TargetCatalogue(Catalogue):
    """Catalogue of one target of several, which share a library."""

    def __init__(self, library: Library, target: Target, rules: Rules, *, prefers_wheels: bool) -> None:
        super().__init__(library.web, library.indexes, target, library.wheels, frozenset(), rules)
        self._library = library
        self._prefers_wheels = prefers_wheels
        self._asked: set[str] = set()
        self._read: dict[str, Page] = {}
        self._metadata = library.asked

    def ask(self, project: str, *, ahead: bool = True) -> None:
        """Let the files of a project be listed, and with `ahead` the METADATA of the newest be fetched."""
        if project in self._asked:
            return
        self._asked.add(project)
        if not self._library.is_listed(project):
            self._web.workers.submit(self._list, project, ahead=ahead)
        elif ahead:
            self._ask_newest(self.page(project))

    def _list(self, project: str, *, ahead: bool) -> None:
        # A page that is read bit by bit is for one thread alone.
        page = TargetPage(self._library, self, project)
        if ahead:
            self._ask_newest(page)

    def page(self, project: str) -> Page:
        """Return the releases of a project for the target, those that no constraint excludes."""
        if project not in self._read:
            self.ask(project)
            self._read[project] = TargetPage(self._library, self, project)
        return self._read[project]

    def releases(self, project: str) -> Iterator[Release]:
        """Yield the releases of a project for the target, those that no constraint excludes."""
        found = self._library.releases(project, self.target, prefers_wheels=self._prefers_wheels)
        return (release for release in found if self._is_allowed(project, release.version))

    def best(self, project: str, version: Any) -> File | None:
        """Return the file of a version, an sdist if it may count, where no constraint excludes it."""
        found = self._library.best(project, version, self.target)
        return found if found is not None and self._is_allowed(project, version) else None

    def _is_allowed(self, project: str, version: Any) -> bool:
        constraints = self.rules.constraints.get(project, ())
        return all(each.specifier.contains(version, prereleases=True) for each in constraints)

    def metadata(self, file: File) -> Metadata:
        """Return the METADATA of a version; raise UnbuiltError, UnfitError where it has none for this."""
        chosen = self._library.representative(file)
        found = self._library.metadata(chosen)
        project, version = self._library.owner(chosen)
        if found is None and not is_wheel(chosen):
            raise UnbuiltError(chosen, project, version, self.rules.pinned.get(project, ""))
        found = found or super().metadata(chosen)
        if not self.target.allows(found.requires_python):
            raise UnfitError(project, version)
        return found

    def _ask_metadata(self, file: File, workers: Executor | None = None) -> Future[Metadata | None]:
        chosen = self._library.representative(file)
        if is_wheel(chosen) and not chosen.url.startswith("file:"):
            return super()._ask_metadata(chosen, workers)
        none: Future[Metadata | None] = Future()
        none.set_result(None)
        return none


class TargetPage(Page):
    """Page for one target of several: read no further than it is looked at."""

    def __init__(self, library: Library, catalogue: TargetCatalogue, project: str) -> None:
        library.files(project)
        super().__init__(Repeatable(catalogue.releases(project)))
        self._catalogue = catalogue
        self._project = project

    def find(self, version: Any) -> Release | None:
        """Return the release that has the very text of a version."""
        file = self._catalogue.best(self._project, version)
        if file is None:
            return None
        # Whether an sdist counts is seen on the way to it.
        return Release(str(version), [file.row()], version) if is_wheel(file) else super().find(version)


def every_file(response: Any) -> list[Release]:
    """Return all files of a page as one release, each row with the `requires-python` that it has there."""
    rows = pages.files_of(response, _is_distribution)
    return [Release("", [[*file.row(), requires] for file, requires in rows])]


def direct_file(name: str, url: str, commits: Mapping[str, str]) -> File:
    """Return the wheel that a direct reference names, with the hash in its fragment.

    References to commits are in `commits`, each with the name that its sdist would have.
    """
    if url in commits:
        return File(commits[url], url, "", None, 0, False)
    plain, _, fragment = url.partition("#")
    fields = dict(part.partition("=")[::2] for part in fragment.split("&"))
    filename = unquote(urlsplit(plain).path.rpartition("/")[2])
    if version_of(filename, name) is None:
        raise UncoveredError(f"{filename} is not a wheel of {name}")
    return File(filename, plain, fields.get("sha256", "").lower(), None, 0, False)


def is_wheel(file: File) -> bool:
    """Return whether a file is a wheel, not an sdist."""
    return file.filename.endswith(".whl")


def local_path(url: str) -> str:
    """Return the path that a file URL names."""
    return str(importlib.import_module("pip._internal.utils.urls").url_to_path(url.partition("#")[0]))


def _is_distribution(filename: str) -> bool:
    return filename.endswith(".whl") or sdist_name.is_sdist(filename)


def _difficulty(file: File) -> tuple[bool, bool, bool, int, str]:
    """Return what orders the files of a version: the first has METADATA that is the easiest to come by."""
    return (not is_wheel(file), file.metadata is None, file.yanked, file.size, file.filename)
