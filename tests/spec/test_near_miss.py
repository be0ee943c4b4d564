"""Comments that were meant as a PEP 723 block: one warning, with the line and what is wrong with it."""

from __future__ import annotations

import pytest

from tests.spec.test_inline import BLOCK
from vpy.spec.inline import find, may_have_near_miss
from vpy.spec.near_miss import warnings

NEAR = {
    "# /// script\n# a = 1\n\n# b = 2\n# ///\n": "line 3 is blank: write `#` there",
    "# /// script\n# a = 1\n": "line 3 is the end, and there is no `# ///` before it",
    "# /// script\n# a = 1\nimport x\n": "line 3 is not a comment, and there is no `# ///` before it",
    "# /// script\n# a = 1\n\nimport x\n": "line 3 is not a comment, and there is no `# ///` before it",
    "# /// script\n#a = 1\n# ///\n": "line 2 has no blank after its `#`",
    "# /// script\n# a = 1\n# /// \n": "line 3 is `# /// `, not `# ///`",
    "# /// script\n# a = 1\n#///\n": "line 3 is `#///`, not `# ///`",
    "# /// script\n# a = 1\n   # ///\n": "line 3 is `   # ///`, not `# ///`",
    "# /// script\n# ///\n": "there is nothing in it",
    "#/// script\n# a = 1\n# ///\n": "its first line is `#/// script`, not `# /// script`",
    "#///script\r\n# a = 1\r\n# ///\r\n": "its first line is `#///script`, not `# /// script`",
    "# /// Script\n# a = 1\n# ///\n": "its first line is `# /// Script`, not `# /// script`",
    "    # /// script\n    # a = 1\n    # ///\n": "its first line is `    # /// script`, not `# /// script`",
    "## /// script\n## a = 1\n## ///\n": "its first line is `## /// script`, not `# /// script`",
    "# /// script \n# a = 1\n# ///\n": "its first line is `# /// script `, not `# /// script`",
    "# /// other\n# x\n# /// script\n# a\n# ///\n": "it lies in another block",
}


@pytest.mark.parametrize("text", NEAR)
def test_one_warning_with_the_line(text: str) -> None:
    data = b"#!/usr/bin/env vpython3\nimport \xe9\n" + text.encode()
    assert find(data, "s.py") is None
    assert may_have_near_miss(data)
    first = 5 if "other" in text else 3
    fact = NEAR[text]
    if fact.startswith("line "):
        number, rest = fact.removeprefix("line ").split(" ", 1)
        fact = f"line {int(number) + 2} {rest}"
    assert warnings(data, "s.py") == [f"s.py:{first}:1: not a PEP 723 block, so it is ignored: {fact}"]


@pytest.mark.parametrize(
    "text",
    ["", "print(1)\n", "# see https:///script\n", "x = '# /// script'\n", "# /// scripts\n# a\n# ///\n",
     "# /// pyproject\n# a = 1\n# ///\n", "# The block begins with # /// script\n",
     BLOCK.replace("script", "x")],
)  # fmt: skip
def test_what_nobody_meant_as_a_block(text: str) -> None:
    assert warnings(text.encode(), "s.py") == []


def test_only_the_first_is_reported() -> None:
    assert len(warnings(b"# /// script\n\n" * 3, "s.py")) == 1
