"""Resolution at an index for several targets at once, of which a lockfile is made."""

from __future__ import annotations

import os
import tempfile
from types import MappingProxyType

from vpy.errors import ToolError
from vpy.packages.index import builds, errors
from vpy.packages.index.names import public_requirement
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vpy.errors import VpythonError
    from vpy.model import Interpreter, ProjectSource
    from vpy.packages.index.builds import Builder
    from vpy.packages.index.loader import IndexLoader

# Sdists that are built for their METADATA alone in one resolution.
_MOST_BUILDS = 50


class UnbuiltError(ToolError):
    """METADATA that only a build tells, where nothing is built."""


@value
class UniversalTarget:
    """Target to resolve for, with the versions by project that are tried first.

    With `prefers_wheels` versions with a wheel for it come before those that have an sdist alone. With
    `follows` it gets no older version than the Python before it, and nothing is built to know of more.
    """

    interpreter: Interpreter
    prefers_wheels: bool
    preferred: Mapping[str, Sequence[str]]
    follows: bool = False


def resolve(
    index: IndexLoader,
    requirements: Sequence[str],
    targets: Sequence[UniversalTarget],
    *,
    requires_python: str,
    builder: Builder,
    stage: str,
    before: Mapping[str, Sequence[str]] | None = None,
    origins: Sequence[ProjectSource] = (),
    commits: Mapping[str, str] = MappingProxyType({}),
) -> Mapping[str, Any]:
    """Return what requirements come to on each target, as `index_client.lock` answers.

    `origins` are where projects come from on targets for which their markers hold.
    With a builder that builds nothing sdists count, whose needs are known without.
    `before` are versions by project that this is compared with. What has no static METADATA is built by this
    machine's Python, in a directory in `stage`. A target without an answer has its `errors`, for `failure`.
    `commits` are those that references to repositories mean still; the answer's `revisions` are what was
    asked for, by the reference to the commit.
    """
    pinned = [index.commits.pinned(text, commits, refresh=True) for text in requirements]
    requirements = [index.commits.plain(text) for text in pinned]
    places = [_pinned(each, index, commits) for each in origins if each.url]
    origins = [_plain(each, index, commits) for each in origins]
    job = _job(index, requirements, targets, before or {}, origins)
    job |= {"requires_python": requires_python, "forbidden": _forbidden(builder)}
    os.makedirs(stage, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lock-", dir=stage) as directory:
        job["commits"], built = _of_commits(index, [*pinned, *places], builder, directory)
        for _ in range(_MOST_BUILDS):
            answer = index.rules.checked(index.ask({**job, "wheels_built": built}, None))
            if answer["errors"]:
                raise failure(index, answer["errors"])
            if "unbuilt" not in answer:
                return {**answer, "revisions": index.commits.revisions}
            sdist = answer["unbuilt"]
            _check_may_build(sdist, builder)
            built[sdist["filename"]] = _build(index, sdist, builder, directory)
    raise ToolError(f"more than {_MOST_BUILDS} sdists would have to be built to know what they need")


def _forbidden(builder: Builder) -> list[str]:
    """Return the projects that may not be built, `*` for all."""
    return ["*"] if builder.forbidden("") else sorted(builder.projects)


def _check_may_build(sdist: Mapping[str, str], builder: Builder) -> None:
    """Raise ToolError where an sdist may not be built, or nothing is."""
    fact = f"only a build tells what `{sdist['name']}` {sdist['version']} needs"
    if by := builder.forbidden(sdist["name"]):
        raise ToolError(fact, hint=f"{by} forbids it")
    if builder.yard is None:
        raise UnbuiltError(fact)


def _pinned(source: ProjectSource, index: IndexLoader, commits: Mapping[str, str]) -> str:
    """Return a source as a requirement, with the commit in the place of a revision."""
    return index.commits.pinned(f"{source.project} @ {source.url}", commits, refresh=True)


def _plain(source: ProjectSource, index: IndexLoader, commits: Mapping[str, str]) -> ProjectSource:
    """Return a source whose repository, if it is one, is that of a commit and has no password."""
    if not source.url:
        return source
    return replace(source, url=index.commits.plain(_pinned(source, index, commits)).partition(" @ ")[2])


def _of_commits(
    index: IndexLoader, texts: Sequence[str], builder: Builder, directory: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the names that sdists of commits would have, and their wheels, both by reference."""
    place = os.path.join(directory, "commits")
    names: dict[str, str] = {}
    built: dict[str, str] = {}
    for wheel in index.commits.wheels(texts, lambda: builder, place).values():
        names[wheel.reference] = f"{wheel.project.replace('-', '_')}-{wheel.version}.tar.gz"
        built[wheel.reference] = wheel.path
    return names, built


def _job(
    index: IndexLoader,
    requirements: Sequence[str],
    targets: Sequence[UniversalTarget],
    before: Mapping[str, Sequence[str]],
    origins: Sequence[ProjectSource],
) -> dict[str, Any]:
    rows = [{"text": public_requirement(text)[0], "hashes": []} for text in requirements]
    # Targets share few lists of platforms, each of which stands in dozens of rows of tags.
    platforms: dict[tuple[str, ...], int] = {}
    return {
        **index.job(rows, "", dependencies=True),
        **index.rules.job(dependencies=True),
        "targets": [_row(target, platforms) for target in targets],
        "platforms": list(platforms),
        "sources": [
            {"project": each.project, "url": each.url, "index": each.index, "marker": each.marker}
            for each in origins
        ],
        "before": {name: list(versions) for name, versions in before.items()},
    }


def _row(target: UniversalTarget, platforms: dict[tuple[str, ...], int]) -> dict[str, Any]:
    """Return a target of the job; its tags name lists of `platforms` by their positions."""
    interpreter = target.interpreter
    return {
        "tags": [
            (python, abi, platforms.setdefault(each, len(platforms)))
            for python, abi, each in interpreter.tags.rows
        ],
        "markers": dict(interpreter.markers),
        "version": interpreter.version,
        "prefers_wheels": target.prefers_wheels,
        "follows": target.follows,
        "preferred": {name: list(versions) for name, versions in target.preferred.items()},
    }


def _build(index: IndexLoader, row: Mapping[str, str], builder: Builder, directory: str) -> str:
    """Fetch an sdist and return the path of its wheel."""
    sources = os.path.join(directory, "sdists")
    os.makedirs(sources, exist_ok=True)
    pinned = {row["name"]: row["index"]} if row["index"] else {}
    for each in index.sdists([f"{row['name']}=={row['version']}"], sources, pinned=pinned):
        path = os.path.join(sources, each["filename"])
        sdist = builds.Sdist(each["name"], each["version"], each["filename"], each["sha256"], path)
        return builds.get(builder, sdist, os.path.join(directory, "wheels"), index.layout)
    raise ToolError(f"the index does not give the sdist `{row['filename']}`")


def failure(index: IndexLoader, rows: Sequence[Mapping[str, Any]], tag: str = "") -> VpythonError:
    """Return the error that rows of an answer are; `tag` is the target's best one, "" for this machine's."""
    return errors.failure(rows, tag or str(index.interpreter.tags[0]), contact=index.config.contact)
