"""Specs inside scripts: PEP 723 blocks, and blocks between `[VPYTHON:BEGIN]` and `[VPYTHON:END]`."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.model import SpecSource
from vpy.spec.text import check_size, format_mistake, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BEGIN, END = "[VPYTHON:BEGIN]", "[VPYTHON:END]"
COMMAND_PATH = "<string>"
STDIN_PATH = "<stdin>"
_OPENING = "# /// "
_CLOSING = "# ///"


def find(data: bytes, path: str) -> SpecSource | None:
    """Return the spec inside a script's bytes: a PEP 723 `script` block, else a guarded one, else None.

    Only the block itself must be UTF-8. An archive that follows the script's text is not searched.
    Raises UserError for two PEP 723 blocks and for a guarded block that cannot be read.
    """
    if b"# ///" not in data and b"[VPYTHON:BEGIN]" not in data:
        return None
    text = _script_text(data).removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    source = _script_block(text, path) or _guarded_block(text, path)
    if source is not None:
        _check_text(source)
    return source


def find_in_command(text: str) -> SpecSource | None:
    """Return the PEP 723 `script` block of a `-c` string, or None."""
    source = _script_block(text, COMMAND_PATH) if "# ///" in text else None
    if source is not None:
        _check_text(source)
    return source


def may_have_near_miss(data: bytes) -> bool:
    """Return whether a script without a PEP 723 block may have something that was meant to be one."""
    return b"///" in data and b"script" in data.lower()


def _script_text(data: bytes) -> bytes:
    """Return the part of a file that can be a script: of a binary file, that before the first zip member.

    An uncompressed member may be a script with a block of its own.
    """
    if b"\0" not in data:
        return data
    return data.partition(b"PK\x03\x04")[0]


def _check_text(source: SpecSource) -> None:
    """Raise UserError for a block that is too large or not UTF-8."""
    check_size(len(source.text), source.path)
    for number, line in enumerate(source.text.split("\n")):
        try:
            line.encode()
        except UnicodeEncodeError as error:
            column = source.column + error.start + 1
            message = format_mistake(source.path, source.first_line + number, column, "not UTF-8")
            raise UserError(message) from None


def _script_block(text: str, path: str) -> SpecSource | None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blocks = [(start, end) for kind, start, end in script_blocks(lines) if kind == "script"]
    if not blocks:
        return None
    if len(blocks) > 1:
        first, second = blocks[0][0], blocks[1][0]
        fact = f"a second PEP 723 `script` block, the first is on line {first}"
        raise UserError(format_mistake(path, second, 1, fact), hint="remove one of them")

    start, end = blocks[0]
    body = [line[2:] for line in lines[start : end - 1]]
    return SpecSource(
        kind="script", format="script", path=path, text="\n".join(body) + "\n", first_line=start + 1, column=2
    )


def script_blocks(lines: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Yield type, opening line and closing line (from 1) of each metadata block of PEP 723.

    The PEP's regular expression takes quadratic time over a file of unclosed blocks; this takes linear
    time and finds the same blocks.
    """
    index = 0
    comments_end = closing = 0  # of the run of comment lines that `index` is in
    while index < len(lines) - 1:
        opened = _opened_type(lines[index])
        if opened and comments_end <= index + 1:
            comments_end, closing = _comment_run(lines, index + 1)
        # At least one line of content stands between the two; the last closing line counts.
        if opened and closing > index + 1:
            yield opened, index + 1, closing + 1
            index = closing
        index += 1


def _opened_type(line: str) -> str:
    """Return the type of the block that `line` opens; "" where it opens none."""
    kind = line.removeprefix(_OPENING) if line.startswith(_OPENING) else ""
    return kind if kind.isascii() and kind.replace("-", "0").isalnum() else ""


def _comment_run(lines: Sequence[str], start: int) -> tuple[int, int]:
    """Return the end of the comment lines from `start`, and the last closing line among them (0 for none)."""
    closing = 0
    while start < len(lines) and (lines[start] == "#" or lines[start].startswith("# ")):
        if lines[start] == _CLOSING:
            closing = start
        start += 1
    return start, closing


def _guarded_block(text: str, path: str) -> SpecSource | None:
    """Return the block from the first line that ends with BEGIN to the next that ends with END, or None.

    As in the original, a block without any line inside does not count, and lines lose their
    indentation and the prefix that both guards have.
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
        column = lines[begin].index(BEGIN) + 1
        raise UserError(format_mistake(path, begin + 1, column, f"`{BEGIN}` without `{END}`"))
    if end == begin + 1:
        return None

    prefix = _prefix(lines, begin, end, path)
    body = [_without_prefix(prefix, lines[number], path, number + 1) for number in range(begin + 1, end)]
    # Lines may be indented differently: the least indentation is the column of all, the rest stays as spaces.
    column = min((start for start, text in body if text), default=0)
    inner = "".join(" " * (start - column) + text + "\n" if text else "\n" for start, text in body)
    return SpecSource(
        kind="inline", format="text", path=path, text=inner, first_line=begin + 2, column=column
    )


def _prefix(lines: Sequence[str], begin: int, end: int, path: str) -> str:
    """Return the text before both guards; "" where they differ, as in a docstring that BEGIN opens."""
    first = lines[begin].strip().removesuffix(BEGIN)
    last = lines[end].strip().removesuffix(END)
    if first == last:
        return first

    body = [line.strip() for line in lines[begin + 1 : end]]
    # Without a prefix these lines would all be comments of the spec.
    if all(not line or line.startswith("#") for line in body):
        column = lines[end].index(END) + 1
        fact = f"`{END}` comes after {quoted(last)}, `{BEGIN}` after {quoted(first)}"
        hint = "give both the same beginning of the line"
        raise UserError(format_mistake(path, end + 1, column, fact), hint=hint)
    return ""


def _without_prefix(prefix: str, line: str, path: str, number: int) -> tuple[int, str]:
    """Return the index at which the text of `line` starts, and the text; `number` is the line's, from 1."""
    stripped = line.strip()
    start = line.find(stripped)
    if stripped.startswith(prefix):
        return start + len(prefix), stripped.removeprefix(prefix)
    if prefix.startswith(stripped):
        return start, ""

    sign = prefix.strip()
    rest = stripped.removeprefix(sign)
    # `#python_version: …` behind `# ` would be a comment of the spec, and the spec silently empty.
    if sign.startswith("#") and stripped.startswith(sign) and not rest.startswith("#"):
        fact = f"the line begins with {quoted(sign)}, not with {quoted(prefix)} as the block's guards do"
        raise UserError(format_mistake(path, number, start + 1, fact))
    return start, stripped
