"""The text form: what is read, what is refused, and how mistakes are told."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.spec.shared import mistakes, real_specs
from tests.support.vectors import vectors
from vpy.errors import UserError
from vpy.model import Spec, SpecSource, Tag, Wheel
from vpy.spec.read import read
from vpy.spec.text import MAX_SHOWN, MAX_SIZE
from vpy.spec.textproto import locate, parse

SIX = Wheel(name="six", version="1")


@pytest.mark.parametrize(
    "text",
    [
        'wheel: < name: "six" version: "1" >',
        'wheel < name: "six" version: "1" >',
        'wheel { name: "six" version: "1" }',
        "wheel: { name: 'six', version: '1'; }",
        'wheel: [ { name: "six" version: "1" } ]',
        'wheel: < name: "s" "i"\n  \'x\' version: "\\x31" >;',
        '# a comment\r\nwheel: < # and another\r\n  name: "six"\r\n  version: "1", >',
        'wheel: <\r  # a comment\r  name: "six"\r  version: "1"\r>',
        '\ufeffwheel: <name:"six"version:"1">',
    ],
)
def test_ways_to_write_one_wheel(text: str) -> None:
    assert parse(text, "s") == Spec(wheels=(SIX,))


def test_every_field_is_read() -> None:
    text = """
        python_version: "3.11"
        wheel { name: "a" version: "1"
          match_tag { python: "cp311" abi: "abi3" platform: "win32" } match_tag {}
          not_match_tag { platform: "any" } }
        verify_pep425_tag: [ {python: "cp38"}, {abi: "cp38"} ]
    """
    wheel = Wheel(
        name="a",
        version="1",
        match_tags=(Tag(python="cp311", abi="abi3", platform="win32"), Tag()),
        not_match_tags=(Tag(platform="any"),),
    )
    expected = Spec(python_version="3.11", wheels=(wheel,), verify_tags=(Tag(python="cp38"), Tag(abi="cp38")))
    assert parse(text, "s") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n\n  whel: <>", "s:3:3: unknown field `whel`"),
        ('wheel < nam: "a" >', "s:1:9: unknown field `nam`"),
        ("python_version: 3.8", "s:1:17: expected a string in quotes, found `3.8`"),
        ('python_version: "3.8', "s:1:17: a string without its closing quote"),
        ('python_version "3.8"', 's:1:16: expected `:`, found `"3.8"`'),
        ('python_version: "3.8"\npython_version: ""', "s:2:17: field `python_version` is given twice"),
        ("wheel: six", "s:1:8: expected `{`, found `six`"),
        ('wheel: <\n  name: "a"\n', "s:2:9: expected `>`, found the end"),
        ("wheel: [ {} {} ]", "s:1:13: expected `,`, found `{}`"),
        ("[ext.foo]: 1", "s:1:6: a spec has no extensions, `[` is not allowed here"),
        ("}", "s:1:1: expected a field name, found `}`"),
        ("wheel <\0", "s:1:8: expected a field name, found `\\x00`"),
        ("python_version: \ud800", "s:1:17: not UTF-8: a lone surrogate"),
        (r'python_version: "\xff"', "s:1:17: a string that is not UTF-8"),
        ("python_version: <<EOF\n3.8\nEOF\n", "s:1:17: expected a string in quotes, found `<<EOF`"),
        (r'python_version: "3" "\d"', "s:1:22: unknown escape `\\d`"),
        (r'wheel { name: "\303" "\251" version: "\ud800" }', "s:1:38: a string that is not UTF-8"),
        ("python_version: '" + "\\" * 9999, "s:1:18: too many backslashes"),
        (r'python_version: "\x"', "s:1:17: a string with a broken escape"),
        ("9223372036854775808: 1", "s:1:1: unknown field `9223372036854775808`"),
    ],
)
def test_syntax_errors_are_one_line_with_a_place(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text, "s")
    assert caught.value.message == message


def test_an_unknown_field_names_the_known() -> None:
    with pytest.raises(UserError) as caught:
        parse("whel: 1", "s")
    assert caught.value.hint == "the fields here are `python_version`, `wheel`, `verify_pep425_tag`"


def test_places_are_those_of_the_file_around() -> None:
    with pytest.raises(UserError, match=r"^a\.py:12:6: unknown field `bad`$"):
        parse("\n   bad: 1", "a.py", first_line=11, column=2)


def test_virtualenv_is_ignored_with_a_warning() -> None:
    spec = parse(
        'python_version: "3"\nvirtualenv: < name: "v" version: "1" >', "a.py", first_line=5, column=2
    )
    assert spec.python_version == "3"
    assert spec.wheels == ()
    fact = "`virtualenv` is ignored: environments are made by the standard library's venv"
    assert spec.warnings == (f"a.py:6:15: {fact}",)


def test_mistakes_come_together_each_with_its_place() -> None:
    text = """python_version: "3.x"
wheel: <
  version: "1"
