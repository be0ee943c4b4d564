"""Error messages of the index source, from the facts that pip's process returns."""

from __future__ import annotations

from vpy.errors import MissingError, ToolError, UnreachableError, UserError, VpythonError
from vpy.packages.index import conflicts, hints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vpy.model import Wanted

_LISTED = 12
_NEAREST = 6
_PYTHONS = 3
_USER_ERRORS = frozenset(("project", "version", "wheel", "yanked", "conflict", "rounds", "other", "index"))
_ABSENT = frozenset(("project", "version"))
_MISSING = frozenset(("project", "version", "wheel"))
_PAGE_KINDS = frozenset(("project", "denied", "page", "ignored"))
_DENIED_HINT = (
    "put a user name and password for that index into ~/.netrc, or let pip's `keyring-provider` find them"
)
_IGNORED_HINT = "give it an address with https, or name its host in pip's `trusted-host`"
_REASONS = {
    "requires_python_mismatch": " (for another Python)",
    "yanked": " (withdrawn)",
    "upload_too_late": " (uploaded after the cutoff)",
    "upload_time_missing": " (without an upload time)",
}


def failure(
    errors: Sequence[Mapping[str, Any]],
    tag: str,
    *,
    contact: str | None = None,
    reason: str = "",
    packages: Mapping[str, Wanted] | None = None,
) -> VpythonError:
    """Return one error for all rows: a UserError where each can be mended in the spec, else a ToolError.

    `tag` is the target's best tag; `contact` is the hint where something is missing, `reason` a further one.
    Each of `packages`, by its project, that rows are about has its own error in `failed`.
    """
    error = _failure(errors, tag, contact, reason=reason)
    for row in errors if packages else ():
        if package := (packages or {}).get(_project(row)):
            own = [each for each in errors if _project(each) == _project(row)]
            error.failed[package] = _failure(own, tag, contact, alone=False)
    return error


def _project(row: Mapping[str, Any]) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(row.get("project", ""))


def _failure(
    errors: Sequence[Mapping[str, Any]],
    tag: str,
    contact: str | None,
    *,
    alone: bool = True,
    reason: str = "",
) -> VpythonError:
    """Return the error of rows; beside others the way out of each is in its line, not in the hint."""
    ways = [hints.way_on(row, tag) for row in errors]
    facts = [_lines(row, tag) for row in errors]
    if not alone or len({first for first, *_ in facts}) > 1:
        facts = [[f"{first}; {way}" if way else first, *rest] for (first, *rest), way in zip(facts, ways)]
        ways = []
    lines = dict.fromkeys(line for each in facts for line in each)
    rows = [*errors, *(each for row in errors for each in row.get("lacking", ()))]
    kinds = {row["kind"] for row in rows}
    family: type[VpythonError] = UserError if kinds <= _USER_ERRORS else ToolError
    family = MissingError if kinds <= _ABSENT else family
    hint = "; ".join([*([reason] if reason else []), *dict.fromkeys(filter(None, ways))]) or (
        contact if kinds & _MISSING else None
    )
    if kinds & {"ignored", "index"}:
        hint = _IGNORED_HINT
    if "denied" in kinds:
        hint = _DENIED_HINT
    if "network" in kinds:
        family, hint = UnreachableError, "with -vpython-offline only what was resolved before is used"
    return family(lines, hint=hint or None)


def _lines(row: Mapping[str, Any], tag: str) -> list[str]:
    """Return the fact, then the reasons for it."""
    more = [_message(each, tag) for each in row.get("lacking", ())]
    return [_message(row, tag), *conflicts.chain(row.get("because", ()), more=more)]


