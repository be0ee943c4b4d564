"""Comments of a text spec stay with their entry, on the tables that it becomes too."""

from __future__ import annotations

import tomllib

from hypothesis import given, reject, settings
from hypothesis import strategies as st

from vpy.errors import UserError
from vpy.spec import text_comments, textproto, toml_text
from vpy.spec.text_comments import Comments, Entry

SPEC = """\
# of the file

# of the version
python_version: "3.11"  # behind it

# of the platforms
verify_pep425_tag: [
  # inside it
  {python: "cp311", abi: "cp311", platform: "win32"}
]

# by itself,
# in two lines

# of one
wheel: <
  name: "one"  # its name
  version: "version:1"
  # inside
  match_tag: { platform: "win32" }
>  # behind one
wheel { name: "two # no comment" version: "version:2" }

# at the end
"""


def test_each_belongs_somewhere() -> None:
    assert text_comments.read(SPEC) == Comments(
        head=(("# of the file",),),
        version=("# of the version", "# behind it"),
        entries=(
            Entry(
                blocks=(("# by itself,", "# in two lines"),),
                own=("# of one", "# its name", "# inside", "# behind one"),
            ),
            Entry(),
        ),
        tail=(("# at the end",),),
        verify=("# of the platforms", "# inside it"),
    )


def test_above_the_first_entry_stands_what_is_the_file_s() -> None:
    text = "# of the file\n\n# of one\nwheel <name: 'one' version: 'x'>\n"
    assert text_comments.read(text) == Comments(
        head=(("# of the file",),), version=(), entries=(Entry(own=("# of one",)),), tail=()
    )


def test_comments_alone() -> None:
    comments = text_comments.read("# one\n# two\n\n# three\n")
    assert comments == Comments(head=(("# one", "# two"), ("# three",)), version=(), entries=(), tail=())
    assert toml_text.write(toml_text.Tables("", ()), comments) == (
        "# one\n# two\n\n# three\n\ndependencies = []\n"
    )


def test_a_list_of_entries() -> None:
    text = "wheel: [\n  # of one\n  <name: 'a' version: 'x'>,\n  # of two\n  <name: 'b' version: 'x'>]\n"
    assert [entry.own for entry in text_comments.read(text).entries] == [("# of one",), ("# of two",)]


def test_the_tables_have_each_where_it_stood() -> None:
    requirements = ("one==1; sys_platform == 'win32'", "two==2")
    tables = toml_text.Tables(">=3.11,<3.12", requirements, "index", ("win32",))
    assert toml_text.write(tables, text_comments.read(SPEC)) == (
        """\
# of the file

# of the version
# behind it
requires-python = ">=3.11,<3.12"
dependencies = [
  # by itself,
  # in two lines

  # of one
  # its name
  # inside
  # behind one
  "one==1; sys_platform == 'win32'",

  "two==2",

  # at the end
]

[tool.vpython]
source = "index"
# of the platforms
# inside it
verify-platforms = [
  "win32",
]
"""
    )


def test_an_entry_that_is_there_twice_is_one_requirement() -> None:
    text = "# a\nwheel <name: 'one' version: 'x'>\n# b\nwheel <name: 'one' version: 'x'>\n"
    written = toml_text.write(toml_text.Tables("", ("one==1", "one==1")), text_comments.read(text))
    assert written == 'dependencies = [\n  # a\n  # b\n  "one==1",\n]\n'


def test_an_entry_that_is_left_out_takes_its_comment_along() -> None:
    text = "# all\n\n# a\nwheel <name: 'a' version: 'x'>\n\n# both\n\n# b\nwheel <name: 'b' version: 'x'>\n"
    written = toml_text.write(toml_text.Tables("", ("a==1", None)), text_comments.read(text))
    assert written == '# all\n\ndependencies = [\n  # a\n  "a==1",\n\n  # both\n]\n'


def test_a_control_character_does_not_break_the_tables() -> None:
    comments = text_comments.read("# page\x0c break \x7f\nwheel <name: 'one' version: 'x'>\n")
    written = toml_text.write(toml_text.Tables("", ("one==1",)), comments)
    assert tomllib.loads(written) == {"dependencies": ["one==1"]}


def test_a_block() -> None:
    assert toml_text.as_block('a = 1\n\n[tool.vpython]\nsource = "index"\n') == (
        '# /// script\n# a = 1\n#\n# [tool.vpython]\n# source = "index"\n# ///\n'
    )


PIECES = st.sampled_from(
    [
        "# c\n",
        "\n",
        " ",
        ",",
        ";",
        "wheel: <\n# c\nname: 'a' # c\n>",
        'wheel { name: "#<" }',
        "wheel: [<>, # c\n{}]",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=12))
def test_every_entry_and_every_comment_is_found(pieces: list[str]) -> None:
    text = "".join(pieces)
    try:
        spec = textproto.parse(text, "s")
    except UserError:
        reject()
    comments = text_comments.read(text)
    assert len(comments.entries) == len(spec.wheels)
    found = [
        line
        for block in (*comments.head, *comments.tail, comments.version, comments.verify)
        for line in block
    ]
    for entry in comments.entries:
        found += [*entry.own, *(line for block in entry.blocks for line in block)]
    assert found == ["# c"] * text.count("# c")
