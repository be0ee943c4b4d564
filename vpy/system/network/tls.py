"""Whom we trust over TLS: the system's authorities, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name."""

from __future__ import annotations

import os
import ssl

from vpy.errors import ToolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "SSL_CERT_FILE"
DIRECTORY = "SSL_CERT_DIR"


def context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return the TLS context that server certificates are checked with.

    Where one of the variables is set, only the certificates that it names are trusted; ToolError
    where there are none, because the alternative would be to trust others than those that were meant.
    """
    if FILE in environ or DIRECTORY in environ:
        result = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if FILE in environ:
            _add_file(result, environ[FILE])
        if DIRECTORY in environ:
            _add_directories(result, environ[DIRECTORY])
    else:
        import truststore

        result = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    result.minimum_version = ssl.TLSVersion.TLSv1_2
    return result


def _add_file(result: ssl.SSLContext, path: str) -> None:
    try:
        result.load_verify_locations(cafile=path)
    except (OSError, ValueError, TypeError) as error:
        raise _unusable(FILE, path, _reason(path, error)) from error


def _reason(path: str, error: Exception) -> str:
    if not path:
        return "it is set, but empty"
    if isinstance(error, ssl.SSLError) or not isinstance(error, OSError):
        return "it holds no certificate"
    return error.strerror or "it cannot be read"


def _add_directories(result: ssl.SSLContext, paths: str) -> None:
    """OpenSSL reads such a directory only when it looks for an authority, so look whether there is one."""
    usable = [path for path in paths.split(os.pathsep) if path and _has_files(path)]
    if not usable:
        raise _unusable(DIRECTORY, paths, "there are no certificates" if paths else "it is set, but empty")
    for path in usable:
        result.load_verify_locations(capath=path)


def _has_files(path: str) -> bool:
    try:
        return bool(os.listdir(path))
    except OSError:
        return False


def _unusable(variable: str, path: str, reason: str) -> ToolError:
    return ToolError(
        f"`{variable}` names no certificates: `{path}`: {reason}",
        hint=f"name a file in PEM form, or unset {variable} to trust what the system trusts",
    )
