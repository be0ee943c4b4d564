"""One lockfile of the resolutions for several targets: small graphs, and the markers that come of them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from packaging.markers import Marker

from vpy.spec.lockfile.markers import MOST_TERMS
from vpy.spec.lockfile.universal import Placed, ResolvedDistribution, ResolvedTarget, place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    # NAME -> version, for a Python (`3.9`, or with its patch version) and a system.
    Chosen = Mapping[str, str]

SYSTEMS = {"linux": ("Linux", "x86_64"), "darwin": ("Darwin", "arm64"), "win32": ("Windows", "AMD64")}


def target(python: str, system: str, chosen: Chosen, machine: str = "") -> ResolvedTarget:
    """Return a target; a Python without a patch version is its last one."""
    full = python if python.count(".") == 2 else f"{python}.99"
    name, usual = SYSTEMS[system]
    rows = {
        "implementation_name": "cpython",
        "os_name": "nt" if system == "win32" else "posix",
        "platform_machine": machine or usual,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": name,
        "platform_version": "",
        "python_full_version": full,
        "python_version": ".".join(full.split(".")[:2]),
        "sys_platform": system,
    }
    return ResolvedTarget(markers=tuple(sorted(rows.items())), chosen=tuple(sorted(chosen.items())))


def everywhere(
    chosen: Chosen, pythons: Sequence[str] = ("3.8", "3.9", "3.10"), systems: Sequence[str] = tuple(SYSTEMS)
) -> list[ResolvedTarget]:
    return [target(python, system, chosen) for python in pythons for system in systems]


def distributions(texts: str) -> list[ResolvedDistribution]:
    """Return the distributions of lines `NAME VERSION: REQUIREMENT | REQUIREMENT`."""
    rows = []
    for line in filter(None, map(str.strip, texts.splitlines())):
        head, _, needs = line.partition(":")
        name, version = head.split()
        parts = tuple(part.strip() for part in needs.split("|") if part.strip())
        rows.append(ResolvedDistribution(name, version, parts))
    return rows


def placed(
    requirements: Sequence[str], targets: Sequence[ResolvedTarget], texts: str, requires_python: str = ">=3.8"
) -> dict[str, Placed]:
    """Return what `place` does by `NAME VERSION`, after a look at each target by packaging's evaluation."""
    found = place(requirements, targets, distributions(texts), requires_python)
    for each in targets:
        holds = {
            key
            for key, row in found.items()
            if not row.marker or Marker(row.marker).evaluate(dict(each.markers))
        }
        assert holds == set(each.chosen), (each.markers, found)
    return {" ".join(key): row for key, row in found.items()}


def marker_of(found: Mapping[str, Placed]) -> dict[str, str]:
    return {key: row.marker for key, row in found.items()}


def test_one_version_everywhere() -> None:
    found = placed(["a"], everywhere({"a": "1", "b": "2"}), "a 1: b>=1\nb 2:")
    assert found == {"a 1": Placed("", ("",)), "b 2": Placed("", ("a",))}


def test_markers_of_requirements() -> None:
    """A marker on the way to a distribution is its own; two ways are a sum."""
    targets = [
        target(python, system, {
            "a": "1",
            **({"b": "1"} if system == "win32" or python == "3.8" else {}),
            **({"c": "1"} if system == "win32" else {}),
        })
        for python in ("3.8", "3.9") for system in SYSTEMS
    ]  # fmt: skip
    found = placed(
        ["a", 'b; python_version < "3.9"'],
        targets,
        """a 1: b; sys_platform == "win32"
           b 1: c; platform_system == "Windows"
           c 1:""",
    )
    assert found["b 1"] == Placed("python_full_version < '3.9' or sys_platform == 'win32'", ("", "a"))
    assert found["c 1"] == Placed("sys_platform == 'win32'", ("b",))


def test_a_marker_that_holds_nowhere_here() -> None:
    """A requirement for no target of the lockfile asks for nothing, and is not named as one that does."""
    targets = everywhere({"a": "1", "b": "1"}, systems=["linux", "win32"])
    found = placed(["a", "b"], targets, 'a 1: b; python_version < "3.8"\nb 1:')
    assert found["b 1"] == Placed("", ("",))


