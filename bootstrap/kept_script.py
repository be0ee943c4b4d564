"""Script that is named by its address: where it is kept, and the start of one that is pinned.

What is kept lies in the root, at `scripts-1/<address>/<sha256>/NAME`, alone in its directory, which Python
puts in front of `sys.path`. `vpy/operations/remote_script.py` fetches it.
"""

from __future__ import annotations

import os

from bootstrap.root import is_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bootstrap.request import Request

SCRIPTS = "scripts-1"
ADDRESS_DIGITS = 26  # of the hash that names an address


def take_pinned(request: Request) -> None:
    """Let the request run what is kept of its address, where that is what its pin asks for."""
    pin = request.options.get("sha256")
    if pin is None or not request.root or request.options.tool is not None:
        return
    directory = os.path.join(request.root, SCRIPTS, digest_of(request.address))
    if path := kept(directory, pin):
        request.run_kept(path)


def kept(directory: str, digest: str) -> str | None:
    """Return the file that is kept of an address with this hash, None where there is none.

    It is marked as used now. Its bytes are not read here.
    """
    version = os.path.join(directory, digest)
    try:
        os.utime(version)
        (name,) = os.listdir(version)
    except (OSError, ValueError):
        return None
    path = os.path.join(version, name)
    return path if is_private(directory, version, path) else None


def digest_of(address: str) -> str:
    """Return the name of an address among the kept scripts."""
    try:  # without the import cost of `hashlib`, which loads OpenSSL
        from _sha2 import sha256  # type: ignore[import-not-found]  # CPython 3.12 and newer
    except ImportError:
        from _sha256 import sha256  # type: ignore[import-not-found]
    name: str = sha256(bare(address).encode("utf-8", "surrogateescape")).hexdigest()[:ADDRESS_DIGITS]
    return name


def bare(address: str) -> str:
    """Return the address without a user name and password, and without what is behind a `#`."""
    scheme, _, rest = address.partition("://")
    rest = rest.partition("#")[0]
    end = min(rest.find(sign) % (len(rest) + 1) for sign in "/?")
    return f"{scheme.lower()}://{rest[:end].rpartition('@')[2].lower()}{rest[end:]}"
