"""Package name templates and their values."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap import shown
from tests.support.vectors import vectors
from vpy.errors import UserError
from vpy.model import Interpreter, Tag, Tags
from vpy.target.template import expand, parse_platform, target_for, validate, values_for

LINUX = {"os": "linux", "arch": "amd64", "platform": "linux-amd64"}
REFUSED = object()


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ("foo", "foo"),
        ("", ""),
        ("foo/${platform}", "foo/linux-amd64"),
        ("foo/${os}-${arch}", "foo/linux-amd64"),
        ("foo/${os=linux,mac}", "foo/linux"),
        ("foo/${os=mac}", None),
        ("foo/${os= linux}", None),
        ("foo/${os=}", None),
        ("foo/${os==linux}", None),
        ("foo/${os=mac}/${bogus}", None),
        ("foo/${bogus}/${os=mac}/$", None),
        ("foo/${os}}", "foo/linux}"),
        ("foo/{os}", "foo/{os}"),
    ],
)
def test_expanding(template: str, result: str | None) -> None:
    assert expand(template, LINUX) == result


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("foo/${bogus}", "unknown variable `${bogus}` in `foo/${bogus}`"),
        ("${a}/${b=1}/${a}", "unknown variable `${a}`, `${b=1}` in `${a}/${b=1}/${a}`"),
        ("foo/${ os}", "unknown variable `${ os}` in `foo/${ os}`"),
        ("foo/${}", "unknown variable `${}` in `foo/${}`"),
        ("foo/${${os}}", "unknown variable `${${os}` in `foo/${${os}}`"),
        ("foo/$os", "a `$` that begins no variable in `foo/$os`"),
        ("foo/${os", "a `$` that begins no variable in `foo/${os`"),
        ("$$", "a `$` that begins no variable in `$$`"),
    ],
)
def test_refusing(template: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        expand(template, LINUX)
    assert caught.value.message == message


def test_a_long_row_of_mistakes_takes_no_time() -> None:
    began = time.monotonic()
    for text in ("${" * 100_000, "${os}" * 50_000 + "${", "}" * 200_000, "${os=" + "," * 200_000 + "}"):
        with contextlib.suppress(UserError):
            expand(text, LINUX)
    assert time.monotonic() - began < 2


def test_what_is_known_is_told() -> None:
    with pytest.raises(UserError) as caught:
        expand("${py_tag}", LINUX)
    assert caught.value.hint == "known here: ${arch}, ${os}, ${platform}"


def test_validating_passes_over_conditions() -> None:
    assert validate("foo/${os=mac}", LINUX) == "foo/linux"
    with pytest.raises(UserError):
        validate("foo/${os=mac}/${bogus}", LINUX)


def attempt(function: Any, case: dict[str, Any]) -> Any:
    try:
        return function(case["template"], case["expander"])
    except UserError:
        return REFUSED


@pytest.mark.parametrize("case", vectors("templates"))
def test_the_original_expander(case: dict[str, Any]) -> None:
    expected = None if case.get("skip") else case.get("result", REFUSED)
    assert attempt(expand, case) is expected or attempt(expand, case) == expected
    valid = REFUSED if case["validate_error"] else case["validate_result"]
    assert attempt(validate, case) == valid


@pytest.mark.parametrize("case", vectors("templates"))
def test_the_original_package_lines(case: dict[str, Any]) -> None:
    """Only the template's part of it: a name that is wrong once it is filled in is found later."""
    if case.get("packagedef_skip"):
        assert attempt(expand, case) is None
    elif case.get("packagedef_error") is None:
        assert attempt(expand, case) == case["packagedef_result"]
    elif "bad package name" not in case["packagedef_error"]:
        assert attempt(expand, case) is REFUSED