def test_versions_by_python() -> None:
    targets = [
        *everywhere({"a": "1"}, ["3.8"]),
        *everywhere({"a": "2"}, ["3.9", "3.10"]),
        *everywhere({"a": "3"}, ["3.11"]),
    ]
    assert marker_of(placed(["a"], targets, "a 1:\na 2:\na 3:")) == {
        "a 1": "python_full_version < '3.9'",
        "a 2": "python_full_version >= '3.9' and python_full_version < '3.11'",
        "a 3": "python_full_version >= '3.11'",
    }


def test_what_only_one_version_needs() -> None:
    targets = [*everywhere({"a": "1", "b": "1"}, ["3.8"]), *everywhere({"a": "2"}, ["3.9", "3.10"])]
    found = placed(["a"], targets, "a 1: b\na 2:\nb 1:")
    assert found["b 1"] == Placed("python_full_version < '3.9'", ("a",))


def test_via_names_those_of_the_same_version() -> None:
    """Who asks for a version is said of that version alone."""
    targets = [
        *everywhere({"a": "1", "b": "1", "c": "1"}, ["3.8"]), *everywhere({"a": "1", "c": "2"}, ["3.9"])
    ]  # fmt: skip
    found = placed(["a"], targets, 'a 1: b; python_version < "3.9" | c\nb 1: c\nc 1:\nc 2:')
    assert found["c 1"].via == ("a", "b")
    assert found["c 2"].via == ("a",)


def test_versions_by_platform() -> None:
    targets = [
        target("3.9", "linux", {"a": "2"}),
        target("3.9", "darwin", {"a": "2"}),
        target("3.9", "win32", {"a": "1"}),
    ]
    assert marker_of(placed(["a"], targets, "a 1:\na 2:")) == {
        "a 1": "sys_platform == 'win32'",
        "a 2": "sys_platform == 'darwin' or sys_platform == 'linux'",
    }


def test_versions_by_machine() -> None:
    targets = [
        target("3.9", "darwin", {"a": "1"}, "x86_64"),
        target("3.9", "darwin", {"a": "2"}, "arm64"),
        target("3.9", "linux", {"a": "2"}),
    ]
    assert marker_of(placed(["a"], targets, "a 1:\na 2:")) == {
        "a 1": "platform_machine == 'x86_64' and sys_platform == 'darwin'",
        "a 2": "(platform_machine == 'arm64' and sys_platform == 'darwin') or sys_platform == 'linux'",
    }


def test_versions_by_python_and_platform() -> None:
    targets = [
        target("3.8", "linux", {"a": "1"}), target("3.9", "linux", {"a": "2"}),
        target("3.8", "win32", {"a": "1"}), target("3.9", "win32", {"a": "1"}),
    ]  # fmt: skip
    found = marker_of(placed(["a"], targets, "a 1:\na 2:"))
    assert found["a 2"] == "python_full_version >= '3.9' and sys_platform == 'linux'"


def test_patch_versions() -> None:
    """A target for a patch version splits its Python behind it."""
    targets = [
        target("3.8.1", "linux", {"a": "1", "b": "1"}), target("3.8.99", "linux", {"a": "1"}),
        target("3.9", "linux", {"a": "1"}),
    ]  # fmt: skip
    found = placed(["a"], targets, 'a 1: b; python_full_version <= "3.8.1"\nb 1:')
    assert found["b 1"].marker == "python_full_version < '3.8.2'"

    targets = [
        target("3.8.1", "linux", {"a": "1"}),
        target("3.8.99", "linux", {"a": "2"}),
        target("3.9", "linux", {"a": "2"}),
    ]
    assert marker_of(placed(["a"], targets, "a 1:\na 2:")) == {
        "a 1": "python_full_version < '3.8.2'",
        "a 2": "python_full_version >= '3.8.2'",
    }


def test_a_bound_of_requires_python_is_left_out() -> None:
    targets = everywhere({"a": "1", "b": "1"}, ["3.9", "3.10"])
    found = placed(
        ["a", 'b; python_version >= "3.9" and python_version < "3.11"'], targets, "a 1:\nb 1:", ">=3.9,<3.11"
    )
    assert found["b 1"].marker == ""


