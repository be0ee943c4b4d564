"""What an index could not give, in sentences: the facts come from pip's process."""

from __future__ import annotations

from vpy.errors import ToolError, UserError, VpythonError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_LISTED = 12
_NEAREST = 6
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
        files = [f"`{name}`{_WHY.get(why, '')}" for name, why in _nearest(row["files"], tag)]
        wanted = f"`{row['requirement']}`{_parent(row)}"
        return f"no wheel of {wanted} fits `{tag}`: there is {_list(files, _NEAREST)}"
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


def _nearest(files: Sequence[tuple[str, str]], tag: str) -> list[tuple[str, str]]:
    """The files with those for the target's own system and architecture in front, newest Python first."""
    import re

    system, _, architecture = tag.rpartition("-")[2].partition("_")

    def key(row: tuple[str, str]) -> tuple[bool, list[int], str]:
        name = row[0].lower()
        near = system[:5] in name and name.endswith(f"{architecture}.whl")
        python = re.search(r"-(?:cp|pp|py)(\d)(\d*)[^-]*-[^-]+-[^-]+\.whl$", name)
        return not near, [-int(part or 0) for part in python.groups()] if python else [0], name

    return sorted(files, key=key)


def _list(items: Sequence[str], most: int = _LISTED) -> str:
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more