@pytest.mark.parametrize("case", vectors("pep425"), ids=lambda case: case.get("name"))
def test_the_original_values(case: dict[str, Any]) -> None:
    chosen = case["chosen"]
    if chosen is None:
        return
    values = values_for(Tag(chosen["Python"], chosen["Abi"], chosen["Platform"]))
    if "template" in case:
        assert values.pop("os") + "-" + values.pop("arch") == values["platform"]
        assert values == case["template"]
    else:
        assert {name: values[name] for name in case["template_so_far"]} == case["template_so_far"]


def test_values_of_a_tag() -> None:
    assert values_for(Tag("cp311", "abi3", "win_amd64")) == {
        "platform": "windows-amd64",
        "os": "windows",
        "arch": "amd64",
        "py_python": "cp311",
        "py_abi": "abi3",
        "py_platform": "win_amd64",
        "py_tag": "cp311-abi3-win_amd64",
        "vpython_platform": "windows-amd64_cp311_abi3",
    }
    assert values_for(Tag("cp311", "cp311", "aix")) == {
        "py_python": "cp311",
        "py_abi": "cp311",
        "py_platform": "aix",
        "py_tag": "cp311-cp311-aix",
    }


@pytest.mark.parametrize(
    ("text", "parts"),
    [("linux-amd64", ("linux", "amd64")), ("-", ("", "")), ("Linux-AMD64", ("Linux", "AMD64"))],
)
def test_platforms(text: str, parts: tuple[str, str]) -> None:
    assert parse_platform(text) == parts


@pytest.mark.parametrize("text", ["linux", "", "a-b-c"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(UserError):
        parse_platform(text)


@pytest.mark.parametrize("case", vectors("platforms"), ids=lambda case: case.get("in"))
def test_the_original_platforms(case: dict[str, Any]) -> None:
    if case["error"]:
        with pytest.raises(UserError):
            parse_platform(case["in"])
    else:
        assert parse_platform(case["in"]) == (case["os"], case["arch"])


def test_a_target() -> None:
    tags = (Tag("cp311", "cp311", "linux_x86_64"), Tag("py3", "none", "any"))
    interpreter = Interpreter(
        executable="/python3.11",
        version=(3, 11, 7),
        version_text="3.11.7",
        implementation="cpython",
        platform="linux-x86_64",
        base_prefix="/",
        landmark="/os.py",
        signature=(0, 0, 0),
        tags=Tags.of(tags),
        markers=(),
        scheme=(),
    )
    target = target_for(interpreter)
    assert target.tag == tags[0]
    assert dict(target.template)["vpython_platform"] == "linux-amd64_cp311_cp311"


PLAIN = st.text(st.characters(exclude_characters="$"), max_size=8)
NAMES = st.sampled_from(sorted(LINUX))
PIECES = st.sampled_from(
    ["$", "${", "}", "{", "=", ",", "os", "arch", "linux", "mac", "${os}", "x/", "\n", "é"]
)


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=14).map("".join)))
def test_any_text_is_filled_in_or_refused(text: str) -> None:
    refused, filled = "", None
    try:
        filled = expand(text, LINUX)
    except UserError as error:
        refused = error.message
    if refused:
        assert f"`{shown.line(text)}`" in refused
        return
    if filled is None:  # a condition that does not hold
        assert "=" in text
        return
    assert "$" not in filled
    assert filled == text or "${" in text
    assert validate(text, LINUX) == filled
    assert expand(filled, LINUX) == filled


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(PLAIN, NAMES, st.none() | st.lists(st.sampled_from(["linux", "mac", "amd64", ""]))))
)
def test_what_is_put_together_comes_out(parts: list[tuple[str, str, list[str] | None]]) -> None:
    text = expected = ""
    holds = True
    for plain, name, allowed in parts:
        text += plain + f"${{{name}" + ("" if allowed is None else "=" + ",".join(allowed)) + "}"
        expected += plain + LINUX[name]
        holds = holds and (allowed is None or LINUX[name] in allowed)
    assert expand(text, LINUX) == (expected if holds else None)
    assert validate(text, LINUX) == expected
