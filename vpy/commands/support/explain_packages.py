"""Packages, wheels and environment of a plan for `explain`; nothing is installed."""

from __future__ import annotations

from vpy.commands.support import explain_target
from vpy.errors import ToolError, UserError, VpythonError
from vpy.model import Spec
from vpy.operations import environment, settings, source_setting, wheel_set
from vpy.packages import loader as loaders
from vpy.system.lean.dataclasses import replace
from vpy.wheels import startup, store

OTHERS = "another package of the spec cannot be resolved"
NO_PYTHON = "there is no Python to run it"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from bootstrap.request import Request
    from vpy.model import Pin, StoredWheel, Tag, Wanted, Wheel, WheelFile
    from vpy.operations.context import Context
    from vpy.operations.plan import Plan
    from vpy.operations.wheel_set import WheelSet
    from vpy.packages.loader import PackageLoader


def named_sources(spec: Spec, request: Request, context: Context) -> list[dict[str, Any]]:
    """Return where packages would come from, in the order in which it is asked, and what names it."""
    setting = settings.source(request, context, spec)
    requested = source_setting.parse_setting(setting, context.environ)
    asked = source_setting.of_spec(spec, requested, context.environ)
    by = "the default" if setting.origin == settings.BUILT_IN else setting.origin
    return [
        {
            "source": str(source),
            "named_by": by if source in requested.members else "dependencies of PEP 508",
            "offline": context.offline,
        }
        for source in asked.members
    ]


def account(plan: Plan, context: Context) -> dict[str, Any]:
    """Return the packages, wheels, environment and notes of a plan."""
    from vpy.environment import build

    try:
        resolution = resolved(plan, context)
    except (VpythonError, OSError) as error:
        reason = error.message if isinstance(error, VpythonError) else str(error)
        packages = _packages(plan, _pins_left(plan, error, context), reason)
        unknown = unresolved(reason)
        return {"packages": packages, "wheels": [], "environment": unknown, "notes": [], "resolved": None}
    ingredients = environment.ingredients_of(plan, resolution, context)
    key = build.key_of(ingredients)
    return {
        "packages": _packages(plan, _by_name(resolution.pins), ""),
        "wheels": _wheels(resolution.wheels, plan, context),
        "environment": {
            "state": "ready" if build.is_complete(context.layout, key) else "absent",
            "key": key,
            "path": context.layout.environment(key),
            "ingredients": ingredients,
            "reason": "",
        },
        "notes": list(resolution.notes),
        "resolved": _resolved(resolution) if resolution.pins else None,
    }


def _resolved(resolution: WheelSet) -> dict[str, str | None]:
    """Return when the source was asked, and until when that holds, None for as long as nobody asks again."""
    times = [int(row.fields[0]) for row in resolution.observations if row.kind == "until"]
    return {"asked": _utc(resolution.asked), "until": _utc(min(times)) if times else None}


