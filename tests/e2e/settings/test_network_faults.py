"""An index that cannot be reached: what is told of the host, the proxy or the certificate, and how soon."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.packages.conftest import authority, direct
from tests.support.awkward_index import AwkwardIndex
from tests.support.wheelmaker import make_wheel

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.harness import Harness

__all__ = ["authority", "direct"]

SCRIPT = "# /// script\n# dependencies = ['a']\n# ///\nimport a\nprint(a.VERSION)\n"
HINT = "\n\nhint: with -vpython-offline only what was resolved before is used\n"


@pytest.fixture
def closed() -> Iterator[int]:
    """Return a port on which nobody listens, and nobody will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def run(harness: Harness, index: str, **variables: str) -> subprocess.CompletedProcess[str]:
    (harness.place / "s.py").write_text(SCRIPT)
    return harness.run("-vpython-source", f"index:{index}", "s.py", env=variables, timeout=60)


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "ALL_PROXY", "PIP_PROXY"])
def test_a_proxy_that_is_not_there(direct: Harness, closed: int, variable: str) -> None:
    """Named with its variable and without its password, after two attempts, not after the six of pip."""
    proxy = f"http://user:secret@127.0.0.1:{closed}"
    done = run(direct, "https://index.invalid/simple", **{variable: proxy})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"vpython: cannot ask the index: the proxy `127.0.0.1:{closed}` of `{variable}` cannot be reached:"
        f" Connection refused: `https://index.invalid/simple/a/`{HINT}"
    )


def test_a_proxy_whose_name_is_not_known(direct: Harness) -> None:
    done = run(direct, "https://index.invalid/simple", https_proxy="http://proxy.invalid:3128")
    assert "the proxy `proxy.invalid:3128` of `https_proxy` cannot be reached: its name" in done.stderr


def test_an_index_that_is_not_there(direct: Harness, closed: int) -> None:
    url = f"http://127.0.0.1:{closed}/simple"
    done = run(direct, url, PIP_RETRIES="0")
    assert done.returncode == 1
    assert done.stderr == (
        f"vpython: cannot ask the index: no connection to `127.0.0.1:{closed}`: Connection refused:"
        f" `{url}/a/`{HINT}"
    )


def test_a_certificate(direct: Harness, authority: Path, tmp_path: Path) -> None:
    """One that is not trusted is told at once, with the file that does not say so, and is not asked again."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        direct.environ.pop(name, None)
    make_wheel(tmp_path / "wheels", "a", "1.0")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "localhost.pem")
    index = AwkwardIndex(tmp_path / "wheels", context)
    other = str(authority / "elsewhere.pem")
    try:
        for variables, by in (({}, ""), ({"PIP_CERT": other}, f" by `{other}` of `PIP_CERT`")):
            done = run(direct, index.url, **variables)
            assert done.returncode == 1
            fact = f"the certificate is not trusted{by}: unable to get local issuer"
            assert done.stderr.startswith(f"vpython: cannot ask the index: {fact}")
        assert index.asked == []
        assert run(direct, index.url, PIP_CERT=str(authority / "ca.pem")).stdout == "1.0\n"
    finally:
        index.stop()
