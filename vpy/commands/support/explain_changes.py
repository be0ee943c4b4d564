"""Changes since the earlier environments of a spec file, by the `why.json` in each of them."""

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


def changes(facts: Mapping[str, Any], layout: Layout) -> list[dict[str, Any]]:
    """Return other environments of the same spec path, the last used first, with what has changed since.

    What is unresolved in today's `facts` is not compared.
    """
    path = facts["spec"]["path"]
    rows = []
    for key in _keys(layout) if os.path.isabs(path) else ():
        if key == facts["environment"]["key"]:
            continue
        environment = layout.environment(key)
        why = _read(os.path.join(environment, "why.json"))
        if why is not None and why["spec"]["path"] == path:
            used = _used(environment)
            rows.append({"key": key, "path": environment, "used": used, "changes": _compare(why, facts)})
    return sorted(rows, key=lambda row: row["used"], reverse=True)


def _keys(layout: Layout) -> list[str]:
    try:
        return sorted(os.listdir(layout.environments))
    except OSError:
        return []


def _read(path: str) -> dict[str, Any] | None:
    """Return a `why.json`; None where it is missing or has another form."""
    try:
        why: dict[str, Any] = json.loads(files.read_bytes(path, LARGEST))
        why["wheels"] = dict(why["ingredients"]["wheels"])
        why["packages"] = {row["name"]: row["version"] for row in why["packages"]}
        why["python"] = [str(part) for part in why["ingredients"]["python"]][:3]
        why["spec"] = {name: str(why["spec"][name]) for name in ("path", "text")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return why


def _used(environment: str) -> int:
    try:
        return int(os.stat(os.path.join(environment, "used")).st_mtime)
    except OSError:
        return 0


def _compare(then: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """Return a line for each thing that differs: then, an arrow, now."""
    lines = []
    if then["spec"]["text"] != facts["spec"]["text"]:
        lines.append("the spec: its text was another")
    python = facts["python"]
    if python["executable"]:
        now = [python["executable"], python["version"], python["platform"]]
        if now != then["python"]:
            lines.append(f"python: {_python(then['python'])} -> {_python(now)}")
    ingredients = facts["environment"]["ingredients"]
    if ingredients is None:
        return lines
    packages = {row["expanded"]: row["version"] for row in facts["packages"] if row["state"] == "resolved"}
    lines += _differences("package", then["packages"], packages)
    lines += _differences("wheel", then["wheels"], dict(ingredients["wheels"]))
    for name, ingredient in ingredients.items():
        if name not in ("python", "wheels") and then["ingredients"].get(name) != ingredient:
            lines.append(f"{NAMES.get(name, name)}: it was another")
    return lines


def _differences(kind: str, then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    lines = [f"{kind}: `{name}` has gone" for name in then if name not in now]
    lines += [f"{kind}: `{name}` is new" for name in now if name not in then]
    changed = [name for name in then if name in now and then[name] != now[name]]
    return lines + [f"{kind}: `{name}`: {_short(then[name])} -> {_short(now[name])}" for name in changed]


def _short(text: str) -> str:
    """Return a hash by its first digits, a version whole."""
    return f"{text[:12]}…" if len(text) == 64 else f"`{text}`"


def _python(fields: Sequence[str]) -> str:
    return f"{fields[1]} `{fields[0]}` ({fields[2]})" if len(fields) == 3 else "?"
