"""Job of `pip_download` that resolves for several targets, for a lockfile: one answer for all of them.

Each Python gets the newest versions that are for it; the platforms of one Python get the same ones, as far as
they can. Targets are added where markers tell patch versions of a Python apart.
"""

from __future__ import annotations

import importlib
import re
import tempfile

from vpy.wheels.index_client import contents, download, errors, listing, metadata, pages
from vpy.wheels.index_client.cache import Cache, without_user
from vpy.wheels.index_client.candidates import Wanted
from vpy.wheels.index_client.errors import UncoveredError
from vpy.wheels.index_client.listing import TargetCatalogue, UnbuiltError, UnfitError
from vpy.wheels.index_client.origins import Place, Places
from vpy.wheels.index_client.pages import Ranks, Target
from vpy.wheels.index_client.resolution import Proof, Provider, applies, resolve_extras
from vpy.wheels.index_client.web import Web

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from vpy.wheels.index_client.errors import NoResolutionError
    from vpy.wheels.index_client.pages import File
    from vpy.wheels.index_client.rules import Rules

    Explain = Callable[[NoResolutionError, Mapping[str, Any]], list[dict[str, Any]]]
    # By project: its version, and the extras of it that are asked for.
    Chosen = dict[str, tuple[Any, frozenset[str]]]

_PATCH = re.compile(r"""python_full_version\s*([<>=!~]+)\s*["'](\d+)\.(\d+)\.(\d+)["']""")
# What else a specifier of `requires-python` leaves out is a release that nobody should run.
_LEAST = re.compile(r"(>=?)\s*(\d+)\.(\d+)\.(\d+)")
_MOST_SPLITS = 50


def run(
    session: Any,
    indexes: Sequence[str],
    find_links: Sequence[str],
    job: dict[str, Any],
    rules: Rules,
    explain: Explain,
) -> dict[str, Any]:
    """Return what a job's requirements come to on each target, and the distributions that this takes.

    `requirements` are the job's, with those in their places that override them. A target is {markers, chosen:
    {name: {version, origin, extras}}} or {markers, errors}. A distribution is {name, version, origin, url,
    requires_python, dependencies, extras, files: [[filename, url, sha256, size, yanked]]}. The `origin` is
    the URL or the index that a project alone comes from, "" for where all others do; `sources` say where
    which one counts: {project, origin, marker}, the first whose marker holds.

    Of what differs from the job's `before`, versions by project, `contents` are {scripts, pth} by `NAME
    VERSION`. Of what is needed still, `listed` are {sha256, yanked, newest} by the same: the hashes that the
    index has for it, none where it has no such version, and the newest version that is not withdrawn.
    `elsewhere` are projects that directories of find-links have files of, too, which do not count. Where
    METADATA needs a build, the answer is {unbuilt: {name, version, filename, url, sha256, index}} alone.
    Raises UncoveredError, RefusedError where there is none.
    """
    web = Web(session, Cache(job.get("pages", ""), listing.EVERY_FILE, offline=bool(job.get("offline"))))
    try:
        with tempfile.TemporaryDirectory(prefix="index-client-") as scratch:
            elsewhere = pages.found_elsewhere(find_links)
            lock = Lock(job, web, indexes, download.Wheels(web, scratch), elsewhere, rules, explain)
            return lock.answer()
    except errors.NetworkError:
        web.stop_retrying()
        raise
    except UnbuiltError as error:
        return {"unbuilt": error.row}
    finally:
        web.close()


class _EveryPython(Target):
    """Target whose Python every `requires-python` allows."""

    def allows(self, requires_python: str | None) -> bool:
        """Return True."""
        del requires_python
        return True