def _utc(seconds: float) -> str:
    """Return a time as RFC 3339 has it."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def unresolved(reason: str) -> dict[str, Any]:
    """Return an environment that is not known, with the reason."""
    return {"state": "unresolved", "key": None, "path": None, "ingredients": None, "reason": reason}


def resolved(plan: Plan, context: Context) -> WheelSet:
    """Return the wheels of a plan, not installed; raise VpythonError where they are not known."""
    if plan.is_empty:
        return wheel_set.WheelSet(wheels=(), pins=())
    known = wheel_set.cached(plan, context)
    return wheel_set.get(plan, context, installing=False) if known is None else known


def _pins_left(plan: Plan, error: Exception, context: Context) -> dict[str, Pin | str]:
    """Return the pin of each package, or why it has none, where not all could be resolved.

    A source elsewhere that did not answer for any is not asked again.
    """
    failed = _failed(plan, error)
    local = all(source.folder is not None for source in plan.sources.members)
    if isinstance(error, ToolError) and len(failed) in (0, len(plan.packages)) and not local:
        return failed
    try:
        loader = wheel_set.loader_of(plan, context, fetching=False)
        if plan.spec.dependencies:
            return _each_dependency(plan.spec.dependencies, error, loader)
        return _each(plan.packages, loader)
    except VpythonError:
        return failed


def _each(packages: Sequence[Wanted], loader: PackageLoader) -> dict[str, Pin | str]:
    """Return the pin of each package, or why it has none."""
    found: list[Pin] = []

    def ask(wanted: Sequence[Wanted]) -> Sequence[Wanted]:
        found.extend(loader.resolve(wanted).pins)
        return wanted

    _, errors = loaders.answered(packages, ask)
    return {**{package.name: error.message for package, error in errors.items()}, **_by_name(found)}


def _each_dependency(
    dependencies: Sequence[str], error: Exception, loader: PackageLoader
) -> dict[str, Pin | str]:
    """Return the pins of dependencies without those that errors speak of, and what is said of these."""
    reasons: dict[str, Pin | str] = {}
    left = {text: _canonical_name(text) for text in dependencies}
    while True:
        lines = str(error).split("\n")
        blamed = {text: [line for line in lines if _speaks_of(line, name)] for text, name in left.items()}
        reasons.update({left[text]: "\n".join(own) for text, own in blamed.items() if own})
        if not any(blamed.values()):
            return reasons
        left = {text: name for text, name in left.items() if not blamed[text]}
        try:
            return {**reasons, **_by_name(loader.resolve((), list(left)).pins)} if left else reasons
        except VpythonError as next_error:
            error = next_error


def _canonical_name(requirement: str) -> str:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    return canonicalize_name(Requirement(requirement).name)


def _by_name(pins: Sequence[Pin]) -> dict[str, Pin | str]:
    return {pin.name: pin for pin in pins}


def _failed(plan: Plan, error: Exception) -> dict[str, Pin | str]:
    """Return why each package failed, of those that the lines of a loader's error name."""
    reasons: dict[str, Pin | str] = {}
    for wanted in plan.packages:
        begin = f"cannot get `{wanted.name}` at `{wanted.version}`: "
        lines = [line for line in str(error).split("\n") if line.startswith(begin)]
        if lines:
            reasons[wanted.name] = "\n".join(line.removeprefix(begin) for line in lines)
    return reasons


def _packages(plan: Plan, pins: Mapping[str, Pin | str], reason: str) -> list[dict[str, Any]]:
    if plan.spec.dependencies:
        return _dependencies(plan, pins, reason)
    from vpy.target import template

    values = dict(plan.target.template)
    reasons = _reasons(reason, {wanted.name: _project(wanted.name) for wanted in plan.packages})
    skipped = {(wheel.name, wheel.version): why for wheel, why in plan.skipped}
    rows = []
    for wheel in {(wheel.name, wheel.version): wheel for wheel in plan.spec.wheels}.values():
        why = skipped.get((wheel.name, wheel.version))
        name = template.expand(wheel.name, values) if why is None else None
        if name is None:
            outcome = {"state": "skipped", "reason": _why_skipped(wheel, why or "")}
        else:
            outcome = _outcome(pins.get(name) or reasons[name])
        rows.append(_package(wheel.name, name, wheel.version, outcome))
    return rows


