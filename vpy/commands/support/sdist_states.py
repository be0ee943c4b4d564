"""States of requirements on a platform where some have no wheel, and a start would build an sdist."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

    from vpy.packages.index.builds import Builder
    from vpy.packages.index.loader import IndexLoader

    # Whether only wheels are needed, and the file names of the project's own.
    Found = tuple[Literal["ok", "sdist"], tuple[str, ...]]


def of_requirements(
    projects: Mapping[str, str],
    meant: Mapping[str, str],
    index: IndexLoader,
    builder: Builder,
    stage: str,
) -> dict[str, Found]:
    """Return the states of requirements, by their text; nothing is built.

    `projects` are their names, `meant` is what they mean on the platform. Raises the error of what even
    sdists do not answer, or may not be built.
    """
    from vpy.packages.index import universal

    try:
        return _together(projects, meant, index, builder, stage)
    except universal.UnbuiltError:
        return _one_by_one(projects, meant, index, builder)


def _together(
    projects: Mapping[str, str],
    meant: Mapping[str, str],
    index: IndexLoader,
    builder: Builder,
    stage: str,
) -> dict[str, Found]:
    """Return the states of requirements where some need an sdist.

    A requirement that leads to an sdist is one itself. Raises the error of what even that does not answer.
    """
    from vpy.packages.index import universal
    from vpy.wheels import select

    interpreter = index.interpreter
    answer = universal.resolve(
        index,
        [meant[text] for text in projects],
        [universal.UniversalTarget(interpreter, prefers_wheels=True, preferred={})],
        requires_python=f"=={interpreter.version_text}",
        builder=builder,
        stage=stage,
    )
    row = answer["targets"][0]
    if row.get("errors"):
        raise universal.failure(index, row["errors"], str(interpreter.tags[0]))
    files = {}
    for each in answer["distributions"]:
        names = [name for name, *_ in each["files"]]
        best = select.best_filename([name for name in names if name.endswith(".whl")], interpreter.tags)
        files[each["name"]] = best or next(name for name in names if not name.endswith(".whl"))
    needs = _needs(answer["distributions"], row["chosen"], dict(interpreter.markers))
    found: dict[str, Found] = {}
    for text, project in projects.items():
        own = _normalized(project)
        is_built = any(not files[name].endswith(".whl") for name in _reachable(own, needs))
        found[text] = ("sdist" if is_built else "ok"), (files[own],)
    return found


def _one_by_one(
    projects: Mapping[str, str], meant: Mapping[str, str], index: IndexLoader, builder: Builder
) -> dict[str, Found]:
    """Return the states of requirements that lead to wheels and sdists, each by itself.

    Raises the error of one that may not be built.
    """
    from vpy.packages.index import query

    found: dict[str, Found] = {}
    for text, project in projects.items():
        try:
            wheels = query.resolved(index, [meant[text]])
        except query.LackingError as error:
            if any(map(builder.forbidden, error.sdists)):
                raise
            found[text] = "sdist", tuple(error.sdists.values())
        else:
            found[text] = "ok", wheels_of(project, wheels)
    return found


def _needs(
    distributions: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any], markers: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return the names that each distribution needs on a target, by its name."""
    from packaging.requirements import Requirement

    found: dict[str, list[str]] = {}
    for each in distributions:
        extras = ("", *chosen[each["name"]]["extras"])
        for requirement in map(Requirement, each["dependencies"]):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({**markers, "extra": extra}) for extra in extras):
                found.setdefault(each["name"], []).append(_normalized(requirement.name))
    return found


def _reachable(name: str, needs: Mapping[str, Sequence[str]]) -> set[str]:
    """Return a distribution and all that it leads to."""
    found, waiting = {name}, [name]
    while waiting:
        new = set(needs.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


def _normalized(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


def wheels_of(project: str, wheels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the wheels of a project among others, by their file names."""
    return tuple(wheel for wheel in wheels if _normalized(wheel.partition("-")[0]) == _normalized(project))
