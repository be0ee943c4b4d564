"""Package index as a `PackageLoader`: wheels that pip resolves, pinned by their hashes ever after.

A text spec's packages mean projects at exact versions, without their dependencies; PEP 723 and
`vpython.toml` requirements are resolved with them. The pins, with the sha256 of every wheel, are
cached in the root by requirements, target and index; while they are fresh a wheel is only fetched
again where its file is missing, and must have the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os

from vpy.errors import ToolError, UnreachableError, UserError, VpythonError
from vpy.model import Address, Pin, Resolution, Source
from vpy.packages.index import builds, errors, pip_config
from vpy.packages.index.commits import Commits
from vpy.packages.index.locked import Answers, LockedWheel
from vpy.packages.index.names import project_of, public_requirement, requirement_for
from vpy.packages.index.rules import Rules
from vpy.system import files, vcs_url
from vpy.system.lean.dataclasses import replace
from vpy.system.network.retry import retry_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from typing import Any

    from vpy.config import Config
    from vpy.model import Interpreter, Locked, Wanted
    from vpy.packages.index.builds import Builder
    from vpy.packages.loader import Arrived
    from vpy.system.layout import Layout

    Event = Mapping[str, Any]
    Heard = Callable[[Event], Mapping[str, Any] | None]
    Bring = Callable[[Sequence[Pin], Mapping[str, int]], Collection[str]]
    Ask = Callable[[Mapping[str, Any], Heard | None], dict[str, Any]]

REFRESH_HINT = "the index had it when it was asked: -vpython-refresh asks again what the requirements come to"


class IndexLoader:
    """`PackageLoader` over one index, for one target.

    `ask` runs one pip process for a job (`vpy.wheels.pip_runner`), passes its events on, and returns its
    answer; `is_installed` says whether the wheel of a sha256 is in the store already, so that its file need
    not be here. `home` is the user's home directory. `find_links` are directories, paths or URLs, whose
    wheels count beside the index.

    `arrived` gets each wheel that is not installed as soon as its file is here. Files are links in `stage`,
    a directory of the caller's, where there is one: others come and go. `watch` gets the events that show
    what goes on, that of a decision with how many wheels are `missing` in the store. Without `fetching`
    nothing is downloaded. `rules` say how requirements are resolved. `bring` is asked for the files of pins
    before the index is, with sizes by their sha256 (bytes); it puts those that it gets into the root, with
    the right hash, and returns the instance ids of all that it ever put there.
    """

    def __init__(
        self,
        *,
        config: Config,
        layout: Layout,
        interpreter: Interpreter,
        source: Source,
        find_links: Sequence[str] = (),
        environ: Mapping[str, str],
        home: str,
        offline: bool,
        ask: Ask,
        is_installed: Callable[[str], bool],
        builder: Callable[[], Builder] | None = None,
        arrived: Arrived | None = None,
        stage: str = "",
        watch: Callable[[Event], None] = lambda _: None,
        bring: Bring = lambda pins, sizes: (),
        fetching: bool = True,
        rules: Rules | None = None,
    ) -> None:
        self.config = config
        self.interpreter = interpreter
        self.offline = offline
        self.ask = ask
        self.layout = layout
        self._source, self._find_links = source, find_links
        self._environ, self._home = environ, home
        self._is_installed = is_installed
        self._builder = builder
        self._arrived, self._watch, self._bring = arrived, watch, bring
        self._stage, self._fetching = stage, fetching
        self._packages: Mapping[str, Wanted] = {}
        self._wheels: dict[str, LockedWheel] = {}
        self._fetched: set[str] = set()
        self._sizes: dict[str, int] = {}
        self.rules = rules or Rules()
        self.commits = Commits(environ, layout, self.rules.freshness, offline=offline)
        self._is_narrowed = False
        self._answers = Answers(layout, self.rules.freshness)

    def resolve(self, packages: Sequence[Wanted], dependencies: Sequence[str] = ()) -> Resolution:
        """Pin the wheels of packages, or those that PEP 508 requirements and their dependencies come to.

        Raises one UserError for all that the index lacks.
        """
        if dependencies:
            requirements = [public_requirement(text) for text in dependencies]
            notes = [note for _, note in requirements if note]
            pinned = [self.commits.pinned(requirement) for requirement, _ in requirements]
            return self._resolve(pinned, notes, None)
        return self._resolve_packages(packages)

    def resolve_exact(self, requirements: Sequence[str]) -> Resolution:
        """Pin the wheels of `NAME==VERSION` requirements alone, without their dependencies."""
        return self._resolve(list(requirements), [], {})

    def resolve_locked(self, locked: Sequence[Locked]) -> Resolution:
        """Pin what a lockfile has: nothing is resolved, and a wheel that it names needs no page.

        Where it has hashes alone, the index is asked which of its files has one of them.
        """
        rows = {
            (f"{each.name} @ {each.url}" if each.url else f"{each.name}=={each.version}"): each.hashes
            for each in locked
            if not each.filename
        }
        resolution = self._resolve(list(rows), [], {}, rows) if rows else Resolution(())
        pins = list(resolution.pins)
        for each in locked:
            if each.filename:
                wheel = LockedWheel(each.name, each.version, each.url, each.filename, each.sha256)
                self._wheels[wheel.instance_id] = wheel
                self._sizes[wheel.instance_id] = each.size
                pins.append(self._pin(wheel))
        ordered = tuple(sorted(pins, key=lambda pin: pin.name))
        return Resolution(ordered, resolution.notes, resolution.observations)

    def _resolve_packages(self, packages: Sequence[Wanted]) -> Resolution:
        from packaging.utils import canonicalize_name

        mistakes, requirements, notes = [], [], []
        failed: dict[object, VpythonError] = {}
        by_project: dict[str, Wanted] = {}
        for package in packages:
            try:
                requirement, note = requirement_for(package, self.config)
            except UserError as error:
                mistakes += error.lines
                failed[package] = error
                continue
            project = canonicalize_name(project_of(requirement))
            known = by_project.setdefault(project, package)
            if known.version != package.version:
                mistakes.append(f"two versions of `{project}`: `{known.name}`, `{package.name}`")
                failed[package] = UserError(mistakes[-1])
            requirements.append(requirement)
            notes += [note] if note else []
        if mistakes:
            mistakes += self._lacking(requirements)
            together = UserError(mistakes, hint="name another source with -vpython-source")
            together.failed = failed
            raise together
        return self._resolve(requirements, notes, by_project)

    def _lacking(self, requirements: Sequence[str]) -> list[str]:
        """Return lines for the requirements that the index lacks, beside other mistakes; download nothing."""
        if self.offline or not requirements:
            return []
        answer = self.look(requirements, dependencies=False)
        rows = [row for row in answer["errors"] if not self._is_built(row)]
        return self._failure(rows).lines if rows else []

    def _is_built(self, row: Mapping[str, Any]) -> bool:
        """Return whether an error is about a wheel that a start builds."""
        if self._builder is None or not builds.is_buildable(row):
            return False
        return not self._builder().forbidden(row["project"])

    def _resolve(
        self,
        requirements: Sequence[str],
        notes: Sequence[str],
        packages: Mapping[str, Wanted] | None,
        hashes: Mapping[str, Sequence[str]] | None = None,
    ) -> Resolution:
        """Pin requirements, from the cache where they were resolved before.

        `packages` are those of a text spec by their project; None where dependencies count. `hashes`
        are the hex sha256 that a requirement's file may have.
        """
        identity, observations = pip_config.identity(
            self._environ, str(self._source), self._home, self._find_links
        )
        question = sorted([text, *sorted(hashes[text])] if hashes else text for text in requirements)
        path = self.layout.resolution(self._digest(question, packages is None, identity))
        self._packages = packages or {}
        self._is_narrowed = packages is None
        known = self._answers.get(path, however_old=self.offline)
        if known is None or not all(self._is_here(wheel) for wheel in known.wheels if wheel.is_built):
            found = self._ask_index(requirements, hashes or {}, path, dependencies=packages is None)
            keep = self._answers.keep if self._fetching else self._answers.decide
            known = keep(path, *found)
        elif self._answers.is_old(path):
            self.rules.warn(
                "using the last answer of the index: network access is disabled by `-vpython-offline`"
            )

        self._wheels.update({wheel.instance_id: wheel for wheel in known.wheels})
        until = self._answers.until(path)
        pins = tuple(
            replace(self._pin(wheel), until=self.commits.until(wheel.url, until)) for wheel in known.wheels
        )
        return Resolution(pins, (*notes, *known.notes), observations)

    def fetch(self, pins: Sequence[Pin]) -> tuple[str, ...]:
        """Return the wheel files of pins that this loader resolved, fetched where they are missing.

        The file of a wheel that is installed in the store is not fetched, and its path leads nowhere.
        """
        wheels = [self._wheels[pin.instance_id] for pin in pins]
        if self._fetching:
            try:
                self._fetch(wheels)
            except VpythonError:
                self._answers.prove(holds=False)
                raise
            self._answers.prove(holds=True)
        return tuple(map(self._path, wheels))

    def _fetch(self, wheels: Sequence[LockedWheel]) -> None:
        self._ask_elsewhere(wheels)
        missing = [wheel for wheel in wheels if not self._is_ready(wheel)]
        if missing:
            rows = [{"text": wheel.requirement, "hashes": [wheel.sha256]} for wheel in missing]
            try:
                self._download(rows, dependencies=False)
            except (UserError, ToolError) as error:
                if not isinstance(error, UnreachableError):
                    error.hint = REFRESH_HINT
                raise
            for wheel in missing:
                wheel.check_size(self._path(wheel), self._sizes.get(wheel.instance_id, 0))

    def _ask_elsewhere(self, wheels: Sequence[LockedWheel], sizes: Mapping[str, int] | None = None) -> None:
        """Let files be brought that the index would be asked for, all or those with a size, by name."""
        asked = [
            wheel
            for wheel in wheels
            if wheel.sha256 and not (wheel.is_built or wheel.directory)
            if sizes is None or wheel.filename in sizes
        ]
        by_hash = {wheel.sha256: (sizes or {}).get(wheel.filename, 0) for wheel in asked}
        self._fetched.update(self._bring([self._pin(wheel) for wheel in asked], by_hash))

    def release(self, pins: Sequence[Pin]) -> None:
        """Remove the files of wheels that are installed by now, and that the index has."""
        for wheel in (self._wheels[pin.instance_id] for pin in pins):
            if not wheel.is_built and self._is_installed(wheel.sha256):
                with contextlib.suppress(OSError):
                    os.unlink(self.layout.package(wheel.instance_id))

    def forget(self, pins: Sequence[Pin]) -> None:
        """Drop the cached answers: the index may have a better wheel under the same name by then."""
        self._answers.forget()

    def _digest(self, requirements: Sequence[object], dependencies: bool, identity: object) -> str:
        target = self.interpreter
        question = [
            requirements, dependencies, identity, target.version, target.markers, *target.tags.texts(),
            *self.rules.identity(dependencies=dependencies),
        ]  # fmt: skip
        return hashlib.sha256(b"index-1\n" + json.dumps(question).encode()).hexdigest()

    def _pin(self, wheel: LockedWheel) -> Pin:
        package = self._packages.get(wheel.project)
        name, template, version = wheel.project, wheel.project, wheel.version
        if package is not None:
            name, template, version = package.name, package.template, package.version
        origin = Source("directory", Address(wheel.directory)) if wheel.directory else self._source
        where = wheel.url if vcs_url.is_reference(wheel.url) else str(origin)
        return Pin(name, template, version, wheel.instance_id, where, filename=wheel.filename)

    def _is_here(self, wheel: LockedWheel) -> bool:
        """Return whether the wheel is installed, or its file is here and whole; drop a bad file."""
        if wheel.instance_id in self._fetched or self._is_installed(wheel.sha256):
            return True
        path = self.layout.package(wheel.instance_id)
        try:
            if files.sha256_of(path) == wheel.sha256:
                return True
            os.unlink(path)
        except OSError:
            pass
        return False

    def _ask_index(
        self,
        requirements: Sequence[str],
        hashes: Mapping[str, Sequence[str]],
        path: str,
        *,
        dependencies: bool,
    ) -> tuple[tuple[LockedWheel, ...], tuple[str, ...]]:
        """Return what the index answers, and notes; keep at `path` what is decided before all is fetched."""
        rows = [{"text": text, "hashes": list(hashes.get(text, ()))} for text in requirements]
        try:
            wheels, answer = self._download(
                rows, lambda found: self._answers.decide(path, found), dependencies=dependencies
            )
        except VpythonError:
            self._answers.undecide(path)
            raise
        return tuple(sorted(wheels, key=lambda wheel: wheel.project)), errors.notes(answer)

    def _download(
        self,
        asked: Sequence[Mapping[str, Any]],
        decided: Callable[[Sequence[LockedWheel]], object] = lambda _: None,
        *,
        dependencies: bool,
    ) -> tuple[list[LockedWheel], dict[str, Any]]:
        """Let pip download the wheels, then move each to the path that its hash names."""
        with (
            files.disk_errors("write", self.layout.staging),
            files.staging_directory(self.layout.staging, "index-") as directory,
        ):
            place = os.path.join(directory, builds.BUILT)
            rows, references, places = self.commits.replaced(asked, self._builder, place)
            built = set(references)
            job = {**self.job(rows, directory, dependencies=dependencies), "references": places}
            if not self._fetching:
                job["fetching"] = False
            fetched: dict[str, LockedWheel] = {}
            heard = self._listener(directory, fetched, decided)
            while (answer := self.rules.checked(self.ask(job, heard)))["errors"]:
                if self.offline and all(row["kind"] == "network" for row in answer["errors"]):
                    raise errors.offline(rows)
                more = self._build(answer["errors"], directory, job["requirements"])
                if not more - built:
                    raise self._failure(answer["errors"])
                built |= more
                job["built"] = [place]
            if not self._fetching and not all(row["sha256"] for row in answer["wheels"]):
                answer = self.ask({**job, "fetching": True}, heard)  # only the files tell
                if answer["errors"]:
                    raise self._failure(answer["errors"])
            rows = [{**row, "url": references.get(row["filename"], row["url"])} for row in answer["wheels"]]
            return [
                fetched.get(row["filename"]) or self._store(directory, row, is_built=row["filename"] in built)
                for row in rows
            ], answer

    def _listener(
        self,
        directory: str,
        fetched: dict[str, LockedWheel],
        decided: Callable[[Sequence[LockedWheel]], object],
    ) -> Heard:
        """Return what hears the events of a job that downloads into `directory`; it fills `fetched`."""

        def heard(event: Event) -> Mapping[str, Any] | None:
            if event["event"] != "decided":
                self._watch(event)
            if event["event"] == "fetched":
                row = event["wheel"]
                fetched[row["filename"]] = self._store(directory, row)
            if event["event"] != "decided":
                return None
            wheels = [LockedWheel.of_row(row) for row in event["wheels"]]
            decided(wheels)
            self._ask_elsewhere(wheels, event["sizes"])
            installed = sum(self._is_installed(wheel.sha256) for wheel in wheels if wheel.sha256)
            self._watch({**event, "missing": len(wheels) - installed})
            here = {wheel.filename: wheel for wheel in wheels if wheel.sha256 and self._is_ready(wheel)}
            fetched.update(here)
            new = {name for name, wheel in here.items() if wheel.instance_id in self._fetched}
            return {"here": {name: self._path(here[name]) if name in new else "" for name in here}}

        return heard

    def _is_ready(self, wheel: LockedWheel) -> bool:
        """Return whether a wheel is installed or its file is here; tell of the file."""
        if self._is_installed(wheel.sha256):
            return True
        if not self._is_here(wheel):
            return False
        path = self._path(wheel)
        if self._stage and not os.path.exists(path):
            try:
                files.link_or_copy(self.layout.package(wheel.instance_id), path)
            except FileNotFoundError:  # another process has installed it, and removed its file
                return self._is_installed(wheel.sha256)
        if self._arrived is not None:
            self._arrived(self._pin(wheel), path)
        return True

    def _path(self, wheel: LockedWheel) -> str:
        """Return where the file of a wheel is: a link of this loader's own, which nobody else removes."""
        if self._stage:
            return os.path.join(self._stage, wheel.instance_id)
        return self.layout.package(wheel.instance_id)

    def _build(
        self, rows: Sequence[Mapping[str, Any]], directory: str, asked: Sequence[dict[str, Any]]
    ) -> set[str]:
        """Build a wheel for each requirement that lacks one; return their file names.

        Nothing is built where another error stands beside: it would be in vain. Of a requirement that was
        `asked` with hashes the sdist must have one of them; that of its wheel is added to them.
        """
        lacking = [row for row in rows if builds.is_buildable(row)]
        if self._builder is None or not lacking:
            return set()
        builder = self._builder()
        if by := builds.forbidden(builder, lacking):
            raise self._failure(rows, hint=f"{by} forbids to build a wheel from its source")
        if others := [row for row in rows if row not in lacking]:
            raise self._failure(others)
        if builder.yard is None:
            raise self._failure([{**row, "note": ", which a start builds"} for row in lacking])
        return builds.build(lacking, asked, builder, self.sdists, directory, self.layout)

    def sdists(
        self,
        texts: Iterable[str],
        directory: str,
        hashes: Mapping[str, Sequence[str]] | None = None,
        *,
        pinned: Mapping[str, str] | None = None,
    ) -> list[dict[str, str]]:
        """Fetch the sdists of requirements into a directory; return a row for each that there is.

        Of several sdists of one version that is taken which has one of the `hashes` of its project. `pinned`
        are indexes that alone have a project, besides those of the rules.
        """
        rows = [{"text": text, "hashes": list((hashes or {}).get(text, ()))} for text in texts]
        job = self.job(rows, directory, dependencies=False, is_building=True)
        job["pinned"] = {**job.get("pinned", {}), **(pinned or {})}
        answer = self.ask({**job, "sdists": True}, None)
        if answer["errors"]:
            raise self._failure(answer["errors"])
        found: list[dict[str, str]] = answer["sdists"]
        return found

    def _failure(self, rows: Sequence[Mapping[str, Any]], *, hint: str = "") -> VpythonError:
        tag = str(self.interpreter.tags[0])
        hint = hint or (self.rules.hint(rows) if self._is_narrowed else "")
        return errors.failure(rows, tag, contact=self.config.contact, reason=hint, packages=self._packages)

    def look(self, requirements: Sequence[str], *, dependencies: bool) -> dict[str, Any]:
        """Return what requirements would come to (`vpy.wheels.pip_download`); download nothing."""
        self._is_narrowed = dependencies
        asked = [{"text": self.commits.pinned(text), "hashes": ()} for text in requirements]
        with files.staging_directory(self.layout.staging, "index-") as directory:
            rows, _, places = self.commits.replaced(asked, self._builder, directory)
            more = {"references": places, "look": True}
            return self.ask({**self.job(rows, "", dependencies=dependencies), **more}, None)

    def job(
        self,
        rows: Sequence[Mapping[str, Any]],
        directory: str,
        *,
        dependencies: bool,
        is_building: bool = False,
    ) -> dict[str, Any]:
        """Return the job that makes pip download requirements for the target (`vpy.wheels.pip_download`)."""
        target = self.interpreter
        return {
            "directory": directory,
            "requirements": list(rows),
            "dependencies": dependencies,
            "tags": [(tag.python, tag.abi, tag.platform) for tag in target.tags],
            "markers": dict(target.markers),
            "version": target.version,
            "index": self._source.address.asked if self._source.address else None,
            "find_links": list(self._find_links),
            "partial": os.path.join(self.layout.staging, "wheel-") if directory else "",
            "pages": self.layout.pages,
            "retry_seconds": retry_seconds(self._environ),
            "offline": self.offline,
            **self.rules.job(dependencies=self._is_narrowed and (dependencies or is_building)),
        }

    def _store(self, directory: str, row: Mapping[str, str], *, is_built: bool = False) -> LockedWheel:
        """Move a fetched wheel to the path that its hash names; return it."""
        path = os.path.join(directory, row["filename"])
        if not os.path.exists(path):  # only looked at
            return LockedWheel.of_row(row, is_built=is_built)
        sha256 = row["sha256"] or files.sha256_of(path)
        wheel = LockedWheel.of_row({**row, "sha256": sha256}, is_built=is_built)
        os.chmod(path, 0o444)
        final = self.layout.package(wheel.instance_id)
        os.makedirs(os.path.dirname(final), mode=0o700, exist_ok=True)
        os.replace(path, final)
        self._fetched.add(wheel.instance_id)
        self._is_ready(wheel)
        return wheel