>
wheel: [ { name: "a/../b" version: "v" }, { name: "b" version: "--index-url" match_tag { abi: "a b" } } ]
wheel: < name: "c" >
wheel: < name: "-c" version: "1\\n2" >"""
    source = SpecSource(kind="inline", format="text", path="a.py", text=text, first_line=10, column=2)
    with pytest.raises(UserError) as caught:
        read(source)
    assert caught.value.message.split("\n") == [
        "a.py:10:19: not a version of Python: `3.x`",
        "a.py:11:10: a wheel without `name`",
        "a.py:14:20: not a package name: `a/../b`",
        "a.py:14:66: a version cannot begin with `-`: `--index-url`",
        "a.py:14:97: `abi` cannot be part of a tag: `a b`",
        "a.py:15:10: wheel `c` without `version`",
        "a.py:16:18: a package name cannot begin with `-`: `-c`",
        "a.py:16:32: not a version: `1\\n2`",
    ]


def test_very_many_mistakes_are_cut() -> None:
    source = SpecSource(kind="common", format="text", path="s", text="wheel {}\n" * 50)
    with pytest.raises(UserError) as caught:
        read(source)
    lines = caught.value.message.split("\n")
    assert len(lines) == MAX_SHOWN + 1
    assert lines[-1] == "and 80 more mistakes"


@pytest.mark.parametrize("text", [" " * (MAX_SIZE + 1), "wheel <" * MAX_SIZE, "é" * (MAX_SIZE + 1)])
def test_too_much_text_is_refused_unparsed(text: str) -> None:
    with pytest.raises(UserError, match=r"^s:1:1: a spec of more than 256 KB is not read$"):
        parse(text, "s")


@pytest.mark.parametrize(
    "text", [" " * MAX_SIZE, "wheel <" * (MAX_SIZE // 8), "wheel{}" * (MAX_SIZE // 8), "#" * MAX_SIZE]
)
def test_what_is_just_small_enough_ends_soon(text: str) -> None:
    assert all(len(line) < 300 for line in mistakes(lambda: parse(text, "s")))


WORDS = (
    "wheel name version match_tag python_version virtualenv verify_pep425_tag abi x : < > { } [ ] , ; # \n \r"
    ' "a" \'b\' " \' \\ "\\x" -1 2.5 \0 \ufeff é \u2028 \ud800 "\\377" [a.b/c] ${ inf'
)
PIECES = st.sampled_from(WORDS.split(" "))


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=25).map(" ".join)))
@example("a" * 100_000)
def test_any_text_is_a_spec_or_clear_errors(text: str) -> None:
    source = SpecSource(kind="common", format="text", path="s", text=text)
    for line in mistakes(lambda: read(source)):
        assert line.startswith(("s:", "and "))
        assert len(line) < 300


TEXT = st.text(st.characters(codec="utf-8", exclude_characters='"\\\n\r\0'), max_size=8)
WHEELS = st.lists(st.tuples(TEXT, TEXT, st.lists(TEXT, max_size=2)), max_size=4)


@settings(deadline=None)
@given(WHEELS, st.sampled_from([("<", ">"), ("{", "}")]), st.sampled_from([": ", " ", " # x\n :"]))
def test_what_is_written_is_read(
    wheels: list[tuple[str, str, list[str]]], marks: tuple[str, str], colon: str
) -> None:
    opening, closing = marks
    text = ""
    for name, version, abis in wheels:
        rules = " ".join(f'match_tag{colon}{opening} abi: "{abi}" {closing}' for abi in abis)
        text += f'wheel{colon}{opening} name: "{name}" version:"{version}"{rules}{closing}\n'
    expected = tuple(
        Wheel(name=n, version=v, match_tags=tuple(Tag(abi=a) for a in abis)) for n, v, abis in wheels
    )
    assert parse(text, "s").wheels == expected
    fields = {("wheel", number, "version", 0) for number in range(len(wheels))}
    places = locate(text, "s", fields)
    lines = text.split("\n")
    for number, (_, version, _) in enumerate(wheels):
        row, column = places[("wheel", number, "version", 0)]
        assert lines[row - 1][column - 1 :].startswith(f'"{version}"')


@pytest.mark.parametrize("case", vectors("specs")[1:], ids=lambda case: repr(case["in"])[:50])
def test_the_originals_answers(case: dict[str, str]) -> None:
    text = case["in"]
    if text == "wheel: []":
        assert parse(text, "s") == Spec()
    elif "\ufffd" in text:
        # The recorded input had the byte 0xff there, which the original let pass.
        with pytest.raises(UserError, match=r"^s:1:18: not UTF-8"):
            parse(text.replace("\ufffd", "\udcff"), "s")
    elif "parse_error" in case:
        with pytest.raises(UserError, match=r"^s:\d+:\d+: "):
            parse(text, "s")
    else:
        ours, theirs = parse(text, "s"), parse(case["parsed_text"], "s")
        assert (ours.python_version, ours.wheels, ours.verify_tags) == (
            theirs.python_version,
            theirs.wheels,
            theirs.verify_tags,
        )


@pytest.mark.parametrize("entry", real_specs("spec"), ids=lambda entry: entry["file"])
def test_real_specs_are_read(entry: dict[str, object]) -> None:
    with open(str(entry["path"]), "rb") as file:
        text = file.read().decode()
    source = SpecSource(kind="common", format="text", path=str(entry["file"]), text=text)
    spec = read(source)
    assert (spec.python_version or None, len(spec.wheels)) == (entry["python_version"], entry["wheels"])
    assert spec.warnings == ()
