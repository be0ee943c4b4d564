"""Targets of a lockfile: the platforms and Pythons that it is for, and those that have no answer."""

from __future__ import annotations

import re

from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from vpy.errors import VpythonError
    from vpy.model import Interpreter, Spec, Tag
    from vpy.operations.context import Context
    from vpy.packages.index.loader import IndexLoader

    Version = tuple[int, int]


@value
class LockTarget:
    """Target of a lockfile: a Python on a platform.

    `is_own`: it is this machine's platform; `is_required`: a lockfile without it is none. `is_new`: wheels of
    many projects are not built for this Python yet, and it takes the versions of the one before it or none.
    """

    python: Version
    tag: Tag
    interpreter: Interpreter
    is_own: bool
    is_required: bool
    is_new: bool = False


def pythons_of(spec: Spec, interpreter: Interpreter) -> list[Version]:
    """Return the minor versions that a spec allows; without `requires-python` the one here and newer."""
    from vpy.target import platforms
    from vpy.target.python_requirement import PythonRequirement

    own = interpreter.version[:2]
    requirement = PythonRequirement("", spec.requires_python)
    known = sorted({own, *((3, minor) for minor in platforms.MINORS)})
    if not spec.requires_python:
        return [version for version in known if version >= own]
    return [version for version in known if version == own or requirement.may_accept(version)]


def targets_of(spec: Spec, interpreter: Interpreter, context: Context) -> list[LockTarget]:
    """Return the targets of a spec's lockfile, by Pythons: for each this machine's platform first."""
    from vpy.model import Tag
    from vpy.target import platforms

    config = context.config
    systems = platforms.Systems(config.verify_glibc, config.verify_macos)
    defaults = [Tag(*fields) for fields in config.verify_tags]
    names = dict.fromkeys(tag.platform for tag in platforms.tags_to_verify(spec, defaults))
    own = _place(interpreter)
    targets = []
    pythons = pythons_of(spec, interpreter)
    for python in pythons:
        is_new = python == (3, platforms.MINORS[-1]) and pythons[0] < python > interpreter.version[:2]
        row = []
        for name in names:
            tag = _tag(python, name)
            found = _at_patch(platforms.interpreter_for(tag, systems), spec.requires_python)
            is_own = _place(found) == own
            is_required = is_own or bool(spec.verify_platforms)
            row.append(LockTarget(python, tag, found, is_own, is_required, is_new))
        if not any(target.is_own for target in row) and python == interpreter.version[:2]:
            row.append(LockTarget(python, interpreter.tags[0], interpreter, is_own=True, is_required=True))
        targets += sorted(row, key=lambda target: not target.is_own)
    return targets


def _tag(python: Version, platform: str) -> Tag:
    from vpy.model import Tag

    name = f"cp{python[0]}{python[1]}"
    return Tag(name, name if python >= (3, 8) else f"{name}m", platform)


def _place(interpreter: Interpreter) -> tuple[str, str]:
    markers = dict(interpreter.markers)
    return markers["sys_platform"], markers["platform_machine"]


def _at_patch(interpreter: Interpreter, requires_python: str) -> Interpreter:
    """Return an interpreter at the last patch version that is allowed."""
    from packaging.specifiers import SpecifierSet

    allowed, (major, minor, patch) = SpecifierSet(requires_python), interpreter.version
    while patch and not allowed.contains(f"{major}.{minor}.{patch}"):
        patch -= 1
    text = f"{major}.{minor}.{patch}"
    markers = {**dict(interpreter.markers), "python_full_version": text, "implementation_version": text}
    return replace(
        interpreter,
        version=(major, minor, patch),
        version_text=text,
        markers=tuple(sorted(markers.items())),
    )


def judge(
    targets: Sequence[LockTarget],
    rows: Sequence[Mapping[str, Any]],
    index: IndexLoader,
    spec: Spec,
    own: Version,
) -> tuple[list[LockTarget], list[str]]:
    """Return the targets that have an answer, and a line for those that are left out.

    Raises the error of one that the spec asks for: all of its Pythons here, but the newest ones, and but
    those before this machine's `own` where `requires-python` names no minor version.
    """
    by_markers = {tuple(sorted(row["markers"].items())): row for row in rows}
    failed: dict[LockTarget, Sequence[Mapping[str, Any]]] = {}
    left = []
    for target in targets:
        row = by_markers.pop(target.interpreter.markers)
        if row.get("errors"):
            failed[target] = row["errors"]
        else:
            left.append(target)
    newest = max((target.python for target in left if target.is_own), default=(0, 0))
    required = [target for target in failed if target.is_required and target.python < newest]
    oldest = _first(targets, required)
    may_drop = bool(required) and oldest <= own and not _names_minor(spec.requires_python)
    if (required and not may_drop) or newest == (0, 0):
        target = next(iter([*required, *failed]))
        instead = narrowed(spec.requires_python, oldest) if required else ""
        raise _failure(target, failed[target], index, instead)
    # What is left of the answer is about patch versions of a Python.
    patches = {
        f"Python {dict(markers)['python_full_version']}": row["errors"]
        for markers, row in by_markers.items()
        if row.get("errors")
    }
    pythons = [target.python for target in targets if target.is_own]
    lines = _lines(failed, patches, pythons, (oldest, newest), index)
    return [target for target in left if oldest <= target.python <= newest], lines