def _message(row: Mapping[str, Any], tag: str) -> str:
    kind = row["kind"]
    if kind in _PAGE_KINDS:
        return _page_message(row)
    if kind == "index":
        return f"an index of the spec is not asked: {row['fact']}: `{row['url']}`"
    if kind == "version" and hints.contradicts_itself(row["requirement"]):
        return f"`{row['requirement']}`{_parent(row)} contradicts itself: no version can meet all of it"
    if kind == "version":
        return f"no version fits `{row['requirement']}`{_parent(row)}: {_versions(row, tag)}"
    if kind == "wheel":
        return _wheel_message(row, tag)
    if kind == "yanked":
        versions = [f"{version}" + (f" ({why})" if why else "") for version, why in row["versions"].items()]
        return f"only withdrawn versions fit `{row['requirement']}`{_parent(row)}: {_join(versions)}"
    if kind == "conflict":
        return conflicts.head(row)
    if kind == "rounds":
        return conflicts.rounds(row)
    if kind == "hash":
        got, allowed = row["got"].get("sha256", ""), " or ".join(row["allowed"].get("sha256", []))
        return f"other bytes than pinned for `{row['requirement']}`: sha256 `{got}`, not `{allowed}`"
    if kind == "network":
        return f"cannot ask the index: {row['fact']}" + (f": `{row['url']}`" if row["url"] else "")
    if kind == "configuration":
        return f"pip cannot read its configuration: {row['fact']}"
    return f"pip found no resolution: {row['fact']}"


def _wheel_message(row: Mapping[str, Any], tag: str) -> str:
    """Return which files there are, none of which fits, or which Python they all need."""
    if hints.is_for_other_pythons(row):
        needs = [f"{version} needs `{text}`" for version, text in hints.pythons_by_version(row).items()]
        return (
            f"no version of `{row['requirement']}`{_parent(row)} is for Python {row['target']}: "
            f"{_join(needs, _PYTHONS)}"
        )
    files = [f"`{name}`{_REASONS.get(reason, '')}" for name, reason in _nearest(row["files"], tag)]
    requirement = f"`{row['requirement']}`{_parent(row)}"
    return f"no wheel of {requirement} fits `{tag}`: there is {_join(files, _NEAREST)}{row.get('note', '')}"


def _page_message(row: Mapping[str, Any]) -> str:
    """Return why a project's page was not read."""
    place = f"`{row['project']}`{_parent(row)}"
    if row["kind"] == "project":
        return f"the index has no project {place}"
    if row["kind"] == "denied":
        return f"the index refuses access to {place}: status {row['status']}: `{row['url']}`"
    if row["kind"] == "page":
        return f"the index shows no page of {place}: {row['fact']}: `{row['url']}`"
    return f"pip does not ask the index for {place}: {row['fact']}: `{row['url']}`"


def _parent(row: Mapping[str, Any]) -> str:
    return f" (wanted by {row['parent']})" if row["parent"] else ""


def _versions(row: Mapping[str, Any], tag: str) -> str:
    """Return the last few versions as text, those that fit the target if there are any."""
    if row["fitting"]:
        return f"there is {_newest(row['fitting'])}"
    return f"no version has a wheel for `{tag}`: there is {_newest(row['others'])}"


def _newest(versions: Sequence[str]) -> str:
    """Return the last of sorted versions as text, and how many there are before them."""
    older = f" and {len(versions) - _LISTED} older" if len(versions) > _LISTED else ""
    return ", ".join(versions[-_LISTED:]) + older


def _nearest(files: Sequence[tuple[str, str]], tag: str) -> list[tuple[str, str]]:
    """Return the files sorted: those for the target's system and architecture first, newest Python first."""
    import re

    system, _, architecture = tag.rpartition("-")[2].partition("_")

    def key(row: tuple[str, str]) -> tuple[bool, list[int], str]:
        name = row[0].lower()
        is_near = system[:5] in name and name.endswith(f"{architecture}.whl")
        python = re.search(r"-(?:cp|pp|py)(\d)(\d*)[^-]*-[^-]+-[^-]+\.whl$", name)
        return not is_near, [-int(part or 0) for part in python.groups()] if python else [0], name

    return sorted(files, key=key)


def _join(items: Sequence[str], limit: int = _LISTED) -> str:
    rest = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + rest


def offline(rows: Sequence[Mapping[str, Any]]) -> UnreachableError:
    """Return the error of requirements that only the index could answer."""
    listed = ", ".join(f"`{row['text']}`" for row in rows)
    return UnreachableError(
        f"not in the root, and network access is disabled by `-vpython-offline`: {listed}",
        hint="run it once without -vpython-offline",
    )


def notes(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a line for each requirement that an answer meets in another way than it was written."""
    found = [
        f"`{row['project']}` {row['wanted']} is taken as {row['used']}: the index has only that"
        for row in answer["notes"]
    ]
    found += [
        f"`{row['name']}` {row['version']} has no extra `{extra}`"
        for row in answer["wheels"]
        for extra in row.get("missing_extras", "").split()
    ]
    return tuple(found)
