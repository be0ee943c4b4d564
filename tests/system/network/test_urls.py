"""Web addresses: which are refused, and which proxy is in the way."""

from __future__ import annotations

import pytest

from vpy.errors import ToolError, UserError
from vpy.system.network import urls


@pytest.mark.parametrize(("environ", "expected"), [
    ({}, None),
    ({"https_proxy": "http://p:1"}, "http://p:1"),
    ({"https_proxy": "p:1"}, "http://p:1"),
    ({"https_proxy": "http://p:1", "HTTPS_PROXY": "http://q:2"}, "http://p:1"),
    ({"https_proxy": "http://p:1", "no_proxy": "example"}, None),
    ({"https_proxy": "http://p:1", "NO_PROXY": ".packages.example"}, None),
    ({"https_proxy": "http://p:1", "no_proxy": "*"}, None),
    ({"https_proxy": "http://p:1", "no_proxy": "other.example"}, "http://p:1"),
    ({"http_proxy": "http://p:1"}, None),
    ({"https_proxy": ""}, None),
])  # fmt: skip
def test_which_proxy(environ: dict[str, str], expected: str | None) -> None:
    assert urls.proxy_for("https://a.packages.example/x", environ) == expected


@pytest.mark.parametrize("proxy", ["socks5://p:1", "http://", "http://p:x", "ftp://p"])
def test_proxies_that_are_none(proxy: str) -> None:
    with pytest.raises(ToolError, match="cannot be used"):
        urls.proxy_for("https://a.example", {"https_proxy": proxy})


@pytest.mark.parametrize("url", [
    "https://a.example", "https://a.example:8443/x?y=z", "http://127.0.0.1:80", "http://localhost", "http://[::1]:5/",
    "http://127.9.9.9", "http://x.localhost:1",
])  # fmt: skip
def test_addresses(url: str) -> None:
    assert urls.check(url) == url


@pytest.mark.parametrize("url", [
    "", "a.example", "http://a.example", "http://0.0.0.0", "http://127.0.0.1.example", "ftp://a", "https://",
    "https://a b", "https://a\nb", "https://u:p@a", "https://u@a", "https://a:0", "https://a:x", "https://[::1",
    "file:///etc/passwd", "https://ü.example", "javascript:x", "http://localhost.example", "https:///x",
    "https://" + "a" * 9000,
])  # fmt: skip
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(UserError) as caught:
        urls.check(url)
    assert "p@a" not in caught.value.message
    assert caught.value.message.isprintable()


def test_a_service_has_no_path() -> None:
    assert urls.root("https://a.example/") == "https://a.example"
    for url in ("https://a.example/x", "https://a.example/?x", "https://a.example#x"):
        with pytest.raises(UserError, match=r"a service's address cannot have a path: `https://a.example`"):
            urls.root(url)
