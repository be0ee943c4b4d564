"""Markers (PEP 508) that hold on the targets for which a text spec selects a wheel.

A rule names tags, which a marker cannot ask for. So it is tried on the Pythons of every common platform,
and the marker says on which of them it held.
"""

from __future__ import annotations

from vpy.model import Tag
from vpy.target import platforms, template
from vpy.target.python_requirement import parse_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from vpy.model import Target
    from vpy.target.platforms import Systems

    # `sys_platform` and `platform_machine`.
    Machine = tuple[str, str]

# As the packages of the service are named: by the oldest tag of a platform, `arm64` for Linux too.
PLATFORMS = (
    "manylinux1_x86_64", "manylinux1_i686", "linux_arm64", "linux_armv7l", "linux_riscv64", "linux_ppc64le",
    "linux_s390x", "macosx_10_10_intel", "macosx_11_0_arm64", "win_amd64", "win32", "win_arm64",
)  # fmt: skip


def targets(python_version: str, named: Iterable[str], systems: Systems) -> tuple[Target, ...]:
    """Return the Pythons that a `python_version` allows, on each common platform.

    `named` are platforms of the spec's rules; a Linux among them on another machine counts too.
    """
    prefix = parse_version(python_version)[:2]
    minors = [minor for minor in platforms.MINORS if (3, minor)[: len(prefix)] == prefix]
    if len(prefix) == 2 and not minors:
        minors = [prefix[1]]
    found: dict[tuple[int, Machine], Target] = {}
    more = [name for name in named if name.startswith("linux_")]
    for minor in minors:
        for platform in (*PLATFORMS, *more):
            python = f"cp3{minor}"
            target = template.target_for(platforms.interpreter_for(Tag(python, python, platform), systems))
            found.setdefault((minor, _machine(target)), target)
    return tuple(found.values())


def platforms_of(among: Iterable[Target]) -> frozenset[str]:
    """Return the platforms of all tags of some targets."""
    return frozenset(name for item in among for *_, names in item.interpreter.tags.rows for name in names)


def marker_for(selected: Collection[Target], among: Sequence[Target], *, listed: bool) -> str:
    """Return the marker that holds for the `selected` targets alone; "" where those are all.

    What is `listed` holds on no platform that is not among the targets, anything else does.
    """
    everywhere = {_machine(target) for target in among}
    minors = sorted({target.interpreter.version[1] for target in among})
    groups: dict[frozenset[Machine], list[int]] = {}
    for minor in minors:
        machines = frozenset(_machine(item) for item in selected if item.interpreter.version[1] == minor)
        if machines:
            groups.setdefault(machines, []).append(minor)

    parts = []
    for machines, held in groups.items():
        platform = "" if machines == everywhere else _platform_marker(machines, everywhere, listed)
        python = "" if held == minors else _python_marker(held, minors)
        parts.append(_joined(" and ", [part for part in (python, platform) if part]))
    return "" if "" in parts else _joined(" or ", parts)


def _machine(target: Target) -> Machine:
    markers = dict(target.interpreter.markers)
    return markers["sys_platform"], markers["platform_machine"]


def _platform_marker(machines: Collection[Machine], everywhere: Collection[Machine], listed: bool) -> str:
    """Return the marker of some machines: a list of them, or of all that they are not."""
    others = set(everywhere) - set(machines)
    systems = sorted({system for system, _ in everywhere})
    if listed:
        parts = [_system_marker(system, machines, others) for system in systems]
        return _joined(" or ", [part for part in parts if part])
    parts = [_without_machines(system, others, machines) for system in systems]
    return _joined(" and ", [part for part in parts if part])


def _system_marker(system: str, machines: Collection[Machine], others: Collection[Machine]) -> str:
    """Return the marker of some machines of one system; "" where there are none."""
    own = _names(system, machines)
    rest = _names(system, others)
    if not own:
        return ""
    head = f"sys_platform == '{system}'"
    if not rest:
        return head
    if len(rest) < len(own):
        return _joined(" and ", [head, *(f"platform_machine != '{name}'" for name in rest)])
    return _joined(" and ", [head, _joined(" or ", [f"platform_machine == '{name}'" for name in own])])


def _without_machines(system: str, machines: Collection[Machine], others: Collection[Machine]) -> str:
    """Return the marker that holds on all but some machines of one system; "" where there are none."""
    own = _names(system, machines)
    if not own:
        return ""
    head = f"sys_platform != '{system}'"
    if not _names(system, others):
        return head
    rest = _joined(" and ", [f"platform_machine != '{name}'" for name in own])
    return _joined(" or ", [head, rest])


def _names(system: str, machines: Collection[Machine]) -> list[str]:
    return sorted(name for own, name in machines if own == system)


def _python_marker(held: Sequence[int], minors: Sequence[int]) -> str:
    """Return the marker of some minor versions; the newest stands for those after it too."""
    runs: list[list[int]] = []
    for minor in held:
        if runs and minors.index(minor) == minors.index(runs[-1][-1]) + 1:
            runs[-1].append(minor)
        else:
            runs.append([minor])
    return _joined(" or ", [_run_marker(run[0], run[-1], minors) for run in runs])


def _run_marker(first: int, last: int, minors: Sequence[int]) -> str:
    if first == last != minors[-1]:
        return f"python_version == '3.{first}'"
    parts = [f"python_version >= '3.{first}'"] if first != minors[0] else []
    parts += [f"python_version < '3.{last + 1}'"] if last != minors[-1] else []
    return " and ".join(parts)


def _joined(word: str, parts: Sequence[str]) -> str:
    """Join parts by `and` or `or`; a part with the other word in it is put in brackets."""
    if len(parts) < 2:
        return "".join(parts)
    other = " or " if word == " and " else " and "
    return word.join(f"({part})" if other in part else part for part in parts)
