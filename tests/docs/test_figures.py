"""Figures that documents quote are those of the benchmarks' page, which says why each goal was missed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.test_links import name_of
from tests.support.harness import TOP

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (TOP / "docs" / "benchmarks.md").read_text(encoding="utf-8")
FIGURE = re.compile(r"(\d[\d.]*|two|three|four)\s(?:ms|milliseconds)\b")
QUOTING = [TOP / "README.md", TOP / "docs" / "guide.md", TOP / "docs" / "faq.md"]


def figure(chapter: str, what: str, column: int, digits: int) -> str:
    """Return a cell of the benchmarks' page, in milliseconds of so many digits."""
    (text,) = (each for each in PAGE.split("\n## ") if each.startswith(f"{chapter}\n"))
    (line,) = (each for each in text.splitlines() if each.startswith(f"| {what} |"))
    found = re.match(r"\+?([\d.]+) ms", line.split("|")[column].strip())
    assert found, line
    return f"{float(found[1]):.{digits}f}"


@pytest.mark.parametrize("path", QUOTING, ids=name_of)
def test_a_figure_of_the_benchmarks_is_the_same_everywhere(path: Path) -> None:
    quoted = set(FIGURE.findall(path.read_text(encoding="utf-8")))
    stored = "A new environment, wheels stored"
    first = "The first environment, nothing stored"
    warm = figure("Warm starts", "vpython, through the shell", 4, 1)
    known = {
        warm,
        figure("Warm starts", "`uv run --script`", 4, 1),
        figure("Warm starts", "vpython, `python3 vpython.pyz`", 4, 0),
        figure(stored, "vpython, spec resolved before", 2, 0),
        figure(stored, "uv, and the script started", 2, 0),
        figure(first, "vpython", 2, 0),
        figure(first, "uv", 2, 0),
    }
    assert warm in quoted
    assert quoted <= known


def test_each_missed_goal_has_its_reason() -> None:
    missed = re.findall(r"^\| (.+?) \|.*\| \*\*missed\*\* \|$", PAGE, re.MULTILINE)
    assert missed
    reasons = dict(re.findall(r"^- \*\*(.+?)\.\*\* (.+)$", PAGE, re.MULTILINE))
    assert list(reasons) == missed
    assert "Not looked into yet." not in reasons.values()


def test_charts_with_logarithmic_axes_say_so() -> None:
    for name in ("crowd", "new", "first"):
        assert "both axes are logarithmic<" in (TOP / "docs" / f"{name}.svg").read_text(encoding="utf-8")
