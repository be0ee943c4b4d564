"""Specs inside scripts: PEP 723 blocks, and blocks between `[VPYTHON:BEGIN]` and `[VPYTHON:END]`."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.model import SpecSource
from vpy.spec.text import at, quoted, refuse_oversize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BEGIN, END = "[VPYTHON:BEGIN]", "[VPYTHON:END]"
COMMAND_PATH = "<string>"
_OPENING = "# /// "
_CLOSING = "# ///"


def find(data: bytes, path: str) -> SpecSource | None:
    """The spec inside a script's bytes: a PEP 723 `script` block, else a guarded one; None for none.

    Only the block itself must be UTF-8. What stands in an archive behind the script's head is not
    looked at. Raises UserError for two PEP 723 blocks and for a guarded block that cannot be read.
    """
    if b"# ///" not in data and b"[VPYTHON:BEGIN]" not in data:
        return None
    text = _head(data).removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    source = _script_block(text, path) or _guarded_block(text, path)
    if source is not None:
        _refuse_bytes(source)
    return source


def find_in_command(text: str) -> SpecSource | None:
    """The PEP 723 `script` block of a `-c` string; None for none."""
    source = _script_block(text, COMMAND_PATH) if "# ///" in text else None
    if source is not None:
        _refuse_bytes(source)
    return source


def _head(data: bytes) -> bytes:
    """What can be a script's text: of a binary file, what stands before the first archive member.

    A member that is stored as it is may hold a block of its own, which is not this file's.
    """
    if b"\0" not in data:
        return data
    return data.partition(b"PK\x03\x04")[0]


def _refuse_bytes(source: SpecSource) -> None:
    refuse_oversize(len(source.text), source.path)
    for number, line in enumerate(source.text.split("\n")):
        try:
            line.encode()
        except UnicodeEncodeError as error:
            place = source.column + error.start + 1
            raise UserError(at(source.path, source.first_line + number, place, "not UTF-8")) from None


def _script_block(text: str, path: str) -> SpecSource | None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blocks = [(start, end) for kind, start, end in script_blocks(lines) if kind == "script"]
    if not blocks:
        return None
    if len(blocks) > 1:
        first, second = blocks[0][0], blocks[1][0]
        fact = f"a second PEP 723 `script` block, the first is on line {first}"
        raise UserError(at(path, second, 1, fact), hint="leave one")
    start, end = blocks[0]
    body = [line[2:] for line in lines[start : end - 1]]
    return SpecSource(
        kind="script", format="script", path=path, text="\n".join(body) + "\n", first_line=start + 1, column=2
    )


def script_blocks(lines: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Type, opening line and closing line (from 1) of each block of PEP 723, without its regular expression.

    The PEP's expression reads a file of unclosed blocks in quadratic time; this is the same in linear.
    """
    at_line = 0
    run_end = closing = 0  # of the run of comment lines that `at_line` is in
    while at_line < len(lines) - 1:
        opening = _opened(lines[at_line])
        if opening and run_end <= at_line + 1:
            run_end, closing = _run(lines, at_line + 1)
        # At least one line of content stands between the guards; the last closing one counts.
        if opening and closing > at_line + 1:
            yield opening, at_line + 1, closing + 1
            at_line = closing
        at_line += 1


def _opened(line: str) -> str:
    """The type of the block that `line` opens; "" where it opens none."""
    kind = line.removeprefix(_OPENING) if line.startswith(_OPENING) else ""
    return kind if kind.isascii() and kind.replace("-", "0").isalnum() else ""


def _run(lines: Sequence[str], start: int) -> tuple[int, int]:
    """Where the comment lines from `start` end, and the last closing line among them (0 for none)."""
    closing = 0
    while start < len(lines) and (lines[start] == "#" or lines[start].startswith("# ")):
        if lines[start] == _CLOSING:
            closing = start
        start += 1
    return start, closing


def _guarded_block(text: str, path: str) -> SpecSource | None:
    """The original's block: the first line that ends with BEGIN, up to the next that ends with END.

    One without any line inside is no block. Lines lose their indentation and the guards' prefix.
    """
    lines = text.split("\n")
    begin = next((number for number, line in enumerate(lines) if line.strip().endswith(BEGIN)), None)
    if begin is None:
        return None
    inside = range(begin + 1, len(lines))
    end = next((number for number in inside if lines[number].strip().endswith(END)), None)
    if end is None:
        if lines[begin + 1 :] in ([], [""]):
            return None
        place = lines[begin].index(BEGIN) + 1
        raise UserError(at(path, begin + 1, place, f"`{BEGIN}` without `{END}`"))
    if end == begin + 1:
        return None
    prefix = _prefix(lines, begin, end, path)
    body = [_without(prefix, lines[number], path, number + 1) for number in range(begin + 1, end)]
    # What stands before the text differs by line where lines are indented differently.
    column = min((before for before, rest in body if rest), default=0)
    inner = "".join(" " * (before - column) + rest + "\n" if rest else "\n" for before, rest in body)
    return SpecSource(
        kind="inline", format="text", path=path, text=inner, first_line=begin + 2, column=column
    )


def _prefix(lines: Sequence[str], begin: int, end: int, path: str) -> str:
    """What stands before both guards; "" where they differ, as in a docstring that BEGIN opens."""
    first = lines[begin].strip().removesuffix(BEGIN)
    last = lines[end].strip().removesuffix(END)
    if first == last:
        return first
    body = [line.strip() for line in lines[begin + 1 : end]]
    # Read as they stand, lines behind a comment sign would say nothing at all.
    if all(not line or line.startswith("#") for line in body):
        place = lines[end].index(END) + 1
        fact = f"`{END}` stands behind {quoted(last)}, `{BEGIN}` behind {quoted(first)}"
        raise UserError(at(path, end + 1, place, fact), hint="give both the same beginning of the line")
    return ""


def _without(prefix: str, line: str, path: str, number: int) -> tuple[int, str]:
    """How many characters stand before the text of `line`, and the text."""
    stripped = line.strip()
    before = line.find(stripped)
    if stripped.startswith(prefix):
        return before + len(prefix), stripped.removeprefix(prefix)
    if prefix.startswith(stripped):
        return before, ""
    sign = prefix.strip()
    rest = stripped.removeprefix(sign)
    # `#python_version: …` behind `# ` would be a comment of the spec, and the spec silently empty.
    if sign.startswith("#") and stripped.startswith(sign) and not rest.startswith("#"):
        fact = f"the line begins with {quoted(sign)}, not with {quoted(prefix)} as the block's guards do"
        raise UserError(at(path, number, before + 1, fact))
    return before, stripped
