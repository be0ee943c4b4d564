"""The `index` source: what pip finds on the user's index, kept by hash ever after.

A text spec's packages mean projects at exact versions, without their dependencies; PEP 723 and
`vpython.toml` requirements are resolved with them. The answer, with the sha256 of every wheel, is
kept in the root under the requirements, the target and the index; from then on it is only
fetched again where files have gone, and must be the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os

from vpy.errors import ToolError, UserError
from vpy.model import Observation, Pin, WheelFile
from vpy.packages import cipd, shortfall
from vpy.packages.pipconfig import index_identity
from vpy.packages.projects import public_requirement, requirement_for
from vpy.system import files
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from vpy.config import Config
    from vpy.model import Interpreter, Wanted
    from vpy.system.layout import Layout

    Ask = Callable[[Mapping[str, Any]], dict[str, Any]]

__all__ = ["Answer", "Index", "requirement_for"]


@value
class Answer:
    """The wheels of a spec, their pins, lines for stderr, and what the choice of the index hangs on."""

    wheels: tuple[WheelFile, ...]
    pins: tuple[Pin, ...]
    notes: tuple[str, ...]
    observations: tuple[Observation, ...]


@value
class Locked:
    """One wheel as it was first resolved; `url` only where the requirement itself named it."""

    project: str
    version: str
    url: str
    filename: str
    sha256: str

    @property
    def requirement(self) -> str:
        return f"{self.project} @ {self.url}" if self.url else f"{self.project}=={self.version}"

    @property
    def instance_id(self) -> str:
        return cipd.instance_id(bytes.fromhex(self.sha256))


@value
class Index:
    """One index for one target.

    `source` is `index` or `index:URL`; `ask` runs one pip process (`vpy.wheels.host`); `stored` says
    whether a wheel of that sha256 is installed already, so that its file need not be there.
    """

    config: Config
    layout: Layout
    interpreter: Interpreter
    source: str
    environ: Mapping[str, str]
    home: str
    offline: bool
    ask: Ask
    stored: Callable[[str], bool]

    def packages(self, wanted: Sequence[Wanted]) -> Answer:
        """The wheels that a text spec's packages mean; all that the index lacks is one UserError."""
        from packaging.utils import canonicalize_name

        mistakes, requirements, notes = [], [], []
        by_project: dict[str, Wanted] = {}
        for one in wanted:
            try:
                requirement, note = requirement_for(one, self.config)
            except UserError as error:
                mistakes.append(error.message)
                continue
            project = canonicalize_name(requirement.partition("==")[0])
            if by_project.setdefault(project, one).version != one.version:
                mistakes.append(f"two versions of `{project}`: `{by_project[project].name}`, `{one.name}`")
            requirements.append(requirement)
            notes += [note] if note else []
        if mistakes:
            raise UserError("\n".join(mistakes), hint="name another source with -vpython-source")
        return self._answer(requirements, notes, by_project)

    def dependencies(self, requirements: Sequence[str]) -> Answer:
        """The wheels that PEP 508 requirements and their dependencies come to, as pip resolves them."""
        plain = [public_requirement(one) for one in requirements]
        return self._answer([one for one, _ in plain], [note for _, note in plain if note], None)

    def exactly(self, requirements: Sequence[str]) -> Answer:
        """The wheels of `NAME==VERSION` requirements alone, without their dependencies."""
        return self._answer(list(requirements), [], {})

    def _answer(
        self, requirements: Sequence[str], notes: Sequence[str], wanted: Mapping[str, Wanted] | None
    ) -> Answer:
        identity, observations = index_identity(self.environ, self.source, self.home)
        memory = self.layout.resolution(self._digest(sorted(requirements), wanted is None, identity))
        known = _load(memory)
        if known is None:
            known = self._resolve(requirements, dependencies=wanted is None)
            files.write_bytes(memory, _dump(*known))
        else:
            self._fetch([one for one in known[0] if not self._is_here(one)])
        locked, more = known
        pins = tuple(self._pin(one, (wanted or {}).get(one.project)) for one in locked)
        wheels = tuple(
            WheelFile(one.filename, one.sha256, self.layout.package(one.instance_id), pin.name)
            for one, pin in zip(locked, pins, strict=True)
        )
        return Answer(wheels, pins, (*notes, *more), observations)

    def _digest(self, requirements: Sequence[str], dependencies: bool, identity: str) -> str:
        target = self.interpreter
        told = [requirements, dependencies, identity, target.version, target.markers, *target.tags.texts()]
        return hashlib.sha256(b"index-1\n" + json.dumps(told).encode()).hexdigest()

    def _pin(self, locked: Locked, wanted: Wanted | None) -> Pin:
        origin = _without_password(self.source)
        if wanted is None:
            name, version = locked.project, locked.version
            return Pin(name, name, version, locked.instance_id, origin)
        return Pin(wanted.name, wanted.template, wanted.version, locked.instance_id, origin)

    def _is_here(self, locked: Locked) -> bool:
        """Whether the wheel is installed, or its file is there and whole; a bad file is dropped."""
        if self.stored(locked.sha256):
            return True
        path = self.layout.package(locked.instance_id)
        try:
            if _hash_of(path) == locked.sha256:
                return True
            os.unlink(path)
        except OSError:
            pass
        return False

    def _resolve(
        self, requirements: Sequence[str], *, dependencies: bool
    ) -> tuple[tuple[Locked, ...], tuple[str, ...]]:
        rows = [{"text": text, "hashes": []} for text in requirements]
        locked, answer = self._download(rows, dependencies=dependencies)
        notes = tuple(
            f"`{row['project']}` {row['wanted']} is taken as {row['used']}: the index has only that"
            for row in answer["notes"]
        )
        return tuple(sorted(locked, key=lambda one: one.project)), notes

    def _fetch(self, missing: Sequence[Locked]) -> None:
        """Get the files of wheels that were resolved before: the same bytes, or an error."""
        if missing:
            rows = [{"text": one.requirement, "hashes": [one.sha256]} for one in missing]
            self._download(rows, dependencies=False)

    def _download(
        self, rows: Sequence[Mapping[str, Any]], *, dependencies: bool
    ) -> tuple[list[Locked], dict[str, Any]]:
        """Have pip bring the wheels, then give each the place that its hash names."""
        if self.offline:
            listed = ", ".join(f"`{row['text']}`" for row in rows)
            raise ToolError(
                f"offline, and not in the root: {listed}", hint="run once without -vpython-offline"
            )
        with (
            files.disk_errors("write", self.layout.staging),
            files.staging_directory(self.layout.staging, "index-") as aside,
        ):
            answer = self.ask(self.job(rows, aside, dependencies=dependencies))
            if answer["errors"]:
                tag = str(self.interpreter.tags[0])
                raise shortfall.failure(answer["errors"], tag, contact=self.config.contact)
            return [self._keep(os.path.join(aside, row["filename"]), row) for row in answer["wheels"]], answer

    def job(self, rows: Sequence[Mapping[str, Any]], directory: str, *, dependencies: bool) -> dict[str, Any]:
        """What pip is asked to download for the target (`vpy.wheels.pipdownload`)."""
        target = self.interpreter
        return {
            "directory": directory,
            "requirements": list(rows),
            "dependencies": dependencies,
            "tags": [(tag.python, tag.abi, tag.platform) for tag in target.tags],
            "markers": dict(target.markers),
            "version": target.version,
            "index": self.source.partition(":")[2] or None,
        }

    def _keep(self, path: str, row: Mapping[str, str]) -> Locked:
        from packaging.utils import canonicalize_name

        locked = Locked(
            project=canonicalize_name(row["name"]),
            version=row["version"],
            url=row["url"],
            filename=row["filename"],
            sha256=_hash_of(path),
        )
        os.chmod(path, 0o444)
        final = self.layout.package(locked.instance_id)
        os.makedirs(os.path.dirname(final), mode=0o700, exist_ok=True)
        os.replace(path, final)
        return locked


def _hash_of(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _without_password(source: str) -> str:
    import re

    return re.sub(r"//[^/@]*@", "//", source)


def _load(memory: str) -> tuple[tuple[Locked, ...], tuple[str, ...]] | None:
    """What was resolved before; None where nothing was, or what is there cannot be read."""
    try:
        told = json.loads(files.read_bytes(memory))
        return tuple(Locked(*row) for row in told["wheels"]), tuple(told["notes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _dump(locked: Sequence[Locked], notes: Sequence[str]) -> bytes:
    rows = [(one.project, one.version, one.url, one.filename, one.sha256) for one in locked]
    return json.dumps({"wheels": rows, "notes": list(notes)}).encode()
