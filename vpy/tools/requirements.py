"""The part of a sheet that PEP 508 requirements make: resolved together, once for each platform."""

from __future__ import annotations

from vpy import sources
from vpy.errors import VpythonError
from vpy.tools.coverage import Cell, each_platform, failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.context import Context
    from vpy.model import Target
    from vpy.packages.index import Index
    from vpy.tools.coverage import Draft

    Answer = tuple[dict[str, Cell], VpythonError | None]


def fill(draft: Draft, context: Context) -> None:
    """Give each requirement its cells; what stands against a platform as a whole is a fault."""
    from packaging.requirements import Requirement

    declared = {text: Requirement(text) for text in draft.spec.dependencies}
    draft.rows = [(text, "") for text in declared]

    def ask(target: Target) -> Answer:
        markers = {**dict(target.interpreter.markers), "extra": ""}
        here = {
            text: requirement.name
            for text, requirement in declared.items()
            if requirement.marker is None or requirement.marker.evaluate(markers)
        }
        return _resolved(here, sources.index_for(draft.source, target.interpreter, context))

    for target, answer in each_platform(draft.columns, ask):
        cells, fault = answer()
        for text in declared:
            draft.put((text, ""), target, cells.get(text, Cell("skipped")))
        if fault is not None:
            draft.faults.append((target, fault))


def _resolved(here: dict[str, str], index: Index) -> Answer:
    """The cells of the requirements that hold on a platform, by their text, and what else is wrong there.

    Where some cannot be had, the others are resolved without them.
    """
    from vpy.packages import survey

    cells: dict[str, Cell] = {}
    left = dict(here)
    while left:
        try:
            wheels = survey.resolved(index, list(left))
        except VpythonError as error:
            blamed = _blamed(left, error)
            if not blamed:
                cells.update({text: Cell("failed", project) for text, project in left.items()})
                return cells, error
            cells.update(blamed)
            left = {text: project for text, project in left.items() if text not in blamed}
        else:
            cells.update(
                {text: Cell("ok", project, wheels=_of(project, wheels)) for text, project in left.items()}
            )
            break
    return cells, None


def _of(project: str, wheels: tuple[str, ...]) -> tuple[str, ...]:
    from packaging.utils import canonicalize_name

    name = canonicalize_name(project)
    return tuple(each for each in wheels if canonicalize_name(each.partition("-")[0]) == name)


def _blamed(left: dict[str, str], error: VpythonError) -> dict[str, Cell]:
    """The requirements of which lines of the error speak, with these lines."""
    cells = {}
    for text, project in left.items():
        own = [line for line in error.message.split("\n") if _speaks_of(line, project)]
        if own:
            cells[text] = failure(type(error)("\n".join(own), hint=error.hint), project)
    return cells


def _speaks_of(line: str, project: str) -> bool:
    return "(wanted by" not in line and any(f"`{project}{end}" in line for end in "`=<>!~[; ")
