"""What the living specification says of inline script metadata, sentence by sentence.

https://packaging.python.org/en/latest/specifications/inline-script-metadata/
"""

from __future__ import annotations

import pytest

from vpy.errors import UserError
from vpy.model import Spec
from vpy.spec.inline import find, script_blocks
from vpy.spec.read import read

EXAMPLE = """\
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "requests<3",
#   "rich",
# ]
# ///

import requests
"""


def spec_of(text: str) -> Spec:
    source = find(text.encode(), "s.py")
    assert source is not None
    return read(source)


def test_the_example() -> None:
    assert spec_of(EXAMPLE) == Spec(requires_python=">=3.11", dependencies=("requests<3", "rich"))


def test_fields_may_be_absent() -> None:
    """`dependencies` and `requires-python` are optional, and a block of comments alone is one."""
    assert spec_of("# /// script\n#\n# ///\n") == Spec()
    assert spec_of("# /// script\n# # nothing yet\n# ///\n") == Spec()
    assert spec_of('# /// script\n# requires-python = ">=3.8"\n# ///\n') == Spec(requires_python=">=3.8")


def test_the_tool_table_is_anybodys() -> None:
    text = "# /// script\n# [tool.other]\n# any = { thing = [1, 2.5] }\n# [tool.ruff.lint]\n# x = 1\n# ///\n"
    assert spec_of(text) == Spec()


def test_an_ending_line_takes_precedence_where_no_content_follows() -> None:
    """The specification's own example: a line like the closing one, inside the content."""
    text = '# /// embedded-csv\n# """\n# key,\n# ///\n# value\n# """\n# ///\nx\n# ///\n'
    assert [(kind, end) for kind, _, end in script_blocks(text.split("\n"))] == [("embedded-csv", 7)]


@pytest.mark.parametrize("ending", ["", "\n", "\nprint(1)\n", "\n\n# ///\n"])
def test_an_unclosed_block_is_ignored(ending: str) -> None:
    assert find(f"# /// script\n# dependencies = []{ending}".encode(), "s.py") is None


def test_several_blocks_of_one_type_are_an_error_and_of_several_types_are_not() -> None:
    other = "# /// other\n# dependencies = 1\n# ///\n\n"
    assert spec_of(other + EXAMPLE + other) == spec_of(EXAMPLE)
    with pytest.raises(UserError, match="a second PEP 723 `script` block, the first is on line 1"):
        find((EXAMPLE + EXAMPLE).encode(), "s.py")


@pytest.mark.parametrize("line", ["#no space", "no comment", "", " # indented", "\t# a tab"])
def test_every_line_is_a_comment_whose_text_follows_a_space(line: str) -> None:
    assert find(f"# /// script\n# a = 1\n{line}\n# ///\n".encode(), "s.py") is None


@pytest.mark.parametrize(
    "opening", ["#/// script", "# ///script", "# /// script x", "# //// script", "# /// scr_ipt"]
)
def test_the_opening_line_is_exact(opening: str) -> None:
    assert find(f"{opening}\n# a = 1\n# ///\n".encode(), "s.py") is None


def test_what_follows_the_first_space_is_the_content() -> None:
    text = "# /// script\n#   dependencies = [\n#     'six',   # why\n#\n# ]\n# ///\n"
    source = find(text.encode(), "s.py")
    assert source is not None
    assert source.text == "  dependencies = [\n    'six',   # why\n\n]\n"
    assert read(source).dependencies == ("six",)


def test_the_file_is_utf_8_whatever_it_declares() -> None:
    """Who does not follow a declared encoding must read UTF-8."""
    block = "# -*- coding: latin-1 -*-\n# /// script\n# dependencies = ['six; extra == \"é\"']\n# ///\n"
    assert spec_of(block).dependencies == ('six; extra == "é"',)
    with pytest.raises(UserError, match="not UTF-8"):
        find(block.encode("latin-1"), "s.py")


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ("dependencies = 'six'", "`dependencies` is not a list"),
        ("dependencies = ['six >']", "not a requirement: `six >`: "),
        ("requires-python = 3.11", "`requires-python` is not a string"),
        ("requires-python = 'three'", "`requires-python` is not a version specifier: `three`"),
        ("tool = 1", "`tool` is not a table"),
        ("dependencies = [", "not TOML: "),
    ],
)
def test_what_is_against_the_specification_is_an_error(line: str, fact: str) -> None:
    with pytest.raises(UserError, match=rf"^s\.py:\d+:\d+: {fact}"):
        spec_of(f"# /// script\n# {line}\n# ///\n")


def test_another_top_level_field_is_a_warning() -> None:
    """The specification reserves them, so a later one may know it."""
    spec = spec_of("# /// script\n# license = 'MIT'\n# ///\n")
    assert spec == Spec(warnings=("s.py:2:3: unknown key `license` is ignored",))
