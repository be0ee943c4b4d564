"""Markdown as the documents use it: fenced blocks with their marks, links, anchors, spans of code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FENCE = re.compile(r"( *)```(\w*)$")
MARK = re.compile(r" *<!-- (file|not run): (.+) -->$")
HEADING = re.compile(r"#+ +(.+?)\s*$")
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
PROMPT = "$ "


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Fenced block: `file` is where a reader puts its text, `not_run` the reason why nobody runs it here."""

    line: int
    language: str
    text: str
    file: str = ""
    not_run: str = ""

    def commands(self) -> list[Command]:
        """Return what a reader types, and what is shown to come of it: None where nothing is."""
        if self.language == "sh":
            return [
                Command(line=self.line + number, text=text, output=None)
                for number, text in _logical(self.text.splitlines())
                if not text.startswith("#")
            ]
        return list(self._session())

    def _session(self) -> Iterator[Command]:
        typed, line, output = "", 0, list[str]()
        for number, text in enumerate(self.text.splitlines(), 1):
            if text.startswith(PROMPT):
                if typed:
                    yield Command(line=line, text=typed, output=tuple(output))
                typed, line, output = text.removeprefix(PROMPT), self.line + number, []
            else:
                assert typed, f"line {self.line + number}: output in front of the first `$ `"
                output.append(text)
        if typed:
            yield Command(line=line, text=typed, output=tuple(output))


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One line for a shell; `output` is None where the document shows none."""

    line: int
    text: str
    output: tuple[str, ...] | None


def _logical(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield each line with its number, those that a backslash ends together with the next."""
    kept, first = "", 0
    for number, line in enumerate(lines, 1):
        first = first or number
        if line.endswith("\\"):
            kept += line[:-1]
        elif kept or line.strip():
            yield first, kept + line
            kept, first = "", 0
        else:
            first = 0


def blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of a document."""
    return list(_blocks(path.read_text(encoding="utf-8").splitlines()))


def _blocks(lines: list[str]) -> Iterator[Block]:
    mark: dict[str, str] = {}
    opened: re.Match[str] | None = None
    first = 0
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        if opened is None and fence:
            opened, first = fence, number
        elif opened is not None and line == f"{opened[1]}```":
            text = "".join(f"{each.removeprefix(opened[1])}\n" for each in lines[first : number - 1])
            yield Block(line=first, language=opened[2], text=text, **mark)
            opened, mark = None, {}
        elif opened is None:
            found = MARK.match(line)
            mark = {found[1].replace(" ", "_"): found[2]} if found else {}
    assert opened is None, f"line {first}: a block without an end"


def prose(path: Path) -> list[tuple[int, str]]:
    """Return the lines outside of fenced blocks, with their numbers."""
    kept, inside = [], False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if FENCE.match(line):
            inside = not inside
        elif not inside:
            kept.append((number, line))
    return kept


def links(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in prose(path):
        for target in LINK.findall(SPAN.sub("", line) if "](" not in line else line):
            yield number, target


def spans(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the spans of code in the prose."""
    for number, line in prose(path):
        for text in SPAN.findall(line.replace("\\|", "|")):
            yield number, text


def anchors(path: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    found: dict[str, int] = {}
    result = set()
    for _, line in prose(path):
        heading = HEADING.match(line)
        if heading:
            name = re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-")
            count = found.get(name, 0)
            found[name] = count + 1
            result.add(f"{name}-{count}" if count else name)
    return result
