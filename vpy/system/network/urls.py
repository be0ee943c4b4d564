"""Web addresses: which may be asked, how they are shown, which proxy is in the way."""

from __future__ import annotations

import ipaddress
import urllib.parse

from vpy.errors import ToolError, UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 8192


def check(url: str) -> str:
    """Return the address where it may be asked: https, or plain http on this very machine.

    UserError for another scheme, a password inside, or what is no address.
    """
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > LONGEST:
        raise UserError(f"not an address: `{shown(url)}`")
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UserError(f"not an address: `{shown(url)}`") from None
    if not host or port == 0 or parts.scheme not in ("http", "https"):
        raise UserError(f"not an https address: `{shown(url)}`", hint="an address begins with https://")
    if parts.username is not None or parts.password is not None:
        raise UserError(f"the address `{shown(url)}` has a name or password in it")
    if parts.scheme == "http" and not is_loopback(host):
        raise UserError(
            f"plain http to another machine is refused: `{shown(url)}`",
            hint="an address begins with https://",
        )
    return url


def root(url: str) -> str:
    """`scheme://host[:port]` of a checked address with no path, as a service has it; else UserError."""
    parts = urllib.parse.urlsplit(check(url))
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UserError(f"a service's address cannot have a path: `{shown(url)}`")
    return f"{parts.scheme}://{parts.netloc}"


def shown(url: str) -> str:
    """Scheme and host alone: what follows may be signed, what stands before may be a password."""
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "…"
    text = f"{parts.scheme}://{host}" if parts.scheme and host else url[:80]
    return text if text.isprintable() else ascii(text)[1:-1]


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine, by its name or number."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def same_origin(first: str, second: str) -> bool:
    """Return whether both have the same scheme, host and port; http may become https of the same host."""
    item, two = urllib.parse.urlsplit(first), urllib.parse.urlsplit(second)
    if (item.scheme, item.netloc.lower()) == (two.scheme, two.netloc.lower()):
        return True
    plain = item.scheme == "http" and two.scheme == "https"
    return plain and item.hostname == two.hostname and item.port is None and two.port is None


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """Return the proxy that `https_proxy`, `http_proxy` or `all_proxy` names for the address, or None.

    The lower-case name wins; `no_proxy` and this machine itself are asked directly. ToolError for
    a proxy that is not valid.
    """
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    proxies: dict[str, str] = {}
    for name in sorted(environ):  # upper case sorts first
        if name.lower().endswith("_proxy") and environ[name]:
            proxies[name.lower()[: -len("_proxy")]] = environ[name]
    named = proxies.get(parts.scheme) or proxies.get("all")
    if not named or is_loopback(host):
        return None
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    if proxy_bypass_environment(parts.netloc, proxies):
        return None
    return _checked_proxy(named if "://" in named else f"http://{named}")


def proxy_variable(url: str, environ: Mapping[str, str]) -> str:
    """Return the name of the variable that names the proxy for an address, as it is spelt; "" for none."""
    scheme = urllib.parse.urlsplit(url).scheme
    for kind in (scheme, "all"):
        for name in (f"{kind}_proxy", f"{kind}_proxy".upper()):
            if environ.get(name):
                return name
    return ""


def _checked_proxy(url: str) -> str:
    try:
        parts = urllib.parse.urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        sound = False
    if not sound:
        raise ToolError(
            f"the proxy `{shown(url)}` cannot be used", hint="a proxy is named as http://HOST:PORT"
        )
    return url
