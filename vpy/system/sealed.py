"""Cached JSON values, sealed by a hash: what is not as it was written is no value.

    <JSON in one line>
    <sha256 of that line, as hex>

So whoever reads one need not expect any other type than was written.
"""

from __future__ import annotations

from vpy.system import files
from vpy.system.lean import hashlib, json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def dump(item: object) -> bytes:
    """Return a JSON value with its seal."""
    text = json.dumps(item).encode()
    return text + b"\n" + hashlib.sha256(text).hexdigest().encode() + b"\n"


def load(data: bytes) -> Any:
    """Return the value that `dump` wrote; raise ValueError for anything else."""
    text, _, seal = data.partition(b"\n")
    if seal != hashlib.sha256(text).hexdigest().encode() + b"\n":
        raise ValueError("it has changed since it was written")
    return json.loads(text)


def read(path: str) -> Any:
    """Return the sealed value in a file; raise OSError or ValueError where there is none."""
    return load(files.read_bytes(path))
