"""What an index has for a target, be it another machine's: asked of pip, and nothing is kept."""

from __future__ import annotations

from vpy.errors import ToolError, UserError
from vpy.packages import shortfall
from vpy.packages.projects import public_requirement, requirement_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vpy.errors import VpythonError
    from vpy.model import Tag, Wanted
    from vpy.packages.index import Index

_LISTED = 8


def offers(index: Index, wanted: Sequence[Wanted]) -> dict[Wanted, str | VpythonError]:
    """For each package of a text spec the wheel's file name, or why there is none.

    Raises ToolError where the index cannot be asked.
    """
    told: dict[Wanted, str | VpythonError] = {}
    asked: list[tuple[Wanted, str]] = []
    for one in wanted:
        try:
            asked.append((one, requirement_for(one, index.config)[0]))
        except UserError as error:
            told[one] = error
    answer = _ask(index, [requirement for _, requirement in asked], dependencies=False)
    for row in answer["wheels"]:
        told[asked[row["row"]][0]] = row["filename"]
    for row in answer["errors"]:
        told[asked[row["row"]][0]] = _failure(index, [row])
    return told


def resolved(index: Index, requirements: Sequence[str]) -> tuple[str, ...]:
    """The file names of the wheels that PEP 508 requirements and their dependencies come to.

    Raises what stands against it: UserError where that can be mended, ToolError where the index failed.
    """
    plain = [public_requirement(one)[0] for one in requirements]
    answer = _ask(index, plain, dependencies=True)
    if answer["errors"]:
        raise _failure(index, answer["errors"])
    return tuple(row["filename"] for row in answer["wheels"])


def files(index: Index, project: str) -> tuple[str, ...]:
    """The names of all wheels of a project, () where the index has none or no such project."""
    answer = _ask(index, [project], dependencies=False)
    return tuple(name for row in answer["wheels"] for name in row["files"])


def _ask(index: Index, requirements: Sequence[str], *, dependencies: bool) -> Mapping[str, Any]:
    if index.offline:
        raise ToolError("the index may not be asked", hint="run it without -vpython-offline")
    if not requirements:
        return {"wheels": [], "errors": []}
    rows = [{"text": text, "hashes": []} for text in requirements]
    answer = index.ask({**index.job(rows, "", dependencies=dependencies), "look": True})
    if any("row" not in row for row in answer["errors"]) and not dependencies:
        raise _failure(index, answer["errors"])
    return answer


def _failure(index: Index, errors: Sequence[Mapping[str, Any]]) -> VpythonError:
    """As `shortfall` tells it; of wheels that do not fit, what they are for, alike on each platform."""
    contact = index.config.contact
    if all(row["kind"] == "wheel" for row in errors):
        lines = [_misfit(row, index.interpreter.tags) for row in errors]
        return UserError("\n".join(lines), hint=contact or None)
    return shortfall.failure(errors, str(index.interpreter.tags[0]), contact=contact)


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
    """The items, each once; `cp310` is more than `cp39`."""
    distinct = sorted(set(items), key=lambda text: (len(text) if text.isalnum() else 0, text))
    more = f" and {len(distinct) - _LISTED} more" if len(distinct) > _LISTED else ""
    return ", ".join(distinct[-_LISTED:]) + more
