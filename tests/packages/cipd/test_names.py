# ruff: noqa: E501 (a table reads better with a case on each line)
"""Names, refs, tags, versions, subdirectories, instance ids: tables of our own, then all recorded answers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.support.vectors import vectors
from vpy.errors import UserError
from vpy.packages.cipd import names

if TYPE_CHECKING:
    from collections.abc import Callable

ID = "ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8C"
LATER_ID = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"
ALGORITHMS = {"SHA1": names.SHA1, "SHA256": names.SHA256}

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
    "ValidateInstanceID_any": lambda text: names.reference_from_id(text, known=False),
    "ValidateInstanceMetadataKey": names.parse_metadata_key,
    "ValidateSubdir": names.parse_subdir,
}
# The original lets a bare `..` pass, which leads outside the root.
STRICTER = {("ValidateSubdir", "..")}


@pytest.mark.parametrize("function", RECORDED)
def test_recorded_names(function: str) -> None:
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


def test_an_id_of_a_digest() -> None:
    found = names.instance_id(hashlib.sha256(b"").digest())
    assert found == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFUC"
    assert names.reference_from_id(found) == (names.SHA256, hashlib.sha256(b"").hexdigest())
    with pytest.raises(ValueError, match="32 bytes"):
        names.instance_id(b"short")


def test_an_id_of_sha1() -> None:
    digest = hashlib.sha1(b"").hexdigest()
    assert names.id_from_reference(names.SHA1, digest) == digest
    assert names.reference_from_id(digest) == (names.SHA1, digest)


@pytest.mark.parametrize("last", range(256))
def test_any_last_byte_of_an_id_comes_back(last: int) -> None:
    digest = bytes(31) + bytes([last])
    assert names.reference_from_id(names.instance_id(digest)) == (
        names.SHA256,
        digest.hex(),
    )


@pytest.mark.parametrize("reference", [
    (0, "00" * 32), (256, "00" * 32), (2, "00" * 31), (2, "00" * 33), (2, ""), (2, "0"), (2, "AA" * 32),
    (1, "00" * 32), (3, "00" * 32), (2, "gg" * 32),
])  # fmt: skip
def test_refused_references(reference: tuple[int, str]) -> None:
    with pytest.raises(UserError):
        names.id_from_reference(*reference)


def test_an_algorithm_to_come() -> None:
    found = names.id_from_reference(200, "00" * 20, known=False)
    assert names.reference_from_id(found, known=False) == (200, "00" * 20)
    with pytest.raises(UserError, match="unknown hash algorithm: 200"):
        names.reference_from_id(found)


def fits(algorithm: int, digest: str, known: bool) -> bool:
    try:
        names.check_reference(algorithm, digest, known=known)
    except UserError:
        return False
    return True


def test_recorded_ids() -> None:
    for case in vectors("instance_ids"):
        if "instance_id" in case:
            found = names.id_from_reference(ALGORITHMS[case["algo"]], case["hex"])
            assert found == case["instance_id"]
            assert names.reference_from_id(found) == (ALGORITHMS[case["back_algo"]], case["back_hex"])
            if case["algo"] == "SHA256":
                assert names.instance_id(bytes.fromhex(case["hex"])) == found
        else:
            for name, known in (("ValidateObjectRef_any", False), ("ValidateObjectRef_known", True)):
                assert fits(case["ref_algo"], case["ref_hex"], known) == (case[name] is None), case
