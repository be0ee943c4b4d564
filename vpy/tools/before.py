"""Why an environment is not the one of before: `why.json` of those that the same spec file came to."""

from __future__ import annotations

import json
import os

from vpy.system import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vpy.system.layout import Layout

LARGEST = 16 << 20
NAMES = {
    "format": "the format of environments",
    "skeleton": "the empty environment (the base Python's file, the start hook, or how it is made)",
}


def changes(told: Mapping[str, Any], layout: Layout) -> list[dict[str, Any]]:
    """Other environments of the same spec path, the last used first, each with what has changed since.

    What could not be found out of today's environment is not compared.
    """
    path = told["spec"]["path"]
    rows = []
    for key in _keys(layout) if os.path.isabs(path) else ():
        if key == told["environment"]["key"]:
            continue
        place = layout.environment(key)
        why = _read(os.path.join(place, "why.json"))
        if why is not None and why["spec"]["path"] == path:
            rows.append({"key": key, "path": place, "used": _used(place), "changes": _compare(why, told)})
    return sorted(rows, key=lambda row: row["used"], reverse=True)


def _keys(layout: Layout) -> list[str]:
    try:
        return sorted(os.listdir(layout.environments))
    except OSError:
        return []


def _read(path: str) -> dict[str, Any] | None:
    """What is there, where it has the form that it should."""
    try:
        why: dict[str, Any] = json.loads(files.read_bytes(path, LARGEST))
        why["wheels"] = dict(why["ingredients"]["wheels"])
        why["packages"] = {row["name"]: row["version"] for row in why["packages"]}
        why["python"] = [str(part) for part in why["ingredients"]["python"]][:3]
        why["spec"] = {name: str(why["spec"][name]) for name in ("path", "text")}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return why


def _used(environment: str) -> int:
    try:
        return int(os.stat(os.path.join(environment, "used")).st_mtime)
    except OSError:
        return 0


def _compare(then: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    """One line for each thing that differs: then, an arrow, now."""
    lines = []
    if then["spec"]["text"] != told["spec"]["text"]:
        lines.append("the spec: its text was another")
    python = told["python"]
    if python["executable"]:
        now = [python["executable"], python["version"], python["platform"]]
        if now != then["python"]:
            lines.append(f"python: {_python(then['python'])} -> {_python(now)}")
    ours = told["environment"]["ingredients"]
    if ours is None:
        return lines
    packages = {row["expanded"]: row["version"] for row in told["packages"] if row["state"] == "resolved"}
    lines += _differences("package", then["packages"], packages)
    lines += _differences("wheel", then["wheels"], dict(ours["wheels"]))
    for name, ingredient in ours.items():
        if name not in ("python", "wheels") and then["ingredients"].get(name) != ingredient:
            lines.append(f"{NAMES.get(name, name)}: it was another")
    return lines


def _differences(kind: str, then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    lines = [f"{kind}: `{name}` has gone" for name in then if name not in now]
    lines += [f"{kind}: `{name}` is new" for name in now if name not in then]
    changed = [name for name in then if name in now and then[name] != now[name]]
    return lines + [f"{kind}: `{name}`: {_short(then[name])} -> {_short(now[name])}" for name in changed]


def _short(text: str) -> str:
    """A hash by its first digits, a version whole."""
    return f"{text[:12]}…" if len(text) == 64 else f"`{text}`"


def _python(told: Sequence[str]) -> str:
    return f"{told[1]} `{told[0]}` ({told[2]})" if len(told) == 3 else "?"
