"""Where projects come from on a target: by the sources of a spec whose markers hold there.

A source is {project, url, index, marker}: of a project the first one whose marker holds counts, and where
none does, the project comes from the indexes that are asked for all others. A requirement that is a direct
reference is one for its project, too.
"""

from __future__ import annotations

import importlib

from vpy.wheels.index_client import errors, listing
from vpy.wheels.index_client.rules import Rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from vpy.wheels.index_client.download import Wheels
    from vpy.wheels.index_client.pages import File
    from vpy.wheels.index_client.web import Web


class Places:
    """Places of a job, one for all targets on which the same sources hold."""

    def __init__(
        self, job: Mapping[str, Any], web: Web, indexes: Sequence[str], wheels: Wheels, rules: Rules
    ) -> None:
        self._job = job
        self._parts = (web, indexes, wheels)
        self._rules = rules
        self._sources: Sequence[Mapping[str, str]] = job.get("sources", ())
        texts = [row["text"] for row in job["requirements"]]
        self._references = [each for each in map(_requirement, texts) if each.url]
        self._marker = importlib.import_module("pip._vendor.packaging.markers").Marker
        self._places: dict[object, Place] = {}

    def of(self, markers: Mapping[str, str]) -> Place:
        """Return the place of a target."""
        held: dict[str, Mapping[str, str]] = {}
        for source in self._sources:
            if not source["marker"] or self._marker(source["marker"]).evaluate({**markers, "extra": ""}):
                held.setdefault(source["project"], source)
        key = tuple(map(id, held.values())), tuple(_holds(each, markers) for each in self._references)
        if key not in self._places:
            self._places[key] = Place(self._job, held.values(), markers, *self._parts, self._rules)
        return self._places[key]

    def conditions(self) -> Iterator[dict[str, str]]:
        """Yield where projects come from other places on some targets: {project, origin, marker} in turn."""
        for each in self._references:
            origin = _origin(each.url)
            yield {"project": _project(each), "origin": origin, "marker": str(each.marker or "")}
        for source in self._sources:
            origin = _origin(source["url"]) or source["index"]
            yield {"project": source["project"], "origin": origin, "marker": source["marker"]}

    def every(self, project: str) -> list[Place]:
        """Return the places that have a project from different origins."""
        found: dict[str, Place] = {}
        for place in self._places.values():
            found.setdefault(place.origin(project), place)
        return list(found.values())


class Place:
    """What a job asks for, and the files of projects, where some sources hold.

    `direct` are the wheels that requirements name by URL, by project.
    """

    def __init__(
        self,
        job: Mapping[str, Any],
        sources: Iterable[Mapping[str, str]],
        markers: Mapping[str, str],
        web: Web,
        indexes: Sequence[str],
        wheels: Wheels,
        rules: Rules,
    ) -> None:
        sources = list(sources)
        self._urls = {source["project"]: source["url"] for source in sources if source["url"]}
        pinned = {source["project"]: source["index"] for source in sources if source["index"]}
        self._pinned = {**job.get("pinned", {}), **pinned}
        self._markers = markers
        self._job: Mapping[str, Any] = job
        self.direct: dict[str, File] = {}
        self.requirements = [self._plain(row["text"]) for row in job["requirements"]]
        self._job = {
            **job,
            "pinned": self._pinned,
            # A wheel that is named by its URL is what it is.
            "constraints": self._constraints(job),
            "overrides": [str(self._plain(text)) for text in job.get("overrides", ())],
        }
        forbidden = set(job.get("forbidden", ()))
        own_rules = Rules(self._job)
        own_rules.undated = rules.undated
        self.library = listing.Library(
            web,
            indexes,
            wheels,
            direct=self.direct,
            built=job.get("wheels_built", {}),
            rules=own_rules,
            forbids=lambda project: bool(forbidden & {"*", project}),
            pinned=frozenset(self._exact()),
        )

    def _constraints(self, job: Mapping[str, Any]) -> list[str]:
        found = map(self._plain, job.get("constraints", ()))
        return [str(each) for each in found if _project(each) not in self.direct]

    def rules(self, markers: Mapping[str, str]) -> Rules:
        """Return the rules for a target."""
        return Rules({**self._job, "markers": markers})

    def origin(self, project: str) -> str:
        """Return the URL or the index that a project alone comes from; "" for where all others do."""
        return self.direct[project].url if project in self.direct else self._pinned.get(project, "")

    def _plain(self, text: str) -> Any:
        """Return a requirement without the URL that it has here, which is noted."""
        requirement = _requirement(text)
        name = _project(requirement)
        url = requirement.url or self._urls.get(name)
        if url:
            if _holds(requirement, self._markers):
                file = listing.direct_file(name, url, self._job.get("commits", {}))
                if self.direct.setdefault(name, file).url != file.url:
                    raise errors.RefusedError(
                        {"kind": "other", "fact": f"`{name}` is asked for from two places", "url": ""}
                    )
            requirement.url = None
            requirement.specifier = type(requirement.specifier)()
        return requirement

    def _exact(self) -> Iterator[tuple[str, str]]:
        """Yield the versions that are asked for exactly."""
        parse = importlib.import_module("pip._vendor.packaging.version").Version
        for requirement in self.requirements:
            for part in requirement.specifier:
                if part.operator == "==" and "*" not in part.version:
                    yield _project(requirement), str(parse(part.version))


def _origin(url: str) -> str:
    """Return a URL without its hash; of a repository the fragment names a directory in it."""
    return url if url.startswith("git+") else url.partition("#")[0]


def _requirement(text: str) -> Any:
    return importlib.import_module("pip._vendor.packaging.requirements").Requirement(text)


def _holds(requirement: Any, markers: Mapping[str, str]) -> bool:
    return requirement.marker is None or bool(requirement.marker.evaluate({**markers, "extra": ""}))


def _project(requirement: Any) -> str:
    return str(importlib.import_module("pip._vendor.packaging.utils").canonicalize_name(requirement.name))
