"""Edits of specs in place: requirements added and removed, all other text kept as it was written."""

from __future__ import annotations

import os
import re

from bootstrap.shown import printable
from vpy.errors import ToolError, UserError
from vpy.spec.inline import script_blocks
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

LONGEST_LINE = 88  # characters of a list; a longer one gets a line for each entry
_NAME = re.compile(r"[-_.]+")
_CODING = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*[-\w.]+", re.ASCII)


@value
class Edit:
    """Change of one list of requirements: `key` is its dotted key, `name` a project.

    The `requirement` is added, in the place of one of the same project; None: those are taken out.
    """

    key: str
    name: str
    requirement: str | None


def read(path: str) -> str:
    """Return the text of a file, its line ends as they are; raise UserError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise UserError(f"cannot read `{printable(path)}`: {error.strerror}") from None


def write(path: str, text: str, *, executable: bool = False, mode: int | None = None) -> None:
    """Replace a file at once, its mode and what a link leads to kept; a new one may be `executable`.

    `mode` is that of a new file, where it is not what the umask leaves.
    """
    real = os.path.realpath(path)
    beside = f"{real}.{os.getpid()}.new"
    try:
        mode = _mode(real, mode)
        if executable:
            mode |= (mode & 0o444) >> 2
        try:
            with open(beside, "xb") as file:
                file.write(text.encode("utf-8", "surrogateescape"))
                file.flush()
                os.fsync(file.fileno())
            os.chmod(beside, mode)
            os.replace(beside, real)
        finally:
            if os.path.exists(beside):
                os.unlink(beside)
    except OSError as error:
        raise ToolError(f"cannot write `{printable(path)}`: {error.strerror}") from None


def remove(path: str) -> None:
    """Remove a file."""
    try:
        os.unlink(path)
    except OSError as error:
        raise ToolError(f"cannot remove `{printable(path)}`: {error.strerror}") from None


def check_encoding(text: str, block: str, path: str) -> None:
    """Raise UserError for a block that is not ASCII, where the script is not in UTF-8 (PEP 263)."""
    if block.isascii():
        return
    import codecs
    import io
    import tokenize

    data = io.BytesIO(text.encode("utf-8", "surrogateescape"))
    try:
        encoding, _ = tokenize.detect_encoding(data.readline)
    except SyntaxError as error:
        raise UserError(f"`{printable(path)}` is not a text of Python: {error.msg}") from None
    if codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig"):
        raise UserError(f"the spec is not in ASCII, and `{printable(path)}` is in {encoding}, not in UTF-8")


def _mode(path: str, new: int | None) -> int:
    """Return the mode of a file, of a new one `new` or what the umask leaves."""
    try:
        return os.stat(path).st_mode & 0o7777
    except FileNotFoundError:
        if new is not None:
            return new
        given = os.umask(0o022)
        os.umask(given)
        return 0o666 & ~given


def new_tables(requires: str) -> str:
    """Return the text of an empty `vpython.toml`."""
    return f'requires-python = "{requires}"\ndependencies = []\n'


def new_block(requires: str) -> str:
    """Return a PEP 723 block without requirements."""
    lines = new_tables(requires).splitlines()
    return "".join(["# /// script\n", *(f"# {line}\n" for line in lines), "# ///\n"])


def with_block(text: str, block: str, path: str) -> str:
    """Return a script with a block behind its first comments, which name its Python and its encoding."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    lines = text.removeprefix(mark).splitlines(keepends=True)
    if any(kind == "script" for kind, *_ in script_blocks([line.rstrip("\r\n") for line in lines])):
        raise UserError(f"`{printable(path)}` has a PEP 723 block already")
    number = _first_line(lines)
    end = _line_end(text)
    if number and not lines[number - 1].endswith("\n"):
        lines[number - 1] += end
    gap = "" if number >= len(lines) or not lines[number].strip() else end
    return "".join([mark, *lines[:number], block.replace("\n", end), gap, *lines[number:]])


def _first_line(lines: Sequence[str]) -> int:
    """Return how many lines must stay the first ones: that of the Python, that of the encoding (PEP 263)."""
    for number in (1, 0):
        if number < len(lines) and _CODING.match(lines[number]):
            return number + 1
    return 1 if lines and lines[0].startswith("#!") else 0


def change_block(text: str, change: Sequence[Edit]) -> str:
    """Return a script with the tables of its PEP 723 block changed."""
    return _with_inner(text, lambda inner: change_tables(inner, change))


