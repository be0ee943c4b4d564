"""CIPD's instance ids: the hash of a package file's bytes, as text (CIPD `ObjectRef`).

An id is base64url without padding of the digest and one byte that tells the algorithm; SHA-1,
which the service still knows, is plain lower-case hex instead.
"""

from __future__ import annotations

import base64
import binascii

from vpy.errors import UserError

SHA1 = 1
SHA256 = 2
SHA1_NOTE = "its instance id is a SHA-1 hash, which no longer tells one file from a forged other"
ALGORITHMS = {SHA1: "sha1", SHA256: "sha256"}

_HEX = frozenset("0123456789abcdef")
_DIGEST_BYTES = {SHA1: 20, SHA256: 32}
_SHA1_CHARACTERS = 40
_SHORTEST = 28


def instance_id(sha256: bytes) -> str:
    """The id of a package file whose SHA-256 digest is `sha256` (32 bytes); 44 characters, the last a `C`."""
    if len(sha256) != _DIGEST_BYTES[SHA256]:
        raise ValueError(f"a SHA-256 digest has 32 bytes, not {len(sha256)}")
    return id_from_reference(SHA256, sha256.hex())


def id_from_reference(algorithm: int, digest: str, *, known: bool = True) -> str:
    """The id for an algorithm's number and a digest in lower-case hex; UserError where they do not fit.

    With `known` false an algorithm of a later service passes, whatever its length.
    """
    check_reference(algorithm, digest, known=known)
    if algorithm == SHA1 and len(digest) == _SHA1_CHARACTERS:
        return digest
    return base64.urlsafe_b64encode(bytes.fromhex(digest) + bytes([algorithm])).rstrip(b"=").decode("ascii")


def reference_from_id(text: str, *, known: bool = True) -> tuple[int, str]:
    """Read an id: its algorithm's number and the digest in lower-case hex; UserError where it is none."""
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


def printable(text: str) -> str:
    """The text for a message: control characters escaped, the middle of a long one left out."""
    shown = text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= 120 else f"{shown[:80]}…{shown[-20:]}"


def _decode(text: str) -> tuple[int, str]:
    if len(text) == _SHA1_CHARACTERS:
        return SHA1, text
    if len(text) < _SHORTEST:
        raise UserError("too short")
    if "=" in text or not text.isascii():
        raise UserError("not base64url without padding")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise UserError("not base64url without padding") from None
    if "+" in text or "/" in text:
        raise UserError("not base64url without padding")
    if len(data) % 2 == 0:
        raise UserError("the digest has an odd number of bytes")
    return data[-1], data[:-1].hex()


def weakness(instance_id: str) -> str:
    """What is to be said about an id (for `Pin.note`), or ""."""
    return SHA1_NOTE if reference_from_id(instance_id)[0] == SHA1 else ""
