"""Instance ids: digests as text, and back."""

from __future__ import annotations

import hashlib

import pytest

from tests.packages.shared import vectors
from vpy.errors import UserError
from vpy.packages import cipd

ALGORITHMS = {"SHA1": cipd.SHA1, "SHA256": cipd.SHA256}


def test_of_a_digest() -> None:
    found = cipd.instance_id(hashlib.sha256(b"").digest())
    assert found == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFUC"
    assert cipd.reference_from_id(found) == (cipd.SHA256, hashlib.sha256(b"").hexdigest())
    with pytest.raises(ValueError, match="32 bytes"):
        cipd.instance_id(b"short")


def test_sha1() -> None:
    digest = hashlib.sha1(b"").hexdigest()
    assert cipd.id_from_reference(cipd.SHA1, digest) == digest
    assert cipd.reference_from_id(digest) == (cipd.SHA1, digest)


@pytest.mark.parametrize("last", range(256))
def test_any_last_byte_comes_back(last: int) -> None:
    digest = bytes(31) + bytes([last])
    assert cipd.reference_from_id(cipd.instance_id(digest)) == (cipd.SHA256, digest.hex())


@pytest.mark.parametrize("reference", [
    (0, "00" * 32), (256, "00" * 32), (2, "00" * 31), (2, "00" * 33), (2, ""), (2, "0"), (2, "AA" * 32),
    (1, "00" * 32), (3, "00" * 32), (2, "gg" * 32),
])  # fmt: skip
def test_refused(reference: tuple[int, str]) -> None:
    with pytest.raises(UserError):
        cipd.id_from_reference(*reference)


def test_an_algorithm_to_come() -> None:
    found = cipd.id_from_reference(200, "00" * 20, known=False)
    assert cipd.reference_from_id(found, known=False) == (200, "00" * 20)
    with pytest.raises(UserError, match="unknown hash algorithm: 200"):
        cipd.reference_from_id(found)


def fits(algorithm: int, digest: str, known: bool) -> bool:
    try:
        cipd.check_reference(algorithm, digest, known=known)
    except UserError:
        return False
    return True


def test_recorded() -> None:
    for case in vectors("instance_ids"):
        if "instance_id" in case:
            found = cipd.id_from_reference(ALGORITHMS[case["algo"]], case["hex"])
            assert found == case["instance_id"]
            assert cipd.reference_from_id(found) == (ALGORITHMS[case["back_algo"]], case["back_hex"])
            if case["algo"] == "SHA256":
                assert cipd.instance_id(bytes.fromhex(case["hex"])) == found
        else:
            for name, known in (("ValidateObjectRef_any", False), ("ValidateObjectRef_known", True)):
                assert fits(case["ref_algo"], case["ref_hex"], known) == (case[name] is None), case
