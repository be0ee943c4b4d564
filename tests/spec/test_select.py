"""Versions of Python, match rules and duplicates."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.vectors import vectors
from vpy.errors import UserError
from vpy.model import Spec, Tag, Wheel
from vpy.spec.select import check, fits, parse_version, select
from vpy.spec.textproto import parse

LINUX = (
    Tag(python="cp311", abi="cp311", platform="linux_x86_64"),
    Tag(python="py3", abi="none", platform="any"),
)
NO_VERSIONS = "3.x|3.8 | 3|-3|3.|.8|py3.8|3.08|0|0.9|3\n8|3.8\n|\uff13|>=3|3.11.*|v3|3.8+\n"
NAMES = (
    "a infra/python/wheels/six-py2_py3 x/${vpython_platform} x/${platform}_${py_python}_${py_abi}"
    " a.b/${os=mac} x/${platform}_cp36_abi3"
)
NO_NAMES = "../a|a/..|a/./b|a//b|/a|a/|A|a\n|a b|-a|a\\b|c:a|${|${}a}|a/${x|é|a/...|--index-url"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", ()),
        ("3", (3,)),
        ("3.0", (3, 0)),
        ("3.11", (3, 11)),
        ("2.7.18", (2, 7, 18)),
        ("3.8.18.1", (3, 8, 18, 1)),
        ("3.8.18+", (3, 8, 18)),
        ("3.13.0a1", (3, 13, 0)),
    ],
)
def test_versions_that_are_read(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_version(text) == numbers


@pytest.mark.parametrize(
    "text",
    [*NO_VERSIONS.split("|"), "3" * 5000],
)
def test_versions_that_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"^not a version of Python: `.{1,70}`$"):
        parse_version(text)


@pytest.mark.parametrize(
    ("prefix", "version", "expected"),
    [
        ("", (3, 11, 2), True),
        ("3", (3, 11, 2), True),
        ("3.11", (3, 11, 2), True),
        ("3.1", (3, 11, 2), False),
        ("3.8", (3, 11, 2), False),
        ("3.11.2", (3, 11, 2), True),
        ("3.11.2+", (3, 11, 2), True),
        ("3.11.2.7", (3, 11, 2), True),
        ("3.11.7", (3, 11, 2), False),
        ("2.7", (3, 11, 2), False),
    ],
)
def test_a_version_is_a_prefix(prefix: str, version: tuple[int, int, int], expected: bool) -> None:
    assert fits(prefix, version) is expected


@given(st.tuples(*[st.integers(1, 40)] * 3), st.integers(1, 3), st.tuples(*[st.integers(1, 40)] * 3))
def test_a_prefix_fits_what_begins_with_it(
    version: tuple[int, int, int], length: int, other: tuple[int, int, int]
) -> None:
    prefix = ".".join(map(str, version[:length]))
    assert fits(prefix, version)
    assert fits(prefix, other) == (other[:length] == version[:length])


@pytest.mark.parametrize(
    ("rules", "taken"),
    [
        ("", True),
        ('match_tag { platform: "linux_x86_64" }', True),
        ('match_tag { platform: "win32" }', False),
        ('match_tag { platform: "win32" } match_tag { abi: "cp311" }', True),
        ('match_tag { python: "cp311" platform: "any" }', False),
        ('match_tag { python: "py3" abi: "none" platform: "any" }', True),
        ("match_tag {}", False),
        ("not_match_tag {}", True),
        ('not_match_tag { platform: "win32" }', True),
        ('not_match_tag { python: "py3" }', False),
        ('match_tag { abi: "cp311" } not_match_tag { abi: "none" }', False),
    ],
)
def test_match_rules(rules: str, taken: bool) -> None:
    spec = parse(f'wheel {{ name: "a" version: "1" {rules} }}', "s")
    assert select(spec, LINUX) == ((Wheel(name="a", version="1"),) if taken else ())


def wheels(*rows: str) -> Spec:
    return Spec(wheels=tuple(Wheel(name=row[0], version=row[1:]) for row in rows))


def test_wheels_are_sorted_and_stand_once() -> None:
    assert [wheel.name for wheel in select(wheels("z1", "A1", "a1", "_1", "z1"), LINUX)] == [
        "A",
        "_",
        "a",
        "z",
    ]


def test_every_clash_of_versions_is_named() -> None:
    with pytest.raises(UserError) as caught:
        select(wheels("b2", "a1", "b1", "a2", "c1", "a1"), LINUX)
    assert caught.value.message.split("\n") == [
        "wheel `a` has more than one version here: `1`, `2`",
        "wheel `b` has more than one version here: `2`, `1`",
    ]
    with pytest.raises(
        UserError, match=r"^a/\.vpython3: wheel `b` has more than one version here: `1`, `2`$"
    ):
        select(wheels("b1", "b2"), LINUX, "a/.vpython3")


def test_versions_for_different_targets_do_not_clash() -> None:
    spec = parse(
        'wheel { name: "a" version: "1" match_tag { platform: "win32" } }'
        'wheel { name: "a" version: "2" not_match_tag { platform: "win32" } }',
        "s",
    )
    assert select(spec, LINUX) == (Wheel(name="a", version="2"),)


@pytest.mark.parametrize(
    "name",
    NAMES.split(" "),
)
def test_names_that_can_be_packages(name: str) -> None:
    assert check(wheels()) == check(Spec(wheels=(Wheel(name=name, version="version:1.0+x"),))) == ()


@pytest.mark.parametrize(
    "name",
    NO_NAMES.split("|"),
)
def test_names_that_cannot(name: str) -> None:
    (mistake,) = check(Spec(wheels=(Wheel(name=name, version="1"),)))
    assert mistake.field == ("wheel", 0, "name", 0)
    assert "\n" not in mistake.fact


@pytest.mark.parametrize("version", ["1\n", "\t1", "--index-url", "-r x", "1\0", " 1", "1\u2028"])
def test_versions_that_cannot(version: str) -> None:
    (mistake,) = check(Spec(wheels=(Wheel(name="a", version=version),)))
    assert mistake.field == ("wheel", 0, "version", 0)
    assert mistake.fact.isprintable()


@pytest.mark.parametrize("case", vectors("python_versions"), ids=lambda case: repr(case["in"]))
def test_the_originals_versions(case: dict[str, Any]) -> None:
    if case["error"]:
        with pytest.raises(UserError):
            parse_version(case["in"])
        return
    numbers = parse_version(case["in"])
    assert (*numbers, 0, 0, 0)[:3] == (case["major"], case["minor"], case["patch"])
    for version, satisfied in case["is_satisfied_by"].items():
        # A prefix takes no Python that the original would not take too.
        major, minor, patch = (int(number) for number in version.split("."))
        assert satisfied or not fits(case["in"], (major, minor, patch))


@pytest.mark.parametrize("case", vectors("specs")[1:], ids=lambda case: repr(case["in"])[:50])
def test_the_originals_selection(case: dict[str, Any]) -> None:
    tag_sets = vectors("specs")[0]["tag_sets"]
    for told in case.get("normalize", ()):
        if "normalized_text" not in told:
            # A wheel that is the `virtualenv` package too: that field is ignored here.
            assert "VirtualEnv" in told["error"]
            continue
        if "\\377" in told["normalized_text"]:
            continue
        tags = [Tag(**tag) for tag in tag_sets[told["tags"]] or ()]
        expected = parse(told["normalized_text"], "s").wheels
        chosen = select(parse(case["in"], "s"), tags)
        assert [(wheel.name, wheel.version) for wheel in chosen] == [(w.name, w.version) for w in expected]


def test_an_instance_id_may_begin_with_a_dash() -> None:
    for version, facts in (
        ("-d58CxKF_loL_qICaY6IzLV7-qL0e7zTSG-bPeV9WX4C", 0),
        ("-d58CxKF", 1),
        ("-=" * 22, 1),
    ):
        assert len(check(Spec(wheels=(Wheel(name="a", version=version),)))) == facts
