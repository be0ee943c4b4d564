"""Edits of text specs in place: one `wheel` entry added or removed, every other line kept."""

from __future__ import annotations

import re

from vpy.spec.inline import BEGIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from vpy.model import SpecSource

# What may stand between two brackets of a text spec: a string, a comment, a bracket.
_PIECE = re.compile(r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\#[^\n]*|[<>{}]""")
_WORD = re.compile(r"\bwheel\s*:?\s*$")


def with_entry(text: str, name: str, version: str) -> str:
    """Return a text spec with an entry at its end."""
    body = text if not text or text.endswith("\n") else f"{text}\n"
    gap = "\n" if body.strip() and not body.endswith("\n\n") else ""
    return f'{body}{gap}wheel: <\n  name: "{name}"\n  version: "{version}"\n>\n'


def with_version(text: str, number: int, old: str, new: str) -> str:
    """Return a text spec whose entry `number` has another version."""
    start, end = _spans(text)[number]
    entry = text[start:end]
    for quote in "\"'":
        entry = entry.replace(f"{quote}{old}{quote}", f"{quote}{new}{quote}")
    return text[:start] + entry + text[end:]


def without_entries(text: str, numbers: Collection[int]) -> str:
    """Return a text spec without some of its entries; a line goes where nothing else is on it."""
    spans = _spans(text)
    for number in sorted(numbers, reverse=True):
        text = _without(text, *spans[number])
    return text


def _without(text: str, start: int, end: int) -> str:
    line = text.rfind("\n", 0, start) + 1
    after = text.find("\n", end)
    after = len(text) if after < 0 else after + 1
    if text[line:start].strip() or text[end:after].strip(" \t\n,;"):
        return text[:start] + text[end:]
    # Of two empty lines around it one is enough.
    if text[:line].endswith("\n\n") and text[after : after + 1] in ("\n", ""):
        line -= 1
    return text[:line] + text[after:]


def _spans(text: str) -> list[tuple[int, int]]:
    """Return start and end of each `wheel` entry of a text that the parser accepts."""
    spans = []
    depth = start = 0
    for piece in _PIECE.finditer(text):
        if piece[0] in "<{":
            word = _WORD.search(text, 0, piece.start())
            if depth == 0:
                start = word.start() if word else -1
            depth += 1
        elif piece[0] in ">}":
            depth -= 1
            if depth == 0 and start >= 0:
                spans.append((start, piece.end()))
    return spans


def replace_guards(script: str, source: SpecSource, block: str) -> str:
    """Return a script with other lines in the place of its guarded block, the guards included."""
    lines = re.split(r"(?<=\n)", script)
    first = source.first_line - 2
    last = first + source.text.count("\n") + 1
    end = "\r\n" if lines[first].endswith("\r\n") else "\n"
    final = lines[last][len(lines[last].rstrip("\r\n")) :]
    mark = "\ufeff" if lines[first].startswith("\ufeff") else ""
    return "".join(
        [*lines[:first], mark, block.removesuffix("\n").replace("\n", end), final, *lines[last + 1 :]]
    )


def are_comments(script: str, source: SpecSource) -> bool:
    """Return whether the guards of a script's block stand in comments."""
    lines = script.removeprefix("\ufeff").split("\n")
    first = source.first_line - 2
    return all(
        lines[number].lstrip().startswith("#") for number in (first, first + source.text.count("\n") + 1)
    )


def put_back(script: str, source: SpecSource, text: str) -> str:
    """Return a script with another text in its guarded block; lines that stay keep their indentation."""
    from difflib import SequenceMatcher

    lines = script.splitlines(keepends=True)
    first = source.first_line - 1
    old = source.text.splitlines()
    new = text.splitlines()
    raw = lines[first : first + len(old)]
    guard = lines[first - 1]
    prefix = guard[: guard.index(BEGIN)]
    end = "\r\n" if guard.endswith("\r\n") else "\n"
    body: list[str] = []
    for kind, start, stop, begin, finish in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            body += raw[start:stop]
        else:
            body += [f"{prefix}{line}".rstrip() + end for line in new[begin:finish]]
    return "".join([*lines[:first], *body, *lines[first + len(old) :]])


def names_of(package: str) -> tuple[str, ...]:
    """Return what a package may be called: its whole name, and the project in it."""
    parts = package.split("/")
    last = parts[-2] if parts[-1].startswith("${") and len(parts) > 1 else parts[-1]
    stem = last.removesuffix("-py3").removesuffix("-py2_py3")
    return (package, last, stem, stem.replace("_", "-"))
