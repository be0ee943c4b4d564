"""Package names, versions, subdirectories and instance ids, as CIPD spells them (luci-go `cipd/common`).

Each `parse_…` returns its argument or raises UserError; past this edge nothing is validated again.

An instance id is the hash of a package file's bytes as text (CIPD `ObjectRef`): base64url without
padding of the digest and one byte for the algorithm. SHA-1, which the service still knows, is
plain lower-case hex instead.
"""

from __future__ import annotations

import base64
import binascii
import posixpath

from bootstrap import shown
from vpy.errors import UserError
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    VersionKind = Literal["id", "ref", "tag"]

SHA1 = 1
SHA256 = 2
ALGORITHMS = {SHA1: "sha1", SHA256: "sha256"}
SHA1_NOTE = "its instance id is a SHA-1 hash, which can be forged"

_HEX = frozenset("0123456789abcdef")
_DIGEST_BYTES = {SHA1: 20, SHA256: 32}
_SHA1_CHARACTERS = 40
_SHORTEST_ID = 28

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
    """Version of a package, as CIPD reads it: an instance id, else a ref, else a tag."""

    kind: VersionKind
    text: str


def instance_id(sha256: bytes) -> str:
    """Return the id of a package file by its SHA-256 digest (32 bytes): 44 characters, the last a `C`."""
    if len(sha256) != _DIGEST_BYTES[SHA256]:
        raise ValueError(f"a SHA-256 digest has 32 bytes, not {len(sha256)}")
    return id_from_reference(SHA256, sha256.hex())


def id_from_reference(algorithm: int, digest: str, *, known: bool = True) -> str:
    """Return the id for an algorithm's number and a digest in lower-case hex.

    With `known` false an algorithm of a later service passes, whatever its length. Raises UserError
    where number and digest do not fit together.
    """
    check_reference(algorithm, digest, known=known)
    if algorithm == SHA1 and len(digest) == _SHA1_CHARACTERS:
        return digest
    return base64.urlsafe_b64encode(bytes.fromhex(digest) + bytes([algorithm])).rstrip(b"=").decode("ascii")


def reference_from_id(text: str, *, known: bool = True) -> tuple[int, str]:
    """Return the algorithm's number and the digest in lower-case hex of an id; raise UserError for others."""
    try:
        algorithm, digest = _decode(text)
        check_reference(algorithm, digest, known=known)
    except UserError as error:
        raise UserError(f"not an instance id: `{printable(text)}`: {error.message}") from None
    return algorithm, digest


def check_reference(algorithm: int, digest: str, *, known: bool = True) -> None:
    """Raise UserError unless the number names an algorithm and `digest` is hex of its length."""
    if not 0 < algorithm < 256:
        raise UserError(f"no such hash algorithm: {algorithm}")
    if not digest or len(digest) % 2 or not _HEX.issuperset(digest):
        raise UserError(f"not a digest in lower-case hex: `{printable(digest)}`")
    if not known:
        return

    if algorithm not in _DIGEST_BYTES:
        raise UserError(f"unknown hash algorithm: {algorithm}")
    length = 2 * _DIGEST_BYTES[algorithm]
    if len(digest) != length:
        raise UserError(f"a {ALGORITHMS[algorithm]} digest has {length} characters: `{printable(digest)}`")


def _decode(text: str) -> tuple[int, str]:
    if len(text) == _SHA1_CHARACTERS:
        return SHA1, text
    if len(text) < _SHORTEST_ID:
        raise UserError("too short")
    if "=" in text or not text.isascii():
        raise UserError("not base64url without padding")

    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise UserError("not base64url without padding") from None
    # b64decode takes the plain alphabet's `+` and `/` beside `altchars`.
    if "+" in text or "/" in text:
        raise UserError("not base64url without padding")
    if len(data) % 2 == 0:
        raise UserError("the digest has an odd number of bytes")
    return data[-1], data[:-1].hex()


