"""`vpython.toml` and PEP 723 metadata."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spec.shared import mistakes, real_specs
from vpy.errors import UserError
from vpy.model import Spec
from vpy.spec.text import MAX_SHOWN
from vpy.spec.toml import parse_script, parse_vpython_toml

VALUE = "expected a value: a text in quotes, a number, true, false, a list or a table"
GOOD = """\ufeff# the tools
requires-python = '>=3.11,<3.12'\r
dependencies = [
  "six==1.16.0", # why
  'pyyaml==5.4.1+chromium.1; sys_platform == "linux" and platform_machine == "x86_64"',
  "extra[one, two] ~= 2.0",
  "direct @ https://example.com/direct-1-py3-none-any.whl#sha256=00",
  "local @ file:///wheels/local-1-py3-none-any.whl",
]
[tool.other]
anything = 1
"""


def test_what_is_declared_is_kept_as_written() -> None:
    expected = Spec(
        requires_python=">=3.11,<3.12",
        dependencies=(
            "six==1.16.0",
            'pyyaml==5.4.1+chromium.1; sys_platform == "linux" and platform_machine == "x86_64"',
            "extra[one, two] ~= 2.0",
            "direct @ https://example.com/direct-1-py3-none-any.whl#sha256=00",
            "local @ file:///wheels/local-1-py3-none-any.whl",
        ),
    )
    assert parse_vpython_toml(GOOD, "t") == expected
    assert parse_script(GOOD, "t", 1) == expected


def test_nothing_declared_is_a_bare_environment() -> None:
    assert parse_vpython_toml("", "t") == Spec() == parse_script("# x\n", "t", 7)


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("a = ", [f"t:1:5: not TOML: {VALUE}"]),
        ("\na = 1 2", ["t:2:7: not TOML: expected the end of the line"]),
        ("dependencies = [\n  'six',\n", [f"t:2:9: not TOML: {VALUE}"]),
        ("requires-python = ''\nrequires-python = ''", ["t:2:21: not TOML: this name has a value already"]),
        ("a = " + "[" * 5000, ["t:1:1: values nested too deeply"]),
        ("a." * 9999, ["t:1:1: more than 5000 dots in one line"]),
        ("x = '\ud800'", ["t:1:6: not UTF-8: a lone surrogate"]),
        ("dependancies = []", ["t:1:1: unknown key `dependancies`"]),
        ("requires-python = '3.11'", ["t:1:1: `requires-python` is not a version specifier: `3.11`"]),
        ("requires-python = 3.11", ["t:1:1: `requires-python` is not a string"]),
        ("dependencies = 'six'", ["t:1:1: `dependencies` is not a list"]),
        ("dependencies = ['six', 1]", ["t:1:1: entry 2 of `dependencies` is not a string"]),
        ("tool = 1", ["t:1:1: `tool` is not a table"]),
        (
            "project = 1\nrequires-python = 'x'\ndependencies = [\n  '--index-url=x', \"a\\nb\",\n  'b ==']",
            [
                "t:1:1: unknown key `project`",
                "t:2:1: `requires-python` is not a version specifier: `x`",
                "t:3:1: not a requirement: `a\\nb`",
                "t:4:3: not a requirement: `--index-url=x`: Expected package name at the start",
                "t:5:3: not a requirement: `b ==`: ",
            ],
        ),
        ("dependencies = ['./six']", ["t:1:17: not a requirement: `./six`: "]),
        (
            "dependencies = ['a @ six.whl', 'a @ file:six.whl', 'a @ file://host/six.whl',\n"
            "'a @ hg+https://h/r', 'a @ https://h/a.tar.gz', 'a @ http://h/a.whl', 'a @ http://h/a.whl#sha256=0']",
            [
                "t:1:17: only `https`, `http` and `file` URLs are installed from: `a @ six.whl`",
                "t:1:32: a file URL must be absolute: `a @ file:six.whl`",
                "t:1:52: a file URL must be absolute: `a @ file://host/six.whl`",
                "t:2:1: only git repositories are built from: `a @ hg+https://h/r`",
                "t:2:23: the URL must name a wheel, or a git repository with `git+` in front: `a @ https://h/a.tar.gz`",
                "t:2:49: `http` needs `#sha256=` after the URL: `a @ http://h/a.whl`",
            ],
        ),
    ],
)
def test_mistakes_come_together_each_with_its_place(text: str, messages: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        parse_vpython_toml(text, "t")
    lines = caught.value.message.split("\n")
    assert len(lines) == len(messages)
    for line, message in zip(lines, messages):
        assert line.startswith(message)


def test_an_unknown_key_names_the_known() -> None:
    with pytest.raises(UserError) as caught:
        parse_vpython_toml("deps = []", "t")
    assert caught.value.hint == "the keys here are `requires-python`, `dependencies`, `source`, `tool`"


def test_very_many_mistakes_are_cut() -> None:
    with pytest.raises(UserError) as caught:
        parse_vpython_toml("".join(f"k{number} = 1\n" for number in range(20_000)), "t")
    assert caught.value.message.count("\n") == MAX_SHOWN
    assert caught.value.message.endswith("\nand 19980 more mistakes")


def test_in_a_script_an_unknown_key_is_a_warning() -> None:
    spec = parse_script("\nfuture = 1\n[tool.vpython]\nspeed = 2\n", "s.py", 5)
    assert spec == Spec(
        warnings=(
            "s.py:6:3: unknown key `future` is ignored",
            "s.py:8:3: unknown key `speed` of `[tool.vpython]` is ignored",
        )
    )


@pytest.mark.parametrize(
    "text", ["a = 1" + "0" * 10_000, "a = 2024-13-45", "a = '\0'", "\r", "a." * 2000 + "a = 1"]
)
def test_odd_values_are_clear_errors(text: str) -> None:
    with pytest.raises(UserError, match=r"^t:\d+:\d+: "):
        parse_vpython_toml(text, "t")


WORDS = (
    "requires-python dependencies tool [tool.vpython] = [ ] { } ' \" \n \r , . 'six' 'a;b' 'a@x' '>=3' 1 \\ #"
    " \0 \ud800 'a@https://[h/a.whl' true"
)
PIECES = st.sampled_from(WORDS.split(" "))


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=14).map(" ".join)), st.booleans())
def test_any_text_is_a_spec_or_clear_errors(text: str, script: bool) -> None:
    told = mistakes(lambda: parse_script(text, "t", 3) if script else parse_vpython_toml(text, "t"))
    assert all(line.startswith(("t:", "and ")) for line in told)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=3))
def test_any_dependency_is_read_or_refused(entries: list[str]) -> None:
    text = "dependencies = " + json.dumps(entries)
    told = mistakes(lambda: parse_vpython_toml(text, "t"))
    assert all(line.startswith("t:1:") for line in told)
    assert told or parse_vpython_toml(text, "t").dependencies == tuple(entries)


@pytest.mark.parametrize("entry", real_specs("toml"), ids=lambda entry: entry["file"])
def test_real_files_are_read(entry: dict[str, object]) -> None:
    with open(str(entry["path"]), encoding="utf-8") as file:
        spec = parse_vpython_toml(file.read(), str(entry["file"]))
    assert (spec.requires_python, len(spec.dependencies)) == (entry["requires_python"], entry["wheels"])
    assert spec.warnings == ()


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (("toml", "x = 1\ndependencies = \n", 1, 0), "  |\n2 | dependencies =\n  |                ^"),
        (("script", "dependencies = [\n 'x ==',\n]\n", 12, 2), "   |\n13 |  'x ==',\n   |  ^"),
        (("text", 'wheel: <\n\tname "x"\n>\n', 9, 4), "   |\n10 |  name \"x\"\n   |       ^"),
        (("toml", "x" * 200 + "\n", 1, 0), None),
    ],
)  # fmt: skip
def test_the_line_is_shown_with_a_caret(source: tuple[str, str, int, int], shown: str | None) -> None:
    from vpy.model import SpecSource
    from vpy.spec.read import read

    kind, text, first_line, column = source
    spec = SpecSource("option", kind, "/a/t", text, first_line, column)  # type: ignore[arg-type]
    with pytest.raises(UserError) as caught:
        read(spec)
    if shown is not None:
        assert caught.value.excerpt == shown
    assert max(map(len, (caught.value.excerpt or "").splitlines())) < 85
