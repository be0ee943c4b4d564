"""Source of a script whose first line is replaced by several: its encoding and its docstring stay.

Lines that sh runs stand in front of the source then, and are a string to Python. So a line that declares
an encoding is no longer the second, and the script's docstring no longer its first statement: without
help the source would be read as UTF-8 (PEP 263), `__doc__` would be the shell's lines, and a
`from __future__ import` behind the docstring would be a SyntaxError.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ast import stmt as Statement  # noqa: N812  (its name in a sentence)


def split(source: bytes) -> tuple[bytes, bytes, str]:
    """Split the source behind a script's first line: its declaration of an encoding, the rest, the encoding.

    The declaration is a line, b"" where there is none or none is needed: it counts on the second line
    alone (PEP 263).
    """
    import re

    line, _, rest = source.partition(b"\n")
    match = re.match(rb"[ \t\f]*(#.*?coding[:=][ \t]*([-\w.]+).*)", line)
    if match is None:
        return b"", source, "utf-8"
    encoding = match[2].decode().lower().replace("_", "-")
    if encoding == "utf8" or f"{encoding}-".startswith("utf-8-"):
        return b"", source, "utf-8"
    return match[1].rstrip(b"\r") + b"\n", rest, encoding


def can_hold(encoding: str, data: bytes) -> bool:
    """Return whether a source in this encoding may have `data` in it."""
    if data.isascii():
        return True
    try:
        data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def keep_docstring(source: bytes, encoding: str) -> bytes:
    """Return the source so that its docstring is `__doc__` even where a string stands in front of it.

    Every line keeps its number. A source that this Python cannot parse is left as it is.
    """
    if not _may_begin_with_text(source):
        return source
    import ast

    try:
        text = source.decode(encoding)
        body = ast.parse(text).body
    except (SyntaxError, ValueError, LookupError, RecursionError):
        return source
    docstring = body[0].value if body and isinstance(body[0], ast.Expr) else None
    if not isinstance(docstring, ast.Constant) or not isinstance(docstring.value, str):
        return source

    futures = [item for item in body if isinstance(item, ast.ImportFrom) and item.module == "__future__"]
    try:
        data = _edited(text.encode(), body[0], docstring.value, futures[-1] if futures else None)
        ast.parse(data.decode())
        return data.decode().encode(encoding)
    except (SyntaxError, ValueError):
        return source


def _may_begin_with_text(source: bytes) -> bool:
    """Return whether the first statement may be a string; most scripts are wrappers that import something."""
    for line in map(bytes.strip, source.splitlines()):
        if line and not line.startswith(b"#"):
            return line[:1] in b"'\"rRuU("
    return False


def _edited(data: bytes, docstring: Statement, text: str, future: Statement | None) -> bytes:
    """Return the source with the docstring as an assignment: where it stands, or behind `future`.

    `text` is the docstring. Before a `from __future__ import` there may be one string and nothing else.
    """
    lines = data.splitlines(keepends=True)
    start, end = _span(lines, docstring)
    if future is None:
        return data[:start] + b"__doc__ = " + data[start:]

    _, behind = _span(lines, future)
    assignment = f"; __doc__ = {text!a}".encode()
    line_ends = b"".join(
        part[len(part.rstrip(b"\r\n")) :] for part in data[start:end].splitlines(keepends=True)
    )
    return data[:start] + line_ends + data[end:behind] + assignment + data[behind:]


def _span(lines: list[bytes], statement: Statement) -> tuple[int, int]:
    """Return the offsets at which a statement begins and ends."""
    first, last = statement.lineno, statement.end_lineno or statement.lineno
    start = sum(map(len, lines[: first - 1])) + statement.col_offset
    return start, sum(map(len, lines[: last - 1])) + (statement.end_col_offset or 0)