def _with_inner(text: str, change: Callable[[str], str]) -> str:
    """Return a script with the TOML of its PEP 723 block changed."""
    lines = text.splitlines(keepends=True)
    bare = [line.rstrip("\r\n") for line in lines]
    start, end = next((first, last) for kind, first, last in script_blocks(bare) if kind == "script")
    inner = "".join(f"{line[2:]}\n" for line in bare[start : end - 1])
    changed = change(inner)
    line_end = _line_end(text)
    body = [f"# {line}".rstrip() + line_end for line in changed.splitlines()]
    return "".join([*lines[:start], *body, *lines[end - 1 :]])


def with_table(text: str, key: str, values: Mapping[str, Any]) -> str:
    """Return a script with a table of its PEP 723 block in the place of the one that is there."""
    import tomlkit

    def change(inner: str) -> str:
        document = tomlkit.parse(inner)
        table: Any = document
        *tables, last = key.split(".")
        for name in tables:
            if name not in table:
                table[name] = tomlkit.table(is_super_table=True)
            table = table[name]
        table[last] = _table(values)
        return str(tomlkit.dumps(document))

    return _with_inner(text, change)


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def change_tables(text: str, edits: Sequence[Edit]) -> str:
    """Return the text of a `vpython.toml` or a block with requirements added, replaced or removed."""
    import tomlkit

    document = tomlkit.parse(text)
    for edit in edits:
        table: Any = document
        *tables, key = edit.key.split(".")
        for name in tables:
            if name not in table:
                table[name] = tomlkit.table(is_super_table=name == "tool")
            table = table[name]
        if key not in table:
            table[key] = tomlkit.array()
        table[key] = _changed_list(table[key], edit)
    return str(tomlkit.dumps(document))


def _changed_list(array: Any, edit: Edit) -> Any:
    """Put the requirement in the place of one of the same project, or at the end."""
    numbers = [number for number, entry in enumerate(array) if project(str(entry)) == edit.name]
    if edit.requirement is None:
        for number in reversed(numbers):
            del array[number]
        return array
    for number in numbers:
        if str(array[number]) == edit.requirement:
            return array
    if numbers and not _has_marker(str(array[numbers[0]])):
        array[numbers[0]] = edit.requirement
        return array
    return _inserted(array, edit.requirement)


def _inserted(array: Any, requirement: str) -> Any:
    """Insert at its place where the list is in order, else at the end; a list of lines gets a line."""
    entries = [str(entry) for entry in array]
    names = [project(entry) for entry in entries]
    number = len(names)
    if names == sorted(names):
        number = sum(name < project(requirement) for name in names)
    if "\n" not in array.as_string():
        return _on_one_line(array, number, requirement)
    if number < len(names):
        array.insert(number, requirement)
    else:
        array.add_line(requirement, indent=_indent(array.as_string()), add_comma=True, newline=True)
    return array


def _on_one_line(array: Any, number: int, requirement: str) -> Any:
    """Return the list with a requirement more, spaced alike; its comment stays."""
    import tomlkit

    entries = [entry.as_string() for entry in array]
    entries.insert(number, tomlkit.item(requirement).as_string())
    made: Any = tomlkit.parse(f"x = [{', '.join(entries)}]")["x"]
    if len(made.as_string()) > LONGEST_LINE:
        made.multiline(True)
    for name in ("comment", "comment_ws", "trail"):
        setattr(made.trivia, name, getattr(array.trivia, name))
    return made


def _indent(text: str) -> str:
    found = re.search(r"\n([ \t]+)\S", text)
    return found[1] if found else "  "


def _has_marker(requirement: str) -> bool:
    return ";" in requirement


def project(requirement: str) -> str:
    """Return the normalised name of a requirement's project (PEP 503); "" where it has none."""
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    return _NAME.sub("-", found[1]).lower().rstrip("-") if found else ""


def toml_value(value: object) -> str:
    """Return a value, or a key, as TOML."""
    import tomlkit

    return str(tomlkit.item(value).as_string())


def _table(row: Mapping[str, Any]) -> Any:
    import tomlkit

    table = tomlkit.table()
    table.update({key: _item(each) for key, each in row.items()})
    return table


def _item(value: Any) -> Any:
    """Return a value within a line, or a list with a line for each entry."""
    import tomlkit

    if isinstance(value, list):
        rows = tomlkit.array()
        rows.extend(map(_item, value))
        return rows.multiline(bool(value))
    if isinstance(value, dict):
        row = tomlkit.inline_table()
        row.update({key: _item(each) for key, each in value.items()})
        return row
    return tomlkit.item(value)
