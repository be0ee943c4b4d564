"""Write `docs/reference.md` and the manual page, which name every option, from the commands' table.

python3 -m builder.reference
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from builder.vendor import TOP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vpy.commands.arguments import Command, Option
    from vpy.config import Config

PATH = TOP / "docs" / "reference.md"
NOTICE = "<!-- Made from vpy/commands/table.py by `python3 -m builder.reference`: change it there. -->"


def reference(config: Config) -> str:
    """Return the manual as Markdown."""
    from vpy.commands import table

    usage = "\n".join(f"    {line}" for line in table.USAGE)
    commands = [(f"[`{row.name}`](#{row.name})", row.summary) for row in table.COMMANDS]
    variables = [
        (f"`{option.variable}`", f"as `{option.name}`") for option in table.GLOBAL_OPTIONS if option.variable
    ]
    variables += [(f"`{row.name}`", row.help) for row in table.VARIABLES]
    blocks = [
        "# Reference",
        NOTICE,
        usage,
        table.TOOL_NAME,
        table.SPEC_SEARCH.format(config=config),
        "## Options of vpython",
        "They stand in front of Python's options and of the script, as `-vpython-NAME VALUE`, "
        "`-vpython-NAME=VALUE` or with two dashes.",
        _table(("option", "what it does"), _options(table.GLOBAL_OPTIONS, config)),
        "## Commands",
        "`vpython-tool COMMAND`. Each shows its help with `--help`. Options are written "
        "`--name VALUE` or `--name=VALUE`.",
        _table(("command", "what it does"), commands),
        *(_command(command, config) for command in table.COMMANDS),
        *_keys(),
        "## Environment variables",
        _table(("variable", "what it does"), variables),
        "## Exit codes",
        "A script's own where one is run, else:",
        _table(("code", "meaning"), table.EXIT_CODES),
    ]
    return "\n\n".join(blocks) + "\n"


def _command(command: Command, config: Config) -> str:
    from vpy.commands.support import usage

    rows = [(f"`{name}`", text) for name, text in usage.arguments_of(command)]
    rows += _options(command.all_options, config)
    examples = "\n".join(
        f"    # {example.effect}\n    vpython-tool {example.argv}" for example in command.examples
    )
    return "\n\n".join(
        [
            f"### {command.name}",
            f"{command.summary[0].upper()}{command.summary[1:]}.",
            f"    vpython-tool {usage.usage(command)}",
            command.description + _schema(command),
            _table(("argument", "what it is"), rows),
            examples,
        ]
    )


def _schema(command: Command) -> str:
    """Return where the JSON of a command is described, where it is."""
    name = f"{command.name}.schema.json"
    return f" [{name}]({name}) describes its JSON." if PATH.with_name(name).exists() else ""


def _options(options: Iterable[Option], config: Config) -> list[tuple[str, str]]:
    from vpy.commands.support import usage

    return [(f"`{usage.option_name(option)}`", usage.option_help(option, config)) for option in options]


def _keys() -> Iterator[str]:
    """Yield the tables of keys, each below its heading."""
    from builder import keys

    def table_of(rows: Sequence[tuple[str, str]]) -> str:
        return _table(("key", "what it does"), [(f"`{name}`", text) for name, text in rows])

    yield "## Keys of `[tool.vpython]`"
    yield "In a `vpython.toml` or a PEP 723 block."
    yield table_of(keys.VPYTHON)
    yield "## Keys of `[tool.uv]`"
    yield "Those of the same files that are followed."
    yield table_of(keys.UV)
    yield keys.UV_REST
    yield "## Keys of the user's `config.toml`"
    yield table_of(keys.USER)


def _table(head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> str:
    shown = [head, ("---", "---"), *rows]
    return "\n".join(
        f"| {name.replace('|', chr(92) + '|')} | {text.replace('|', chr(92) + '|')} |" for name, text in shown
    )


def main() -> None:
    """Write both files."""
    sys.path.insert(0, str(TOP))
    from builder import man_page
    from vpy import config

    PATH.write_text(reference(config.load()), encoding="utf-8")
    man_page.PATH.write_text(man_page.man_page(config.load()), encoding="utf-8")


if __name__ == "__main__":
    main()
