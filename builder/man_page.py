"""Write `docs/vpython.1`, the manual page, from the commands' table; `builder.reference` calls it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from builder.vendor import TOP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vpy.commands.arguments import Command, Option
    from vpy.config import Config

PATH = TOP / "docs" / "vpython.1"
NOTICE = r".\" Made from vpy/commands/table.py by `python3 -m builder.reference`: change it there."


def man_page(config: Config) -> str:
    """Return the page as roff for man(7)."""
    from vpy.commands import table

    lines = [
        NOTICE,
        f'.TH VPYTHON 1 "" "vpython {config.version}" "User Commands"',
        *_section("NAME", f"vpython, vpython3, vpython-tool \\- {_text(table.PURPOSE)}"),
        *_section("SYNOPSIS"),
        *(line for usage in table.USAGE for line in (".PP", _text(usage))),
        *_section(
            "DESCRIPTION", _text(table.TOOL_NAME), ".PP", _text(table.SPEC_SEARCH.format(config=config))
        ),
        *_section("OPTIONS", *_options(table.GLOBAL_OPTIONS, config)),
        *_section("COMMANDS"),
        *(line for command in table.COMMANDS for line in _command(command, config)),
        *_section("ENVIRONMENT", *_rows((row.name, row.help) for row in table.VARIABLES)),
        *_section("EXIT STATUS", "A script's own where one is run, else:", *_rows(table.EXIT_CODES)),
    ]
    return "\n".join(lines) + "\n"


def _section(title: str, *lines: str) -> list[str]:
    return [f'.SH "{title}"', *lines]


def _command(command: Command, config: Config) -> list[str]:
    from vpy.commands.support import usage

    lines = [
        f'.SS "{_text(command.name)}"',
        _text(f"vpython-tool {usage.usage(command)}"),
        ".PP",
        _text(command.description),
        *_rows(usage.arguments_of(command)),
        *_options(command.options, config),
    ]
    for example in command.examples:
        lines += [".PP", f"{_text(example.effect[0].upper() + example.effect[1:])}:", ".PP", ".RS", ".nf"]
        lines += [_text(f"vpython-tool {example.argv}"), ".fi", ".RE"]
    return lines


def _options(options: Iterable[Option], config: Config) -> list[str]:
    from vpy.commands.support import usage

    return _rows((usage.option_name(option), usage.option_help(option, config)) for option in options)


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [line for name, text in rows for line in (".TP", rf"\fB{_text(name)}\fR", _text(text))]


def _text(text: str) -> str:
    """Return text of the table for roff: what is in backticks bold, no character that is a request."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("…", "...").replace("→", "->")
    shown = re.sub("`([^`]*)`", r"\\fB\1\\fR", escaped)
    return rf"\&{shown}" if shown.startswith((".", "'")) else shown