def _lines(
    failed: Mapping[LockTarget, Sequence[Mapping[str, Any]]],
    patches: Mapping[str, Sequence[Mapping[str, Any]]],
    pythons: Sequence[Version],
    locked: tuple[Version, Version],
    index: IndexLoader,
) -> list[str]:
    """Return a line for what is left out: platforms of Pythons that are `locked`, and the other Pythons."""
    oldest, newest = locked
    whole = {
        f"Python {_dotted(target.python)}": errors
        for target, errors in failed.items()
        if target.is_own and not oldest <= target.python <= newest
    }
    others = {target: errors for target, errors in failed.items() if oldest <= target.python <= newest}
    named = {**whole, **patches}
    lines = [f"not locked for {name}: {_reason(errors, index)}" for name, errors in named.items()]
    return [*_left_out(others, pythons, index), *lines]


def _first(targets: Sequence[LockTarget], failed: Sequence[LockTarget]) -> Version:
    """Return the oldest Python of all, or that after the last of those that failed."""
    last = max((target.python for target in failed), default=(0, 0))
    return min(target.python for target in targets if target.python > last)


def _names_minor(requires_python: str) -> bool:
    """Return whether a specifier set begins at a minor version: `>=3` is no promise of the oldest one."""
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version as Parsed

    lower = [
        part for part in SpecifierSet(requires_python) if part.operator in (">=", ">", "~=", "==", "===")
    ]
    return any(any(Parsed(part.version.removesuffix(".*")).release[1:2]) for part in lower)


def narrowed(requires_python: str, oldest: Version) -> str:
    """Return what `requires_python` leaves of the Pythons from one on, as a specifier set."""
    from packaging.specifiers import SpecifierSet

    rest = [str(part) for part in SpecifierSet(requires_python) if part.operator not in (">=", ">")]
    return ",".join((f">={_dotted(oldest)}", *sorted(rest)))


def _left_out(
    failed: Mapping[LockTarget, Sequence[Mapping[str, Any]]], pythons: Sequence[Version], index: IndexLoader
) -> Iterator[str]:
    """Yield a line for each reason, with the platforms that it leaves out, and the Pythons of one in part."""
    from vpy.target.tags import cipd_platform

    by_reason: dict[str, dict[str, list[Version]]] = {}
    for target, errors in failed.items():
        platforms = by_reason.setdefault(_reason(errors, index), {})
        platforms.setdefault(cipd_platform(target.tag) or target.tag.platform, []).append(target.python)
    for reason, platforms in by_reason.items():
        named = [
            name if len(without) == len(pythons) else f"{name} ({', '.join(map(_dotted, without))})"
            for name, without in platforms.items()
        ]
        yield f"not locked for {', '.join(named)}: {reason}"


def _reason(errors: Sequence[Mapping[str, Any]], index: IndexLoader) -> str:
    """Return why there is no answer, in a few words."""
    from vpy.packages.index import universal

    first = errors[0]
    if first["kind"] == "wheel":
        return f"`{first['requirement']}` has no wheel"
    return _without_patch(universal.failure(index, errors).lines[0])


def _without_patch(line: str) -> str:
    """Return a line with the Pythons of targets by their minor versions: no one has their patch version."""
    from vpy.target import platforms

    return re.sub(rf"\b(3\.\d+)\.{platforms.LAST_PATCH}\b", r"\1", line)


def _failure(
    target: LockTarget, errors: Sequence[Mapping[str, Any]], index: IndexLoader, instead: str
) -> VpythonError:
    """Return an error that names the target which it is about, and the `requires-python` without it."""
    from vpy.packages.index import universal

    error = universal.failure(index, errors, str(target.tag))
    python = _dotted(target.python)
    where = f"on Python {python}" if target.is_own else f"on `{target.tag}`"
    hint = (
        f'there is an answer for `requires-python = "{instead}"`' if instead and target.is_own else error.hint
    )
    first, *rest = map(_without_patch, error.lines)
    return type(error)([f"{where}: {first}", *rest], hint=hint and _without_patch(hint))


def _dotted(python: Version) -> str:
    return f"{python[0]}.{python[1]}"


def upper_bound(targets: Iterable[LockTarget], left: Iterable[LockTarget]) -> str:
    """Return what `requires-python` says more where the newest Pythons are left out: `,<3.13`, or ""."""
    newest = max(target.python for target in left)
    is_whole = newest == max(target.python for target in targets)
    return "" if is_whole else f",<{newest[0]}.{newest[1] + 1}"


def environments(targets: Iterable[LockTarget], left: Iterable[LockTarget]) -> tuple[str, ...]:
    """Return the markers of the platforms that are locked, where some are not; () where all are."""
    every = {_place(target.interpreter) for target in targets}
    there = {_place(target.interpreter) for target in left}
    if every == there:
        return ()
    return tuple(
        sorted(f"sys_platform == '{system}' and platform_machine == '{machine}'" for system, machine in there)
    )
