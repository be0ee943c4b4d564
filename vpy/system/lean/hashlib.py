"""SHA-256 of small things, without the import cost of `hashlib`, which loads OpenSSL.

CPython's own implementation gives the same digests; for whole files `hashlib` is the faster one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha2 import sha256  # CPython 3.12 and newer
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256

__all__ = ["sha256"]
