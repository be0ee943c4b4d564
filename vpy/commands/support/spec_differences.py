"""Differences between what two specs declare, whatever their texts look like."""

from __future__ import annotations

from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Literal

    from vpy.model import Spec, Wheel

    Kind = Literal["python", "spec", "option", "lockfile", "distribution", "wheel", "package", "setup"]


@value
class Difference:
    """One thing that differs: `before` is None for what is new, `after` for what has gone."""

    kind: Kind
    name: str
    before: str | None
    after: str | None


def between(then: Spec, now: Spec) -> Iterator[Difference]:
    """Yield the differences that can shape an environment, key by key."""
    yield from _single("python_version", then.python_version, now.python_version)
    yield from _single("requires-python", then.requires_python, now.requires_python)
    yield from of_items("spec", "dependencies", _dependencies(then), _dependencies(now))
    yield from of_items("spec", "wheels", _wheels(then), _wheels(now))
    yield from _single("source", then.source, now.source)
    before, after = then.resolution.rows(), now.resolution.rows()
    for name in dict.fromkeys((*before, *after)):
        yield from _single(name.replace("_", "-"), _joined(before.get(name)), _joined(after.get(name)))
    yield from _single("no-build", _joined(then.no_build), _joined(now.no_build))
    yield from _single("forbidden", _joined(then.forbidden), _joined(now.forbidden))


def _single(name: str, before: str, after: str) -> Iterator[Difference]:
    if before != after:
        yield Difference("spec", name, before or None, after or None)


def of_items(kind: Kind, name: str, then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Difference]:
    """Yield what was changed, is new and has gone of items by their names."""
    for item in then:
        if item in now and then[item] != now[item]:
            yield Difference(kind, name, then[item], now[item])
    yield from (Difference(kind, name, None, now[item]) for item in now if item not in then)
    yield from (Difference(kind, name, then[item], None) for item in then if item not in now)


def _dependencies(spec: Spec) -> dict[str, str]:
    """Return the requirements as PEP 508 writes them, by project and number: one may have several."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    requirements = sorted(map(Requirement, spec.dependencies), key=lambda each: str(each.marker or ""))
    return _numbered((canonicalize_name(each.name), str(each)) for each in requirements)


def _wheels(spec: Spec) -> dict[str, str]:
    return _numbered((wheel.name, _shown(wheel)) for wheel in spec.wheels)


def _numbered(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in rows:
        number = 0
        while f"{name} {number}" in found:
            number += 1
        found[f"{name} {number}"] = text
    return found


def _shown(wheel: Wheel) -> str:
    rules = [*(("match", tag) for tag in wheel.match_tags), *(("not", tag) for tag in wheel.not_match_tags)]
    more = ", ".join(f"{word} {tag}" for word, tag in rules)
    return f"{wheel.name} {wheel.version}" + (f" ({more})" if more else "")


def _joined(row: Iterable[object] | None) -> str:
    """Return what a key lists, in one line."""
    return ", ".join(
        " ".join(filter(None, map(str, each))) if isinstance(each, list) else str(each) for each in row or ()
    )
