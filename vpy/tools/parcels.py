"""What the packages of a choice come to, for `explain`: from memory or the source; nothing is installed."""

from __future__ import annotations

import contextlib

from vpy import decision, sources, story, supply
from vpy.errors import ToolError, VpythonError

TYPE_CHECKING = False
OTHERS = "another package of the spec cannot be had"

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vpy.context import Context
    from vpy.decision import Choice
    from vpy.model import Pin, Spec, Tag, Wheel, WheelFile
    from vpy.story import Supply
    from vpython import Request


def source(spec: Spec, request: Request, context: Context) -> dict[str, Any]:
    """Where packages would come from, and who said so."""
    named = request.options.get("source")
    if spec.dependencies and not (named or "").startswith("index"):
        return {"source": "index", "named_by": "dependencies of PEP 508", "offline": context.offline}
    by = "the default"
    if named is not None:
        variable = decision.VARIABLES["source"]
        by = variable if context.environ.get(variable) == named else "-vpython-source"
    return {"source": named or context.config.default_source, "named_by": by, "offline": context.offline}


def rest(choice: Choice, context: Context) -> dict[str, Any]:
    """The account's packages, wheels and environment."""
    from vpy.environment import build

    try:
        got = resolved(choice, context)
    except (VpythonError, OSError) as error:
        reason = error.message if isinstance(error, VpythonError) else str(error)
        packages = _packages(choice, _pins_left(choice, error, context), reason)
        return {"packages": packages, "wheels": [], "environment": unresolved(reason), "notes": []}
    ingredients = story.ingredients(choice, got)
    key = build.key_of(ingredients)
    return {
        "packages": _packages(choice, _by_name(got.pins), ""),
        "wheels": [_wheel(wheel, choice, context) for wheel in got.wheels],
        "environment": {
            "state": "ready" if build.is_complete(context.layout, key) else "absent",
            "key": key,
            "path": context.layout.environment(key),
            "ingredients": ingredients,
            "reason": "",
        },
        "notes": list(got.notes),
    }


def unresolved(reason: str) -> dict[str, Any]:
    """An environment that cannot be told."""
    return {"state": "unresolved", "key": None, "path": None, "ingredients": None, "reason": reason}


def resolved(choice: Choice, context: Context) -> Supply:
    """The wheels of the choice, not installed; VpythonError says why they cannot be told."""
    if not choice.wanted and not choice.spec.dependencies:
        return story.Supply(wheels=(), pins=())
    known = supply.remembered(choice, context)
    return supply.get(choice, context, installing=False) if known is None else known


def _pins_left(choice: Choice, error: Exception, context: Context) -> dict[str, Pin | str]:
    """What can be told of packages where not of all: the pin of each, or why there is none.

    A source elsewhere that did not answer for any is not asked once more.
    """
    if choice.spec.dependencies or choice.source.partition(":")[0] == "index":
        return {}
    failed = _failed(choice, error)
    local = choice.source.startswith("directory:") and "://" not in choice.source
    if isinstance(error, ToolError) and len(failed) == len(choice.wanted) and not local:
        return failed
    try:
        loader = sources.loader_of(choice.source, context)
    except VpythonError:
        return {}
    try:
        return _by_name(loader.resolve(choice.wanted))
    except VpythonError as again:
        failed = _failed(choice, again)
    with contextlib.suppress(VpythonError):
        failed.update(_by_name(loader.resolve([one for one in choice.wanted if one.name not in failed])))
    return failed


def _by_name(pins: Sequence[Pin]) -> dict[str, Pin | str]:
    return {pin.name: pin for pin in pins}


def _failed(choice: Choice, error: Exception) -> dict[str, Pin | str]:
    """Why each package failed, of those that the lines of a loader's error name."""
    told: dict[str, Pin | str] = {}
    for wanted in choice.wanted:
        begin = f"cannot get `{wanted.name}` at `{wanted.version}`: "
        lines = [line for line in str(error).split("\n") if line.startswith(begin)]
        if lines:
            told[wanted.name] = "\n".join(line.removeprefix(begin) for line in lines)
    return told


def _packages(choice: Choice, pins: Mapping[str, Pin | str], reason: str) -> list[dict[str, Any]]:
    if choice.spec.dependencies:
        return _dependencies(choice, pins, reason)
    from vpy.target import template

    values = dict(choice.target.template)
    reasons = _reasons(reason, {wanted.name: _project(wanted.name) for wanted in choice.wanted})
    skipped = {(wheel.name, wheel.version): why for wheel, why in choice.skipped}
    rows = []
    for wheel in {(wheel.name, wheel.version): wheel for wheel in choice.spec.wheels}.values():
        why = skipped.get((wheel.name, wheel.version))
        name = template.expand(wheel.name, values) if why is None else None
        if name is None:
            told = {"state": "skipped", "reason": why_skipped(wheel, why or "")}
        else:
            told = _pinned(pins.get(name) or reasons[name])
        rows.append(package(wheel.name, name, wheel.version, told))
    return rows


