"""The words of a start, without a process: Python's command line as CPython reads it, and our own options."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap.bypass import python_words
from bootstrap.command_line import CommandError, PythonCommand, parse_options, parse_python
from tests.support.harness import BASE
from tests.support.vectors import vectors

# words; flags, kind, target, rest
READ: list[tuple[list[str], list[str], str, str, list[str]]] = [
    ([], [], "none", "", []),
    (["s.py"], [], "script", "s.py", []),
    (["s.py", "-u", "--", "-m"], [], "script", "s.py", ["-u", "--", "-m"]),
    (["-u", "s.py"], ["-u"], "script", "s.py", []),
    (["-uBs", "s.py", "a"], ["-u", "-B", "-s"], "script", "s.py", ["a"]),
    (["-OO", "s.py"], ["-O", "-O"], "script", "s.py", []),
    (["-W", "ignore", "s.py"], ["-Wignore"], "script", "s.py", []),
    (["-uWignore", "s.py"], ["-u", "-Wignore"], "script", "s.py", []),
    (["-BX", "dev", "-"], ["-B", "-Xdev"], "stdin", "", []),
    (["-c", "code", "-c", "a"], [], "command", "code", ["-c", "a"]),
    (["-ccode", "a"], [], "command", "code", ["a"]),
    (["-Sc", "code", "--"], ["-S"], "command", "code", ["--"]),
    (["-c", "", "a"], [], "command", "", ["a"]),
    (["-m", "mod", "-m"], [], "module", "mod", ["-m"]),
    (["-Immod"], ["-I"], "module", "mod", []),
    (["-", "-", "a"], [], "stdin", "", ["-", "a"]),
    (["--", "s.py"], [], "script", "s.py", []),
    (["--", "-s.py"], [], "script", "-s.py", []),
    (["--", "-"], [], "stdin", "", []),
    (["--"], [], "none", "", []),
    (["-u", "--", "--", "a"], ["-u"], "script", "--", ["a"]),
    (["--version"], ["--version"], "none", "", []),
    (["--check-hash-based-pycs", "never", "-"], ["--check-hash-based-pycs", "never"], "stdin", "", []),
    (["", "a"], [], "script", "", ["a"]),
]  # fmt: skip


def seen(command: PythonCommand) -> tuple[list[str], str, str, list[str]]:
    return command.flags, command.kind, command.target, command.rest


@pytest.mark.parametrize(("words", "flags", "kind", "target", "rest"), READ, ids=lambda item: repr(item)[:30])
def test_python_s_words(words: list[str], flags: list[str], kind: str, target: str, rest: list[str]) -> None:
    assert seen(parse_python(words)) == (flags, kind, target, rest)


@pytest.mark.parametrize("words", [["-c"], ["-m"], ["-W"], ["-uX"], ["-sc"]])
def test_a_value_is_missing(words: list[str]) -> None:
    with pytest.raises(CommandError, match=f"Python's option `-{words[0][-1]}` lacks its value"):
        parse_python(words)


def cases() -> list[dict[str, Any]]:
    return vectors("python_command_lines")


# What the original reads otherwise than CPython does, and what it then makes of it.
OTHERWISE = {
    "-OO x.py": ["-O", "-O", "x.py"],  # one flag twice, as for `-O -O`
    "--check-hash-based-pycs=always x.py": [
        "--check-hash-based-pycs=always",
        "x.py",
    ],  # it finds a `-c` in it
}


def test_recorded_command_lines() -> None:
    if not cases():
        pytest.skip("no recorded answers beside the checkout")
    for case in cases():
        words = case["args"]
        if case["error"]:
            with pytest.raises(CommandError):
                parse_python(words)
            continue
        expected = OTHERWISE.get(" ".join(words), case["build_args"])
        assert parse_python(words).words() == expected, words


ORACLE = "import sys; print(sys.orig_argv[1:], sys.argv)"


@pytest.mark.parametrize(
    "words",
    [
        ["-uBs", "-Wignore", "-c", ORACLE, "a"],
        ["-Xdev", "-bc", ORACLE],
        ["-X", "dev", "-OOc" + ORACLE, "-c", "x"],
        ["-Sc", ORACLE, "--", "-"],
        ["-IBc", ORACLE],
        ["-W", "ignore", "-Wdefault", "-m", "this_module_is_not_there", "x"],
        ["--check-hash-based-pycs", "never", "-c", ORACLE, "x"],
        ["-u", "--", "-not-there.py", "-c"],
        ["-not-there.py", "a"],
        ["--check-hash-based-pycs=always", "x.py"],
    ],
)  # fmt: skip
def test_cpython_reads_the_same(words: list[str]) -> None:
    """The command line spelt out again, each flag a word of its own, does the same in CPython itself."""
    again = parse_python(words).words()

    def run(given: list[str]) -> tuple[int, str, str]:
        ended = subprocess.run([str(BASE), *given], capture_output=True, text=True, check=False)
        return ended.returncode, ended.stdout.partition("] [")[2], ended.stderr.partition("\n")[0]

    assert run(again) == run(words)


WORDS = st.lists(
    st.sampled_from(
        ["-u", "-BE", "-c", "-m", "-W", "-Xa", "-", "--", "x", "", "-Sc", "--version", "-OOm", "a.py", "-Wb"]
    ),
    max_size=6,
)


@given(WORDS)
@settings(max_examples=300, deadline=None)
def test_spelt_out_it_is_read_again_as_the_same(words: list[str]) -> None:
    try:
        command = parse_python(words)
    except CommandError:
        return
    assert seen(parse_python(command.words())) == seen(command)


# words; the values of ours, the tool, the tool's words, Python's words
OURS: list[tuple[list[str], dict[str, str], str | None, list[str], list[str]]] = [
    (["s.py", "-vpython-spec", "f"], {}, None, [], ["s.py", "-vpython-spec", "f"]),
    (["-u", "-vpython-spec", "f"], {}, None, [], ["-u", "-vpython-spec", "f"]),
    (["-vpython-spec", "f", "s.py"], {"spec": "f"}, None, [], ["s.py"]),
    (["--vpython-spec=f", "s.py"], {"spec": "f"}, None, [], ["s.py"]),
    (["-vpython-spec=f=g", "-"], {"spec": "f=g"}, None, [], ["-"]),
    (["-vpython-spec", "-u", "-u"], {"spec": "-u"}, None, [], ["-u"]),
    (["-vpython-spec", "a", "-vpython-spec", "b"], {"spec": "b"}, None, [], []),
    (["-vpython-spec", "f", "--", "s.py", "--"], {"spec": "f"}, None, [], ["s.py", "--"]),
    (["-vpython-spec", "f", "-u", "--", "s.py"], {"spec": "f"}, None, [], ["-u", "--", "s.py"]),
    (["--", "-vpython-spec", "f"], {}, None, [], ["--", "-vpython-spec", "f"]),
    (["---vpython-spec", "f"], {}, None, [], ["---vpython-spec", "f"]),
    (["-vpython-offline", "s.py"], {"offline": "1"}, None, [], ["s.py"]),
    (["-vpython-offline=false", "s.py"], {"offline": ""}, None, [], ["s.py"]),
    (["-vpython-local-venv", "--", "-m", "m"], {"local-venv": "1"}, None, [], ["-m", "m"]),
    (["-vpython-root=", "s.py"], {"root": ""}, None, [], ["s.py"]),
    (["-vpython-root", "", "s.py"], {"root": ""}, None, [], ["s.py"]),
    (["-vpython-tool", "verify"], {}, "verify", [], []),
    (["-vpython-spec", "f", "-vpython-tool=install", "-x", "s.py"],
     {"spec": "f"}, "install", ["-x", "s.py"], []),
    (["-vpython-tool", "pack", "-vpython-x", "--"], {}, "pack", ["-vpython-x", "--"], []),
    (["-vpython-interpreter", "p", "-vpython-source=index", "-vpython-manifest", "m", "-c", "x"],
     {"interpreter": "p", "source": "index", "manifest": "m"}, None, [], ["-c", "x"]),
    (["-vpython-log-level", "debug", "s.py"], {"log-level": "debug"}, None, [], ["s.py"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "values", "tool", "tool_words", "rest"), OURS, ids=lambda item: repr(item)[:30]
)
def test_our_words(
    words: list[str], values: dict[str, str], tool: str | None, tool_words: list[str], rest: list[str]
) -> None:
    options = parse_options(words, {})
    assert (options.values, options.tool, options.tool_words, options.python_words) == (
        values,
        tool,
        tool_words,
        rest,
    )
    assert words[: len(options.words)] == options.words


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (["-vpython-speck", "f"], "unknown option `-vpython-speck`: did you mean `-vpython-spec`?"),
        (["--vpython-=f"], "unknown option `-vpython-`; `vpython -help` lists them"),
        (["-vpython-spec"], "option `-vpython-spec` lacks its value"),
        (["-vpython-tool"], "option `-vpython-tool` lacks its value"),
        (["-vpython-offline=maybe"], "option `-vpython-offline` takes no value, got `maybe`"),
        (
            ["-vpython-log-level", "loud"],
            "unknown log level `loud`: it is one of debug, info, warning, error",
        ),
    ],
)
def test_a_wrong_word_of_ours(words: list[str], fact: str) -> None:
    with pytest.raises(CommandError) as raised:
        parse_options(words, {})
    assert str(raised.value) == fact


@pytest.mark.parametrize(
    ("words", "tool", "tool_words"),
    [
        (["add", "s.py", "--dev"], "add", ["s.py", "--dev"]),
        (["-vpython-offline", "list"], "list", []),
        (["-vpython-tool", "list", "--json"], "list", ["--json"]),
        (["--version", "--json"], "version", ["--json"]),
    ],
)
def test_the_first_word_is_the_command(words: list[str], tool: str, tool_words: list[str]) -> None:
    options = parse_options(words, {}, as_tool=True)
    assert (options.tool, options.tool_words) == (tool, tool_words)
    assert options.words[-2:] == ["-vpython-tool", tool]


def test_no_command_asks_for_help() -> None:
    assert parse_options([], {}, as_tool=True).help
    assert parse_options(["-vpython-offline"], {}, as_tool=True).help
    with pytest.raises(CommandError, match=r"^unknown option `-x`: the command comes first, "):
        parse_options(["-x"], {}, as_tool=True)


@pytest.mark.parametrize("word", ["-h", "-help", "--help"])
def test_help(word: str) -> None:
    assert parse_options([word, "x"], {}).help
    assert parse_options(["-vpython-spec", "f", word], {}).help
    assert not parse_options(["-u", word], {}).help
    assert not parse_options(["--", word], {}).help


def test_variables_stand_behind_options() -> None:
    environ = {
        "VPYTHON_INTERPRETER": "p",
        "VPYTHON_PACKAGE_SOURCE": "index",
        "VPYTHON_MANIFEST": "m",
        "VPYTHON_OFFLINE": "1",
        "VPYTHON_LOG_TRACE": "yes",
    }
    assert parse_options(["s.py"], environ).values == {
        "interpreter": "p",
        "source": "index",
        "manifest": "m",
        "offline": "1",
        "log-level": "debug",
    }
    words = ["-vpython-interpreter", "q", "-vpython-offline=0", "-vpython-log-level=error", "s.py"]
    told = parse_options(words, environ).values
    assert (told["interpreter"], told["offline"], told["log-level"]) == ("q", "", "error")
    assert parse_options(["s.py"], dict.fromkeys(environ, "")).values == {}


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        (["s.py", "-vpython-spec", "f"], ["s.py", "-vpython-spec", "f"]),
        (["-vpython-spec", "f", "s.py"], ["s.py"]),
        (["-vpython-spec=f", "-vpython-unheard-of", "x", "--", "s.py", "--"], ["s.py", "--"]),
        (["-vpython-offline", "s.py"], ["s.py"]),
        (["-vpython-offline=1", "-vpython-local-venv", "s.py"], ["s.py"]),
        (["-vpython-spec"], []),
        (["-u", "s.py"], ["-u", "s.py"]),
        (["--", "s.py"], ["--", "s.py"]),
        ([], []),
        (["-vpython-spec", "f", "-vpython-tool", "verify"], None),
        (["-vpython-tool=anything"], None),
        (["s.py", "-vpython-tool", "x"], ["s.py", "-vpython-tool", "x"]),
    ],
)
def test_words_under_bypass(words: list[str], rest: list[str] | None) -> None:
    assert python_words(words) == rest
