"""Blocks inside scripts: PEP 723's and the guarded ones."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spec.shared import mistakes, real_specs
from tests.support.vectors import vectors
from vpy.errors import UserError
from vpy.model import Spec, SpecSource
from vpy.spec.inline import find, find_in_command, script_blocks
from vpy.spec.read import read

# The reference implementation's expression, as the PEP prints it.
PEP_723 = re.compile(
    r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$",
)
BLOCK = '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["six"]\n# ///\n'
GUARDED = '# [VPYTHON:BEGIN]\n# python_version: "3.11"\n# [VPYTHON:END]\n'


def blocks(text: str) -> list[tuple[str, str]]:
    lines = text.split("\n")
    return [
        (kind, "".join(f"{line}\n" for line in lines[first : last - 1]))
        for kind, first, last in script_blocks(lines)
    ]


@pytest.mark.parametrize(
    "text",
    [
        BLOCK,
        BLOCK.removesuffix("\n"),
        "#!/usr/bin/env vpython3\n" + BLOCK + "print(1)\n",
        "import x\n\n\n" + BLOCK,
        BLOCK.replace("\n", "\r\n"),
        BLOCK.replace("\n", "\r"),
        "\ufeff" + BLOCK,
        BLOCK + "\n# /// other\n# x\n# ///\n",
        "# /// other\n# x\n# ///\n\n" + BLOCK,
        BLOCK + "\n# /// script\n# unclosed\n",
        GUARDED + BLOCK,
    ],
)
def test_a_block_anywhere_is_read(text: str) -> None:
    source = find(text.encode(), "s.py")
    assert source is not None
    assert (source.kind, source.format, source.path, source.column) == ("script", "script", "s.py", 2)
    assert source.text == 'requires-python = ">=3.11"\ndependencies = ["six"]\n'
    assert read(source) == Spec(requires_python=">=3.11", dependencies=("six",))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "print(1)\n",
        "# /// script\n",
        "# /// script\n# ///\n",
        "# /// script\n# a = 1\n",
        "# /// script\n# a = 1\nx\n# ///\n",
        "# /// script\n#a = 1\n# ///\n",
        "# /// script\n\n# ///\n",
        "# /// script\n# a = 1\n# /// \n",
        "# /// script \n# a = 1\n# ///\n",
        "#  /// script\n# a = 1\n# ///\n",
        " # /// script\n # a = 1\n # ///\n",
        "# /// Script\n# a = 1\n# ///\n",
        "# /// scripts\n# a = 1\n# ///\n",
        "# /// pyproject\n# a = 1\n# ///\n",
        "# /// other\n# /// script\n# a = 1\n# ///\n",
    ],
)
def test_what_is_no_script_block(text: str) -> None:
    assert find(text.encode(), "s.py") is None


def test_the_last_closing_line_counts() -> None:
    text = "# /// script\n# [tool.x]\n# a = '''\n# ///\n# '''\n#\n# ///\n# behind\n"
    source = find(text.encode(), "s.py")
    assert source is not None
    assert source.text == "[tool.x]\na = '''\n///\n'''\n\n"


def test_two_blocks_are_an_error() -> None:
    with pytest.raises(UserError) as caught:
        find(("x\n" + BLOCK + "\n" + BLOCK).encode(), "s.py")
    assert caught.value.message == "s.py:7:1: a second PEP 723 `script` block, the first is on line 2"


def test_a_mistake_has_its_place_in_the_script() -> None:
    text = "x = 1\n# /// script\n# dependencies = [\n#   'six',\n#   'a b',\n# ]\n# ///\n"
    source = find(text.encode(), "s.py")
    assert source is not None
    with pytest.raises(UserError, match=r"^s\.py:5:5: not a requirement: `a b`: "):
        read(source)


def test_only_the_block_must_be_utf_8() -> None:
    source = find(b"# caf\xe9\n" + BLOCK.encode() + b"x = '\xff'\n", "s.py")
    assert source is not None
    with pytest.raises(UserError, match=r"^s\.py:3:6: not UTF-8$"):
        find(b"\n" + BLOCK.replace("requires-python", "req\xe9").encode("latin-1"), "s.py")


def test_an_archive_behind_the_head_is_not_searched() -> None:
    archive = b"PK\x03\x04\0\0" + b"\n" + BLOCK.encode() + b"PK\x05\x06\0\0"
    assert find(b"#!/bin/sh\n" + archive, "s.pyz") is None
    assert find(b"#!/bin/sh\n" + BLOCK.encode() + archive, "s.pyz") is not None


def test_a_command_holds_a_block_but_no_guards() -> None:
    source = find_in_command(BLOCK + "print(1)")
    assert source is not None
    assert (source.path, source.kind, source.first_line) == ("<string>", "script", 2)
    assert find_in_command(GUARDED) is None
    assert find_in_command("print(1)") is None


LINES = st.sampled_from(
    [
        "# /// script",
        "# /// x-1",
        "# ///",
        "#",
        "# a",
        "# ",
        "#a",
        "",
        "x",
        "# /// script x",
        "# /// ",
        "#\x0c",
        "\x0b",
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(LINES, max_size=14).map("\n".join))
def test_blocks_are_those_of_the_pep(text: str) -> None:
    assert blocks(text) == [(match["type"], match["content"]) for match in PEP_723.finditer(text)]


def test_many_unclosed_blocks_take_no_time() -> None:
    began = time.monotonic()
    assert find(b"# /// script\n" * 200_000, "s.py") is None
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("text", "inner", "first_line", "column"),
    [
        (GUARDED, 'python_version: "3.11"\n', 2, 2),
        (GUARDED.replace("\n", "\r\n"), 'python_version: "3.11"\n', 2, 2),
        ("\ufeff" + GUARDED, 'python_version: "3.11"\n', 2, 2),
        ("x\n\n" + GUARDED, 'python_version: "3.11"\n', 4, 2),
        (GUARDED.replace("# ", "\t# "), 'python_version: "3.11"\n', 2, 3),
        (GUARDED.replace("# ", ""), 'python_version: "3.11"\n', 2, 0),
        (GUARDED.replace("# ", "// "), 'python_version: "3.11"\n', 2, 3),
        ("# [VPYTHON:BEGIN]\n#\n\n# [VPYTHON:END]\n", "\n\n", 2, 0),
        ("# [VPYTHON:BEGIN]\n# a\n   # b\n#\n# [VPYTHON:END]\n", "a\n   b\n\n", 2, 2),
        ('"""[VPYTHON:BEGIN]\na\n  b\n[VPYTHON:END]\n"""', "a\n  b\n", 2, 0),
        ("# [VPYTHON:BEGIN]\n###\n# a\nb\n# [VPYTHON:END]\n", "###\n  a\nb\n", 2, 0),
    ],
)
def test_a_guarded_block_loses_what_stands_before(
    text: str, inner: str, first_line: int, column: int
) -> None:
    source = find(text.encode(), "s.py")
    assert source == SpecSource(
        kind="inline", format="text", path="s.py", text=inner, first_line=first_line, column=column
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x\n# [VPYTHON:BEGIN]\n# x\n", "s.py:2:3: `[VPYTHON:BEGIN]` without `[VPYTHON:END]`"),
        (
            "# [VPYTHON:BEGIN]\n# x\n#[VPYTHON:END]\n",
            "s.py:3:2: `[VPYTHON:END]` comes after `#`, `[VPYTHON:BEGIN]` after `# `",
        ),
        (
            "# [VPYTHON:BEGIN]\n #x\n# [VPYTHON:END]\n",
            "s.py:2:2: the line begins with `#`, not with `# ` as the block's guards do",
        ),
        ("# [VPYTHON:BEGIN]\n# é\udcff\n# [VPYTHON:END]\n", "s.py:2:4: not UTF-8"),
    ],
)
def test_a_block_that_does_not_fit_says_why(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        find(text.encode("utf-8", "surrogateescape"), "s.py")
    assert caught.value.message == message


@pytest.mark.parametrize(
    "text",
    [
        "# [VPYTHON:BEGIN]",
        "# [VPYTHON:BEGIN]\n",
        "# [VPYTHON:BEGIN]\n# [VPYTHON:END]\n",
        "# [VPYTHON:BEGIN] x\n# [VPYTHON:END]\n",
        "x = '# [VPYTHON:BEGIN]'\n# x\n",
        GUARDED.replace("\n", "\r"),
    ],
)
def test_what_is_no_guarded_block(text: str) -> None:
    assert find(text.encode(), "s.py") is None


GUARDS = st.sampled_from(
    b"# [VPYTHON:BEGIN]|# [VPYTHON:END]|[VPYTHON:END]|# wheel {|# }|#wheel|#||\xff|# /// script|# ///"
    b"|# dependencies = []|# [tool]|\r|  # name: 'a'|PK\x03\x04\0".split(b"|")
)


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.lists(GUARDS, max_size=12).map(b"\n".join)))
def test_any_bytes_are_a_spec_or_none_or_clear_errors(data: bytes) -> None:
    assert all(line.startswith("s.py:") for line in mistakes(lambda: read_all(data)))


@pytest.mark.parametrize("case", vectors("inline"), ids=lambda case: repr(case["body"])[:50])
def test_the_originals_answers(case: dict[str, str]) -> None:
    body, expected = case["body"], case["spec"]
    data = bytes.fromhex(case["body_hex"]) if "body_hex" in case else body.encode()
    # Read as empty by the original, or with a wheel that cannot be had: here it is said.
    wrong_prefix = expected == "" and "python_version" in body
    no_version = (
        expected is not None and 'name: "a"' in expected and "version: " not in expected.split("name")[1]
    )
    if case["error"] or wrong_prefix or no_version:
        with pytest.raises(UserError, match=r"^s\.py:\d+:\d+: "):
            read_all(data)
    else:
        spec = read_all(data)
        theirs = SpecSource(kind="option", format="text", path="theirs", text=expected or "")
        assert spec == (None if expected is None else read(theirs))


def read_all(data: bytes) -> Spec | None:
    source = find(data, "s.py")
    return read(source) if source is not None else None


@pytest.mark.parametrize("entry", real_specs("inline"), ids=lambda entry: entry["file"])
def test_real_scripts_are_read(entry: dict[str, object]) -> None:
    with open(str(entry["path"]), "rb") as file:
        source = find(file.read(), str(entry["file"]))
    assert source is not None
    spec = read(source)
    assert (spec.python_version or None, len(spec.wheels)) == (entry["python_version"], entry["wheels"])
