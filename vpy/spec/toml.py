"""TOML forms of a spec: `vpython.toml` and the metadata of a PEP 723 `script` block."""

from __future__ import annotations

import re

from vpy.model import Spec
from vpy.spec import tool_uv, tool_vpython
from vpy.spec.requirements import requirement_fact, specifier_fact
from vpy.spec.text import MAX_SHOWN, check_size, format_mistake, mistakes_error, quoted
from vpy.spec.toml_table import Table
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vpy.errors import UserError
    from vpy.spec.toml_table import Mistake

    # A line and a column of the text, from 1.
    Position = tuple[int, int]
    # Formats a mistake at a position.
    Formatter = Callable[[Position, str], str]

_KEYS = ("requires-python", "dependencies", "source", "tool")
# In one line. `tomllib` takes quadratic time over a key's parts.
MAX_DOTS = 5000
_EXPECTED = {
    "Invalid value": "expected a value: a text in quotes, a number, true, false, a list or a table",
    "Invalid statement": "expected `name = value` or `[table]`",
    "Expected '=' after a key in a key/value pair": "expected `=` after the name",
    "Expected newline or end of document after a statement": "expected the end of the line",
    "Unclosed array": "expected `,` or `]`",
    "Cannot overwrite a value": "this name has a value already",
}
_TOMLLIB_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def parse_vpython_toml(text: str, path: str) -> Spec:
    """Parse a `vpython.toml`: `requires-python`, `dependencies` (PEP 508), `source`, `[tool]`.

    Raises UserError `path:line:column: fact`, one line for each mistake; an unknown key is one.
    Unknown keys of `[tool.vpython]` are named in `Spec.warnings`, keys of `[tool.uv]` that are not
    followed in `Spec.notices`.
    """
    return _parse(text, path, first_line=1, column=0, strict=True)


def parse_script(text: str, path: str, first_line: int, column: int = 2, *, base: str | None = None) -> Spec:
    """Parse PEP 723 metadata that begins on `first_line` of `path`, behind `column` characters.

    This is `parse_vpython_toml`, but an unknown key is a warning: the PEP reserves them for its
    successors, and other tools run the same script. Relative paths are those beside `base`, by default the
    file at `path`; beside "" there are none.
    """
    return _parse(text, path, first_line=first_line, column=column, strict=False, base=base)


def _parse(
    text: str, path: str, *, first_line: int, column: int, strict: bool, base: str | None = None
) -> Spec:
    check_size(len(text), path)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")

    def formatted(position: Position, fact: str) -> str:
        return format_mistake(path, position[0] + first_line - 1, position[1] + column, fact)

    mistakes: list[Mistake] = []
    top = Table("", load(text, formatted), mistakes)
    keys = _KEYS if strict else tuple(key for key in _KEYS if key != "source")
    unknown = [(key, "", f"unknown key {quoted(key)}") for key in top.values if key not in keys]
    if strict:
        mistakes += unknown
        unknown = []
    spec = _spec(top, path if base is None else base, strict=strict)
    if mistakes:
        raise _error(list(dict.fromkeys(mistakes)), text, formatted)

    own, uv = top.table("tool").table("vpython"), top.table("tool").table("uv")
    unknown += [
        (key, "", f"unknown key {quoted(key)} of `[tool.vpython]`")
        for key in own.values
        if key not in tool_vpython.KEYS
    ]
    shown = sorted((position_of_key(text, key), fact) for key, _, fact in unknown[:MAX_SHOWN])
    return replace(
        spec,
        path=path if spec.source else "",
        warnings=tuple(formatted(position, f"{fact} is ignored") for position, fact in shown),
        notices=_notices(uv, text, formatted),
    )


