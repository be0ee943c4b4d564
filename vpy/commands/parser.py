"""Parsers of the commands' arguments, made by argparse from the table; errors are vpython's own."""

from __future__ import annotations

import argparse

from vpy.commands import table
from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from vpy.commands.arguments import Command, Option

# Long options of CPython that a command line may begin with (`Python/getopt.c`); its others only print.
PYTHON_LONG_OPTIONS = ("--check-hash-based-pycs",)
NEAR = 0.6


def find_command(name: str) -> Command:
    """Return the row of a command; raise UserError, with a suggestion, where there is none."""
    commands = {command.name: command for command in table.COMMANDS}
    if name in commands:
        return commands[name]
    suggestion = nearest(name, commands)
    if suggestion:
        raise UserError(f"unknown command `{name}`: did you mean `{suggestion}`?")
    raise UserError(f"unknown command `{name}`: the commands are {', '.join(commands)}")


def parse(command: Command, argv: Sequence[str]) -> argparse.Namespace:
    """Parse a command's arguments; raise UserError where they are wrong.

    The namespace has a value for each option and positional argument: None, False or [] where it is not
    given. A command that takes a Python command line has that as `python`, and vpython's own options in
    front of it as `ours`.
    """
    own, ours, python = split(command, argv)
    namespace, items = _parse_own(command, own)
    namespace.ours, namespace.python = ours, python
    if not namespace.help:
        _check_options(command, namespace)
        _set_positional(command, namespace, items)
    return namespace


