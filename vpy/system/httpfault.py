"""What went wrong between us and a server, in a reader's words; only `http` calls it."""

from __future__ import annotations

import ssl

from vpy.system import address
from vpy.system.patience import NetworkError, Patience

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

CERTIFICATE_HINT = "where an authority of your own signs it, name its certificate with SSL_CERT_FILE"


def explain(error: Exception, url: str, patience: Patience, known: Any) -> NetworkError:
    """A NetworkError for an error of urllib3 or of the system; broken lines and silence are passing ones.

    `known` is the module that names urllib3's errors, which `http` alone imports.
    """
    place = f"`{address.shown(url)}`"
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, ssl.SSLCertVerificationError):
            reason = each.verify_message or "it is not valid"
            return NetworkError(f"the certificate of {place} is not trusted: {reason}", hint=CERTIFICATE_HINT)
    if isinstance(error, known.ProxyError):
        nobody = (known.NewConnectionError, known.NameResolutionError, known.ConnectTimeoutError)
        absent = any(isinstance(each, nobody) for each in chain)
        fact = f"cannot reach {place} through the proxy: {_reason(chain)}"
        return NetworkError(fact, passing=True, absent=absent)
    if isinstance(error, known.NameResolutionError):
        return NetworkError(f"cannot find {place}: its name is not known", passing=True, absent=True)
    if isinstance(error, known.NewConnectionError):
        return NetworkError(f"cannot connect to {place}: {_reason(chain)}", passing=True, absent=True)
    if isinstance(error, known.ConnectTimeoutError):
        within = f"within {patience.connect:g} s"
        return NetworkError(f"{place} did not answer {within}", passing=True, absent=True)
    if isinstance(error, (known.ReadTimeoutError, TimeoutError)):
        return NetworkError(f"{place} sent nothing for {patience.silence:g} s", passing=True)
    for each in chain:
        if isinstance(each, ssl.SSLError) and not isinstance(each, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            return NetworkError(f"no secure connection to {place}: {_words(each.reason)}")
    if isinstance(error, (known.ProtocolError, known.SSLError, OSError)):
        return NetworkError(f"the connection to {place} broke: {_reason(chain)}", passing=True)
    return NetworkError(f"{place} cannot be asked: {type(error).__name__}")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what is behind it, each once."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        each = todo.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        todo += [each.__cause__, each.__context__]
        todo += [item for item in each.args if isinstance(item, BaseException)]


def _reason(chain: list[BaseException]) -> str:
    """The system's own words for the innermost error; never an exception's text, which quotes addresses."""
    for each in reversed(chain):
        if isinstance(each, OSError) and each.strerror:
            return each.strerror
    names = {"IncompleteRead": "its body is shorter than told", "RemoteDisconnected": "it hung up"}
    for each in chain:
        if type(each).__name__ in names:
            return names[type(each).__name__]
    return _words(type(chain[-1]).__name__)


def _words(name: str | None) -> str:
    """`BadStatusLine` as `bad status line`, `WRONG_VERSION_NUMBER` as `wrong version number`."""
    if not name:
        return "no reason given"
    if name.isupper():
        return name.replace("_", " ").lower()
    return "".join(f" {one.lower()}" if one.isupper() else one for one in name).strip()
