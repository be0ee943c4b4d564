"""The normal form of markers: what it says, how short it is, and that it holds where the marker did."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys

import pytest
from packaging.markers import Marker

from tests.support.harness import TOP
from vpy.spec.lockfile import markers
from vpy.spec.lockfile.markers import ALWAYS, NOWHERE, Condition, TooManyTermsError

NEVER = "python_version < '0'"
WINDOWS = "sys_platform == 'win32'"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("", ""),
        ("python_version >= '3.8'", "python_full_version >= '3.8'"),
        ("python_full_version >= '3.10.0'", "python_full_version >= '3.10'"),
        ("python_version > '3.8'", "python_full_version >= '3.9'"),
        ("python_version <= '3.8'", "python_full_version < '3.9'"),
        ("python_full_version <= '3.8'", "python_full_version < '3.8.1'"),
        ("python_full_version > '3.8.2'", "python_full_version >= '3.8.3'"),
        ("python_version == '3.8'", "python_full_version == '3.8.*'"),
        ("python_version == '3.8.*'", "python_full_version == '3.8.*'"),
        ("python_full_version == '3.8.*'", "python_full_version == '3.8.*'"),
        (
            "python_full_version == '3.8.2'",
            "python_full_version >= '3.8.2' and python_full_version < '3.8.3'",
        ),
        ("python_version == '3.8.1'", NEVER),
        ("python_version != '3.8.1'", ""),
        ("python_version >= '3.8.1'", "python_full_version >= '3.9'"),
        ("python_version != '3.8'", "python_full_version < '3.8' or python_full_version >= '3.9'"),
        ("python_version ~= '3.8'", "python_full_version >= '3.8' and python_full_version < '4'"),
        ("python_full_version ~= '3.8.2'", "python_full_version >= '3.8.2' and python_full_version < '3.9'"),
        ("python_version >= '3'", "python_full_version >= '3'"),
        ("'3.8' <= python_version", "python_full_version >= '3.8'"),
        ("'3.8' > python_full_version", "python_full_version < '3.8'"),
        ("'3.8' == python_version", "python_full_version == '3.8.*'"),
        ("python_version in '3.8 3.9'", "python_version in '3.8 3.9'"),
        ("'linux' in sys_platform", "'linux' in sys_platform"),
        ("'win32' == sys_platform", WINDOWS),
        ("platform_system == 'Windows'", WINDOWS),
        ("platform_system != 'Darwin'", "sys_platform != 'darwin'"),
        ("platform_system == 'Java'", "platform_system == 'Java'"),
        ("platform_version == 'it\"s'", "platform_version == 'it\"s'"),
        ('os_name == "it\'s"', 'os_name == "it\'s"'),
        ('"it\'s" in os_name', '"it\'s" in os_name'),
    ],
)
def test_one_comparison(text: str, normal: str) -> None:
    assert str(markers.parse(text)) == normal


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (
            "python_version >= '3.8' and python_version < '3.10'",
            "python_full_version >= '3.8' and python_full_version < '3.10'",
        ),
        ("python_version >= '3.8' and python_version < '3.9'", "python_full_version == '3.8.*'"),
        ("python_version < '3.9' or python_version >= '3.8'", ""),
        ("python_version < '3.8' or python_version == '3.8'", "python_full_version < '3.9'"),
        ("python_version < '3.8' and python_version >= '3.9'", NEVER),
        ("sys_platform == 'win32' and sys_platform == 'linux'", NEVER),
        ("sys_platform == 'win32' and sys_platform != 'win32'", NEVER),
        ("sys_platform == 'win32' or sys_platform != 'win32'", ""),
        ("sys_platform == 'win32' and sys_platform != 'linux'", WINDOWS),
        ("sys_platform == 'win32' and platform_system == 'Windows'", WINDOWS),
        ("sys_platform == 'win32' or (sys_platform == 'win32' and os_name == 'nt')", WINDOWS),
        ("platform_release < '5' and platform_release >= '5'", NEVER),
        ("'a' in sys_platform and 'a' not in sys_platform", NEVER),
        # The rest of a sum says the opposite already.
        (
            "(sys_platform == 'win32' and os_name == 'nt') or sys_platform != 'win32'",
            "os_name == 'nt' or sys_platform != 'win32'",
        ),
        (
            "(python_version < '3.9' and os_name == 'nt') or python_version >= '3.9'",
            "os_name == 'nt' or python_full_version >= '3.9'",
        ),
        (
            "(os_name == 'a' or os_name == 'b') and platform_version > '1'",
            "(os_name == 'a' and platform_version > '1') or (os_name == 'b' and platform_version > '1')",
        ),
        ("os_name == 'nt' and (os_name == 'nt' or sys_platform == 'cli')", "os_name == 'nt'"),
        # One literal that two variables are compared with.
        ("'x' == os_name and 'x' == platform_machine", "os_name == 'x' and platform_machine == 'x'"),
    ],
)
def test_several_comparisons(text: str, normal: str) -> None:
    assert str(markers.parse(text)) == normal


@pytest.mark.parametrize(
    ("text", "extra", "normal"),
    [
        ("extra == 'tests'", "tests", ""),
        ("extra == 'tests'", "", NEVER),
        ("extra != 'tests'", "", ""),
        ("extra != 'tests'", "tests", NEVER),
        ("extra == 'Dev_Tests'", "dev-tests", ""),
        ("'tests' == extra", "tests", ""),
        ("extra == 'a' or extra == 'b'", "b", ""),
        ("extra == 'a' and sys_platform == 'win32'", "a", WINDOWS),
    ],
)
def test_an_extra(text: str, extra: str, normal: str) -> None:
    assert str(markers.parse(text, extra)) == normal


def test_a_marker_of_it_is_read_as_the_same() -> None:
    for text in ("python_version != '3.8' and os_name == 'nt'", "sys_platform == 'a' or os_name == 'b'"):
        once = markers.parse(text)
        assert markers.parse(str(once)) == once


@pytest.mark.parametrize(
    ("text", "pythons", "normal"),
    [
        ("python_version >= '3.8'", ">=3.8", ""),
        ("python_version >= '3.7'", ">=3.8", ""),
        ("python_version >= '3.9'", ">=3.8", "python_full_version >= '3.9'"),
        ("python_version < '3.8'", ">=3.8", NEVER),
        ("python_version >= '3.8' and python_version < '3.10'", ">=3.8", "python_full_version < '3.10'"),
        ("python_version < '3.13'", ">=3.8,<3.13", ""),
        ("python_version < '3.14' and os_name == 'nt'", ">=3.8,<3.13", "os_name == 'nt'"),
        (
            "python_version >= '3.10' and python_version < '3.13'",
            ">=3.8,<3.13",
            "python_full_version >= '3.10'",
        ),
        ("python_version == '3.8'", ">=3.8,!=3.9.*", "python_full_version < '3.9'"),
        ("python_version == '3.8'", "==3.8.*", ""),
        ("python_full_version < '3.8.5'", ">=3.8.2,<3.9", "python_full_version < '3.8.5'"),
        ("python_version == '3.8'", "", "python_full_version == '3.8.*'"),
    ],
)
def test_within_some_pythons(text: str, pythons: str, normal: str) -> None:
    """A bound that `requires-python` says anyway is left out, and holds on the same Pythons."""
    assert str(markers.parse(text).within(markers.spans_of(pythons))) == normal


@pytest.mark.parametrize(
    ("specifiers", "spans"),
    [
        ("", (((0,), markers.NEVER),)),
        (">=3.8", (((3, 8), markers.NEVER),)),
        (">=3.8,<4", (((3, 8), (4,)),)),
        ("~=3.8", (((3, 8), (4,)),)),
        ("==3.8.*", (((3, 8), (3, 9)),)),
        ("==3.11.4", (((3, 11, 4), (3, 11, 5)),)),
        (">=3.8,!=3.9.0", (((3, 8), (3, 9)), ((3, 9, 1), markers.NEVER))),
        (">3.8", (((3, 8, 1), markers.NEVER),)),
        ("<3.8,>=3.9", ()),
        (">=3.8.dev0", (((0,), markers.NEVER),)),
    ],
)
def test_spans_of_a_specifier_set(specifiers: str, spans: tuple[markers.Span, ...]) -> None:
    assert markers.spans_of(specifiers) == spans


def test_always_and_nowhere() -> None:
    windows = markers.parse(WINDOWS)
    assert str(ALWAYS) == ""
    assert str(NOWHERE) == NEVER
    assert windows.and_(ALWAYS) == windows == windows.or_(NOWHERE)
    assert windows.or_(ALWAYS) == ALWAYS
    assert windows.and_(NOWHERE) == NOWHERE
    assert markers.between([((3, 9), (3, 9))]) == NOWHERE


def test_too_many_terms() -> None:
    """A product that nobody would read is refused, before it takes long."""
    names = ("os_name", "platform_machine", "platform_release", "platform_version")
    sums = [" or ".join(f"{name} == '{at}'" for at in range(15)) for name in names]
    with pytest.raises(TooManyTermsError):
        markers.parse(" and ".join(f"({each})" for each in sums))


FULL = (
    "3.7.0",
    "3.7.1",
    "3.8.0",
    "3.8.1",
    "3.8.2",
    "3.9.7",
    "3.10.0",
    "3.11.2",
    "3.11.3",
    "3.12.0",
    "3.13.9",
)
VERSIONS = ("2.7", "3", "3.7", "3.7.1", "3.8", "3.8.1", "3.9", "3.9.*", "3.10", "3.10.0", "3.11", "3.11.3")
PLAIN = {
    "sys_platform": ("win32", "linux", "darwin"),
    "platform_machine": ("x86_64", "arm64"),
    "os_name": ("nt", "posix"),
}
GRID = [
    {
        "python_full_version": full,
        "python_version": full.rpartition(".")[0],
        "sys_platform": system,
        "platform_machine": machine,
        "os_name": os_name,
        "platform_system": {"win32": "Windows", "linux": "Linux"}.get(system, "Other"),
    }
    for full, system, machine, os_name in itertools.product(
        FULL, ("win32", "linux", "other"), ("x86_64", "arm64", "s390x"), ("nt", "posix")
    )
]


def random_marker(chance: random.Random, depth: int = 0) -> str:
    if depth > 2 or chance.random() < 0.4:
        return random_comparison(chance)
    parts = [random_marker(chance, depth + 1) for _ in range(chance.randint(2, 3))]
    return "(" + chance.choice((" and ", " or ")).join(parts) + ")"


def random_comparison(chance: random.Random) -> str:
    if chance.random() < 0.5:
        variable, version = chance.choice(("python_version", "python_full_version")), chance.choice(VERSIONS)
        if version.endswith("*"):
            return f"{variable} {chance.choice(('==', '!='))} '{version}'"
        operators = ("==", "!=", "<", "<=", ">", ">=", *(("~=",) if "." in version else ()))
        return f"{variable} {chance.choice(operators)} '{version}'"
    name = chance.choice(tuple(PLAIN))
    value = chance.choice(PLAIN[name])
    if chance.random() < 0.2:
        return f"'{value}' {chance.choice(('==', '!=', 'in', 'not in'))} {name}"
    if chance.random() < 0.2:
        return f"platform_system {chance.choice(('==', '!='))} '{chance.choice(('Windows', 'Linux'))}'"
    return f"{name} {chance.choice(('==', '!='))} '{value}'"


def holding(text: str, environments: list[dict[str, str]]) -> list[bool]:
    marker = Marker(text) if text else None
    return [marker is None or marker.evaluate({**each}) for each in environments]


@pytest.mark.parametrize("seed", range(4))
def test_random_markers_hold_where_packaging_says(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(60):
        text = random_marker(chance)
        environments = chance.sample(GRID, 60)
        normal = str(markers.parse(text))
        assert holding(normal, environments) == holding(text, environments), (text, normal)


@pytest.mark.parametrize("seed", range(4))
def test_random_markers_joined_and_within(seed: int) -> None:
    chance = random.Random(100 + seed)
    for _ in range(40):
        one, two = random_marker(chance, 1), random_marker(chance, 1)
        environments = chance.sample(GRID, 40)
        first, second = holding(one, environments), holding(two, environments)

        def check(
            condition: Condition, expected: list[bool], rows: list[dict[str, str]], *texts: str
        ) -> None:
            assert holding(str(condition), rows) == expected, (*texts, str(condition))

        a, b = markers.parse(one), markers.parse(two)
        check(a.or_(b), [x or y for x, y in zip(first, second, strict=True)], environments, one, two)
        check(a.and_(b), [x and y for x, y in zip(first, second, strict=True)], environments, one, two)
        pythons = [
            each
            for each in environments
            if holding("python_version >= '3.8' and python_version < '3.12'", [each])[0]
        ]
        check(a.within(markers.spans_of(">=3.8,<3.12")), holding(one, pythons), pythons, one)


CYCLE = """
from vpy.spec.lockfile import markers
rows = "000 001 010 101 110 111".split()
names = ("os_name", "platform_machine", "sys_platform")
print(markers.parse(" or ".join(
    "(" + " and ".join(f"{name} {'=!'[int(bit)]}= 'x'" for name, bit in zip(names, row)) + ")" for row in rows
)))
"""


def test_the_same_whatever_the_hash_seed() -> None:
    """Six of eight products, which two sums of three say alike."""
    texts = set()
    for seed in range(8):
        done = subprocess.run(
            [sys.executable, "-c", CYCLE],
            env={"PYTHONHASHSEED": str(seed), "PYTHONPATH": f"{TOP}{os.pathsep}{TOP / 'build' / 'vendor'}"},
            capture_output=True,
            text=True,
            check=True,
        )
        texts.add(done.stdout)
    assert len(texts) == 1
