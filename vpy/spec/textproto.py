"""The text form of a spec: a protobuf message in text format, read by protobuf itself.

The schema is the original's `vpython.Spec`, built at run time, so that no generated code is carried.
"""

from __future__ import annotations

import functools
import re
import warnings

from vpy.errors import UserError
from vpy.model import Spec, Tag, Wheel
from vpy.spec.text import at, quoted, refuse_oversize
from vpy.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

    # Names and indices from the top of the message: ("wheel", 2, "version", 0).
    Field = tuple[str | int, ...]

# The fields of each message: name, number, the message it holds ("" for a string), repeated or not.
_SCHEMA = {
    "Spec": (
        ("python_version", 1, "", False),
        ("wheel", 2, "Package", True),
        ("virtualenv", 3, "Package", False),
        ("verify_pep425_tag", 4, "Tag", True),
    ),
    "Package": (
        ("name", 1, "", False),
        ("version", 2, "", False),
        ("match_tag", 3, "Tag", True),
        ("not_match_tag", 4, "Tag", True),
    ),
    "Tag": (("python", 1, "", False), ("abi", 2, "", False), ("platform", 3, "", False)),
}
_NO_FIELD = re.compile(r'Message type "vpython\.(\w+)" has no field named "(.*)"', re.DOTALL)
_TWICE = re.compile(r'should not have multiple "(\w+)" fields')
# What no spec has: lone surrogates, and so many backslashes that protobuf takes minutes over them.
_ODD = re.compile(r"[\ud800-\udfff]|\\{100}")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_EXPECTED = re.compile(r'Expected "(.*)"\.')


def parse(text: str, path: str, *, first_line: int = 1, column: int = 0) -> Spec:
    """Read a text spec; what it means is judged by `normal.check`.

    `path` is named in errors; `first_line` is the line of `path` that the text begins on, and
    `column` how many characters stand before each of its lines. Raises UserError
    `path:line:column: fact` with the first syntax error. The `virtualenv` field is read and
    ignored, with a line in `Spec.warnings`.
    """
    lines = _lines(text, path)

    def told(row: int, place: int, fact: str) -> str:
        return at(path, row + first_line - 1, place + column, fact)

    text_format = _protobuf().text_format
    message = _spec_class()()
    try:
        # protobuf leaves an escape that it does not know as it stands, and Python warns of it.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            text_format.Parse("\n".join(lines), message)
    except (text_format.ParseError, Warning) as error:
        row, place, fact, hint = _explain(error, lines)
        raise UserError(told(row, place, fact), hint=hint) from None
    if not message.HasField("virtualenv"):
        return _spec(message)
    row, place = locate(text, path, [("virtualenv", 0)])["virtualenv", 0]
    fact = "`virtualenv` is ignored: environments are made by the standard library's venv"
    return replace(_spec(message), warnings=(told(row, place, fact),))


def _spec(message: Any) -> Spec:
    wheels = (
        Wheel(
            name=wheel.name,
            version=wheel.version,
            match_tags=_tags(wheel.match_tag),
            not_match_tags=_tags(wheel.not_match_tag),
        )
        for wheel in message.wheel
    )
    return Spec(
        python_version=message.python_version,
        wheels=tuple(wheels),
        verify_tags=_tags(message.verify_pep425_tag),
    )


def locate(text: str, path: str, wanted: Collection[Field]) -> dict[Field, tuple[int, int]]:
    """Line and column, from 1, of the values of `wanted` in a text that `parse` accepts."""
    tokenizer = _protobuf().text_format.Tokenizer(_lines(text, path))
    places: dict[Field, tuple[int, int]] = {}

    def value(field: Field) -> None:
        if field in wanted:
            place = tokenizer.ParseError("")
            places[field] = place.GetLine(), place.GetColumn()
        if tokenizer.TryConsume("<"):
            message(field, ">")
        elif tokenizer.TryConsume("{"):
            message(field, "}")
        else:
            tokenizer.ConsumeByteString()

    def message(above: Field, end: str) -> None:
        counts: dict[str, int] = {}
        while not tokenizer.TryConsume(end):
            name = tokenizer.ConsumeIdentifier()
            tokenizer.TryConsume(":")
            listed = tokenizer.TryConsume("[")
            while not (listed and tokenizer.TryConsume("]")):
                counts[name] = counts.get(name, -1) + 1
                value((*above, name, counts[name]))
                if not listed:
                    break
                tokenizer.TryConsume(",")
            tokenizer.TryConsume(",") or tokenizer.TryConsume(";")

    message((), "")
    return places


