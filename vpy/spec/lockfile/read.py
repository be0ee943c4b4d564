"""Reader of a lockfile of any format."""

from __future__ import annotations

import hashlib

from bootstrap.shown import printable
from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.model import Spec
    from vpy.spec.lockfile.find import Found
    from vpy.spec.lockfile.model import Lockfile, LockfileFormat


def read(data: bytes, path: str, kind: LockfileFormat) -> Lockfile:
    """Parse a lockfile; raise UserError `path:line: fact` where it cannot be followed."""
    text, digest = decode(data, path), hashlib.sha256(data).hexdigest()
    if kind == "uv-requirements":
        from vpy.spec.lockfile import requirements

        return requirements.parse(text, path, digest)
    if kind == "uv-script":
        from vpy.spec.lockfile import uv_script

        return uv_script.parse(text, path, digest)
    from vpy.spec.lockfile import pylock

    return pylock.parse(text, path, digest)


def of_image(data: bytes, origin: str) -> Lockfile:
    """Parse the lockfile that an OCI image has: its files are those of the image, by their hash alone."""
    from vpy.system.lean.dataclasses import replace

    lockfile = read(data, origin, "pylock")
    return replace(
        lockfile,
        distributions=tuple(
            replace(each, files=tuple(replace(file, url="") for file in each.files))
            for each in lockfile.distributions
        ),
    )


def of_spec(found: Found, spec: Spec) -> Lockfile:
    """Parse the lockfile that was found for a spec: a file's bytes, or what the script carries itself."""
    path, kind, data = found
    if kind != "embedded" or spec.lock is None:
        return read(data, path, kind)
    from vpy.spec.lockfile import embedded

    return embedded.parse(spec.lock, path)


def decode(data: bytes, path: str) -> str:
    """Decode UTF-8 with an optional byte order mark; raise UserError with the line of a wrong byte."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{printable(path)}:{line}: not UTF-8: byte `0x{data[error.start]:02x}`") from None
