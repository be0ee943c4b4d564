"""Changes since the earlier environments of a spec file, by the `why.json` in each of them."""

from __future__ import annotations

import itertools
import json
import os

from vpy.commands.support import spec_differences
from vpy.commands.support.spec_differences import Difference
from vpy.errors import VpythonError
from vpy.model import SpecSource
from vpy.system import files
from vpy.wheels import filename

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from vpy.operations.plan import Plan
    from vpy.system.layout import Layout

LARGEST = 16 << 20
MOST_IN_SUMMARY = 3
UNKNOWN = "the rest cannot be compared yet"
NAMES = {
    "format": "the format of environments changed",
    "skeleton": "the venv template changed (the base Python's file, the start hook, how it is made)",
}


def changes(
    facts: Mapping[str, Any], source: SpecSource, plan: Plan | None, layout: Layout
) -> list[dict[str, Any]]:
    """Return other environments of the same spec path, the last used first, with what has changed since.

    What is unresolved in today's `facts` is not compared, nor what only a `plan` says where there is none.
    """
    path = source.path
    rows: list[dict[str, Any]] = []
    for key in _keys(layout) if os.path.isabs(path) else ():
        if key == facts["environment"]["key"]:
            continue
        environment = layout.environment(key)
        why = _read(os.path.join(environment, "why.json"))
        if why is not None and why["spec"].path == path:
            found = list(_compare(why, facts, source, plan))
            rows.append(
                {
                    "key": key,
                    "path": environment,
                    "used": _time(os.path.join(environment, "used")),
                    "changes": _lines(found),
                    "differences": [
                        {"kind": each.kind, "name": each.name, "before": each.before, "after": each.after}
                        for each in found
                    ],
                }
            )
    rows.sort(key=lambda row: row["used"], reverse=True)
    return [{**row, "used": row["used"] // 10**9} for row in rows]


def summary(before: Sequence[Mapping[str, Any]], environment: Mapping[str, Any]) -> str | None:
    """Return in one line why the environment is not the one of before; None where there was none."""
    if not before:
        return None
    last = before[0]
    lines = list(last["changes"]) + ([UNKNOWN] if environment["path"] is None else [])
    more = len(lines) - MOST_IN_SUMMARY
    because = "; ".join(lines[:MOST_IN_SUMMARY]) + (f"; and {more} more" if more > 0 else "")
    if environment["state"] != "ready":
        return f"a new environment would be made because: {because}"
    if _time(os.path.join(environment["path"], "complete")) < _time(os.path.join(last["path"], "complete")):
        return f"back in an earlier environment because: {because}"
    return f"a new environment was made because: {because}"


def _keys(layout: Layout) -> list[str]:
    try:
        return sorted(os.listdir(layout.environments))
    except OSError:
        return []


def _read(path: str) -> dict[str, Any] | None:
    """Return what a `why.json` says; None where it is missing or has another form.

    What older builders did not write (`added`, `lockfile`) is None.
    """
    try:
        why: dict[str, Any] = json.loads(files.read_bytes(path, LARGEST))
        ingredients, spec, lockfile = why["ingredients"], why["spec"], why.get("lockfile")
        return {
            "ingredients": ingredients,
            "wheels": _by_name(ingredients["wheels"]),
            "python": [str(part) for part in ingredients["python"]][:3],
            "packages": {
                str(row["name"]): (str(row["version"]), str(row["instance_id"])) for row in why["packages"]
            },
            "spec": SpecSource(
                kind=spec["kind"],
                format=spec["format"],
                path=str(spec["path"]),
                text=str(spec["text"]),
                included=tuple((str(name), str(text)) for name, text in spec.get("included", ())),
            ),
            "added": [str(text) for text in why["added"]] if "added" in why else None,
            "lockfile": str(lockfile["digest"]) if lockfile else "" if "lockfile" in why else None,
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, VpythonError):
        return None


def _by_name(wheels: Sequence[Sequence[str]]) -> dict[str, tuple[str, str, str]]:
    """Return version, file name and hash of wheels by their projects."""
    parsed = [(filename.parse(name), sha256) for name, sha256 in wheels]
    return {wheel.name: (wheel.version, wheel.filename, sha256) for wheel, sha256 in parsed}


def _time(path: str) -> int:
    """Return when something was last written, in ns."""
    try:
        return os.lstat(path).st_mtime_ns
    except OSError:
        return 0


def _compare(
    then: Mapping[str, Any], facts: Mapping[str, Any], source: SpecSource, plan: Plan | None
) -> Iterator[Difference]:
    """Yield what differs: the causes first, then what came of them."""
    python = [facts["python"].get(name) for name in ("executable", "version", "platform")]
    if python[0]:
        yield from _python(then["python"], python)
    yield from _specs(then["spec"], source)
    if plan is not None and then["added"] is not None:
        before, after = ({text: text for text in texts} for texts in (then["added"], plan.added))
        yield from spec_differences.of_items("option", "-vpython-with, -vpython-dev", before, after)
    if plan is not None and then["lockfile"] is not None:
        digest = plan.lockfile.digest if plan.lockfile else ""
        if digest != then["lockfile"]:
            yield Difference("lockfile", "lockfile", then["lockfile"] or None, digest or None)

    ingredients = facts["environment"]["ingredients"]
    if ingredients is None:
        return
    yield from _wheels(then["wheels"], _by_name(ingredients["wheels"]))
    for row in facts["packages"]:
        version, instance = then["packages"].get(row["expanded"], (None, None))
        # A distribution of an index is its own package, and a changed version stands in the spec.
        if "/" in (row["expanded"] or "") and version == row["version"] and instance != row["instance_id"]:
            yield Difference("package", f"{row['expanded']} {version}", instance, row["instance_id"])
    for name, ingredient in ingredients.items():
        old = then["ingredients"].get(name)
        if name == "skeleton" and python != then["python"]:  # each Python has one of its own
            continue
        if name not in ("python", "wheels") and old != ingredient:
            yield Difference("setup", name, str(old), str(ingredient))


def _python(then: Sequence[str], now: Sequence[str]) -> Iterator[Difference]:
    names = ("executable", "version", "platform")
    changed = {name: (old, new) for name, old, new in zip(names, then, now) if old != new}
    if "version" in changed:  # which has another path, too
        changed.pop("executable", None)
    for name, (old, new) in changed.items():
        yield Difference("python", name, old, new)


def _specs(then: SpecSource, now: SpecSource) -> Iterator[Difference]:
    from vpy.spec import read

    if (then.text, then.included) == (now.text, now.included):
        return
    try:
        yield from spec_differences.between(read.read(then), read.read(now))
    except VpythonError:  # one that an older vpython could read
        yield Difference("spec", "text", None, None)


def _wheels(
    then: Mapping[str, tuple[str, str, str]], now: Mapping[str, tuple[str, str, str]]
) -> Iterator[Difference]:
    """Yield the distributions that differ: by version, else by file name, else by their bytes."""
    for name in sorted({*then, *now}):
        old, new = then.get(name), now.get(name)
        if old is None or new is None or old[0] != new[0]:
            yield Difference("distribution", name, old and old[0], new and new[0])
        elif old != new:
            part = 1 if old[1] != new[1] else 2
            yield Difference("wheel", f"{name} {new[0]}", old[part], new[part])


def _lines(differences: Sequence[Difference]) -> list[str]:
    """Return a line for each thing that differs; what is changed, new and gone in one list share one."""
    lines = []
    for (kind, name), group in itertools.groupby(differences, lambda each: (each.kind, each.name)):
        found = list(group)
        if kind == "spec" and name in ("dependencies", "wheels"):
            lines.append(f"spec: {name} changed: {', '.join(map(_change, found))}")
        elif kind == "option":
            lines.append(f"{name}: {', '.join(map(_change, found))}")
        else:
            lines.append(_line(found[0]))
    return lines


def _change(each: Difference, name: str = "") -> str:
    """Return `NAME BEFORE -> AFTER`, or what is new or has gone."""
    named = f"{name} " if name else ""
    if each.before is None:
        return f"new: {named}{each.after}"
    if each.after is None:
        return f"gone: {name or each.before}"
    return f"{named}{each.before} -> {each.after}"


def _line(each: Difference) -> str:
    if each.kind == "distribution":
        return _change(each, each.name)
    if each.kind == "python":
        return f"python {'' if each.name == 'version' else f'{each.name} '}{each.before} -> {each.after}"
    if each.kind == "lockfile":
        state = "now" if each.before is None else "no longer"
        return (
            "lockfile: it pins other files" if each.before and each.after else f"lockfile: {state} followed"
        )
    if each.kind == "package":
        return f"package {each.name}: its version is another instance now"
    if each.kind == "wheel":
        if str(each.after).endswith(filename.SUFFIX):
            return f"{each.name}: another wheel: {each.before} -> {each.after}"
        return f"{each.name}: the wheel is another file of this name, built again or replaced"
    if each.kind == "setup":
        return NAMES.get(each.name, f"{each.name} changed")
    if each.name == "text":
        return "spec: its text changed"
    return f"spec: {each.name}: {each.before or 'none'} -> {each.after or 'none'}"
