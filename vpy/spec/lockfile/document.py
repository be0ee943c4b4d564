"""TOML of a new lockfile: few shapes and thousands of lines, for which a general writer takes seconds."""

from __future__ import annotations

import re

from vpy.spec import edit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN = re.compile(r"[ !#-\[\]-~]*")  # printable ASCII, but for what is escaped


def text_of(tables: Mapping[str, Any]) -> str:
    """Return TOML: a table for each of a list of them, a line for each entry of any other list.

    A table of tables gives those of it a header each; what is in a table stands in lines, and tables there
    within them.
    """
    parts = []
    for key, each in tables.items():
        if isinstance(each, list) and each and isinstance(each[0], dict):
            parts += [f"\n[[{_key(key)}]]\n{''.join(_lines(row))}" for row in each]
        elif isinstance(each, dict):
            parts += [f"\n[{_key(key)}.{_key(name)}]\n{''.join(_lines(own))}" for name, own in each.items()]
        else:
            parts.append(f"{_key(key)} = {_value(each)}\n")
    return "".join(parts).removeprefix("\n")


def _lines(row: Mapping[str, Any]) -> Iterator[str]:
    for key, each in row.items():
        yield f"{_key(key)} = {_value(each)}\n"


def _value(value: Any) -> str:
    """Return a value within a line, or a list with a line for each entry."""
    if isinstance(value, str):
        return f'"{value}"' if _PLAIN.fullmatch(value) else edit.toml_value(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(key)} = {_value(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return "\n".join(["[", *(f"    {_value(each)}," for each in value), "]"]) if value else "[]"
    return str(value) if type(value) is int else edit.toml_value(value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else edit.toml_value(key)