def _lines(text: str, path: str) -> list[str]:
    """The text's lines, however they end: the tokenizer itself knows only the newline."""
    refuse_oversize(len(text), path)
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if odd := _ODD.search(line):
            fact = "too many backslashes" if odd[0][0] == "\\" else "not UTF-8: a lone surrogate"
            raise UserError(at(path, number, odd.start() + 1, fact))
    return lines


def _protobuf() -> Any:
    """The library, which carries no types."""
    from google import protobuf
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format  # noqa: F401

    return protobuf


@functools.cache
def _spec_class() -> Any:
    protobuf = _protobuf()
    kinds = protobuf.descriptor_pb2.FieldDescriptorProto
    file = protobuf.descriptor_pb2.FileDescriptorProto(
        name="vpython/spec.proto", package="vpython", syntax="proto2"
    )
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for field, number, holds, repeated in fields:
            message.field.add(
                name=field,
                number=number,
                label=kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL,
                type=kinds.TYPE_MESSAGE if holds else kinds.TYPE_STRING,
                type_name=f".vpython.{holds}" if holds else None,
            )
    pool = protobuf.descriptor_pool.DescriptorPool()
    pool.Add(file)
    return protobuf.message_factory.GetMessageClass(pool.FindMessageTypeByName("vpython.Spec"))


def _tags(messages: Iterable[Any]) -> tuple[Tag, ...]:
    return tuple(Tag(python=tag.python, abi=tag.abi, platform=tag.platform) for tag in messages)


def _explain(error: Any, lines: list[str]) -> tuple[int, int, str, str | None]:
    """Line, column, fact and hint of a ParseError, without the source line that it quotes."""
    if isinstance(error, Warning):
        return *_bad_string(lines), None
    row, column = error.GetLine(), error.GetColumn()
    line = lines[row - 1]
    message = str(error).removeprefix(f"{row}:{column} : ")
    # An error at the token ahead quotes the line ("" at the end); one at the token before does not.
    ahead = message.startswith((f"'{line}': ", "'': "))
    message = message.removeprefix(f"'{line}': ").removeprefix("'': ")
    rest = line[column - 1 :].split(maxsplit=1)
    found = quoted(rest[0], 30) if ahead and rest else "the end"
    if unknown := _NO_FIELD.match(message):
        known = ", ".join(f"`{name}`" for name, *_ in _SCHEMA[unknown[1]] if name != "virtualenv")
        return row, column, f"unknown field {quoted(unknown[2])}", f"the fields here are {known}"
    if twice := _TWICE.search(message):
        return row, column, f"field `{twice[1]}` stands twice", None
    if expected := _EXPECTED.match(message):
        return row, column, f"expected `{expected[1]}`, found {found}", None
    if message.startswith("Expected identifier"):
        return row, column, f"expected a field name, found {found}", None
    if message.startswith("Expected string"):
        return row, column, f"expected a string in quotes, found {found}", None
    if message.startswith("String missing ending quote"):
        return row, column, "a string without its closing quote", None
    if "does not have extensions" in message:
        return row, column, "a spec has no extensions, `[` cannot stand here", None
    if "unicodeescape" in message:
        return row, column, "a string with a broken escape", None
    return *_bad_string(lines), None


def _bad_string(lines: list[str]) -> tuple[int, int, str]:
    """Line, column and fact of the first string with an unknown escape, else with bytes that are no text."""
    protobuf = _protobuf()
    tokenizer = protobuf.text_format.Tokenizer(lines)
    while not tokenizer.AtEnd():
        for escape in _ESCAPE.finditer(tokenizer.token):
            if escape[1] not in "abfnrtvx01234567'\"\\uUN":
                place = tokenizer.ParseError("")
                fact = f"unknown escape {quoted(escape[0])}"
                return place.GetLine(), place.GetColumn() + escape.start(), fact
        tokenizer.NextToken()
    tokenizer = protobuf.text_format.Tokenizer(lines)
    while not tokenizer.AtEnd():
        place = tokenizer.ParseError("")
        try:
            tokenizer.ConsumeString() if tokenizer.token[0] in "'\"" else tokenizer.NextToken()
        except (protobuf.text_format.ParseError, Warning):
            break
    return place.GetLine(), place.GetColumn(), "a string that is not UTF-8"
