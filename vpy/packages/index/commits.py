"""Wheels of commits: requirements that name a git repository, beside those that an index answers.

To the resolution such a wheel is a direct reference to a file. It is kept by the repository and the commit,
never by the name of a branch.
"""

from __future__ import annotations

import hashlib
import os

from vpy.errors import UserError
from vpy.packages.git import Repositories
from vpy.packages.index import builds
from vpy.system import files, vcs_url
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from packaging.requirements import Requirement

    from vpy.packages.freshness import Freshness
    from vpy.packages.git import Run
    from vpy.packages.index.builds import Builder
    from vpy.system.layout import Layout
    from vpy.system.vcs_url import Reference


@value
class Commit:
    """Commit of a repository that a project's wheel is built of, as an `Sdist` is."""

    name: str
    reference: Reference
    repositories: Repositories

    @property
    def title(self) -> str:
        """Project and commit, as a message names them."""
        return f"`{self.name}` at {self.reference.revision[:12]}"

    @property
    def filename(self) -> str:
        """Direct reference that means exactly this commit."""
        return self.reference.text()

    @property
    def log_name(self) -> str:
        """Name of the log of a build that failed."""
        return f"{self.name}-{self.reference.revision[:12]}"

    @property
    def place(self) -> str:
        """Directory for its wheel: two commits may have the same version."""
        return hashlib.sha256(self.filename.encode()).hexdigest()[:16]

    def identity(self) -> list[object]:
        """Return what tells this from every other source of a wheel."""
        return ["git-1", self.reference.text()]

    def tree(self, stage: str, run: Run) -> str:
        """Write its files below a directory, and return the path of what is built."""
        return self.repositories.check_out(self.reference, stage, run)


@value
class Wheel:
    """Wheel of a commit: its path, the normalized project, and the direct reference to the commit."""

    path: str
    project: str
    version: str
    reference: str


class Commits:
    """Requirements of repositories, as the loader of an index has them; `revisions` are what was asked for.

    The latter, "" for HEAD, are by the reference to the commit that it came to.
    """

    def __init__(
        self, environ: Mapping[str, str], layout: Layout, freshness: Freshness, *, offline: bool
    ) -> None:
        self._repositories = Repositories(
            environ=environ, layout=layout, freshness=freshness, offline=offline
        )
        self._layout = layout
        self.revisions: dict[str, str] = {}
        self._until: dict[str, int] = {}

    def pinned(self, text: str, known: Mapping[str, str] | None = None, *, refresh: bool = False) -> str:
        """Return a requirement with the commit in the place of a revision; any other as it is.

        `known` are commits by the references that are to mean them still; with `refresh` the repositories of
        all others are asked.
        """
        requirement = _requirement(text)
        if requirement is None:
            return text
        reference = vcs_url.parse(requirement.url or "")
        commit, until = (known or {}).get(reference.text(), ""), 0
        if not commit:
            commit, until = self._repositories.commit(reference, refresh=refresh)
        at = replace(reference, revision=commit).text()
        self.revisions.setdefault(at, reference.revision)
        if until:
            self._until[at] = until
        requirement.url = reference.text(commit, with_login=True)
        return str(requirement)

    def plain(self, text: str) -> str:
        """Return a requirement whose repository has no password in it."""
        requirement = _requirement(text)
        if requirement is None:
            return text
        requirement.url = vcs_url.parse(requirement.url or "").text()
        return str(requirement)

    def until(self, reference: str, until: int) -> int:
        """Return when a pin must be asked for again: `until`, or when a revision may mean another commit."""
        times = [each for each in (until, self._until.get(reference, 0)) if each]
        return min(times, default=0)

    def wheels(
        self, texts: Sequence[str], builder: Callable[[], Builder] | None, directory: str
    ) -> dict[str, Wheel]:
        """Return the wheels of those requirements that name a commit, in a directory, built where needed."""
        found: dict[str, Commit] = {}
        for text in texts:
            requirement = _requirement(text)
            if requirement is not None:
                reference = vcs_url.parse(requirement.url or "")
                found[text] = Commit(requirement.name, reference, self._repositories)
        if not found:
            return {}
        if builder is None:
            raise UserError(f"{each.title} is not built here" for each in found.values())
        commits = sorted(set(found.values()), key=lambda each: each.filename)
        made = dict(zip(commits, _got(builder(), commits, directory, self._layout), strict=True))
        return {text: _wheel(commit, made[commit]) for text, commit in found.items()}

    def replaced(
        self, rows: Sequence[Mapping[str, Any]], builder: Callable[[], Builder] | None, directory: str
    ) -> tuple[list[Mapping[str, Any]], dict[str, str], dict[str, str]]:
        """Return rows of a job with wheels in the places of commits.

        And the reference to the commit of each wheel by its file name, and the URLs of files by all
        references that mean the same.
        """
        wheels = self.wheels([row["text"] for row in rows], builder, directory)
        from pathlib import Path

        has_hashes = any(row["hashes"] for row in rows)
        found: list[Mapping[str, Any]] = []
        places: dict[str, str] = {}
        for row in rows:
            wheel = wheels.get(row["text"])
            if wheel is None:
                found.append(row)
                continue
            requirement, sha256 = _requirement(row["text"]), files.sha256_of(wheel.path)
            assert requirement is not None
            requirement.url = f"{Path(wheel.path).as_uri()}#sha256={sha256}"
            revision = self.revisions.get(wheel.reference, "")
            asked = vcs_url.parse(wheel.reference).text(revision)
            places |= dict.fromkeys((wheel.reference, asked), requirement.url)
            found.append({"text": str(requirement), "hashes": [sha256] if has_hashes else []})
        references = {os.path.basename(wheel.path): wheel.reference for wheel in wheels.values()}
        return found, references, places


def _requirement(text: str) -> Requirement | None:
    """Return a requirement that names a repository; None for any other."""
    if "git+" not in text:
        return None
    from packaging.requirements import Requirement

    requirement = Requirement(text)
    return requirement if requirement.url and vcs_url.is_reference(requirement.url) else None


def _got(builder: Builder, commits: Sequence[Commit], directory: str, layout: Layout) -> list[str]:
    """Return the wheels of commits; raise UserError where one may not be built, or is only looked at."""
    missing = [each for each in commits if not builds.is_kept(builder, each, layout)]
    for each in missing:
        if by := builder.forbidden(each.name):
            raise UserError(
                f"there is no wheel of {each.title}: `{each.filename}`",
                hint=f"{by} forbids to build a wheel from its source",
            )
    if missing and builder.yard is None:
        raise UserError(
            f"{each.title} has no wheel, which a start builds: `{each.filename}`" for each in missing
        )
    return builds.get_all(builder, commits, directory, layout)


def _wheel(commit: Commit, path: str) -> Wheel:
    """Return a wheel; raise UserError where it is of another project."""
    from packaging.utils import canonicalize_name, parse_wheel_filename

    name, version, *_ = parse_wheel_filename(os.path.basename(path))
    if name != canonicalize_name(commit.name):
        raise UserError(f"`{commit.filename}` is the project `{name}`, not `{commit.name}`")
    return Wheel(path, name, str(version), commit.filename)
