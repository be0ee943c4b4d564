"""Every command is parsed by the table: its options, its help, and one line for each mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from vpy import config
from vpy.commands import parser, table
from vpy.commands.support import usage
from vpy.errors import UserError

if TYPE_CHECKING:
    import argparse

    from vpy.commands.arguments import Command

CONFIG = config.load()
BY_NAME = {command.name: command for command in table.COMMANDS}
PYTHON_COMMANDS = [command.name for command in table.COMMANDS if command.takes_python]
LISTS = "lists them"


def parse(name: str, *argv: str) -> argparse.Namespace:
    return parser.parse(parser.find_command(name), argv)


def mistake(name: str, *argv: str) -> str:
    with pytest.raises(UserError) as caught:
        parse(name, *argv)
    assert caught.value.hint is None
    assert "\n" not in caught.value.message
    return caught.value.message


def test_the_table_is_in_order() -> None:
    assert list(table.NAMES) == sorted(set(table.NAMES))
    for command in table.COMMANDS:
        names = [name for option in command.all_options for name in option.names]
        assert len(names) == len(set(names))
        assert len(command.positionals) <= 1
        assert command.examples
        assert all(example.argv.split()[0] == command.name for example in command.examples)
        assert command.description.endswith(".")
        texts = [command.summary, *(option.help for option in command.all_options)]
        assert not [text for text in texts if text.endswith(".") or text[0].isupper()]


@pytest.mark.parametrize("name", table.NAMES)
@pytest.mark.parametrize("word", ["--help", "-h", "-help"])
def test_every_command_has_help(name: str, word: str) -> None:
    assert parse(name, word).help


@pytest.mark.parametrize("name", table.NAMES)
def test_help_is_asked_for_whatever_else_is_wrong(name: str) -> None:
    assert parse(name, "--help", "x").help


@pytest.mark.parametrize("width", [40, 80, 100])
@pytest.mark.parametrize("command", table.COMMANDS, ids=lambda command: str(command.name))
def test_the_screen_of_a_command(command: Command, width: int) -> None:
    screen = usage.command_screen(command, CONFIG, width)
    lines = screen.splitlines()
    joined = " ".join(screen.split())
    title = lines[: lines.index("")]
    assert " ".join(title) == f"{command.name}: {command.summary}"
    assert all(len(line) <= width for line in title)
    assert lines[len(title) + 1].startswith(f"usage: vpython-tool {command.name}")
    assert command.description in joined
    for option in command.all_options:
        assert any(line.startswith(f"  {usage.option_name(option)}") for line in lines), option.name
    for example in command.examples:
        assert f"  vpython-tool {example.argv}" in lines
    shown = [line for line in lines if "vpython-tool" not in line]
    assert [line for line in shown if len(line) > max(width, 58)] == []


def test_usage() -> None:
    usages = {command.name: usage.usage(command) for command in table.COMMANDS}
    assert usages["pack"] == (
        "pack --repo DIR [--built] [--as-wheels] [--name NAME] [--tag KEY:VALUE]… [--ref REF]… [--json]"
        " WHEEL|NAME==VERSION…"
    )
    assert usages["ensure"] == "ensure (--root DIR | --resolve) [--json] FILE"
    assert usages["install"] == "install [--json] [SCRIPT | -m MODULE | -c CODE] [ARGUMENT…]"
    assert usages["tags"] == "tags [--json] [VERSION | SCRIPT | -m MODULE | -c CODE] [ARGUMENT…]"
    assert usages["verify"] == "verify [--json] [SCRIPT|SPEC… | -m MODULE | -c CODE]"
    assert usages["help"] == "help [NAME]"


def test_the_main_screen() -> None:
    screen = usage.main_screen(CONFIG, "/a/root", 80)
    assert screen.startswith(f"vpython {CONFIG.version}: ")
    assert all(usage.option_name(option) in screen for option in table.GLOBAL_OPTIONS)
    assert set(table.NAMES) <= set(screen.split())
    assert "default: /a/root)" in screen
    assert max(map(len, screen.splitlines())) <= 80
    assert screen.count("\n") < 50, "more than a screen"


def test_the_screen_of_the_commands() -> None:
    screen = usage.tool_screen(CONFIG, 80)
    assert all(f"\n  {command.name} " in screen and command.summary in screen for command in table.COMMANDS)
    assert max(map(len, screen.splitlines())) <= 80


@pytest.mark.parametrize(
    ("columns", "width"), [("100", 100), ("40", 40), ("10", 40), ("999", 100), ("", 80), ("x", 80)]
)
def test_width(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_terminal(_: int) -> None:
        raise OSError

    monkeypatch.setattr(os, "get_terminal_size", no_terminal)
    assert usage.width_of({"COLUMNS": columns}) == width


@pytest.mark.parametrize("name", table.NAMES)
def test_an_unknown_option(name: str) -> None:
    more = f"`vpython-tool {name} --help` {LISTS}"
    assert mistake(name, "--pigeon") == f"unknown option `--pigeon` of `{name}`; {more}"
    assert mistake(name, "--pigeon=1", "x") == f"unknown option `--pigeon` of `{name}`; {more}"


@pytest.mark.parametrize("command", table.COMMANDS, ids=lambda command: str(command.name))
def test_json_where_something_is_reported(command: Command) -> None:
    if command.reports:
        fact = f"unknown option `--jsn` of `{command.name}`: did you mean `--json`?"
        assert mistake(command.name, "--jsn") == fact
        assert mistake(command.name, "-json") == fact.replace("--jsn", "-json")
    else:
        more = f"`vpython-tool {command.name} --help` {LISTS}"
        assert mistake(command.name, "--json") == f"unknown option `--json` of `{command.name}`; {more}"


def test_an_unknown_command() -> None:
    with pytest.raises(UserError, match=r"^unknown command `instal`: did you mean `install`\?$"):
        parser.find_command("instal")
    with pytest.raises(
        UserError, match=f"^unknown command `zzz`: the commands are {', '.join(table.NAMES)}$"
    ):
        parser.find_command("zzz")


@pytest.mark.parametrize("dashes", ["-", "--"])
def test_spellings_of_an_option(dashes: str) -> None:
    for argv in ([f"{dashes}repo", "DIR", f"{dashes}tag", "a:1"], [f"{dashes}repo=DIR", f"{dashes}tag=a:1"]):
        arguments = parse("pack", *argv, "x.whl", f"{dashes}tag", "b:2", "y==1")
        assert (arguments.repo, arguments.tag) == ("DIR", ["a:1", "b:2"])
        assert (arguments.items, arguments.ref, arguments.name) == (["x.whl", "y==1"], [], None)
    arguments = parse("mirror", "a", f"{dashes}output=DIR", "b")
    assert (arguments.output, arguments.specs) == ("DIR", ["a", "b"])
    assert parse("mirror", "-o", "directory:DIR").output == "DIR"
    arguments = parse("ensure", f"{dashes}resolve", "-")
    assert (arguments.file, arguments.resolve, arguments.root) == ("-", True, None)


def test_values_are_parsed() -> None:
    arguments = parse("prune", "--older-than=0.5", "--max-size", "2k")
    assert (arguments.older_than, arguments.max_size, arguments.dry_run) == (43200.0, 2048, False)
    assert parse("prune").older_than is None


def test_what_stands_behind_two_dashes_is_no_option() -> None:
    assert parse("pack", "--repo", "DIR", "a.whl", "--", "-x.whl", "--").items == ["a.whl", "-x.whl", "--"]
    assert parse("find", "--", "--json").name == "--json"


@pytest.mark.parametrize(
    ("argv", "fact"),
    [
        (("prune", "--older-than"), "option `--older-than` lacks its value"),
        (("prune", "--older-than", "--dry-run"), "option `--older-than` lacks its value"),
        (("prune", "--dry-run=1"), "option `--dry-run` takes no value, got `1`"),
        (("prune", "--max-size", "1", "--max-size=2"), "option `--max-size` of `prune` is given twice"),
        (("prune", "all"), "`prune` takes no arguments, got `all`"),
        (("prune", "-vpython-offline"), "option `-vpython-offline` goes before `-vpython-tool`"),
        (("mirror", "a.py"), "`mirror` needs `--output DIR`"),
        (("pack", "-repo", "DIR"), "`pack` needs WHEEL|NAME==VERSION"),
        (("pack", "-re", "DIR"), "unknown option `-re` of `pack`: did you mean `--ref`?"),
        (("ensure", "--resolve"), "`ensure` needs FILE"),
        (("ensure", "a", "b", "--resolve"), "`ensure` takes one FILE, got `a b`"),
        (("ensure", "a"), "`ensure` needs either `--root` or `--resolve`"),
        (("ensure", "a", "-resolve=x"), "option `-resolve` takes no value, got `x`"),
        (("completion", "zs"), "unknown SHELL `zs`: did you mean `zsh`?"),
        (("completion", "4dos"), "unknown SHELL `4dos`: bash, zsh, fish or powershell"),
        (
            ("verify", "s.py", "-c", "x"),
            f"unknown option `-c` of `verify`; `vpython-tool verify --help` {LISTS}",
        ),
        (("install", "-u", "--json"), "option `--json` of `install` goes before Python's own options"),
        (("install", "-u", "--jsn"), "unknown option `--jsn` of `install`: did you mean `--json`?"),
        (("explain", "-c"), "Python's option `-c` lacks its value"),
    ],
)  # fmt: skip
def test_mistakes(argv: tuple[str, ...], fact: str) -> None:
    assert mistake(*argv) == fact


# own arguments; whether there is JSON, vpython's own options, the Python command line
SPLIT: list[tuple[list[str], bool, list[str], list[str]]] = [
    ([], False, [], []),
    (["--json"], True, [], []),
    (["s.py"], False, [], ["s.py"]),
    (["--json", "s.py", "x"], True, [], ["s.py", "x"]),
    (["--json", "-m", "mod", "--json"], True, [], ["-m", "mod"]),
    (["--json", "-c", "pass"], True, [], ["-c", "pass"]),
    (["s.py", "--json"], True, [], ["s.py"]),
    (["s.py", "--json", "x"], False, [], ["s.py", "--json", "x"]),
    (["s.py", "x", "--json"], False, [], ["s.py", "x", "--json"]),
    (["s.py", "--jsn"], False, [], ["s.py", "--jsn"]),
    (["--", "s.py", "--json"], False, [], ["--", "s.py", "--json"]),
    (["-", "x"], False, [], ["-", "x"]),
    (["-u", "-W", "ignore", "s.py"], False, [], ["-u", "-W", "ignore", "s.py"]),
    (["--check-hash-based-pycs", "never", "s.py"], False, [], ["--check-hash-based-pycs", "never", "s.py"]),
    (["-vpython-spec", "f", "--json", "-c", "x"], True, ["-vpython-spec", "f"], ["-c", "x"]),
    (["--vpython-source=index", "s.py", "-vpython-x"], False, ["--vpython-source=index"],
     ["s.py", "-vpython-x"]),
]  # fmt: skip


@pytest.mark.parametrize("name", ["install", "explain", "tags"])
@pytest.mark.parametrize(("argv", "json", "ours", "python"), SPLIT, ids=lambda item: repr(item)[:30])
def test_a_python_command_line(
    name: str, argv: list[str], json: bool, ours: list[str], python: list[str]
) -> None:
    arguments = parse(name, *argv)
    assert (arguments.json, arguments.ours, arguments.python) == (json, ours, python)


@pytest.mark.parametrize("name", PYTHON_COMMANDS)
def test_help_behind_the_script(name: str) -> None:
    assert parse(name, "s.py", "--help").help
    if name not in ("lock", "verify"):
        assert not parse(name, "s.py", "--help", "x").help


def test_verify_takes_files_or_a_python_command_line() -> None:
    arguments = parse("verify", "a.py", "--json", "b.py")
    assert (arguments.json, arguments.specs, arguments.python) == (True, ["a.py", "b.py"], [])
    arguments = parse("verify", "-m", "mod", "--json", "x")
    assert (arguments.json, arguments.specs, arguments.python) == (False, [], ["-m", "mod", "--json", "x"])


def test_the_door_and_the_table_agree() -> None:
    from bootstrap import command_line

    options = {option.name.removeprefix("-vpython-"): option for option in table.GLOBAL_OPTIONS}
    help_option = options.pop("-help")
    assert {name for name, option in options.items() if option.metavar} == {*command_line.VALUED, "tool"}
    assert {name for name, option in options.items() if not option.metavar} == set(command_line.PLAIN)
    assert all(command_line.parse_options([name], {}).help for name in help_option.names)
    # The root's counts where it is empty, so `bootstrap.root` reads it.
    variables = command_line.VARIABLES | {"root": "VPYTHON_VIRTUALENV_ROOT"}
    assert {name: option.variable for name, option in options.items() if option.variable} == variables
    assert options["log-level"].choices == command_line.LEVELS
    for name, option in options.items():
        value = (option.choices or ("x",))[0] if option.metavar else "1"
        parsed = command_line.parse_options([f"-vpython-{name}={value}"], {})
        assert (parsed.tool if name == "tool" else parsed.values[name]) == value


def test_a_start_loads_neither_argparse_nor_the_table() -> None:
    code = (
        "import sys; import vpython; import vpy.cli; import vpy.operations.start; "
        "print(sorted({'argparse', 'difflib', 'textwrap'} & set(sys.modules)), "
        "[name for name in sys.modules if name.startswith('vpy.commands')])"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] []\n"
