"""Words for a request that failed: which host, proxy or certificate it was about, and no Python object."""

from __future__ import annotations

import importlib
import os
import socket
import ssl
from urllib.parse import urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

# Variables and settings that name a file of certificates, in the order in which pip looks.
_CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_PROXIES = ("PIP_PROXY", "https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def fact_of(problem: BaseException | None, environ: Mapping[str, str]) -> str:
    """Return what failed of a request, "" where the exception's own text says it best."""
    chain = list(_chain(problem))
    reason = _reason(chain)
    for each in chain:
        if isinstance(each, ssl.SSLCertVerificationError):
            named = _certificates(environ)
            by = f" by `{named[1]}` of `{named[0]}`" if named else ""
            return f"the certificate is not trusted{by}: {each.verify_message or 'it is not valid'}"
    kinds = _exceptions()
    away = next((each for each in chain if isinstance(each, kinds.NewConnectionError)), None)
    if away is not None:
        host, port = getattr(away.conn, "host", ""), getattr(away.conn, "port", None)
        place = f"{host}:{port}" if port else host
        if any(isinstance(each, kinds.ProxyError) for each in chain):
            return f"the proxy `{place}`{_named(host, port, environ)} cannot be reached: {reason}"
        return f"no connection to `{place}`: {reason}"
    if any(isinstance(each, kinds.ProxyError) for each in chain):
        return f"the proxy ended the connection: {reason}" if reason else ""
    return ""


def is_vain(error: BaseException | None, attempts: int) -> bool:
    """Return whether a request that failed so many times is not worth another attempt.

    A certificate does not come to be trusted, and a proxy that is not there is a wrong setting.
    """
    chain = list(_chain(error))
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in chain):
        return True
    kinds = _exceptions()
    is_proxy = any(isinstance(each, kinds.ProxyError) for each in chain)
    return attempts > 1 and is_proxy and any(isinstance(each, kinds.NewConnectionError) for each in chain)


def _named(host: str, port: int | None, environ: Mapping[str, str]) -> str:
    """Return which variable names a proxy, else that a setting of pip does."""
    for name in _PROXIES:
        text = environ.get(name, "")
        parts = urlsplit(text if "://" in text else f"//{text}")
        try:
            is_same = parts.hostname == host.lower() and parts.port in (port, None)
        except ValueError:
            continue
        if is_same:
            return f" of `{name}`"
    return " of pip's settings"


def _certificates(environ: Mapping[str, str]) -> tuple[str, str] | None:
    found = ((name, environ.get(name)) for name in _CERTIFICATES)
    return next(((name, text) for name, text in found if text), None)


def _chain(problem: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what it comes from, each once."""
    waiting: list[Any] = [problem]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]


def _reason(chain: list[BaseException]) -> str:
    """Return the words of the operating system, the last in the chain being the first cause."""
    for each in reversed(chain):
        if isinstance(each, socket.gaierror):
            return "its name is not known"
        if isinstance(each, OSError) and each.errno and not isinstance(each, ssl.SSLError):
            return os.strerror(each.errno)
    if any(isinstance(each, TimeoutError) for each in chain):
        return "it does not answer"
    return type(chain[-1]).__name__ if chain else ""


def _exceptions() -> Any:
    return importlib.import_module("pip._vendor.urllib3.exceptions")