def split(command: Command, argv: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Split a command's own arguments, vpython's own options and a Python command line.

    Options of the command stand in front of the script, because what stands behind it is the script's.
    They are taken from behind it where nothing else is there (`install s.py --json`).
    """
    if not command.takes_python:
        return list(argv), [], []
    own, ours, rest = _leading(command, argv)
    python, trailing = _trailing(command, rest)
    return [*own, *trailing], ours, python


def _leading(command: Command, argv: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the command's own arguments at the head, vpython's own options, and what follows them."""
    values = {name: option.metavar is not None for option in command.all_options for name in option.names}
    global_values = {option.name: option.metavar is not None for option in table.GLOBAL_OPTIONS}
    own: list[str] = []
    ours: list[str] = []
    rest = list(argv)
    while rest:
        name, equals, _ = rest[0].partition("=")
        global_name = f"-{name.lstrip('-')}"
        count = 1
        if name in values:
            count += values[name] and not equals
            own += rest[:count]
        elif global_name.startswith("-vpython-"):
            count += global_values.get(global_name, False) and not equals
            ours += rest[:count]
        elif _is_unknown(name, values) or (command.positionals and not name.startswith("-")):
            own.append(rest[0])
        else:
            break
        rest = rest[count:]
    return own, ours, rest


def _is_unknown(name: str, known: Iterable[str]) -> bool:
    """Return whether a word is an option of nobody: neither of the command nor of Python."""
    if name.startswith("--"):
        return name not in ("--", *PYTHON_LONG_OPTIONS)
    return len(name) > 2 and f"-{name}" in known


def _trailing(command: Command, argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return a Python command line, and the command's own options where they are all that follows it."""
    from bootstrap.command_line import CommandError, parse_python

    try:
        parsed = parse_python(argv)
    except CommandError as error:
        raise UserError(str(error)) from None
    names = {name for option in command.all_options for name in option.names}
    for flag in parsed.flags:
        if flag.startswith("--") and flag not in PYTHON_LONG_OPTIONS:
            _refuse(command, flag)
    tail = parsed.rest
    if parsed.separator or not tail or not all(word.partition("=")[0] in names for word in tail):
        return list(argv), []
    return list(argv[: -len(tail)]), tail


def _parse_own(command: Command, argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Parse options; return them, and the positional arguments between and behind them."""
    parser = _Parser(prog=command.name, add_help=False, allow_abbrev=False, exit_on_error=False)
    actions = {}
    for option in command.all_options:
        action = _add(parser, option)
        actions["/".join(action.option_strings)] = option
    parser.add_argument("items", nargs="*")
    # Not argparse's to read: releases differ in what they do with `--` between interleaved arguments.
    end = argv.index("--") if "--" in argv else len(argv)
    _check_switches(command, argv[:end])
    try:
        namespace, unknown = parser.parse_known_intermixed_args(argv[:end])
    except argparse.ArgumentError as error:
        option = actions[str(error.argument_name)]
        raise UserError(f"option `{option.name}` lacks its value") from None
    if unknown:
        _refuse(command, unknown[0])
    return namespace, [*namespace.items, *argv[end + 1 :]]


def _check_switches(command: Command, argv: Sequence[str]) -> None:
    """Raise UserError where an option that takes no value has one: argparse reads `-resolve=x` as `-x`."""
    switches = {name for option in command.all_options if option.metavar is None for name in option.names}
    for word in argv:
        name, equals, text = word.partition("=")
        if equals and name in switches:
            raise UserError(f"option `{name}` takes no value, got `{text}`")


def _add(parser: argparse.ArgumentParser, option: Option) -> argparse.Action:
    if option.metavar is None:
        return parser.add_argument(*option.names, dest=option.dest, action="store_true")
    return parser.add_argument(
        *option.names,
        dest=option.dest,
        action=_Append if option.is_repeated else _StoreOnce,
        type=option.parse or str,
        default=[] if option.is_repeated else None,
    )


class _Parser(argparse.ArgumentParser):
    """Parser that knows no abbreviations and never exits."""

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        """Return no candidates: `allow_abbrev` does not turn off those of `-root` (`-ro`)."""
        return []

    def error(self, message: str) -> Any:
        """Raise what argparse reports by other means than ArgumentError."""
        raise UserError(message)


class _StoreOnce(argparse.Action):
    """Store a value; refuse a second one."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        if getattr(namespace, self.dest) is not None:
            raise UserError(f"option `{self.option_strings[0]}` of `{parser.prog}` is given twice")
        setattr(namespace, self.dest, values)


class _Append(argparse.Action):
    """Append a value to those given before."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), values])


def _refuse(command: Command, word: str) -> None:
    """Raise the error of an option that the command does not have."""
    name = word.partition("=")[0]
    names = [known for option in command.all_options for known in (option.name, option.short) if known]
    if name in names:
        raise UserError(f"option `{name}` of `{command.name}` goes before Python's own options")
    if f"-{name.lstrip('-')}" in [option.name for option in table.GLOBAL_OPTIONS]:
        raise UserError(f"option `{name}` goes before `-vpython-tool`")
    fact = f"unknown option `{name}` of `{command.name}`"
    if suggestion := nearest(name, names):
        raise UserError(f"{fact}: did you mean `{suggestion}`?")
    raise UserError(f"{fact}; `vpython-tool {command.name} --help` lists them")


def _check_options(command: Command, namespace: argparse.Namespace) -> None:
    """Raise UserError where an option is missing, or does not go with another one."""
    options = {option.name: option for option in command.all_options}
    for option in options.values():
        if option.is_required and not getattr(namespace, option.dest):
            raise UserError(f"`{command.name}` needs `{option.name} {option.metavar}`")
    if command.one_of:
        given = [name for name in command.one_of if getattr(namespace, options[name].dest)]
        if len(given) != 1:
            named = " or ".join(f"`{name}`" for name in command.one_of)
            raise UserError(f"`{command.name}` needs either {named}")


def _set_positional(command: Command, namespace: argparse.Namespace, items: list[str]) -> None:
    """Set the positional argument; raise UserError where there are too few, too many, or wrong ones."""
    if not command.positionals:
        if items:
            raise UserError(f"`{command.name}` takes no arguments, got `{' '.join(items)}`")
        return
    (positional,) = command.positionals
    if not items and positional.count in ("1", "+"):
        raise UserError(f"`{command.name}` needs {positional.metavar}")
    if len(items) > 1 and positional.count in ("1", "?"):
        raise UserError(f"`{command.name}` takes one {positional.metavar}, got `{' '.join(items)}`")
    if items and positional.choices and items[0] not in positional.choices:
        suggestion = nearest(items[0], positional.choices)
        more = f": did you mean `{suggestion}`?" if suggestion else f": {positional.help}"
        raise UserError(f"unknown {positional.metavar} `{items[0]}`{more}")
    if items and namespace.python:
        _refuse(command, namespace.python[0])
    is_single = positional.count in ("1", "?")
    setattr(namespace, positional.name, (items[0] if items else None) if is_single else items)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that comes nearest to a misspelt one; None where none is near."""
    import difflib

    # Without dashes, which would make every option look like every other.
    names = {name.lstrip("-"): name for name in known}
    near = difflib.get_close_matches(word.lstrip("-"), names, n=1, cutoff=NEAR)
    return names[near[0]] if near else None
