# ruff: noqa: E501 (a table reads better with a case on each line)
"""Names, refs, tags, versions, subdirectories: a table of our own, then all recorded answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.packages.shared import vectors
from vpy.errors import UserError
from vpy.packages import names
from vpy.packages.cipd import reference_from_id

if TYPE_CHECKING:
    from collections.abc import Callable

ID = "ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8C"
LATER_ID = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"

CASES: list[tuple[Callable[[str], object], list[str], list[str]]] = [
    (
        names.parse_package_name,
        ["a", "infra/python/wheels/six-py2_py3", "a/.b", "-", "0", "a" * 400],
        ["", "a/", "/a", "a//b", "a/./b", "..", "A", "a b", "a\n", "a:b", "a\\b", "a/${platform}", "ä", "a/.../b"],
    ),
    (names.parse_package_prefix, ["", "a", "a/", "a/b/"], ["/", "a//", "../", "A/"]),
    (
        names.parse_ref,
        ["latest", "refs/heads/main", "1.0", "..", "a//b", "a/", "x" * 256],
        ["", "Latest", "a:b", "a b", "a\n", "x" * 257, "0" * 40],
    ),
    (
        names.parse_tag,
        ["version:1.0", "a:b:c", "k:x y", "k:~", "k-_1:v", "k:" + "v" * 398],
        ["", "version:", ":x", "K:v", "k: v", "k:v ", "k:\n", "k:ü", "k:a?b", "k:a#b", "k:'a'", "latest", "k:" + "v" * 399],
    ),
    (names.parse_instance_id, [ID, "0" * 40], ["", "0" * 41, ID[:-1], ID + "=", ID + "C", LATER_ID, "A" * 40, "0" * 64]),
    (names.parse_metadata_key, ["a", "a_b-c", "0" * 400], ["", "A", "a.b", "a b", "0" * 401]),
    (
        names.parse_subdir,
        ["", "a", "a/b", "a b", ".../x", "A", "-"],
        [".", "..", "../a", "a/..", "/a", "a//b", "a/", "./a", "a\\b", "a:b", "C:", "a\0", "a/../b"],
    ),
    (names.parse_version, [ID, LATER_ID, "latest", "version:1"], ["", "Latest", "a b", "1\n", "k:\n", "=1"]),
]  # fmt: skip


def valid(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except UserError as error:
        check_message(error.message)
        return False
    return True


def check_message(message: str) -> None:
    assert message.isprintable()
    assert len(message) < 300


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_own_table(case: tuple[Callable[[str], object], list[str], list[str]]) -> None:
    parse, good, bad = case
    assert [text for text in good if not valid(parse, text)] == []
    assert [text for text in bad if valid(parse, text)] == []


def test_kinds_of_versions() -> None:
    kinds = {ID: "id", "0" * 40: "id", "latest": "ref", "1.0": "ref", "version:1.0": "tag", LATER_ID: "id"}
    assert {text: names.parse_version(text).kind for text in kinds} == kinds


def test_a_prefix_loses_its_slash() -> None:
    assert names.parse_package_prefix("a/b/") == "a/b"


RECORDED: dict[str, Callable[[str], object]] = {
    "ValidatePackageName": names.parse_package_name,
    "ValidatePackagePrefix": names.parse_package_prefix,
    "ValidatePackageRef": names.parse_ref,
    "ValidateInstanceTag": names.parse_tag,
    "ValidateInstanceVersion": names.parse_version,
    "ValidateInstanceID_known": names.parse_instance_id,
    "ValidateInstanceID_any": lambda text: reference_from_id(text, known=False),
    "ValidateInstanceMetadataKey": names.parse_metadata_key,
    "ValidateSubdir": names.parse_subdir,
}
# The original lets a bare `..` pass, which leads out of the place it belongs to.
STRICTER = {("ValidateSubdir", "..")}


@pytest.mark.parametrize("function", RECORDED)
def test_recorded(function: str) -> None:
    cases = vectors("versions")
    parse = RECORDED[function]
    different = {
        (function, case["in"]) for case in cases if valid(parse, case["in"]) != (case[function] is None)
    }
    assert different == {each for each in STRICTER if each[0] == function}


def test_recorded_prefixes() -> None:
    for case in vectors("versions"):
        if case["ValidatePackagePrefix"] is None:
            assert names.parse_package_prefix(case["in"]) == case["ValidatePackagePrefix_result"]