class Lock:
    """Resolution of one job for its targets."""

    def __init__(
        self,
        job: Mapping[str, Any],
        web: Web,
        indexes: Sequence[str],
        wheels: download.Wheels,
        elsewhere: frozenset[str],
        rules: Rules,
        explain: Explain,
    ) -> None:
        self._parse = importlib.import_module("pip._vendor.packaging.requirements").Requirement
        self._parse_version = importlib.import_module("pip._vendor.packaging.version").Version
        self._job = job
        self._web = web
        self._wheels = wheels
        self._elsewhere = elsewhere
        self._explain = explain
        self._requirements = [self._parse(row["text"]) for row in job["requirements"]]
        self._wanted: dict[int, Wanted] = {}
        self._platforms = [{each: at for at, each in enumerate(row)} for row in job["platforms"]]
        self._ranks: dict[int, Ranks] = {}
        self._patches: dict[tuple[int, str, Any], set[tuple[str, int]]] = {}
        self._proofs: list[Proof] = []
        self._known: dict[tuple[int, str, Any], metadata.Metadata] = {}
        self._places = Places(job, web, indexes, wheels, rules)

    def answer(self) -> dict[str, Any]:
        """Resolve for each target, and for those that patch versions make of it."""
        rows: list[dict[str, Any]] = []
        chosen: list[tuple[Place, Chosen]] = []
        leaders: dict[str, dict[tuple[str, str], tuple[Any, frozenset[str]]]] = {}
        last: dict[tuple[str, ...], Chosen] = {}
        self._read_ahead()
        waiting = list(self._job["targets"])
        seen: set[tuple[str, str, str]] = set()
        while waiting:
            target = waiting.pop(0)
            markers = target["markers"]
            seen.add(_key(markers))
            place = self._places.of(markers)
            try:
                known = leaders.setdefault(markers["python_version"], {})
                leader = {name: row for (name, origin), row in known.items() if origin == place.origin(name)}
                if target["follows"]:
                    leader = last.get(_key(markers)[1:], leader)
                found = self._resolve(target, place, leader)
            except errors.NoResolutionError as error:
                rows.append({"markers": markers, "errors": self._explain(error, self._whole(target))})
                continue
            for name, each in found.items():
                known.setdefault((name, place.origin(name)), each)
            last[_key(markers)[1:]] = found
            chosen.append((place, found))
            rows.append({"markers": markers, "chosen": {
                name: {"version": str(version), "origin": place.origin(name), "extras": sorted(extras)}
                for name, (version, extras) in sorted(found.items())
            }})  # fmt: skip
            if len(seen) < _MOST_SPLITS + len(self._job["targets"]):
                new = [each for each in self._splits(place, found) if _key(each["markers"]) not in seen]
                seen.update(_key(each["markers"]) for each in new)
                waiting += new
        return self._answer(rows, chosen)

    def _read_ahead(self) -> None:
        """Let the pages of what was locked before be read side by side: nearly all will be needed again."""
        for target in self._job["targets"][:1]:
            place = self._places.of(target["markers"])
            for name in self._job.get("before") or ():
                self._web.workers.submit(place.library.files, name)

    def _answer(
        self, rows: Sequence[Mapping[str, Any]], chosen: Sequence[tuple[Place, Chosen]]
    ) -> dict[str, Any]:
        """Return the answer for targets with what was chosen on them."""
        distributions = list(self._distributions(chosen))
        needed = {name for _, each in chosen for name in each}
        from_index = {name for place, each in chosen for name in each if name not in place.direct}
        return {
            "requirements": [str(requirement) for requirement in self._requirements],
            "sources": list(self._places.conditions()),
            "targets": rows,
            "distributions": distributions,
            "contents": self._contents(distributions),
            "listed": dict(self._listed(needed & from_index)),
            "elsewhere": sorted(self._elsewhere & from_index),
        }

    def _listed(self, needed: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what the indexes have for the versions of before."""
        for name, texts in (self._job.get("before") or {}).items():
            if name not in needed:
                continue
            libraries = [place.library for place in self._places.every(name) if name not in place.direct]
            listed = [library.files(name) for library in libraries]
            whole = [
                version
                for every in listed
                for version, each in every.items()
                if not version.is_prerelease and not all(row[0].yanked for row in each.rows)
            ]
            for text in texts:
                version = self._parse_version(text)
                files = [row[0] for every in listed if version in every for row in every[version].rows]
                if not files and any(library.excludes(name, text) for library in libraries):
                    continue
                yield (
                    f"{name} {text}",
                    {
                        "sha256": [file.sha256 for file in files],
                        "yanked": bool(files) and all(file.yanked for file in files),
                        "newest": str(max(whole, default="")),
                    },
                )

    def _contents(self, distributions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return what the wheels of both sides of a change bring besides modules, where that can be read."""
        before = self._job.get("before") or {}
        after: dict[str, list[str]] = {}
        for row in distributions:
            after.setdefault(row["name"], []).append(row["version"])
        keys = [
            (name, text)
            for name, texts in after.items()
            if before and set(texts) - set(before.get(name, ()))
            for text in {*texts, *before.get(name, ())}
        ]
        found = self._web.workers.map(lambda key: self._contents_of(*key), keys)
        return {f"{name} {text}": each for (name, text), each in zip(keys, found, strict=True) if each}

    def _contents_of(self, name: str, text: str) -> dict[str, list[str]] | None:
        version = self._parse_version(text)
        for place in self._places.every(name):
            found = place.library.files(name).get(version)
            file = place.library.representative(found.rows[0][0]) if found else None
            if file is not None and listing.is_wheel(file) and not file.url.startswith("file:"):
                try:
                    return contents.of_wheel(metadata.Tail(self._web, file.url))
                except (metadata.NoRangesError, UncoveredError, errors.RefusedError):
                    return None
        return None

    def _resolve(self, row: Mapping[str, Any], place: Place, leader: Chosen) -> Chosen:
        """Return what the requirements come to on a target, with the versions of `leader` where they fit."""
        target = Target(row, self._ranks_of(row["tags"]))
        library = place.library
        wanted = [
            Wanted(self._public(requirement, place))
            for requirement in place.requirements
            if requirement.marker is None or requirement.marker.evaluate(target.markers)
        ]
        rules = place.rules(row["markers"])
        as_wheels = row["prefers_wheels"]
        followed = self._follow(wanted, leader, target, place, rules, as_wheels=as_wheels) if leader else None
        if followed is not None:
            return followed
        preferred = {name: [version] for name, (version, _) in leader.items()}
        for name, texts in row.get("preferred", {}).items():
            preferred.setdefault(name, []).extend(map(self._parse_version, texts))
        while True:
            catalogue = TargetCatalogue(library, target, rules, prefers_wheels=as_wheels)
            provider = Provider(catalogue, wanted, dependencies=True, preferred=preferred)
            try:
                self._check_proofs(provider)
                candidates = resolve_extras(catalogue, wanted, provider)
            except UnfitError as error:
                library.unfit.add(error.version)
                continue
            except errors.NoResolutionError as error:
                if provider.proof is not None:
                    self._proofs.append(provider.proof)
                if not row["follows"] and library.build_more({each.name for each, _ in error.lacking}):
                    continue
                raise
            found: Chosen = {}
            for candidate in candidates:
                _, extras = found.get(candidate.name, (None, frozenset()))
                found[candidate.name] = (candidate.version, extras | candidate.extras)
            if row["follows"]:
                _check_no_older(found, leader)
            return found

    def _check_proofs(self, provider: Provider) -> None:
        """Raise the error of another target that has no answer, where the proof for it is one here, too."""
        for proof in self._proofs:
            if proof.error is not None and provider.is_refuted_by(proof):
                raise proof.error

    def _ranks_of(self, tags: list[tuple[str, str, int]]) -> Ranks:
        """Return the order of tags that name their platforms by a position in the job's lists."""
        if id(tags) not in self._ranks:
            self._ranks[id(tags)] = Ranks((python, abi, self._platforms[at]) for python, abi, at in tags)
        return self._ranks[id(tags)]

    def _whole(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a target with its tags one by one."""
        tags = ((python, abi, each) for python, abi, at in row["tags"] for each in self._platforms[at])
        return {**row, "tags": list(tags)}

    def _public(self, requirement: Any, place: Place) -> Any:
        """Return a requirement of a local version (PEP 440) that the index lacks as one of the public."""
        parts = list(requirement.specifier)
        if not any("+" in part.version for part in parts):
            return requirement
        name = importlib.import_module("pip._vendor.packaging.utils").canonicalize_name(requirement.name)
        listed = place.library.files(name)
        if any(requirement.specifier.contains(each, prereleases=True) for each in listed):
            return requirement
        public = type(requirement)(str(requirement))
        texts = [f"{part.operator}{part.version.partition('+')[0]}" for part in parts]
        public.specifier = type(requirement.specifier)(",".join(texts))
        return public

    def _follow(
        self,
        wanted: Sequence[Wanted],
        leader: Chosen,
        target: Target,
        place: Place,
        rules: Rules,
        *,
        as_wheels: bool,
    ) -> Chosen | None:
        """Return the versions of other targets, where they are an answer on this one too; else None."""
        found: Chosen = {}
        seen: set[tuple[str, frozenset[str]]] = set()
        waiting = list(wanted)
        while waiting:
            requirement = waiting.pop()
            name = requirement.name
            version = leader.get(name, (None, None))[0]
            if version is None or not requirement.allows(version):
                return None
            narrowing = (each.specifier for each in rules.constraints.get(name, ()))
            if not all(specifier.contains(version, prereleases=True) for specifier in narrowing):
                return None
            if name not in found and not place.library.has(name, version, target, as_wheel=as_wheels):
                return None
            found[name] = (version, found.get(name, (None, frozenset()))[1] | requirement.extras)
            for extras in {frozenset(), requirement.extras}:
                if (name, extras) not in seen:
                    seen.add((name, extras))
                    known = self._metadata(place, name, version)
                    if not target.allows(known.requires_python):
                        return None
                    waiting += [
                        self._wanted_once(each)
                        for each in rules.overridden(known.requirements(extras))
                        if applies(each, extras, target.markers)
                    ]
        return found

    def _wanted_once(self, requirement: Any) -> Wanted:
        if id(requirement) not in self._wanted:
            self._wanted[id(requirement)] = Wanted(requirement)
        return self._wanted[id(requirement)]

    def _metadata(self, place: Place, name: str, version: Any) -> metadata.Metadata:
        """Return the METADATA of a version that was chosen on some target."""
        key = (id(place), name, version)
        if key not in self._known:
            library = place.library
            every = _EveryPython({"tags": [], "version": [3], "markers": {}})
            file = library.files(name)[version].rows[0][0]
            catalogue = TargetCatalogue(library, every, library.rules, prefers_wheels=True)
            self._known[key] = catalogue.metadata(file)
        return self._known[key]

    def _splits(self, place: Place, chosen: Chosen) -> Iterator[dict[str, Any]]:
        """Yield the targets that differ by the patch versions in markers of what is chosen."""
        texts = [str(requirement.marker or "") for requirement in self._requirements]
        texts += [source["marker"] for source in self._job.get("sources", ())]
        found = _last_patches(_PATCH, texts)
        for name, (version, _) in chosen.items():
            found |= self._patches_of(place, name, version)
        specifiers = importlib.import_module("pip._vendor.packaging.specifiers").SpecifierSet
        allowed = specifiers(self._job.get("requires_python", ""))
        for minor, patch in sorted(found):
            full = f"{minor}.{patch}"
            if not allowed.contains(full):
                continue
            for target in self._job["targets"]:
                if target["markers"]["python_version"] == minor:
                    markers = {
                        **target["markers"], "python_full_version": full, "implementation_version": full
                    }  # fmt: skip
                    yield {**target, "markers": markers, "version": [*target["version"][:2], patch]}

    def _patches_of(self, place: Place, name: str, version: Any) -> set[tuple[str, int]]:
        """Return the last releases of Pythons before those that a version's own words tell from them."""
        key = (id(place), name, version)
        if key not in self._patches:
            known = self._metadata(place, name, version)
            least = [known.requires_python or "", *place.library.requires_python(name, version)]
            texts = (text for text, _ in known.row()["dependencies"])
            self._patches[key] = _last_patches(_PATCH, texts) | _last_patches(_LEAST, least)
        return self._patches[key]

    def _distributions(self, chosen: Iterable[tuple[Place, Chosen]]) -> Iterator[dict[str, Any]]:
        """Yield each version that some target has, by where it comes from, with all of its files."""
        places: dict[tuple[str, Any, str], Place] = {}
        for place, each in chosen:
            for name, (version, _) in each.items():
                places.setdefault((name, version, place.origin(name)), place)
        files = {key: place.library.files(key[0])[key[1]].rows for key, place in places.items()}
        hashes = self._hashes([file for rows in files.values() for file, *_ in rows if _is_unknown(file)])
        for key in sorted(places):
            (name, version, origin), place = key, places[key]
            known = self._metadata(place, name, version).row()
            yield {
                "name": name,
                "version": str(version),
                "origin": origin,
                "url": place.direct[name].url if name in place.direct else "",
                "requires_python": known["requires_python"] or "",
                "dependencies": list(self._dependencies(place, known["dependencies"])),
                "extras": list(known["extras"]),
                "files": [
                    [
                        file.filename,
                        without_user(file.url),
                        file.sha256 or hashes.get(file.url, ""),
                        file.size,
                        file.yanked,
                    ]
                    for file, *_ in files[key]
                ],
            }

    def _dependencies(self, place: Place, rows: Sequence[Sequence[str]]) -> Iterator[str]:
        """Yield dependencies with those in their places that override them."""
        for text, _ in rows:
            for each in place.library.rules.overridden([self._parse(text)]):
                yield str(each)

    def _hashes(self, unknown: Sequence[File]) -> dict[str, str]:
        """Return the hex sha256 of files whose page has none, by URL: they are fetched for it."""
        return {file.url: sha256 for file, sha256 in self._wheels.fetched(unknown)}


def _check_no_older(found: Chosen, leader: Chosen) -> None:
    """Raise NoResolutionError for an older version than the Python before has: of it there is no file yet."""
    for name, (version, _) in sorted(found.items()):
        newer = leader.get(name, (version, None))[0]
        if version < newer:
            row = {"kind": "wheel", "requirement": f"{name}=={newer}", "project": name, "parent": ""}
            raise errors.NoResolutionError({**row, "files": []}, [])


def _is_unknown(file: File) -> bool:
    """Return whether a file must be fetched for its hash; a commit has none."""
    return not file.sha256 and not file.url.startswith("git+")


def _key(markers: Mapping[str, str]) -> tuple[str, str, str]:
    return markers["python_full_version"], markers["sys_platform"], markers["platform_machine"]


def _last_patches(pattern: re.Pattern[str], texts: Iterable[str]) -> set[tuple[str, int]]:
    """Return (minor version, patch) of the last releases of a Python that a text tells from the next."""
    found: set[tuple[str, int]] = set()
    for text in texts:
        for operator, major, minor, patch in pattern.findall(text):
            first = int(patch) + (operator in ("<=", ">"))
            ends = (first - 1, first) if operator in ("==", "!=", "~=", "===") else (first - 1,)
            found.update((f"{major}.{minor}", end) for end in ends if end >= 0)
    return found
