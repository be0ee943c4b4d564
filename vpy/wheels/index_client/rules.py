"""Rules of a job: which index has a project, what narrows its versions, what replaces a requirement.

`indexes` are asked before the configured ones, and the first that has a project is the only one for it; a
project that is `pinned` to an index is looked for there alone. `constraints` narrow the versions of what is
needed anyway. An override takes the place of every requirement of its project, with the marker of that one
gone, but for the extra that it hangs on. Files that were uploaded at `exclude_newer` or later do not exist,
nor those of which an index does not say when.
"""

from __future__ import annotations

import datetime
import functools
import importlib
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any


class Rules:
    """Rules of a job. `undated` has the projects with files that were passed over for want of a time."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self.first: tuple[str, ...] = tuple(job.get("indexes", ()))
        self.pinned: Mapping[str, str] = job.get("pinned", {})
        # Addresses that the spec itself names, and the errors of those that pip does not ask.
        self.refused: list[dict[str, Any]] = []
        self.own_indexes = list(dict.fromkeys((*self.first, *self.pinned.values())))
        cutoff = job.get("exclude_newer", "")
        self.cutoff = datetime.datetime.fromisoformat(cutoff) if cutoff else None
        self.undated: set[str] = set()
        # Files by the repositories that they were built of, as distributions may name them.
        self.references: Mapping[str, str] = job.get("references", {})
        self._markers = {**job["markers"], "extra": ""}
        self._constraints: Sequence[str] = job.get("constraints", ())
        self._overrides: Sequence[str] = job.get("overrides", ())

    def excludes(self, uploaded: str, project: str) -> bool:
        """Return whether a file does not exist by its upload time (RFC 3339), "" for unknown."""
        if self.cutoff is None:
            return False
        if not uploaded:
            self.undated.add(project)
            return True
        try:
            return datetime.datetime.fromisoformat(uploaded) >= self.cutoff
        except (ValueError, TypeError):
            self.undated.add(project)
            return True

    @functools.cached_property
    def constraints(self) -> dict[str, list[Any]]:
        """Constraints that hold for the target, by project; their extras mean nothing."""
        found: dict[str, list[Any]] = {}
        for text in self._constraints:
            requirement = _requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(self._markers):
                requirement.marker, requirement.extras = None, set()
                found.setdefault(_project(requirement), []).append(requirement)
        return found

    def constrained(self, requirement: Any) -> Any:
        """Return the specifier of a requirement and of what constrains its project."""
        specifier = requirement.specifier
        for each in self.constraints.get(_project(requirement), ()):
            specifier &= each.specifier
        return specifier

    @functools.cached_property
    def overrides(self) -> dict[str, list[Any]]:
        """Overrides by project, whether they hold for the target or not."""
        found: dict[str, list[Any]] = {}
        for text in self._overrides:
            requirement = _requirement(text)
            found.setdefault(_project(requirement), []).append(requirement)
        return found

    def overridden(self, requirements: Iterable[Any]) -> Iterator[Any]:
        """Yield requirements with those in their places that override them."""
        for requirement in requirements:
            others = self.overrides.get(_project(requirement)) if self.overrides else None
            if others is None:
                yield requirement
            else:
                extra = _extra(requirement.marker)
                yield from (self._for_extra(each, extra) for each in others)

    def _for_extra(self, override: Any, extra: str) -> Any:
        """Return an override that counts with an extra alone, the same object each time it is asked for."""
        if not extra:
            return override
        return _with_extra(str(override), extra)

    def rows(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the requirements of a job with those in their places that override them, each once."""
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            requirement = _requirement(row["text"])
            for each in self.overridden([requirement]):
                text = row["text"] if each is requirement else str(each)
                found.setdefault(text, row if each is requirement else {"text": text, "hashes": []})
        return list(found.values())

    def constraint_requirements(self, make: Callable[[str], Any]) -> list[Any]:
        """Return the constraints as pip's own requirements, which `make` makes of their text."""
        found = [make(str(each)) for rows in self.constraints.values() for each in rows]
        for each in found:
            each.constraint = True
        return found

    def groups(self, configured: Sequence[str], project: str) -> list[Sequence[str]]:
        """Return the indexes to ask for a project, in groups of which the first that has it counts."""
        if project in self.pinned:
            return [[self.pinned[project]]]
        return [*([url] for url in self.first), configured]


@functools.cache
def _with_extra(text: str, extra: str) -> Any:
    requirement = _requirement(text)
    condition = f'extra == "{extra}"'
    both = f"({requirement.marker}) and {condition}" if requirement.marker else condition
    requirement.marker = importlib.import_module("pip._vendor.packaging.markers").Marker(both)
    return requirement


def _extra(marker: Any) -> str:
    """Return the extra without which a marker does not hold, "" for none."""
    text = outer = str(marker or "")
    while (inner := re.sub(r"\([^()]*\)", "()", outer)) != outer:
        outer = inner
    found = re.findall(r'extra == "([^"]+)"', outer)
    return found[0] if len(found) == 1 and text.count("extra ") == 1 and " or " not in outer else ""


def _requirement(text: str) -> Any:
    return importlib.import_module("pip._vendor.packaging.requirements").Requirement(text)


def _project(requirement: Any) -> str:
    utils = importlib.import_module("pip._vendor.packaging.utils")
    return str(utils.canonicalize_name(requirement.name))


def attach(finder: Any, session: Any, rules: Rules) -> None:
    """Make pip's finder and its resolver follow the rules: where it looks, and what a distribution needs."""
    if rules.own_indexes:
        finder.search_scope = Search(finder.search_scope, session, rules)
    if rules.overrides or rules.references:
        _attach_to_distributions(rules)


class Search:
    """What pip's finder asks for where to look: for each project only the indexes that may have it."""

    no_index = False

    def __init__(self, plain: Any, session: Any, rules: Rules) -> None:
        self._session = session
        self._rules = rules
        self.find_links = plain.find_links
        self.index_urls = plain.index_urls

    def get_index_urls_locations(self, project_name: str) -> list[str]:
        """Return the addresses of a project's pages."""
        project = importlib.import_module("pip._vendor.packaging.utils").canonicalize_name(project_name)
        *first, last = self._rules.groups(self.index_urls, project)
        has_page = (group for group in first if _has_page(self._session, _page(group[0], project)))
        return [_page(url, project) for url in next(has_page, last)]


def _page(index: str, project: str) -> str:
    return f"{index.rstrip('/')}/{project}/"


def _has_page(session: Any, url: str) -> bool:
    """Return whether a page is there; raise pip's error where the index does not say."""
    if url.startswith("file:"):
        return os.path.isdir(importlib.import_module("pip._internal.utils.urls").url_to_path(url))
    response = session.get(url, headers={"Accept": "text/html"})
    if response.status_code in (404, 410):
        return False
    importlib.import_module("pip._internal.network.utils").raise_for_status(response)
    return True


def _attach_to_distributions(rules: Rules) -> None:
    """Let each distribution need what overrides say, before its markers are looked at."""
    distribution = importlib.import_module("pip._internal.metadata.importlib").Distribution

    def iter_dependencies(found: Any, extras: Iterable[str] = ()) -> Iterable[Any]:
        texts = found.metadata.get_all("Requires-Dist", [])
        contexts = [{"extra": extra} for extra in extras] or [{"extra": ""}]
        for requirement in rules.overridden(_requirement(text.strip()) for text in texts):
            marker = requirement.marker
            requirement.url = rules.references.get(requirement.url or "", requirement.url)
            if marker is None or any(marker.evaluate(context) for context in contexts):
                yield requirement

    distribution.iter_dependencies = iter_dependencies
