"""Which spec counts, what is looked at on the way, and the errors."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

from tests.spec.tree import CONFIG, hold, plant, search
from tests.support.vectors import vectors
from vpy.errors import UserError
from vpy.spec.discover import Invocation, absolute, discover, fallback
from vpy.spec.look import MAX_COMPARED
from vpy.spec.read import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpy.model import Discovery

BLOCK = '# /// script\n# dependencies = ["six"]\n# ///\n'
GUARDED = '# [VPYTHON:BEGIN]\n# wheel { name: "inline" version: "1" }\n# [VPYTHON:END]\n'


@pytest.fixture
def top(tmp_path: object) -> str:
    """An empty directory, its path without links, with the barrier in it."""
    path = os.path.realpath(str(tmp_path))
    plant(path, {".gclient": ""})
    return path


def found(discovery: Discovery, top: str) -> tuple[str, str]:
    path = discovery.source.path
    return discovery.source.kind, os.path.relpath(path, top).replace(os.sep, "/") if path else ""


@pytest.mark.parametrize(
    ("files", "kind", "path"),
    [
        ({}, "empty", ""),
        ({"a/s.py.vpython3": "", "a/.vpython3": "", "a/s.py": GUARDED + BLOCK}, "partner", "a/s.py.vpython3"),
        ({"a/.vpython3": "", "a/s.py": GUARDED + BLOCK}, "script", "a/s.py"),
        ({"a/.vpython3": "", "a/s.py": GUARDED}, "inline", "a/s.py"),
        ({"a/.vpython3": "", "a/vpython.toml": ""}, "common", "a/vpython.toml"),
        ({"a/.vpython3": "", "vpython.toml": ""}, "common", "a/.vpython3"),
        ({"a/.vpython3": "/", "vpython.toml": ""}, "empty", ""),
        ({"a/s.py.vpython3": "/", ".vpython3": ""}, "common", ".vpython3"),
        ({"a/__init__.py": "", "a.vpython3": ""}, "partner", "a.vpython3"),
        ({"a/__init__.py": "", "a.vpython3": "", "a/s.py.vpython3": ""}, "partner", "a/s.py.vpython3"),
        ({"a.vpython3": "", ".vpython3": ""}, "common", ".vpython3"),
        ({"a/s.py.vpython": "", "a/.vpython": ""}, "empty", ""),
        ({"a/.vpython3": "->missing", ".vpython3": ""}, "common", ".vpython3"),
        ({"a/.vpython3": "->../real", "real": ""}, "common", "a/.vpython3"),
    ],
)
def test_the_first_that_exists_wins(top: str, files: dict[str, str], kind: str, path: str) -> None:
    plant(top, {"a/s.py": "print(1)\n", **files})
    result = search("a/s.py", cwd=top)
    assert found(result, top) == (kind, path)
    assert hold(result.observations, {})


def test_called_without_the_three_the_old_names_count(top: str) -> None:
    plant(top, {"a/s.py": "", "a/s.py.vpython3": "", "a/.vpython3": "", ".vpython": ""})
    assert found(search("a/s.py", cwd=top, legacy=True), top) == ("common", ".vpython")
    plant(top, {"a/s.py.vpython": ""})
    assert found(search("a/s.py", cwd=top, legacy=True), top) == ("partner", "a/s.py.vpython")


def test_partners_of_a_link_in_their_order(top: str) -> None:
    wanted = ["l/s.py.vpython3", "r/t.py.vpython3", "l.vpython3", "r.vpython3"]
    plant(top, {"r/t.py": BLOCK, "r/__init__.py": "", "l/__init__.py": "", "l/s.py": "->../r/t.py"})
    plant(top, dict.fromkeys(wanted, ""))
    for name in wanted:
        result = search("l/s.py", cwd=top)
        assert found(result, top) == ("partner", name)
        assert hold(result.observations, {})
        os.unlink(os.path.join(top, name))
    assert found(search("l/s.py", cwd=top), top) == ("script", "r/t.py")


@pytest.mark.parametrize("kind", ["module", "command", "stdin", "none"])
def test_without_a_script_the_directory_stands_for_it(top: str, kind: str) -> None:
    plant(top, {"w/x": "", ".vpython3": ""})
    cwd = os.path.join(top, "w")
    assert found(search("pass", cwd=cwd, kind=kind), top) == ("common", ".vpython3")
    plant(top, {"w.vpython3": ""})
    assert found(search("pass", cwd=cwd, kind=kind), top) == ("partner", "w.vpython3")
    assert search("pass", cwd=None, kind=kind).source.kind == "empty"


def test_a_command_may_hold_its_spec(top: str) -> None:
    plant(top, {"w/.vpython3": ""})
    result = search(BLOCK + "print(1)", cwd=os.path.join(top, "w"), kind="command")
    assert (result.source.kind, result.source.path) == ("script", "<string>")
    assert read(result.source).dependencies == ("six",)
    assert search(BLOCK, cwd=None, kind="command").source.kind == "script"
    assert search(BLOCK, cwd=os.path.join(top, "w"), kind="module").source.kind == "common"


@pytest.mark.parametrize(
    ("spec", "made", "kind"),
    [
        ("x/.vpython3", "x/vpython.toml", "option"),
        ("x/y.vpython3", "x/y.vpython.toml", "option"),
        ("x/s.py.vpython3", "x/s.py", "script"),
    ],
)
def test_the_option_names_a_text_spec_that_was_converted(top: str, spec: str, made: str, kind: str) -> None:
    plant(top, {made: BLOCK if made.endswith(".py") else 'dependencies = ["six"]\n'})
    assert found(search(kind="none", cwd=top, spec=spec), top) == (kind, made)
    result = search(kind="none", cwd=top, spec=os.path.join(top, spec))
    assert found(result, top) == (kind, made)
    assert read(result.source).dependencies == ("six",)
    assert hold(result.observations, {})
    plant(top, {spec: ""})
    assert not hold(result.observations, {})
    assert found(search(kind="none", cwd=top, spec=spec), top) == ("option", spec)


@pytest.mark.parametrize("spec", ["x/y.vpython3", "x/s.py.vpython3", "x/y.toml"])
def test_the_option_names_what_was_never_there(top: str, spec: str) -> None:
    plant(top, {"x/s.py": "pass\n", "x/vpython.toml": ""})
    with pytest.raises(UserError, match=r"^cannot read the spec `.*`: No such file or directory$"):
        search(kind="none", cwd=top, spec=spec)


def test_the_option_searches_nothing(top: str) -> None:
    plant(top, {"a/s.py": BLOCK, "a/s.py.vpython3": "", "x/spec": 'python_version: "3"', "y.toml": ""})
    result = search("a/s.py", cwd=top, spec="x/spec")
    path = os.path.join(top, "x/spec")
    assert found(result, top) == ("option", "x/spec")
    assert [(row.kind, row.fields[0]) for row in result.observations] == [
        ("same", "x/spec"),
        ("content", path),
    ]
    assert search("a/s.py", cwd=top, spec="y.toml").source.format == "toml"
    assert search(kind="none", cwd=top, spec=path).source.kind == "option"


def test_the_default_counts_when_nothing_else_is_found(top: str) -> None:
    plant(top, {"a/s.py": "", "d/spec": 'python_version: "3.9"', "d/x.toml": ""})
    result = search("a/s.py", cwd=top, environ={"VPYTHON_DEFAULT_SPEC": "d/spec"})
    assert found(result, top) == ("default", "d/spec")
    assert [(row.kind, *row.fields) for row in result.observations[-3:]] == [
        ("variable", "VPYTHON_DEFAULT_SPEC", "d/spec"),
        ("same", "d/spec", os.path.join(top, "d/spec")),
        ("content", os.path.join(top, "d/spec"), 'python_version: "3.9"'),
    ]
    assert search("a/s.py", cwd=top, environ={"VPYTHON_DEFAULT_SPEC": "d/x.toml"}).source.format == "toml"
    assert search("a/s.py", cwd=top, environ={"VPYTHON_DEFAULT_SPEC": ""}).source.kind == "empty"


def test_only_a_missing_python_version_is_left_to_the_default(top: str) -> None:
    plant(top, {"a/s.py": "", "a/.vpython3": "# nothing\n", "default": 'python_version: "3.9" wheel{}'})
    environ = {"VPYTHON_DEFAULT_SPEC": os.path.join(top, "default")}
    invocation = Invocation(kind="script", target="a/s.py", cwd=top)
    result = discover(invocation, environ=environ, config=CONFIG)
    assert found(result, top) == ("common", "a/.vpython3")
    assert hold(result.observations, environ)
    assert not hold(result.observations, {})
    with pytest.raises(UserError, match=r"/default:1:28: a wheel without `name`"):
        read(result.source, fallback(result, invocation, environ))
    plant(top, {"default": 'python_version: "3.9"'})
    assert read(result.source, fallback(result, invocation, environ)).python_version == "3.9"
    plant(top, {"a/.vpython3": 'python_version: "3.11"'})
    result = discover(invocation, environ=environ, config=CONFIG)
    assert hold(result.observations, {})
    assert fallback(result, invocation, environ) is None
    assert read(result.source).python_version == "3.11"


@pytest.mark.parametrize("name", ["p/foo", "p/foo/"])
def test_a_directory_needs_a_main(top: str, name: str) -> None:
    plant(top, {"p/foo/x": ""})
    with pytest.raises(UserError) as caught:
        search(name, cwd=top)
    assert caught.value.message == f"cannot run directory `{top}/p/foo`: no `__main__.py` in it"
    plant(top, {"p/foo/__main__.py": BLOCK, "p/foo.vpython3": ""})
    assert found(search(name, cwd=top), top) == ("script", "p/foo/__main__.py")
    plant(top, {"p/foo/__init__.py": ""})
    assert found(search(name, cwd=top), top) == ("partner", "p/foo.vpython3")


def test_a_script_that_is_not_there(top: str) -> None:
    for name in ("s.py", "a\nb.py", "x" * 300, "a\0b"):
        with pytest.raises(UserError, match=r"^cannot open script `.*`: (No such file|File name|not a file)"):
            search(name, cwd=top)
    with pytest.raises(UserError, match=r"^cannot open `s\.py`: the current directory is gone$"):
        search("s.py", cwd=None)


def test_a_pipe_is_not_read(top: str) -> None:
    os.mkfifo(os.path.join(top, "pipe"))
    plant(top, {".vpython3": ""})
    result = search("pipe", cwd=top)
    assert found(result, top) == ("common", ".vpython3")
    assert hold(result.observations, {})
    os.unlink(os.path.join(top, ".vpython3"))
    os.mkfifo(os.path.join(top, ".vpython3"))
    with pytest.raises(UserError, match=r"^the spec `.*/\.vpython3` is not a file$"):
        search("pipe", cwd=top)


def test_a_device_is_an_empty_spec(top: str) -> None:
    plant(top, {"s.py": BLOCK, "s.py.vpython3": "->/dev/null"})
    result = search("s.py", cwd=top)
    assert result.source.kind == "partner"
    assert read(result.source).dependencies == ()
    assert search("s.py", cwd=top, spec=os.devnull).source.text == ""


def test_a_spec_may_come_through_a_pipe(top: str) -> None:
    reader, writer = os.pipe()
    os.write(writer, b'python_version: "3"')
    os.close(writer)
    try:
        result = search(kind="none", cwd=top, spec=f"/dev/fd/{reader}")
    finally:
        os.close(reader)
    assert read(result.source).python_version == "3"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'\xef\xbb\xbf\n # \xc3\xa9\xff"', "s.py.vpython3:2:5: not UTF-8: byte `0xff`"),
        (b"\xff", "s.py.vpython3:1:1: not UTF-8: byte `0xff`"),
        (b" " * 300_000, "s.py.vpython3:1:1: a spec of more than 256 KB is not read"),
    ],
)
def test_a_spec_that_is_no_text(top: str, content: bytes, message: str) -> None:
    plant(top, {"s.py": "", ".vpython3": ""})
    with open(os.path.join(top, "s.py.vpython3"), "wb") as file:
        file.write(content)
    with pytest.raises(UserError) as caught:
        search("s.py", cwd=top)
    assert caught.value.message == f"{top}/{message}"


def test_a_broken_spec_is_found_not_passed_over(top: str) -> None:
    plant(top, {"s.py": BLOCK, "s.py.vpython3": "whel", ".vpython3": ""})
    with pytest.raises(UserError, match=r"s\.py\.vpython3:1:1: unknown field `whel`$"):
        read(search("s.py", cwd=top).source)
    for missing in ("nowhere", "."):
        with pytest.raises(UserError, match=r"^cannot read the spec `"):
            search("s.py", cwd=top, spec=missing)
    with pytest.raises(UserError) as caught:
        search(kind="none", cwd=None, environ={"VPYTHON_DEFAULT_SPEC": "/nowhere"})
    assert caught.value.message == "cannot read the spec `/nowhere`: No such file or directory"
    assert caught.value.hint == "VPYTHON_DEFAULT_SPEC names it"


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Without the rights of root, which may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_may_not_be_read() -> None:
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        top = os.path.realpath(directory)
        plant(top, {"s.py": "", "t.py": "", ".vpython3": "", "t.py.vpython3": ""})
        for name in ("s.py", "t.py.vpython3"):
            os.chmod(os.path.join(top, name), 0)
        with nobody():
            with pytest.raises(UserError, match=r"^cannot open script `.*/s\.py`: Permission denied$"):
                search("s.py", cwd=top)
            with pytest.raises(UserError, match=r"^cannot read the spec `.*`: Permission denied$"):
                search("t.py", cwd=top)


def test_odd_names_of_directories(top: str) -> None:
    name = os.fsdecode(b"a \xff$(touch x)'\"\\\n`")
    plant(top, {name + "/.vpython3": "", name + "/-s.py": ""})
    result = search(name + "/-s.py", cwd=top)
    assert found(result, top) == ("common", name + "/.vpython3")
    assert hold(result.observations, {})


def test_a_large_script_is_known_by_its_signature(top: str) -> None:
    text = "x = 1\n" * (MAX_COMPARED // 4) + BLOCK
    plant(top, {"s.py": text, "t.pyz": "", ".vpython3": ""})
    result = search("s.py", cwd=top)
    assert result.source.kind == "script"
    assert "signature" in {row.kind for row in result.observations}
    assert hold(result.observations, {})


def test_dots_in_a_path_are_followed_as_the_system_does(top: str) -> None:
    plant(top, {"a/s.py": BLOCK, "a/b/x": "", "s.py": "", "link": "->a/b"})
    assert found(search("link/../s.py", cwd=top), top) == ("script", "a/s.py")
    assert absolute("./a//s.py", top) == os.path.join(top, "a/s.py")


def test_rows_are_few(top: str) -> None:
    deep = "a/b/c/d/e/f/g"
    plant(top, {f"{deep}/s.py": "print(1)\n", ".vpython3": 'python_version: "3"\n'})
    result = search(f"{deep}/s.py", cwd=top)
    assert found(result, top) == ("common", ".vpython3")
    kinds = [row.kind for row in result.observations]
    # The partner; the package; the script; three names in each of seven directories; the toml, the spec.
    assert (len(kinds), kinds.count("content"), kinds.count("absent")) == (27, 2, 23)
    assert len(set(result.observations)) == len(kinds)


def test_a_search_asks_the_system_little(top: str) -> None:
    deep = "a/b/c/d/e/f/g"
    plant(top, {f"{deep}/s.py": "print(1)\n", ".vpython3": 'python_version: "3"\n'})
    asked: list[str] = []

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in ("open", "os.listdir", "os.scandir"):
            asked.append(f"{event} {arguments[0]}")

    watching = True
    sys.addaudithook(audit)
    search(f"{deep}/s.py", cwd=top)
    watching = False
    assert asked == [f"open {top}/{deep}/s.py", f"open {top}/.vpython3"]


@pytest.mark.parametrize("case", vectors("search_order"), ids=lambda case: case.get("about"))
def test_the_originals_order(tmp_path: object, case: dict[str, object]) -> None:
    top = os.path.realpath(str(tmp_path))
    files, arguments, cwd = case["files"], case["args"], case["cwd"]
    assert isinstance(files, dict)
    assert isinstance(arguments, list)
    plant(
        top,
        {
            name: f'wheel {{ name: "{name}" version: "1" }}' if content == "SPEC" else content
            for name, content in files.items()
        },
    )
    directory = os.path.join(top, str(cwd))
    kinds = {"-c": "command", "-m": "module", "-": "stdin"}
    kind = kinds.get(arguments[0], "script")
    result = search(arguments[-1], cwd=directory, kind=kind)
    assert hold(result.observations, {})
    expected = case.get("found")
    if expected == "inline":
        assert result.source.kind == "inline"
    elif expected in ("default", None):
        # Without a spec the original fails on `-`; here it runs in a bare environment.
        assert result.source.kind == "empty"
    elif expected == "(an empty spec, not the default)":
        assert (result.source.kind, result.source.text) == ("partner", "")
    else:
        assert found(result, top)[1] == expected or os.path.samefile(
            result.source.path, os.path.join(top, str(expected))
        )
