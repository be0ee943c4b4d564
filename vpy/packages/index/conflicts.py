"""Words of a conflict: what was asked for, then a line for each reason, from the script's side down."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

_MOST_REASONS = 12
_MOST_SIDES = 12
_LISTED = 3


def head(row: Mapping[str, Any]) -> str:
    """Return what cannot be met."""
    if "sides" in row:
        sides = [f"`{side}`" + (f" (wanted by {parent})" if parent else "") for parent, side in row["sides"]]
        more = f" and {len(sides) - _MOST_SIDES} more" if len(sides) > _MOST_SIDES else ""
        return f"the requirements contradict each other: {', '.join(sides[:_MOST_SIDES])}{more}"
    asked = [f"`{text}`" for text in row["asked"]]
    if len(asked) == 1:
        return f"{asked[0]} cannot be met"
    return f"the requirements contradict each other: {', '.join(asked)}"


def chain(rows: Sequence[Mapping[str, Any]], *, more: Iterable[str] = ()) -> list[str]:
    """Return the lines of a chain of reasons; `more` are facts behind it."""
    reasons = [reason for row in _merged(rows) for reason in _reasons(row)]
    rest = len(reasons) - _MOST_REASONS
    if rest > 0:
        reasons[_MOST_REASONS:] = [f"{rest} more reasons are like these"]
    return [f"{'and' if number else 'because'} {reason}" for number, reason in enumerate([*reasons, *more])]


def rounds(row: Mapping[str, Any]) -> str:
    """Return that a resolution was given up."""
    names = ", ".join(f"`{name}`" for name in row["names"])
    about = f": conflicts keep being about {names}" if names else ""
    return f"no resolution after {row['rounds']} rounds of resolution{about}"


def _merged(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows, with those in one that stand together and say what the same versions need."""
    merged: list[Mapping[str, Any]] = []
    for row in rows:
        last = merged[-1] if merged else row
        is_same = last is not row and len(row["needs"]) == len(last["needs"]) == 1
        if is_same and (row["parent"], row["needs"][0][1]) == (last["parent"], last["needs"][0][1]):
            both = f"{last['needs'][0][0]}` and `{row['needs'][0][0]}"
            merged[-1] = {**last, "needs": [[both, row["needs"][0][1]]]}
        else:
            merged.append(row)
    return merged


def _reasons(row: Mapping[str, Any]) -> list[str]:
    needs = row["needs"]
    if row["all"] and len(needs) == 1 and len(needs[0][1]) > 1:
        return [f"every version of `{row['parent']}` needs `{needs[0][0]}`"]
    said = [
        f"`{row['parent']}` {_versions(versions)} {'need' if len(versions) > 1 else 'needs'} `{text}`"
        for text, versions in needs
    ]
    if row["others"]:
        others = f"{row['others']} other version{'s' if row['others'] > 1 else ''}"
        verb = "need" if row["others"] > 1 else "needs"
        said.append(f"{others} of `{row['parent']}` {verb} other versions of `{row['project']}`")
    return said


def _versions(versions: Sequence[str]) -> str:
    """Return versions, given newest first, as text: each of a few, else the first and the last final one."""
    from packaging.version import Version

    if len(versions) <= _LISTED:
        return ", ".join(versions[:-1]) + (" and " if versions[1:] else "") + versions[-1]
    final = [text for text in versions if not Version(text).is_prerelease]
    if len(final) == 1:
        return f"{final[0]} and {len(versions) - 1} pre-releases"
    ends = final or versions
    more = " with pre-releases" if len(ends) < len(versions) else ""
    return f"{ends[-1]} to {ends[0]} ({len(versions)} versions{more})"
