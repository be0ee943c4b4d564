"""TLS of pip's session: one context per trust setting, whose certificates are loaded once.

pip's adapters load the certificates again for each connection, and let one at a time shake hands. What a
setting means stays theirs: pip's own certificates with the system's and those of `cert`; `client-cert`; none
for a `trusted-host`; those of `cert` alone under `legacy-certs`.
"""

# ruff: noqa: SLF001  (pip has no public interface)
from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


def share(session: Any, urls: Sequence[str]) -> None:
    """Let a session's connections share contexts; that of `urls` is made in the background from now on."""
    contexts = Contexts()
    for adapter in set(session.adapters.values()):
        if hasattr(adapter, "poolmanager"):
            adapter.cert_verify = contexts.verifier(adapter)
    threading.Thread(target=_load_ahead, args=(session, urls), daemon=True).start()


def without_certificates() -> Any:
    """Return what pip calls its truststore context, but load no certificates: `share` sees to them."""
    try:
        ssl, truststore = importlib.import_module("ssl"), importlib.import_module("pip._vendor.truststore")
    except ImportError:
        return None
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _load_ahead(session: Any, urls: Sequence[str]) -> None:
    """Make the contexts that requests for `urls` will need; what is wrong with them, a request says."""
    for url in filter(_is_https, urls):
        with contextlib.suppress(Exception):
            settings = session.merge_environment_settings(url, dict(session.proxies), True, None, None)
            pool = types.SimpleNamespace(proxy=None, conn_kw={})
            session.get_adapter(url).cert_verify(pool, url, settings["verify"], settings["cert"])


class Contexts:
    """Contexts by trust setting, None for a setting that has none; each is made once and never changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[tuple[object, ...], Any] = {}
        self._completed: set[int] = set()

    def verifier(self, adapter: Any) -> Callable[[Any, str, Any, Any], None]:
        """Return the `cert_verify` of an adapter of requests that hands its pools a shared context."""
        by_pip = adapter.cert_verify

        def cert_verify(pool: Any, url: str, verify: Any, cert: Any) -> None:
            asked = types.SimpleNamespace(ca_certs=None, ca_cert_dir=None, cert_file=None, key_file=None)
            by_pip(asked, url, verify, cert)
            # A proxy that speaks TLS itself takes the settings of the pool, not its context.
            is_plain = pool.proxy is None or pool.proxy.scheme != "https"
            context = self._get(adapter._ssl_context, asked) if _is_https(url) and is_plain else None
            if context is None:
                self._complete(adapter._ssl_context)
                by_pip(pool, url, verify, cert)
                return
            pool.cert_reqs, pool.conn_kw["ssl_context"] = asked.cert_reqs, context
            pool.ca_certs = pool.ca_cert_dir = pool.cert_file = pool.key_file = None

        return cert_verify

    def _complete(self, system: Any) -> None:
        """Load pip's own certificates into its own context, which is used then."""
        with self._lock:
            if system is not None and id(system) not in self._completed:
                system.load_verify_locations(_own_certificates())
                self._completed.add(id(system))

    def _get(self, system: Any, asked: types.SimpleNamespace) -> Any:
        """Return the context for a setting; None where urllib3 is to find the words for what is wrong."""
        key = (
            system is not None, asked.cert_reqs, asked.ca_certs, asked.ca_cert_dir,
            asked.cert_file, asked.key_file,
        )  # fmt: skip
        with self._lock:
            if key not in self._made:
                try:
                    self._made[key] = _make(system, asked)
                except (ImportError, OSError, ValueError):
                    self._made[key] = None
            return self._made[key]


def _make(system: Any, asked: types.SimpleNamespace) -> Any:
    """Return a new context; `system` is pip's for the system's certificates, None under `legacy-certs`."""
    ssl, of_urllib3 = importlib.import_module("ssl"), importlib.import_module("pip._vendor.urllib3.util.ssl_")
    if asked.cert_reqs == "CERT_NONE":
        context = of_urllib3.create_urllib3_context(cert_reqs=ssl.CERT_NONE)
    elif system is None:
        context = of_urllib3.create_urllib3_context()
        context.load_verify_locations(_path(asked.ca_certs), _path(asked.ca_cert_dir))
    else:
        context = _with_system(ssl, system, _path(asked.ca_certs), _path(asked.ca_cert_dir))
    if asked.cert_file:
        if of_urllib3._is_key_file_encrypted(asked.key_file or asked.cert_file):
            raise ValueError("a key with a password, for which OpenSSL would ask the terminal")
        context.load_cert_chain(asked.cert_file, asked.key_file)
    context.set_alpn_protocols(of_urllib3.ALPN_PROTOCOLS)
    # urllib3 sets them for each connection, while others take a copy of the context.
    context.set_alpn_protocols = lambda _: None
    return context


def _with_system(ssl: Any, system: Any, ca_certs: str | None, ca_cert_dir: str | None) -> Any:
    """Return a context with pip's certificates, the system's as truststore means it, and the given ones."""
    loaded = [os.path.realpath(_own_certificates())]
    if sys.platform in ("darwin", "win32"):
        context = type(system)(ssl.PROTOCOL_TLS_CLIENT)
    else:
        # What truststore does for OpenSSL, but for its lock around each handshake.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with importlib.import_module("pip._vendor.truststore._openssl")._configure_context(context):
            of_system = ssl.get_default_verify_paths().cafile
            if of_system and context.cert_store_stats()["x509_ca"]:
                loaded.append(os.path.realpath(of_system))
    context.load_verify_locations(loaded[0])
    if ca_cert_dir or os.path.realpath(ca_certs or "") not in loaded:
        context.load_verify_locations(ca_certs, ca_cert_dir)
    return context


def _own_certificates() -> str:
    return str(importlib.import_module("pip._vendor.certifi").where())


def _path(path: str | None) -> str | None:
    return path and os.path.expanduser(path)


def _is_https(url: str) -> bool:
    return url.lower().startswith("https:")
