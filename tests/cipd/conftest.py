"""A package service per test, over plain HTTP or with an authority of its own."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.cipd.bench import Bench
from tests.cipd.server import Service
from tests.support.vpython import BUILT, Vpython

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.stop()


@pytest.fixture
def bench(service: Service, tmp_path: Path) -> Bench:
    return Bench(service, tmp_path)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `ca.pem`, whose authority signed `localhost.pem` (key and certificate)."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl command to make certificates with")
    place = tmp_path_factory.mktemp("authority")

    def run(*words: str) -> None:
        subprocess.run([openssl, *words], cwd=place, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-batch")
    run("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=tests",
        "-addext", "keyUsage=critical,keyCertSign",
        "-addext", "basicConstraints=critical,CA:TRUE")  # fmt: skip
    for name, host in (("localhost", "localhost"), ("elsewhere", "elsewhere.example")):
        run("req", *new, "-keyout", "own.key", "-out", "own.csr", "-subj", f"/CN={host}")
        (place / "own.ext").write_text(f"subjectAltName=DNS:{host}\n")
        run("x509", "-req", "-in", "own.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-out", "own.pem",
            "-days", "2", "-extfile", "own.ext", "-CAcreateserial")  # fmt: skip
        (place / f"{name}.pem").write_text((place / "own.key").read_text() + (place / "own.pem").read_text())
    return place


@pytest.fixture
def secure(authority: Path) -> Iterator[Service]:
    made = Service(str(authority / "localhost.pem"))
    yield made
    made.stop()


@pytest.fixture
def vpython(tmp_path: Path) -> Vpython:
    """The built file with an empty root, and with none of this machine's proxies."""
    assert BUILT.is_file(), "run `python3 build_zipapp.py` first"
    made = Vpython(tmp_path)
    for name in list(made.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT_"):
            del made.environ[name]
    return made
