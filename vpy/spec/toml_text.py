"""Writer of a spec's TOML form with the comments of the text spec that it was: `vpython.toml` or a block."""

from __future__ import annotations

import json
import re

from vpy.spec.text_comments import Entry
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vpy.spec.text_comments import Comments

INDENT = "  "
# What a comment of TOML may not have (TOML 1.0, "Comment").
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@value
class Tables:
    """Spec to write: its `requires-python`, "" for none, its requirements, its source, "" for none.

    `requirements` are those of the text spec's entries, None for one that is left out; `platforms` are
    those to verify.
    """

    requires_python: str
    requirements: tuple[str | None, ...]
    source: str = ""
    platforms: tuple[str, ...] = ()


def write(tables: Tables, comments: Comments) -> str:
    """Return the text of a `vpython.toml`: each comment stands where it stood."""
    lines = [line for block in comments.head for line in (*block, "")]
    lines += comments.version
    if tables.requires_python:
        lines.append(f"requires-python = {_string(tables.requires_python)}")
    elif comments.version:
        lines.append("")
    lines += _dependencies(tables, comments)
    lines += _tool(tables, comments)
    return "".join(f"{_CONTROL.sub(' ', line)}\n" for line in lines)


def _tool(tables: Tables, comments: Comments) -> list[str]:
    """Return the table `[tool.vpython]`, where there is something in it."""
    lines = [f"source = {_string(tables.source)}"] if tables.source else []
    if tables.platforms:
        listed = (f"{INDENT}{_string(platform)}," for platform in tables.platforms)
        lines += [*comments.verify, "verify-platforms = [", *listed, "]"]
    return ["", "[tool.vpython]", *lines] if lines else []


def as_block(text: str) -> str:
    """Return the text of a `vpython.toml` as a PEP 723 block."""
    body = (f"# {line}".rstrip(" ") for line in text.removesuffix("\n").split("\n"))
    return "".join(f"{line}\n" for line in ("# /// script", *body, "# ///"))


def _dependencies(tables: Tables, comments: Comments) -> list[str]:
    rows = list(_rows(tables.requirements, comments))
    if not rows:
        return ["dependencies = []"]
    start = 1 if not rows[0] else 0
    return ["dependencies = [", *(f"{INDENT}{row}".rstrip(" ") for row in rows[start:]), "]"]


def _rows(requirements: Sequence[str | None], comments: Comments) -> Iterator[str]:
    """Yield the lines of the list; empty ones part what has comments from what is above and below it."""
    entries: dict[str, list[Entry]] = {}
    for requirement, entry in zip(requirements, comments.entries, strict=True):
        if requirement is not None:
            entries.setdefault(requirement, []).append(entry)

    was_noted = False
    for requirement, entry in zip(requirements, comments.entries, strict=True):
        same = [Entry(entry.blocks)] if requirement is None else entries.pop(requirement, [])
        blocks = dict.fromkeys(block for each in same for block in each.blocks)
        own = [line for each in dict.fromkeys(each.own for each in same) for line in each]
        for block in blocks:
            yield from ("", *block)
        if requirement is None or not same:
            was_noted = was_noted or bool(blocks)
            continue
        if blocks or own or was_noted:
            yield ""
        yield from (*own, f"{_string(requirement)},")
        was_noted = bool(own)
    for block in comments.tail:
        yield from ("", *block)


def _string(text: str) -> str:
    """Return a basic string of TOML, as which every string of JSON can be read."""
    return json.dumps(text, ensure_ascii=False)
