"""Rows of the commands' table, and the types of their values: text in, value out, UserError for no value."""

from __future__ import annotations

import math

from vpy.errors import UserError
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    Count = Literal["1", "?", "*", "+"]

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@value
class Option:
    """Option of a command, or one of vpython's own.

    `metavar` names its value, None for a switch. `aliases` are accepted and not shown. `parse` turns
    the text of the value into what the command gets; `choices` are the only texts there are, where
    there are few. `default` is shown in help: a format string over `config`. `variable` is an
    environment variable that gives the value too.
    """

    name: str
    help: str
    metavar: str | None = None
    short: str | None = None
    aliases: tuple[str, ...] = ()
    parse: Callable[[str], Any] | None = None
    choices: tuple[str, ...] = ()
    default: str | None = None
    variable: str | None = None
    is_repeated: bool = False
    is_required: bool = False

    @property
    def dest(self) -> str:
        """Attribute that holds the value: `older_than` of `--older-than`."""
        return self.name.lstrip("-").replace("-", "_")

    @property
    def names(self) -> tuple[str, ...]:
        """Every accepted spelling, the one to show first."""
        return (self.name, *([self.short] if self.short else []), *self.aliases)


@value
class Positional:
    """Arguments of a command that no option names.

    `name` is the attribute of the parsed arguments that holds the value; a list of values where `count`
    allows for several. `count` is as in a regular expression: one, at most one, any number, at least one.
    """

    name: str
    metavar: str
    help: str
    count: Count = "1"
    choices: tuple[str, ...] = ()
    is_file: bool = True


@value
class Example:
    """Command line behind `vpython-tool`, and what it does."""

    argv: str
    effect: str


@value
class Command:
    """One row of the table.

    `takes_python` says that a Python command line (SCRIPT, `-m MODULE`, `-c CODE` and their arguments)
    may end the command's own; `instead_of_script` is what the command takes for SCRIPT too. `reports`
    adds `--json`. `one_of` are options of which exactly one is given. `shares_store` says that the
    root's store is locked, shared, while the command runs.
    """

    name: str
    summary: str
    description: str
    examples: tuple[Example, ...]
    positionals: tuple[Positional, ...] = ()
    options: tuple[Option, ...] = ()
    one_of: tuple[str, ...] = ()
    takes_python: bool = False
    instead_of_script: str | None = None
    reports: bool = True
    shares_store: bool = True

    @property
    def all_options(self) -> tuple[Option, ...]:
        """Options of its own, then those that many commands have."""
        return (*self.options, *([JSON] if self.reports else []), HELP)


@value
class Variable:
    """Environment variable that vpython reads."""

    name: str
    help: str


JSON = Option("--json", "print JSON for programs instead of text for people")
HELP = Option("--help", "show this help", short="-h", aliases=("-help",))


def days(text: str) -> float:
    """Parse a number of days into seconds."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise UserError(f"`--older-than` takes a number of days, got `{text}`")
    return number * 24 * 3600


def cutoff(text: str) -> str:
    """Parse a date, a time or an age into what `exclude-newer` of a spec comes to."""
    from vpy.spec.times import parse_cutoff

    found = parse_cutoff(text)
    if found is None:
        raise UserError(
            f"`--exclude-newer` takes a date, a time with its zone or an age, got `{text}`",
            hint="such as 2026-11-30, 2026-11-30T12:00:00Z or 7d",
        )
    return found


def size(text: str) -> int:
    """Parse a number of bytes, with K, M, G or T (powers of 1024) behind it or without."""
    number, unit = (text[:-1], UNITS[text[-1].upper()]) if text[-1:].upper() in UNITS else (text, 1)
    if not (number.isascii() and number.isdecimal()):
        raise UserError(f"`--max-size` takes a number of bytes, with K, M, G or T after it, got `{text}`")
    return int(number) * unit


def package_name(text: str) -> str:
    """Parse a CIPD package name."""
    from vpy.packages.cipd import names

    return names.parse_package_name(text)


def package_tag(text: str) -> str:
    """Parse a CIPD tag, `KEY:VALUE`."""
    from vpy.packages.cipd import names

    return names.parse_tag(text)


def package_ref(text: str) -> str:
    """Parse a CIPD ref."""
    from vpy.packages.cipd import names

    return names.parse_ref(text)


def directory(text: str) -> str:
    """Parse the path of a directory, which may be written as a source, `directory:PATH`."""
    return text.removeprefix("directory:")