def _spec(top: Table, path: str, *, strict: bool) -> Spec:
    """Return what the tables declare; what is wrong with them is noted in `top.mistakes`."""
    requires = top.text("requires-python")
    if fact := specifier_fact(requires, "requires-python"):
        top.add("requires-python", fact)
    dependencies = top.checked("dependencies", requirement_fact)
    source = top.text("source") if strict else ""
    tool = top.table("tool")
    own, uv = tool.table("vpython"), tool.table("uv")
    dev = tuple(entry for entry in own.texts("dev-dependencies") if not requirement_fact(entry))
    index = tool_uv.default_index(uv, path) if not (source or own.values.keys() & {"source", "index"}) else ""
    spec = Spec(
        requires_python=requires,
        dependencies=dependencies,
        no_build=tool_uv.no_build(uv),
        source=f"index:{index}" if index else "",
        resolution=tool_uv.resolution(uv, (*dependencies, *dev), path),
    )
    return tool_vpython.read(own, spec, path, source)


def _notices(uv: Table, text: str, formatted: Formatter) -> tuple[str, ...]:
    """Return the one warning of the keys of `[tool.uv]` that are not followed."""
    keys = tool_uv.unfollowed(uv)
    if not keys:
        return ()
    listed = ", ".join(map(quoted, keys))
    fact = f"keys of `[tool.uv]` that are not followed, so that uv may resolve otherwise: {listed}"
    return (formatted(position_of_key(text, keys[0]), fact),)


def _error(mistakes: list[Mistake], text: str, formatted: Formatter) -> UserError:
    # A position takes a search of the text, so only mistakes that are shown get one.
    shown = sorted((position_of_key(text, key, entry), fact) for key, entry, fact in mistakes[:MAX_SHOWN])
    lines = [formatted(position, fact) for position, fact in shown]
    lines += [fact for *_, fact in mistakes[MAX_SHOWN:]]

    unknown = any(fact.startswith("unknown key") for *_, fact in mistakes)
    hint = f"the keys here are {', '.join(map(quoted, _KEYS))}" if unknown else None
    return mistakes_error(lines, hint=hint)


def load(text: str, formatted: Formatter) -> dict[str, Any]:
    """Return the tables of a TOML text; raise UserError for what is none."""
    import tomllib

    for number, line in enumerate(text.split("\n"), 1):
        try:
            line.encode()
        except UnicodeEncodeError as error:
            fact = "not UTF-8: a lone surrogate"
            raise mistakes_error([formatted((number, error.start + 1), fact)]) from None
        if line.count(".") > MAX_DOTS:
            raise mistakes_error([formatted((number, 1), f"more than {MAX_DOTS} dots in one line")])

    try:
        return tomllib.loads(text)
    except RecursionError:
        raise mistakes_error([formatted((1, 1), "values nested too deeply")]) from None
    except ValueError as error:
        position, fact = _syntax_mistake(str(error), text)
        raise mistakes_error([formatted(position, fact)]) from None


def _syntax_mistake(message: str, text: str) -> tuple[Position, str]:
    """Return the position and the fact of an error message of `tomllib`."""
    match = _TOMLLIB_POSITION.search(message)
    fact = message[: match.start()] if match else "a value that cannot be read"
    if match and match[1]:
        position = int(match[1]), int(match[2])
    else:
        *before, last = text.rstrip("\n").split("\n")
        position = len(before) + 1, len(last) + 1
    return position, f"not TOML: {_EXPECTED.get(fact) or quoted(fact, 120).strip('`')}"


def position_of_key(text: str, key: str, entry: str = "") -> Position:
    """Return the position of `entry` behind `key`, else that of `key`, else that of the text.

    `tomllib` has no positions of values; this finds them where they are written in the usual way.
    """
    bare = re.escape(key)
    header = r"(?:\[\[?[ \t]*(?:[\w-]+\.)*)?"
    match = re.search(rf"""^[ \t]*{header}(?=["']?{bare}["']?[ \t]*[=.\]])""", text, re.MULTILINE)
    start = match.end() if match else 0
    if entry:
        for quote in "'\"":
            index = text.find(quote + entry + quote, start)
            if index >= 0:
                start = index
                break
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
