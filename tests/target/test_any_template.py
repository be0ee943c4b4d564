"""Templates of any text: filled in as defined, or refused in one line."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from vpy.errors import UserError
from vpy.target.template import expand, validate

VALUES = {"os": "linux", "arch": "amd64", "platform": "linux-amd64"}
PLAIN = st.text(st.characters(exclude_characters="$"), max_size=8)
NAMES = st.sampled_from(sorted(VALUES))
PIECES = st.sampled_from(
    ["$", "${", "}", "{", "=", ",", "os", "arch", "linux", "mac", "${os}", "x/", "\n", "é"]
)


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=14).map("".join)))
def test_any_text_is_filled_in_or_refused(text: str) -> None:
    refused, filled = "", None
    try:
        filled = expand(text, VALUES)
    except UserError as error:
        refused = error.message
    if refused:
        assert f"`{text}`" in refused
        return
    if filled is None:  # a condition that does not hold
        assert "=" in text
        return
    assert "$" not in filled
    assert filled == text or "${" in text
    assert validate(text, VALUES) == filled
    assert expand(filled, VALUES) == filled


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(PLAIN, NAMES, st.none() | st.lists(st.sampled_from(["linux", "mac", "amd64", ""]))))
)
def test_what_is_put_together_comes_out(parts: list[tuple[str, str, list[str] | None]]) -> None:
    text = expected = ""
    holds = True
    for plain, name, allowed in parts:
        text += plain + f"${{{name}" + ("" if allowed is None else "=" + ",".join(allowed)) + "}"
        expected += plain + VALUES[name]
        holds = holds and (allowed is None or VALUES[name] in allowed)
    assert expand(text, VALUES) == (expected if holds else None)
    assert validate(text, VALUES) == expected
