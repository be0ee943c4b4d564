"""Text form of a spec: a protobuf message in text format, parsed by protobuf itself.

The schema is the original's `vpython.Spec`, built at run time, so that no generated code is needed.
"""

from __future__ import annotations

import functools
import re
import warnings

from vpy.errors import UserError
from vpy.model import Spec, Tag, Wheel
from vpy.spec.text import check_size, format_mistake, quoted
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

    # A line and a column of the text, from 1.
    Position = tuple[int, int]
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
# Messages of protobuf's parser.
_NO_FIELD = re.compile(r'Message type "vpython\.(\w+)" has no field named "(.*)"', re.DOTALL)
_TWICE = re.compile(r'should not have multiple "(\w+)" fields')
_EXPECTED = re.compile(r'Expected "(.*)"\.')

# Refused before parsing: lone surrogates, and so many backslashes that protobuf takes minutes over them.
_REFUSED = re.compile(r"[\ud800-\udfff]|\\{100}")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def parse(text: str, path: str, *, first_line: int = 1, column: int = 0) -> Spec:
    """Parse a text spec, without checking its values (`select.check` does).

    `path` is named in errors; `first_line` is the line of `path` on which the text begins, and
    `column` how many characters stand before each of its lines. Raises UserError
    `path:line:column: fact` with the first syntax error. The `virtualenv` field is parsed and
    ignored, with a line in `Spec.warnings`.
    """
    lines = _lines(text, path)

    def formatted(position: Position, fact: str) -> str:
        return format_mistake(path, position[0] + first_line - 1, position[1] + column, fact)

    text_format = _protobuf().text_format
    message = _spec_class()()
    try:
        # protobuf keeps an unknown escape as it is, with a DeprecationWarning of Python's own parser.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            text_format.Parse("\n".join(lines), message)
    except (text_format.ParseError, Warning) as error:
        position, fact, hint = _explain(error, lines)
        raise UserError(formatted(position, fact), hint=hint) from None

    spec = _spec(message)
    if message.HasField("virtualenv"):
        position = locate(text, path, [("virtualenv", 0)])["virtualenv", 0]
        fact = "`virtualenv` is ignored: environments are made by the standard library's venv"
        spec = replace(spec, warnings=(formatted(position, fact),))
    return spec


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


def locate(text: str, path: str, wanted: Collection[Field]) -> dict[Field, Position]:
    """Return line and column, from 1, of the values of `wanted` in a text that `parse` accepts."""
    locator = _Locator(_protobuf().text_format.Tokenizer(_lines(text, path)), wanted)
    locator.read_message((), "")
    return locator.positions


class _Locator:
    """Reader of a text spec that notes the positions of the wanted values."""

    def __init__(self, tokenizer: Any, wanted: Collection[Field]) -> None:
        self.positions: dict[Field, Position] = {}
        self._tokenizer = tokenizer
        self._wanted = wanted

    def read_message(self, parent: Field, end: str) -> None:
        """Read the fields of a message up to the token `end`."""
        tokenizer = self._tokenizer
        counts: dict[str, int] = {}
        while not tokenizer.TryConsume(end):
            name = tokenizer.ConsumeIdentifier()
            tokenizer.TryConsume(":")
            listed = tokenizer.TryConsume("[")
            while not (listed and tokenizer.TryConsume("]")):
                counts[name] = counts.get(name, -1) + 1
                self._read_value((*parent, name, counts[name]))
                if not listed:
                    break
                tokenizer.TryConsume(",")
            tokenizer.TryConsume(",") or tokenizer.TryConsume(";")

    def _read_value(self, field: Field) -> None:
        if field in self._wanted:
            self.positions[field] = _position(self._tokenizer)
        if self._tokenizer.TryConsume("<"):
            self.read_message(field, ">")
        elif self._tokenizer.TryConsume("{"):
            self.read_message(field, "}")
        else:
            self._tokenizer.ConsumeByteString()


def _lines(text: str, path: str) -> list[str]:
    """Return the text's lines, however they end: protobuf's tokenizer knows only the newline."""
    check_size(len(text), path)
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if refused := _REFUSED.search(line):
            fact = "too many backslashes" if refused[0][0] == "\\" else "not UTF-8: a lone surrogate"
            raise UserError(format_mistake(path, number, refused.start() + 1, fact))
    return lines


def _protobuf() -> Any:
    """Return the protobuf library, which has no type annotations."""
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


def _explain(error: Any, lines: list[str]) -> tuple[Position, str, str | None]:
    """Return the position, the fact and the hint of an error of protobuf's parser, in vpython's words."""
    if isinstance(error, Warning):
        return *_bad_string(lines), None

    position = number, column = error.GetLine(), error.GetColumn()
    line = lines[number - 1]
    message = str(error).removeprefix(f"{number}:{column} : ")
    # An error at the next token quotes the line ("" at the end); one at the last token does not.
    ahead = message.startswith((f"'{line}': ", "'': "))
    message = message.removeprefix(f"'{line}': ").removeprefix("'': ")
    rest = line[column - 1 :].split(maxsplit=1)
    found = quoted(rest[0], 30) if ahead and rest else "the end"

    if unknown := _NO_FIELD.match(message):
        known = ", ".join(f"`{name}`" for name, *_ in _SCHEMA[unknown[1]] if name != "virtualenv")
        return position, f"unknown field {quoted(unknown[2])}", f"the fields here are {known}"
    if twice := _TWICE.search(message):
        return position, f"field `{twice[1]}` is given twice", None
    if expected := _EXPECTED.match(message):
        return position, f"expected `{expected[1]}`, found {found}", None
    if message.startswith("Expected identifier"):
        return position, f"expected a field name, found {found}", None
    if message.startswith("Expected string"):
        return position, f"expected a string in quotes, found {found}", None
    if message.startswith("String missing ending quote"):
        return position, "a string without its closing quote", None
    if "does not have extensions" in message:
        return position, "a spec has no extensions, `[` is not allowed here", None
    if "unicodeescape" in message:
        return position, "a string with a broken escape", None
    return *_bad_string(lines), None


def _bad_string(lines: list[str]) -> tuple[Position, str]:
    """Return position and fact of the first string with an unknown escape, else of one that is not UTF-8."""
    protobuf = _protobuf()
    tokenizer = protobuf.text_format.Tokenizer(lines)
    while not tokenizer.AtEnd():
        for escape in _ESCAPE.finditer(tokenizer.token):
            if escape[1] not in "abfnrtvx01234567'\"\\uUN":
                line, column = _position(tokenizer)
                return (line, column + escape.start()), f"unknown escape {quoted(escape[0])}"
        tokenizer.NextToken()

    tokenizer = protobuf.text_format.Tokenizer(lines)
    while not tokenizer.AtEnd():
        position = _position(tokenizer)
        try:
            tokenizer.ConsumeString() if tokenizer.token[0] in "'\"" else tokenizer.NextToken()
        except (protobuf.text_format.ParseError, Warning):
            break
    return position, "a string that is not UTF-8"


def _position(tokenizer: Any) -> Position:
    """Return the position of the current token; protobuf gives it in an error alone."""
    error = tokenizer.ParseError("")
    return error.GetLine(), error.GetColumn()
