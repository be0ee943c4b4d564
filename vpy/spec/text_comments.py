"""Comments of a text spec: which belong to which entry, and which to the file."""

from __future__ import annotations

import re

from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Lines that stand together, each from its `#` on.
    Block = tuple[str, ...]

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)|(?P<end>\n)|(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<open>[<{\[])|(?P<close>[>}\]])|(?P<word>[A-Za-z_][A-Za-z_0-9]*)|(?P<other>.)"""
)


@value
class Entry:
    """Comments of one `wheel` entry: `blocks` stand above it by themselves, `own` right above or inside."""

    blocks: tuple[Block, ...] = ()
    own: Block = ()


@value
class Comments:
    """Comments of a text spec.

    `head` are those of the file, `version` those of `python_version` and `verify` those of
    `verify_pep425_tag`; `tail` are those behind the last entry.
    """

    head: tuple[Block, ...]
    version: Block
    entries: tuple[Entry, ...]
    tail: tuple[Block, ...]
    verify: Block = ()


def read(text: str) -> Comments:
    """Read the comments of a text that `textproto.parse` accepts."""
    reader = _Reader()
    for token in _TOKEN.finditer(text.replace("\r\n", "\n").replace("\r", "\n")):
        reader.take(str(token.lastgroup), token[0])
    return reader.result()


class _Field:
    """Entry, or another field of the spec: the blocks above it, and the lines that are its own."""

    def __init__(self, name: str, blocks: list[Block], own: list[str]) -> None:
        self.name = name
        self.blocks = tuple(blocks)
        self.own = own


class _Reader:
    """Reader of tokens that keeps comments until it knows what follows them."""

    def __init__(self) -> None:
        self._fields: list[_Field] = []
        self._blocks: list[list[str]] = []
        self._is_apart = True  # whether something stands between the last block and this line
        self._line = ""  # what the line has so far: "field", "comment" or nothing
        self._brackets = ""
        self._name = ""

    def take(self, kind: str, text: str) -> None:
        """Take the next token."""
        if kind == "comment":
            self._comment(text.rstrip())
        elif kind == "end":
            self._is_apart = self._line != "comment"
            self._line = ""
        elif kind == "open":
            if self._name == "wheel" and text != "[" and self._is_outside():
                self._begin()
            self._brackets += text
        elif kind == "close":
            self._brackets = self._brackets[:-1]
        elif kind == "word" and not self._brackets:
            self._name = text
            if text != "wheel":
                self._begin()
        if kind in ("text", "open", "close", "word"):
            self._line = "field"

    def _is_outside(self) -> bool:
        """Return whether a bracket that opens here is that of an entry."""
        return self._brackets in ("", "[")

    def _begin(self) -> None:
        own = self._blocks.pop() if self._blocks and not self._is_apart else []
        self._fields.append(_Field(self._name, [tuple(block) for block in self._blocks], own))
        self._blocks = []

    def _comment(self, line: str) -> None:
        is_inside = not self._is_outside() or (self._brackets != "" and self._name != "wheel")
        if self._fields and (is_inside or self._line == "field"):
            self._fields[-1].own.append(line)
            return
        if self._is_apart or not self._blocks:
            self._blocks.append([])
        self._blocks[-1].append(line)
        self._line = "comment"
        self._is_apart = False

    def result(self) -> Comments:
        """Return the comments: blocks above the first entry are the file's where nothing else is above it."""
        head: list[Block] = []
        entries: list[Entry] = []
        version: list[str] = []
        verify: list[str] = []
        waiting: list[Block] = []
        for number, field in enumerate(self._fields):
            waiting += field.blocks
            if field.name == "python_version":
                head, waiting = [*head, *waiting], []
                version += field.own
            elif field.name == "verify_pep425_tag":
                verify += field.own
            elif field.name == "wheel" and number == 0:
                head, waiting = waiting, []
                entries.append(Entry((), tuple(field.own)))
            elif field.name == "wheel":
                entries.append(Entry(tuple(waiting), tuple(field.own)))
                waiting = []
        waiting += [tuple(block) for block in self._blocks]
        if not entries:
            head, waiting = [*head, *waiting], []
        return Comments(tuple(head), tuple(version), tuple(entries), tuple(waiting), tuple(verify))
