"""`.versions` files: read, written, refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.vectors import vectors
from vpy.errors import UserError
from vpy.packages.cipd import versions_file

ID = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC"


def test_recorded_versions_files() -> None:
    cases = vectors("resolved_versions_files")
    for case in cases:
        if case["error"] is None:
            assert versions_file.render(versions_file.parse(case["in"], "v")) == case["serialized"]
        else:
            with pytest.raises(UserError, match=r"^v"):
                versions_file.parse(case["in"], "v")
    assert len(cases) >= 8


NAMES = st.from_regex(r"[a-z0-9_-]{1,8}(/[a-z0-9_.-]{1,8}x){0,2}", fullmatch=True)
VERSIONS = st.one_of(
    st.from_regex(r"[a-z]{1,9}", fullmatch=True),
    st.from_regex(r"[a-z]{1,5}:[A-Za-z0-9.]{1,9}", fullmatch=True),
)


@given(st.dictionaries(st.tuples(NAMES, VERSIONS), st.just(ID), max_size=6))
def test_versions_files_come_back(versions: dict[tuple[str, str], str]) -> None:
    assert versions_file.parse(versions_file.render(versions), "v") == versions


@pytest.mark.parametrize(("text", "message"), [
    ("a\nlatest\n", "v: it ends where an instance id belongs"),
    ("a\n\nlatest\n", "v:2: an empty line where a version belongs"),
    (f"a\nlatest\n{ID}\nb", "v:4: no empty line between two packages"),
    ("a\nlatest\nx", "v:3: not an instance id: `x`: too short"),
    (f"a\n{'b' * 40}\n{ID}", f"v:3: `a`: the instance id `{'b' * 40}` cannot mean `{ID}`"),
    ("A", "v:1: not a package name: `A`"),
    ("a\nb c", "v:2: not a version: `b c` is neither an instance id nor a ref nor a tag"),
])  # fmt: skip
def test_damaged_versions_files(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        versions_file.parse(text, "v")
    assert caught.value.message == message


def test_what_a_versions_file_knows() -> None:
    known = {("a", "latest"): ID}
    assert versions_file.look_up(known, "a", "latest") == ID
    assert versions_file.look_up(known, "b", "latest") is None
    assert versions_file.look_up(known, "b", ID) == ID


def test_too_much() -> None:
    with pytest.raises(UserError, match="has more than 16777216 characters"):
        versions_file.parse("#" * (16 << 20) + "\n", "v")
