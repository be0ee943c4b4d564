from __future__ import annotations

from typing import Any

import pytest

from tests.support.vectors import vectors
from vpy.errors import UserError
from vpy.target.python_requirement import PythonRequirement, parse_version


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", ()),
        ("3", (3,)),
        ("3.11", (3, 11)),
        ("3.11.7", (3, 11, 7)),
        ("3.8.0", (3, 8, 0)),
        ("3.8.18+", (3, 8, 18)),
        ("2.7.18+chromium.17", (2, 7, 18)),
        ("3.13.0a1", (3, 13, 0)),
        ("3.8.18.1", (3, 8, 18)),
    ],
)
def test_versions(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_version(text) == numbers


@pytest.mark.parametrize("text", ["3.x", "3.8 ", "-3", "3.", ".8", "py3.8", "3.08", "³", "3.8\n", " "])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(UserError, match="is not a version"):
        parse_version(text)


@pytest.mark.parametrize("text", ["3." + "1" * 5000, "9" * 5000])
def test_numbers_without_end(text: str) -> None:
    with pytest.raises(UserError):
        parse_version(text)
    with pytest.raises(UserError):
        PythonRequirement("", f"=={text}")


@pytest.mark.parametrize("case", vectors("python_versions"), ids=lambda case: case.get("in"))
def test_the_original_versions(case: dict[str, Any]) -> None:
    if case["error"]:
        with pytest.raises(UserError):
            parse_version(case["in"])
    else:
        numbers = (*parse_version(case["in"]), 0, 0, 0)[:3]
        assert numbers == (case["major"], case["minor"], case["patch"])


@pytest.mark.parametrize(
    ("prefix", "requires", "version", "fits"),
    [
        ("", "", (3, 8), True),
        ("3.8", "", (3, 8), True),
        ("", "", (3, 7, 16), False),
        ("", "", (2, 7), False),
        ("", "", (2,), True),
        ("3.8", "", (3, 11), False),
        ("3.11.7", "", (3, 11), True),
        ("3.11.7", "", (3, 11, 2), False),
        ("", ">=3.11,<3.12", (3, 11), True),
        ("", ">=3.11,<3.12", (3, 12), False),
        ("", "==3.11.7", (3, 11), True),
        ("", "==3.11.7", (3, 11, 6), False),
        ("", ">3.11.7,<3.11.9", (3, 11), True),
        ("", "!=3.11.*", (3, 11), False),
        ("", "~=3.10", (3, 13), True),
        ("3.12", ">=3.11", (3, 11), False),
    ],
)
def test_what_may_fit(prefix: str, requires: str, version: tuple[int, ...], fits: bool) -> None:
    assert PythonRequirement(prefix, requires).may_accept(version) is fits


@pytest.mark.parametrize("prefix", ["2", "2.7", "2.7.18", "3.6", "3.7.16"])
def test_too_old_for_running(prefix: str) -> None:
    with pytest.raises(UserError) as caught:
        PythonRequirement(prefix, "")
    assert caught.value.message == (
        f"Python {prefix} is not supported for running: environments are made for 3.8 or newer"
    )


def test_a_specifier_that_is_none() -> None:
    with pytest.raises(UserError) as caught:
        PythonRequirement("", ">>3")
    assert caught.value.message == "`requires-python` is not a version specifier: `>>3`"


def test_how_a_demand_is_named() -> None:
    assert str(PythonRequirement("3.11", ">=3.10")) == "python_version `3.11` and requires-python `>=3.10`"
    assert str(PythonRequirement("", "")) == "any version"


@pytest.mark.parametrize(
    ("requires", "hint"),
    [
        ("==3.11", "`==3.11` means 3.11.0 alone: write `==3.11.*`"),
        ("== 3.11, !=3.11.4", "`== 3.11` means 3.11.0 alone: write `==3.11.*`"),
        ("===3.12", "`===3.12` means 3.12.0 alone: write `==3.12.*`"),
        (">=3,==3", "`==3` means 3.0.0 alone: write `==3.*`"),
        ("==3.11.*", None),
        ("==3.11.2", None),
        (">=3.11,<3.12", None),
        ("", None),
    ],
)
def test_a_minor_version_written_as_a_release(requires: str, hint: str | None) -> None:
    assert PythonRequirement("", requires).hint == hint
