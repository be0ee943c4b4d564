"""The stand-in for pip's rich: it says what rich itself says, without colours."""

from __future__ import annotations

import io
from typing import Any

import pytest
from pip._internal.exceptions import DiagnosticPipError
from pip._vendor.rich import console, markup, text

from vpy.wheels import plain_rich

TEXTS = ("", "plain", "a[0] [x", r"\[red]a", r"\\[red]a", "[link=http://a/]b[/link]", "[/a] [#c]", "é ]")
TAGGED = (
    "[red]a[/] b",
    r"\[red]a",
    r"\\[red]a[/]",
    "[link=http://a/]b[/link] [bold red]c[/bold red]",
    "a[0]",
)


@pytest.mark.parametrize("said", TEXTS)
def test_what_is_no_tag(said: str) -> None:
    escaped = plain_rich.escape(said)
    assert escaped == markup.escape(said)
    assert plain_rich.Text.from_markup(escaped).plain == said


@pytest.mark.parametrize("said", TAGGED)
def test_tags(said: str) -> None:
    assert plain_rich.Text.from_markup(said).plain == text.Text.from_markup(said).plain


def test_an_error_of_pip() -> None:
    """Printed part by part, as rich does it where there are no characters but ASCII."""
    error: Any = DiagnosticPipError(
        reference="no-such", message="cannot [red]fetch[/]", context="", hint_stmt=None
    )
    error.context = plain_rich.Text("it [0]\nsaid")
    printed = io.StringIO()
    plain_rich.Console(file=printed).print(error)
    assert printed.getvalue() == "error: no-such\n\ncannot fetch\n\nit [0]\nsaid\n"
    real = io.StringIO()
    error.context = text.Text("it [0]\nsaid")
    console.Console(file=real, soft_wrap=True, legacy_windows=True, width=80).print(error)
    assert printed.getvalue().split() == [word for word in real.getvalue().split() if word.isascii()]