def _package(name: str, expanded: str | None, version: str, outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Return one package of the account, unresolved unless `outcome` says more."""
    return {
        "name": name,
        "expanded": expanded,
        "version": version,
        "state": "unresolved",
        "instance_id": None,
        "source": None,
        "reason": "",
        "note": "",
        **outcome,
    }


def _outcome(pin: Pin | str) -> dict[str, Any]:
    """Return the outcome of a pin, or of the reason why there is none.

    Without a reason the source took the package for the same as another one.
    """
    if pin == "":
        return {"state": "skipped", "reason": "it is the same package as another of the spec"}
    if isinstance(pin, str):
        return {"state": "unresolved", "reason": pin}
    return {"state": "resolved", "instance_id": pin.instance_id, "source": pin.origin, "note": pin.note}


def _reasons(reason: str, projects: Mapping[str, str]) -> dict[str, str]:
    """Return the lines of a common reason that speak of each package, by name; all of it where none does.

    `projects` are the names by which an index would call the packages.
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
    """Return the project's name of a package, near enough to find it in an index's message."""
    parts = name.split("/")
    return (parts[-1] if len(parts) < 5 else parts[-2]).partition("-py")[0].partition("_py")[0]


def _why_skipped(wheel: Wheel, why: str) -> str:
    """Return the rule that left a wheel out, `why` where it has no rules."""
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
    return ", ".join(f"`{text}`" for text in shown)


def _dependencies(plan: Plan, pins: Mapping[str, Pin | str], reason: str) -> list[dict[str, Any]]:
    """Return the requirements as declared, then what they depend on."""
    from packaging.requirements import Requirement

    rows = []
    markers = {**dict(plan.interpreter.markers), "extra": ""}
    declared = [(text, Requirement(text)) for text in plan.spec.dependencies]
    names = [_canonical_name(text) for text in plan.spec.dependencies]
    reasons = _reasons(reason, {name: name for name in names})
    for (text, requirement), name in zip(declared, names):
        pin = pins.get(name)
        if requirement.marker is not None and not requirement.marker.evaluate(markers) and pin is None:
            outcome = {"state": "skipped", "reason": f"its marker does not hold: `{requirement.marker}`"}
            rows.append(_package(text, name, "", outcome))
        else:
            version = "" if pin is None or isinstance(pin, str) else pin.version
            rows.append(_package(text, name, version, _outcome(pin or reasons[name])))
    for name, pin in pins.items():
        if name not in names and not isinstance(pin, str):
            outcome = {**_outcome(pin), "reason": "wanted by another package"}
            rows.append(_package(name, name, pin.version, outcome))
    return rows


def _wheels(wheels: Sequence[WheelFile], plan: Plan, context: Context) -> list[dict[str, Any]]:
    """Return the wheels, and what each of them makes Python run at every start, once it is stored."""
    trees = [_stored(wheel, plan, context) for wheel in wheels]
    code = startup.code_of(trees, plan.interpreter)
    return [
        {
            "filename": wheel.filename,
            "sha256": wheel.sha256,
            "package": wheel.package,
            "stored": store.is_stored(tree),
            "startup": rows if store.is_stored(tree) else None,
        }
        for wheel, tree, rows in zip(wheels, trees, code, strict=True)
    ]


def _stored(wheel: WheelFile, plan: Plan, context: Context) -> StoredWheel:
    from vpy.model import StoredWheel

    path = context.layout.wheel(wheel.sha256, store.scheme_id(plan.interpreter))
    return StoredWheel(wheel.filename, wheel.sha256, path)


def without_python(spec: Spec, tag: Tag | None, values: dict[str, str]) -> dict[str, Any]:
    """Return the packages and the environment of a spec whose Python was not found."""
    packages = [_named_package(wheel, tag, values) for wheel in dict.fromkeys(spec.wheels)]
    packages += [_package(text, None, "", {"reason": NO_PYTHON}) for text in spec.dependencies]
    unknown = unresolved(NO_PYTHON)
    return {"packages": packages, "wheels": [], "environment": unknown, "notes": [], "resolved": None}


def _named_package(wheel: Wheel, tag: Tag | None, values: dict[str, str]) -> dict[str, Any]:
    """Return a package by the name that it has on the assumed target."""
    from vpy.spec import select
    from vpy.target import template

    name = None
    outcome = {"reason": NO_PYTHON}
    if tag is None:
        return _package(wheel.name, None, wheel.version, outcome)
    if not select.select(replace(Spec(), wheels=(wheel,)), explain_target.tags_of(tag)):
        outcome = {"state": "skipped", "reason": _why_skipped(wheel, "")}
    else:
        try:
            name = template.expand(wheel.name, values)
            if name is None:
                outcome = {"state": "skipped", "reason": "its name is not for this platform"}
        except UserError as error:
            outcome = {"reason": error.message}
    return _package(wheel.name, name, wheel.version, outcome)
