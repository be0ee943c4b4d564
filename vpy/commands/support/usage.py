"""Help as text, made from the table: the usage of a command, its screen, and vpython's own."""

from __future__ import annotations

import os
import re

from vpy.commands import table
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vpy.commands.arguments import Command, Option
    from vpy.config import Config

NARROWEST, WIDEST = 40, 100
WIDEST_NAME, WIDEST_NAME_BELOW_60 = 26, 10
INDENT = "  "
FURTHER = " " * 11  # where a usage goes on


def width_of(environ: Mapping[str, str]) -> int:
    """Return how many columns to fill: of `COLUMNS`, else of the terminal, else 80; 40 to 100."""
    columns = environ.get("COLUMNS", "")
    if columns.isdecimal():
        return max(NARROWEST, min(int(columns), WIDEST))
    try:
        return max(NARROWEST, min(os.get_terminal_size(1).columns, WIDEST))
    except OSError:
        return 80


def usage(command: Command) -> str:
    """Return the command line behind `vpython-tool`: the name, options and arguments."""
    options = {option.name: option for option in command.options}
    parts = [command.name]
    if command.one_of:
        parts.append(f"({' | '.join(_spelling(options[name]) for name in command.one_of)})")
    for option in command.options:
        if option.name not in command.one_of:
            optional = f"[{_spelling(option)}]" + "…" * option.is_repeated
            parts.append(_spelling(option) if option.is_required else optional)
    if command.reports:
        parts.append("[--json]")
    return " ".join([*parts, *_argument_usage(command)])


def _argument_usage(command: Command) -> list[str]:
    shapes = {"1": "{}", "?": "[{}]", "*": "[{}]…", "+": "{}…"}
    shown = [shapes[positional.count].format(positional.metavar) for positional in command.positionals]
    if not command.takes_python:
        return shown
    if command.positionals:
        return [f"[{command.positionals[0].metavar}… | -m MODULE | -c CODE]"]
    first = f"{command.instead_of_script} | SCRIPT" if command.instead_of_script else "SCRIPT"
    return [f"[{first} | -m MODULE | -c CODE]", "[ARGUMENT…]"]


def _spelling(option: Option) -> str:
    return option.name if option.metavar is None else f"{option.name} {option.metavar}"


def option_name(option: Option) -> str:
    """Return an option as help lists it: `-o, --output DIR`."""
    short = f"{option.short}, " if option.short else ""
    return f"{short}{_spelling(option)}"


def option_help(option: Option, config: Config) -> str:
    """Return what an option does, its default and its variable."""
    notes = [option.variable] if option.variable else []
    notes += [f"default: {option.default.format(config=config)}"] if option.default else []
    repeated = "; may be given more than once" if option.is_repeated else ""
    return f"{option.help}{repeated}" + (f" ({', '.join(notes)})" if notes else "")


def arguments_of(command: Command) -> list[tuple[str, str]]:
    """Return the name and the meaning of each argument that no option names."""
    rows = [(positional.metavar, positional.help) for positional in command.positionals]
    if command.takes_python and not command.positionals:
        rows.append(
            ("SCRIPT", "script to start, with its arguments; `-m MODULE` and `-c CODE` as for Python")
        )
    return rows


def command_screen(command: Command, config: Config, width: int) -> str:
    """Return what `NAME --help` shows."""
    options = [(option_name(option), option_help(option, config)) for option in command.all_options]
    blocks = [
        _wrapped(f"{command.name}: {command.summary}", width),
        _usage_block([f"vpython-tool {usage(command)}"], width),
        _wrapped(command.description, width),
    ]
    if arguments := arguments_of(command):
        blocks.append(_listed("arguments:", arguments, width))
    blocks.append(_listed("options:", options, width))
    examples = [
        f"{INDENT}vpython-tool {example.argv}\n{_wrapped(example.effect, width, INDENT * 3)}"
        for example in command.examples
    ]
    blocks.append("\n".join(["examples:", *examples]))
    return "\n\n".join(blocks)


def main_screen(config: Config, root: str, width: int) -> str:
    """Return vpython's part of `vpython -help`."""
    options = []
    for option in table.GLOBAL_OPTIONS:
        shown = replace(option, default=root) if option.name == "-vpython-root" else option
        options.append((option_name(option), option_help(shown, config)))
    names = " ".join(table.NAMES)
    return "\n\n".join(
        [
            _wrapped(f"vpython {config.version}: {table.PURPOSE}", width),
            _usage_block(table.USAGE, width),
            _listed("options of vpython:", options, width),
            f"commands:\n{_wrapped(names, width, INDENT)}",
            _wrapped(table.HELP_OF_HELP, width),
            _wrapped(table.SPEC_SEARCH.format(config=config), width),
        ]
    )


def tool_screen(config: Config, width: int) -> str:
    """Return what `vpython-tool --help` shows: every command."""
    commands = [(command.name, command.summary) for command in table.COMMANDS]
    return "\n\n".join(
        [
            f"vpython-tool {config.version}: commands of vpython",
            _usage_block(table.USAGE[-1:], width),
            _listed("commands, each with its own --help:", commands, width),
            _wrapped(f"{table.TOOL_NAME} {table.HELP_OF_HELP}", width),
        ]
    )


def _usage_block(lines: Iterable[str], width: int) -> str:
    shown = []
    for number, line in enumerate(lines):
        # What stands in brackets stays on one line, where it fits.
        joined = re.sub(
            r"\[[^]]*]|\([^)]*\)|--[a-z]+ [A-Z]+",
            lambda part: part[0].replace(" ", "\0") if len(part[0]) <= width - len(FURTHER) else part[0],
            line,
        )
        first = "usage: " if number == 0 else "       "
        shown += _lines(joined, width, first, FURTHER)
    return "\n".join(shown).replace("\0", " ")


def _wrapped(text: str, width: int, indent: str = "") -> str:
    return "\n".join(_lines(text, width, indent, indent))


def _listed(title: str, rows: Sequence[tuple[str, str]], width: int) -> str:
    """Return names in a column and their meanings beside it, or below a name that is too long."""
    widest = min(max(len(name) for name, _ in rows), WIDEST_NAME if width >= 60 else WIDEST_NAME_BELOW_60)
    left = " " * (len(INDENT) + widest + 2)
    lines = [title]
    for name, text in rows:
        meaning = _lines(text, width, left, left)
        if len(name) > widest:
            lines += [f"{INDENT}{name}", *meaning]
        else:
            lines += [f"{INDENT}{name:<{widest}}  {meaning[0].lstrip()}", *meaning[1:]]
    return "\n".join(lines)


def _lines(text: str, width: int, first: str, others: str) -> list[str]:
    """Return the text in lines that break between words alone."""
    import textwrap

    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
