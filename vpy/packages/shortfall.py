"""What an index could not give, in sentences: the facts come from pip's process."""

from __future__ import annotations

from vpy.errors import ToolError, UserError, VpythonError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_LISTED = 12
_MENDABLE = frozenset(("project", "version", "wheel", "conflict", "other"))
_WHY = {
    "requires_python_mismatch": " (for another Python)",
    "yanked": " (withdrawn)",
    "upload_too_late": " (too new for the pip configuration)",
}


def failure(errors: Sequence[Mapping[str, Any]], tag: str, *, contact: str = "") -> VpythonError:
    """One error for all that went wrong: a UserError where all of it can be mended in the spec.

    `tag` is the target's best tag; `contact` is the hint where something is missing.
    """
    lines = dict.fromkeys(_sentence(row, tag) for row in errors)
    kinds = {row["kind"] for row in errors}
    family = UserError if kinds <= _MENDABLE else ToolError
    hint = contact if kinds & {"project", "version", "wheel"} else ""
    if "network" in kinds:
        hint = "with -vpython-offline only what was resolved before is used"
    return family("\n".join(lines), hint=hint or None)


def _sentence(row: Mapping[str, Any], tag: str) -> str:
    kind = row["kind"]
    if kind == "project":
        return f"the index has no project `{row['project']}`{_parent(row)}"
    if kind == "version":
        return f"no version fits `{row['requirement']}`{_parent(row)}: {_versions(row, tag)}"
    if kind == "wheel":
        files = [f"`{name}`{_WHY.get(why, '')}" for name, why in row["files"]]
        return f"no wheel of `{row['requirement']}`{_parent(row)} fits `{tag}`: there is {_list(files)}"
    if kind == "conflict":
        sides = [f"`{side}`" + (f" (wanted by {parent})" if parent else "") for parent, side in row["sides"]]
        return f"the requirements contradict each other: {_list(sides)}"
    if kind == "hash":
        got, allowed = row["got"].get("sha256", ""), " or ".join(row["allowed"].get("sha256", []))
        return f"other bytes than before for `{row['requirement']}`: sha256 `{got}`, not `{allowed}`"
    if kind == "network":
        return f"cannot ask the index: {row['fact']}" + (f": `{row['url']}`" if row["url"] else "")
    if kind == "configuration":
        return f"pip cannot read its configuration: {row['fact']}"
    return f"pip found no answer: {row['fact']}"


def _parent(row: Mapping[str, Any]) -> str:
    return f" (wanted by {row['parent']})" if row["parent"] else ""


def _versions(row: Mapping[str, Any], tag: str) -> str:
    """The newest versions last, as far as they are worth a line."""
    if row["fitting"]:
        return f"there is {_list(row['fitting'][-_LISTED:])}"
    return f"no version has a wheel for `{tag}`: there is {_list(row['others'][-_LISTED:])}"


def _list(items: Sequence[str]) -> str:
    more = f" and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
    return ", ".join(items[:_LISTED]) + more