def weak_hash_note(instance_id: str) -> str:
    """Return the note (`Pin.note`) for an id of a hash that can be forged, "" for any other."""
    return SHA1_NOTE if reference_from_id(instance_id)[0] == SHA1 else ""


def parse_instance_id(text: str) -> str:
    """Parse an instance id of SHA-256 or SHA-1."""
    reference_from_id(text)
    return text


def looks_like_instance_id(text: str) -> bool:
    """Return whether the text is an id of this or of a later service."""
    return _is_valid(lambda item: str(reference_from_id(item, known=False)), text)


def parse_package_name(text: str) -> str:
    """Parse a package name: a slash-separated path of lower-case words, none of dots alone."""
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
    """Parse the beginning of a package name, which may be empty; return it without a slash at its end."""
    trimmed = text[:-1] if text.endswith("/") else text
    return parse_package_name(trimmed) if text else ""


def parse_ref(text: str) -> str:
    """Parse a ref: at most 256 of a-z, 0-9, `_`, `.`, `/`, `-`, and no instance id."""
    if not 0 < len(text) <= _REF_LENGTH or not _REF.issuperset(text):
        raise UserError(f"not a ref: `{printable(text)}`")
    if looks_like_instance_id(text):
        raise UserError(f"not a ref: `{text}` reads as an instance id")
    return text


def parse_tag(text: str) -> str:
    """Parse a tag: `key:value` of at most 400 characters; a value neither begins nor ends with a blank."""
    key, colon, content = text.partition(":")
    if not colon:
        raise UserError(f"not a tag: `{printable(text)}` is not `key:value`")
    if len(text) > _TAG_LENGTH:
        raise UserError(f"not a tag: `{printable(text)}` has more than {_TAG_LENGTH} characters")
    if not key or not _KEY.issuperset(key):
        raise UserError(f"not a tag: `{printable(text)}`: a key is of a-z, 0-9, `_` and `-`")
    if not content or not _TAG_VALUE.issuperset(content) or content != content.strip(" "):
        raise UserError(
            f"not a tag: `{printable(text)}`: the value is empty, or has characters that a tag cannot have"
        )
    return text


def parse_metadata_key(text: str) -> str:
    """Parse a metadata key: at most 400 of a-z, 0-9, `_`, `-`."""
    if not 0 < len(text) <= _KEY_LENGTH or not _KEY.issuperset(text):
        raise UserError(f"not a metadata key: `{printable(text)}`")
    return text


def parse_version(text: str) -> Version:
    """Parse a version in CIPD's order: instance id, ref, tag."""
    if looks_like_instance_id(text):
        return Version("id", text)
    if _is_valid(parse_ref, text):
        return Version("ref", text)
    if _is_valid(parse_tag, text):
        return Version("tag", text)
    raise UserError(f"not a version: `{printable(text)}` is neither an instance id nor a ref nor a tag")


def parse_subdir(text: str) -> str:
    """Parse a subdirectory: a relative path in its simplest form, `/` between its parts, "" for the root.

    The original client lets a bare `..` pass; it leads outside, so it is refused here.
    """
    if "\\" in text or ":" in text or "\0" in text:
        raise UserError(f"not a subdirectory: `{printable(text)}` has a backslash, a colon or a NUL")
    if not text:
        return text
    if text.startswith("/"):
        raise UserError(f"not a subdirectory: `{printable(text)}` is absolute")
    simple = posixpath.normpath(text)
    if simple != text:
        raise UserError(f"not a subdirectory: `{printable(text)}` is to be written `{printable(simple)}`")
    if text.split("/", 1)[0] in (".", ".."):
        raise UserError(f"not a subdirectory: `{printable(text)}` leads outside")
    return text


def printable(text: str) -> str:
    """Return the text for a message: as `shown.line`, but no longer than a name may be expected to be."""
    return shown.line(text, 120)


def _is_valid(parse: Callable[[str], str], text: str) -> bool:
    try:
        parse(text)
    except UserError:
        return False
    return True
