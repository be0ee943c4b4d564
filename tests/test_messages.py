"""The texts that a user may see: all of them in one file to be read, and rules for how they speak."""

from __future__ import annotations

import functools
import re

import pytest

from tests.support import messages

# Read by the tests, not while each worker collects them.
collected = functools.cache(messages.collect)


def test_the_list_is_current() -> None:
    """A text was changed or is new: renew the list, and read the difference as a user would."""
    kept = messages.GOLDEN.read_text(encoding="utf-8")
    assert messages.rendered(collected()) == kept, f"to renew it: {messages.HOW}"


def test_finds_texts_where_they_stand() -> None:
    text = '''
"""A docstring is none of them."""
PATTERN = re.compile("no text for users")
OTHER = "no text (of|for) users.*"
def f(path, more):
    terminal.warning(f"cannot read `{path}`" + more)
    fact = "is not there any more" if more else f"{path!r} has gone"
    table = {"what others say": "what it means here"}
    raise UserError([f"no {path}"], hint="run it again") from None
'''
    seen = messages.messages_of(text)
    assert messages.rendered({"m.py": seen}).splitlines()[2:] == [
        "m.py",
        "  warning  cannot read `{path}`{more}",
        "  text     is not there any more",
        "  text     {path!r} has gone",
        "  text     what it means here",
        "  error    no {path}",
        "             hint: run it again",
    ]


# What the texts were cured of, and what to write instead.
CURED = {
    r"-vpython-tool [a-z]": "the short form, `vpython-tool NAME`",
    r"!r\x02": "backticks: a `repr` is Python's spelling",
    r"(?<!there )\b(is|are) (no|none)\b": "`is not a`",
    r"\bbehind\b": "`after`",
    r"\bstands? (twice|in line|before|after|here)\b": "`is`, `is given`",
    r"\bis there already\b": "`already exists`",
    r"\bis not there\b": "`does not exist`",
    r"\bno requirement:": "`not a requirement:`",
    r"\bmay not be asked\b": "`network access is disabled by …`",
    r"\bof ours\b": "`that vpython made`",
    r"\bPLACE\b": "`PATH`",
    r"[a-z]\.$": "no full stop",
}


@pytest.mark.parametrize("pattern", CURED)
def test_no_dialect(pattern: str) -> None:
    found = [
        f"{name}: {text}"
        for name, rows in collected().items()
        for row in rows
        for text in (row.text, row.hint or "")
        if re.search(pattern, text) and "\n" not in text.strip()
    ]
    assert not found, CURED[pattern]