def package(name: str, expanded: str | None, version: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """One package of the account; `told` says more than that it is unresolved."""
    return {
        "name": name,
        "expanded": expanded,
        "version": version,
        "state": "unresolved",
        "instance_id": None,
        "source": None,
        "reason": "",
        "note": "",
        **told,
    }


def _pinned(pin: Pin | str) -> dict[str, Any]:
    """The outcome of a pin, or of the reason why there is none; no reason: the source took it for another."""
    if isinstance(pin, str):
        told = {"state": "unresolved", "reason": pin}
        return (
            told if pin else {"state": "skipped", "reason": "it is the same as another package of the spec"}
        )
    return {"state": "resolved", "instance_id": pin.instance_id, "source": pin.origin, "note": pin.note}


def _reasons(reason: str, projects: Mapping[str, str]) -> dict[str, str]:
    """The lines of a common reason that speak of each package, by name; all of it where none does.

    `projects` has what an index would call each package.
    """
    lines = reason.split("\n")
    own = {
        name: "\n".join(line for line in lines if f"`{name}`" in line or _speaks_of(line, project))
        for name, project in projects.items()
    }
    rest = OTHERS if any(own.values()) else reason
    return {name: text or rest for name, text in own.items()}


def _speaks_of(line: str, project: str) -> bool:
    return any(f"`{project}{end}" in line for end in "`=<>!~[; ")


def _project(name: str) -> str:
    """What an index would call the package, near enough to find it in a message."""
    parts = name.split("/")
    return (parts[-1] if len(parts) < 5 else parts[-2]).partition("-py")[0].partition("_py")[0]


def why_skipped(wheel: Wheel, why: str) -> str:
    """The rule that left the wheel out, where it has rules."""
    match, without = _rules(wheel.match_tags), _rules(wheel.not_match_tags)
    if match and without:
        return f"left out by its match_tag {match} or its not_match_tag {without}"
    if match:
        return f"no tag of this Python matches its match_tag {match}"
    if without:
        return f"a tag of this Python matches its not_match_tag {without}"
    return why


def _rules(tags: tuple[Tag, ...]) -> str:
    shown = (f"{tag.python or '*'}-{tag.abi or '*'}-{tag.platform or '*'}" for tag in tags)
    return ", ".join(f"`{one}`" for one in shown)


def _dependencies(choice: Choice, pins: Mapping[str, Pin | str], reason: str) -> list[dict[str, Any]]:
    """The requirements as declared, then what they brought with them."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    rows = []
    markers = {**dict(choice.interpreter.markers), "extra": ""}
    declared = [(text, Requirement(text)) for text in choice.spec.dependencies]
    names = [str(canonicalize_name(requirement.name)) for _, requirement in declared]
    reasons = _reasons(reason, {name: name for name in names})
    for (text, requirement), name in zip(declared, names):
        pin = pins.get(name)
        if requirement.marker is not None and not requirement.marker.evaluate(markers) and pin is None:
            told = {"state": "skipped", "reason": f"its marker does not hold: `{requirement.marker}`"}
            rows.append(package(text, name, "", told))
        else:
            version = "" if pin is None or isinstance(pin, str) else pin.version
            rows.append(package(text, name, version, _pinned(pin or reasons[name])))
    for name, pin in pins.items():
        if name not in names and not isinstance(pin, str):
            told = {**_pinned(pin), "reason": "wanted by another package"}
            rows.append(package(name, name, pin.version, told))
    return rows


def _wheel(wheel: WheelFile, choice: Choice, context: Context) -> dict[str, Any]:
    from vpy.model import StoredWheel
    from vpy.tools import startup
    from vpy.wheels import store

    place = context.layout.wheel(wheel.sha256, store.scheme_id(choice.interpreter))
    stored = StoredWheel(wheel.filename, wheel.sha256, place)
    is_stored = store.is_stored(stored)
    return {
        "filename": wheel.filename,
        "sha256": wheel.sha256,
        "package": wheel.package,
        "stored": is_stored,
        "startup": startup.lines(stored, dict(choice.interpreter.scheme)) if is_stored else None,
    }
