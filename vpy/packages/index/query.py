"""Questions to an index for a target, be it another machine's; nothing is downloaded or cached."""

from __future__ import annotations

from types import MappingProxyType

from vpy.errors import ToolError, UserError
from vpy.packages.index import builds
from vpy.packages.index import errors as index_errors
from vpy.packages.index.names import public_requirement, requirement_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vpy.errors import VpythonError
    from vpy.model import Tag, Wanted
    from vpy.packages.index.loader import IndexLoader

_LISTED = 8


class LackingError(UserError):
    """Requirements without a wheel, each of which has an sdist for the target: `sdists`, by project."""

    sdists: Mapping[str, str] = MappingProxyType({})


def wheel_names(index: IndexLoader, packages: Sequence[Wanted]) -> dict[Wanted, str | VpythonError]:
    """Return for each package of a text spec its wheel's file name, or why there is none.

    Raises ToolError where the index cannot be asked.
    """
    results: dict[Wanted, str | VpythonError] = {}
    asked: list[tuple[Wanted, str]] = []
    for package in packages:
        try:
            asked.append((package, requirement_for(package, index.config)[0]))
        except UserError as error:
            results[package] = error

    answer = _ask(index, [requirement for _, requirement in asked], dependencies=False)
    for row in answer["wheels"]:
        results[asked[row["row"]][0]] = row["filename"]
    for row in answer["errors"]:
        results[asked[row["row"]][0]] = _failure(index, [row])
    return results


def resolved(index: IndexLoader, requirements: Sequence[str]) -> tuple[str, ...]:
    """Return the file names of the wheels that PEP 508 requirements and their dependencies come to.

    Raises UserError where a requirement can be mended, LackingError where all that lacks are wheels,
    ToolError where the index failed.
    """
    plain = [public_requirement(text)[0] for text in requirements]
    answer = _ask(index, plain, dependencies=True)
    if answer["errors"]:
        raise _failure(index, answer["errors"])
    return tuple(row["filename"] for row in answer["wheels"])


def files(index: IndexLoader, projects: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the names of all wheels of each project; () where the index has none or no such project."""
    answer = _ask(index, projects, dependencies=False)
    names = {projects[row["row"]]: tuple(row["files"]) for row in answer["wheels"]}
    return {project: names.get(project, ()) for project in projects}


def _ask(index: IndexLoader, requirements: Sequence[str], *, dependencies: bool) -> Mapping[str, Any]:
    if not requirements:
        return {"wheels": [], "errors": []}
    if index.offline:
        raise ToolError(
            "cannot ask the index: network access is disabled by `-vpython-offline`",
            hint="run it without -vpython-offline",
        )
    answer = index.look(requirements, dependencies=dependencies)
    if any("row" not in row for row in answer["errors"]) and not dependencies:
        raise _failure(index, answer["errors"])
    return answer


def _failure(index: IndexLoader, errors: Sequence[Mapping[str, Any]]) -> VpythonError:
    """Return the error of rows; for wheels that do not fit it says what they are for."""
    contact = index.config.contact
    if all(row["kind"] == "wheel" for row in errors):
        lines = [_misfit(row, index.interpreter.tags) for row in errors]
        if not all(map(builds.is_buildable, errors)):
            return UserError(lines, hint=contact or None)
        lacking = LackingError(lines, hint=contact or None)
        lacking.sdists = {row["project"]: builds.sdist_in(row) for row in errors}
        return lacking
    return index_errors.failure(errors, str(index.interpreter.tags[0]), contact=contact)


def _misfit(row: Mapping[str, Any], tags: Sequence[Tag]) -> str:
    parent = f" (wanted by {row['parent']})" if row["parent"] else ""
    begin = f"no wheel of `{row['requirement']}`{parent} fits"
    wheels = [name[:-4].split("-")[-3:] for name, _ in row["files"] if name.endswith(".whl")]
    known = {(tag.python, tag.abi) for tag in tags}
    near = [
        platform
        for pythons, abis, platform in wheels
        if any((python, abi) in known for python in pythons.split(".") for abi in abis.split("."))
    ]
    if near:
        return f"{begin}: there are some for {_some(near)}"
    if wheels:
        return f"{begin}: there are some for {_some([python for python, _, _ in wheels])}"
    return f"{begin}: there is no wheel, only {_some([name for name, _ in row['files']])}"


def _some(items: Sequence[str]) -> str:
    """Return the items as text, each once, the last few; `cp310` sorts behind `cp39`."""
    distinct = sorted(set(items), key=lambda text: (len(text) if text.isalnum() else 0, text))
    more = f" and {len(distinct) - _LISTED} more" if len(distinct) > _LISTED else ""
    return ", ".join(distinct[-_LISTED:]) + more
