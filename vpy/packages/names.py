"""What CIPD takes for a package name, a ref, a tag, an instance id, a subdirectory (CIPD `common`).

Each `parse_…` returns what it was given, or raises UserError: past this edge nothing is checked again.
"""

from __future__ import annotations

import posixpath

from vpy.errors import UserError
from vpy.packages.cipd import printable, reference_from_id
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    VersionKind = Literal["id", "ref", "tag"]

_DIGITS = "0123456789"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_KEY = frozenset(_LOWER + _DIGITS + "_-")
_COMPONENT = frozenset(_LOWER + _DIGITS + "_-.")
_REF = frozenset(_LOWER + _DIGITS + "_-./")
_TAG_VALUE = frozenset(_LOWER + _LOWER.upper() + _DIGITS + "$()*+,-./:;<=>@\\_{}~ ")
_REF_LENGTH = 256
_TAG_LENGTH = 400
_KEY_LENGTH = 400


@value
class Version:
    """What a package's version is, as CIPD reads it: an instance id, else a ref, else a tag."""

    kind: VersionKind
    text: str


def parse_package_name(text: str) -> str:
    """A slash-separated path of lower-case words; a component of dots alone is refused."""
    for component in text.split("/"):
        if not component or not _COMPONENT.issuperset(component):
            raise UserError(
                f"not a package name: `{printable(text)}`",
                hint="a name is words of a-z, 0-9, `_`, `-` and `.`, with one `/` between them",
            )
        if not component.strip("."):
            raise UserError(f"not a package name: `{printable(text)}` has a component of dots alone")
    return text


def parse_package_prefix(text: str) -> str:
    """A name, with or without a slash at its end, or nothing at all; returned without the slash."""
    trimmed = text[:-1] if text.endswith("/") else text
    return parse_package_name(trimmed) if text else ""


def parse_instance_id(text: str) -> str:
    """An instance id of SHA-256 or SHA-1."""
    reference_from_id(text)
    return text


def looks_like_instance_id(text: str) -> bool:
    """Whether it is an id of this or of a later service."""
    return _holds(lambda item: str(reference_from_id(item, known=False)), text)


def parse_ref(text: str) -> str:
    """At most 256 of a-z, 0-9, `_`, `.`, `/`, `-`, and nothing that reads as an instance id."""
    if not 0 < len(text) <= _REF_LENGTH or not _REF.issuperset(text):
        raise UserError(f"not a ref: `{printable(text)}`")
    if looks_like_instance_id(text):
        raise UserError(f"not a ref: `{text}` reads as an instance id")
    return text


def parse_tag(text: str) -> str:
    """`key:value`, at most 400 characters; a value neither begins nor ends with a blank."""
    key, colon, item = text.partition(":")
    if not colon:
        raise UserError(f"not a tag: `{printable(text)}` is no `key:value`")
    if len(text) > _TAG_LENGTH:
        raise UserError(f"not a tag: `{printable(text)}` has more than {_TAG_LENGTH} characters")
    if not key or not _KEY.issuperset(key):
        raise UserError(f"not a tag: `{printable(text)}`: a key is of a-z, 0-9, `_` and `-`")
    if not item or not _TAG_VALUE.issuperset(item) or item != item.strip(" "):
        raise UserError(f"not a tag: `{printable(text)}`: the value is empty or has what no tag has")
    return text


def parse_metadata_key(text: str) -> str:
    """At most 400 of a-z, 0-9, `_`, `-`."""
    if not 0 < len(text) <= _KEY_LENGTH or not _KEY.issuperset(text):
        raise UserError(f"not a metadata key: `{printable(text)}`")
    return text


def parse_version(text: str) -> Version:
    """Read a version in CIPD's order: instance id, ref, tag."""
    if looks_like_instance_id(text):
        return Version("id", text)
    if _holds(parse_ref, text):
        return Version("ref", text)
    if _holds(parse_tag, text):
        return Version("tag", text)
    raise UserError(f"not a version: `{printable(text)}` is no instance id, no ref and no tag")


def _holds(parse: Callable[[str], str], text: str) -> bool:
    try:
        parse(text)
    except UserError:
        return False
    return True


def parse_subdir(text: str) -> str:
    """A relative path in its simplest form, `/` between its parts, inside the place it belongs to.

    The original lets a bare `..` pass; it leads outside, so it is refused here.
    """
    if "\\" in text or ":" in text or "\0" in text:
        raise UserError(f"not a subdirectory: `{printable(text)}` has a backslash, a colon or a NUL")
    if not text:
        return text
    if text.startswith("/"):
        raise UserError(f"not a subdirectory: `{printable(text)}` is absolute")
    simple = posixpath.normpath(text)
    if simple != text:
        raise UserError(f"not a subdirectory: `{printable(text)}` is `{printable(simple)}` in short")
    if text.split("/", 1)[0] in (".", ".."):
        raise UserError(f"not a subdirectory: `{printable(text)}` leads outside")
    return text
