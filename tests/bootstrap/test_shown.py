"""What comes from outside is shown without control characters, passwords and endless lines."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap import shown
from vpy.environment import hook
from vpy.errors import UserError


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("plain `text` – é 日本", "plain `text` – é 日本"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\x9bb", "a\\x9bb"),  # CSI in one character
        ("a\nvpython: all is well", "a\\nvpython: all is well"),
        ("a\r\tb", "a\\r\\tb"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),  # the rest would run from right to left
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("a\u2028b", "a\\u2028b"),
        ("\0", "\\x00"),
        ("name\udcff", "name\udcff"),  # a byte of a file name: written as it is
        ("\ud800", "\\ud800"),
    ],
)
def test_a_line_is_printable(text: str, right: str) -> None:
    assert shown.line(text) == right
    assert UserError(text).message == right
    assert UserError("x", hint=text).hint == right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("https://user:secret@host/simple/", "https://host/simple/"),
        ("index:https://token@host:80", "index:https://host:80"),
        ("see https://a:b@one/ and http://c:d@two/x", "see https://one/ and http://two/x"),
        ("https://a:b@c@host/", "https://host/"),
        ("git+ssh://git@host/x@v1", "git+ssh://host/x@v1"),
        ("https://host/x@1.0?mail=a@b#c@d", "https://host/x@1.0?mail=a@b#c@d"),
        ("someone@example.org https://host", "someone@example.org https://host"),
        ("https://host\nname: a@b", "https://host\nname: a@b"),
        ("https://a:b@", "https://"),
        ("://", "://"),
    ],
)
def test_no_password_of_a_url_is_left(text: str, right: str) -> None:
    assert hook.without_passwords(text) == right
    assert shown.without_passwords(text) == right
    assert shown.has_password(text) == (text != right)


@given(st.text(alphabet=string.ascii_letters + string.digits + ":%!$&'()*+,;=-._~@\"", max_size=20))
def test_whatever_a_password_is(secret: str) -> None:
    text = f"before https://user:X{secret}X@host/path@x after"
    assert hook.without_passwords(text) == "before https://host/path@x after"


def test_a_value_of_json() -> None:
    item = {"https://a:b@c": ["https://a:b@c/", 1, None, True, ("https://a@b",)]}
    assert shown.value(item) == {"https://c": ["https://c/", 1, None, True, ["https://b"]]}


def test_a_long_line_keeps_both_ends() -> None:
    text = "begin " + "x" * 200_000 + " end"
    cut = shown.line(text)
    assert len(cut) == shown.LONGEST
    assert (cut[:6], cut[-4:], cut.count("…")) == ("begin ", " end", 1)
    assert shown.line("x" * shown.LONGEST) == "x" * shown.LONGEST


def test_of_many_lines_the_rest_is_counted() -> None:
    error = UserError(f"mistake {number}" for number in range(shown.MOST_LINES + 7))
    assert error.lines[-2:] == [f"mistake {shown.MOST_LINES - 1}", "and 7 more"]
    assert len(error.lines) == shown.MOST_LINES + 1


def test_a_page_keeps_its_lines_and_columns() -> None:
    assert shown.page("a\tb\n\x1b[2Jc\r\n") == "a\tb\n\\x1b[2Jc\\r\n"


def test_several_facts_in_one_line() -> None:
    assert UserError(["one", "two"]).summary == "one; two"