def test_extras() -> None:
    """What an extra needs is needed where the extra is asked for; an extra may name another of its own."""
    targets = [
        target(python, "linux", {"a": "1", **({"b": "1", "c": "1"} if python == "3.8" else {})})
        for python in ("3.8", "3.9")
    ]
    found = placed(
        ["a", 'A[All]; python_version < "3.9"'],
        targets,
        """a 1: b; extra == "B" | a[b]; extra == "all" | c; extra == 'all' | d; extra == "other"
           b 1:
           c 1:""",
    )
    older = "python_full_version < '3.9'"
    assert marker_of(found) == {"a 1": "", "b 1": older, "c 1": older}
    assert found["a 1"].via == ("",)
    assert found["b 1"].via == found["c 1"].via == ("a",)


def test_extras_from_a_dependency() -> None:
    targets = [
        target("3.9", system, {"a": "1", "b": "1", **({"c": "1"} if system == "win32" else {})})
        for system in ("linux", "win32")
    ]
    found = placed(["a"], targets, 'a 1: b | b[x]; sys_platform == "win32"\nb 1: c; extra == "x"\nc 1:')
    assert found["c 1"] == Placed("sys_platform == 'win32'", ("b",))


def test_cycles() -> None:
    targets = [
        target("3.9", system, {"a": "1", "b": "1", **({"c": "1"} if system == "win32" else {})})
        for system in ("linux", "win32")
    ]
    found = placed(["a"], targets, 'a 1: b\nb 1: a | c; sys_platform == "win32"\nc 1: b | c')
    assert found == {
        "a 1": Placed("", ("", "b")),
        "b 1": Placed("", ("a", "c")),
        "c 1": Placed("sys_platform == 'win32'", ("b",)),
    }


def test_names_in_any_spelling() -> None:
    found = placed(["A.B"], everywhere({"a-b": "1", "c-d": "1"}), "a-b 1: C_D>=1\nc-d 1:")
    assert marker_of(found) == {"a-b 1": "", "c-d 1": ""}


def test_where_markers_say_something_else_the_targets_are_listed() -> None:
    """A resolution that no marker tells: the lockfile says where each version was chosen."""
    targets = [
        target("3.8", "linux", {"a": "1", "b": "1"}), target("3.9", "linux", {"a": "1"}),
        target("3.8", "win32", {"a": "1"}), target("3.9", "win32", {"a": "1", "b": "1"}),
    ]  # fmt: skip
    found = placed(["a"], targets, "a 1:\nb 1:")
    assert found["b 1"].marker == (
        "(python_full_version < '3.9' and sys_platform == 'linux') or "
        "(python_full_version >= '3.9' and sys_platform == 'win32')"
    )


@pytest.mark.parametrize("count", [70, 120])
def test_markers_that_are_too_long_are_listed(count: int) -> None:
    """Terms that nobody would read, alone or times what tells two versions apart, are no error."""
    targets = [
        target("3.8", "linux", {"a": "1", "b": "1"}), target("3.9", "linux", {"a": "1", "b": "2"}),
        target("3.8", "win32", {"a": "1", "b": "2"}), target("3.9", "win32", {"a": "1", "b": "1"}),
    ]  # fmt: skip
    long = " or ".join(f'platform_release == "{at}"' for at in range(count))
    found = placed(["a"], targets, f"a 1: b; sys_platform != 'cli' or {long}\nb 1:\nb 2:")
    assert "platform_release" not in f"{found}"
    assert found["b 1"].via == (("a",) if count < MOST_TERMS else ())


@pytest.mark.parametrize("seed", range(30))
def test_random_graphs_hold_on_their_targets(seed: int) -> None:
    """Any choice of versions on any targets: each marker holds on exactly those that have its version."""
    chance = random.Random(seed)
    names = "abcdefg"
    pythons = chance.choice((("3.8", "3.9", "3.10"), ("3.8.1", "3.8.99", "3.9"), ("3.9", "3.12")))
    targets = []
    known: set[tuple[str, str]] = set()
    for python in pythons:
        for system in SYSTEMS:
            chosen = {name: str(chance.randint(1, 2)) for name in names if chance.random() < 0.8}
            targets.append(target(python, system, chosen))
            known.update(chosen.items())
    markers = (
        "",
        '; python_version < "3.9"',
        '; sys_platform == "win32"',
        '; os_name != "nt"',
        '; extra == "x"',
    )
    texts = "\n".join(
        f"{name} {version}: " + " | ".join(
            chance.choice((each, f"{each}[x]")) + chance.choice(markers) for each in chance.sample(names, 2)
        )
        for name, version in sorted(known)
    )  # fmt: skip
    placed([*chance.sample(names, 2), "a[x]"], targets, texts)
