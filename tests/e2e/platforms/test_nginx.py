"""A mirror behind a real nginx: specs start from it, every byte is verified, caches may stand between."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.e2e.platforms.conftest import PREFIX, Yard, cells

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.packages.cipd.server import Service

CONFIG = """
daemon off; master_process off; pid PLACE/pid; error_log PLACE/errors;
events { worker_connections 64; }
http {
    access_log PLACE/access;
    client_body_temp_path PLACE/t1; proxy_temp_path PLACE/t2; fastcgi_temp_path PLACE/t3;
    uwsgi_temp_path PLACE/t4; scgi_temp_path PLACE/t5;
    types { text/html html; application/json json; }
    default_type application/octet-stream;
    gzip on; gzip_types *;
    server { listen 127.0.0.1:PORT; root "ROOT"; }
}
"""


class Nginx:
    """A server of the files below `root`, with all its own below `place`."""

    def __init__(self, program: str, place: Path, root: Path) -> None:
        self.place = place
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        place.mkdir()
        text = CONFIG.replace("PLACE", str(place)).replace("PORT", str(port)).replace("ROOT", str(root))
        (place / "nginx.conf").write_text(text)
        command = [program, "-p", str(place), "-c", str(place / "nginx.conf"), "-e", str(place / "errors")]
        self.child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self) -> None:
        """Until it answers; fails with what it says where it ends instead."""
        host, port = self.url.removeprefix("http://").split(":")
        while True:
            assert self.child.poll() is None, (self.place / "errors").read_text()
            try:
                with socket.create_connection((host, int(port)), timeout=60):
                    return
            except ConnectionRefusedError:
                time.sleep(0.02)

    def stop(self) -> None:
        self.child.terminate()
        self.child.wait()

    def asked(self) -> list[str]:
        return [line.split('"')[1] for line in (self.place / "access").read_text().splitlines()]


@pytest.fixture
def nginx(yard: Yard) -> Iterator[Nginx]:
    """Serves the directory `mirror` of the yard, which need not be there yet."""
    program = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
    if program is None:
        pytest.skip("there is no nginx on this machine")
    made = Nginx(program, yard.place / "nginx", yard.place / "mirror")
    try:
        made.wait()
        yield made
    finally:
        made.stop()


def run(yard: Yard, source: str, script: Path, root: str = "fresh") -> subprocess.CompletedProcess[str]:
    return yard.harness.run(
        "-vpython-source", source, script, env={"VPYTHON_VIRTUALENV_ROOT": str(yard.place / root)}
    )


@pytest.mark.parametrize("source", ["cipd", pytest.param("index", marks=pytest.mark.thorough)], indirect=True)
def test_a_spec_starts_from_nginx(yard: Yard, nginx: Nginx, source: str) -> None:
    yard.spec(("pure-py3", "1.0"), ("native/${vpython_platform}", "2.0"), name="wanted.vpython3")
    spec = yard.spec(("pure-py3", "1.0"), name="s.py.vpython3")
    script = yard.place / "s.py"
    script.write_text("import pure\nprint(pure.VERSION)\n")
    done = yard.tool(source, "mirror", "wanted.vpython3", spec, "-o", "mirror")
    assert (done.returncode, done.stderr) == (0, "")
    served = f"directory:{nginx.url}"
    done = run(yard, served, script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1.0\n", "")
    assert len(nginx.asked()) == 2
    done = yard.tool(f"{served}/", "verify", "wanted.vpython3")
    assert (done.returncode, done.stderr) == (0, "")
    assert list(cells(done).values()) == [["ok"] * 4] * 2
    done = yard.tool(served, "find", "native")
    assert list(cells(done).values()) == [["cp311"] * 4]
    asked = len(nginx.asked())
    assert run(yard, served, script).stdout == "1.0\n"
    assert len(nginx.asked()) == asked, "a warm start asks nobody"


@pytest.mark.thorough
def test_every_byte_is_verified(yard: Yard, nginx: Nginx, service: Service) -> None:
    yard.fill(service)
    spec = yard.spec(("pure-py3", "1.0"), name="s.py.vpython3")
    script = yard.place / "s.py"
    script.write_text("import pure\nprint(pure.VERSION)\n")
    (line,) = yard.tool(f"cipd:{service.rpc_url}", "mirror", spec, "-o", "mirror").stdout.splitlines()
    name, _, instance_id = line.partition(":")
    path = yard.place / "mirror" / name / "+" / instance_id
    good = path.read_bytes()
    for number, bad in enumerate((good[:-1] + b"x", good[:-10], good + b"x", b"", b"x" * len(good))):
        path.chmod(0o644)
        path.write_bytes(bad)
        done = run(yard, f"directory:{nginx.url}", script, root=f"root-{number}")
        assert (done.returncode, done.stdout) == (1, "")
        assert "its " in done.stderr
        assert "bytes have another hash; it was refused twice" in done.stderr
    path.write_bytes(good)
    assert run(yard, f"directory:{nginx.url}", script, root="root-0").stdout == "1.0\n"


def test_what_nginx_does_not_have(yard: Yard, nginx: Nginx) -> None:
    spec = yard.spec(("pure-py3", "1.0"))
    done = yard.tool(f"directory:{nginx.url}", "verify", spec)
    assert done.returncode == 1
    assert (
        f"`{PREFIX}pure-py3` version:1.0, on every platform: `directory:{nginx.url}` has no such package"
        in (done.stderr)
    )
    done = yard.tool(f"directory:{nginx.url}", "find", "pure")
    assert "has no list of its packages (`packages.json`)" in done.stderr


@pytest.mark.parametrize("source", ["index"], indirect=True)
def test_requirements_from_nginx(yard: Yard, nginx: Nginx, source: str) -> None:
    script = yard.place / "s.py"
    script.write_text(
        '# /// script\n# dependencies = ["pure<1.1"]\n# [tool.vpython]\n'
        '# verify-platforms = ["linux-amd64"]\n# ///\nimport pure\nprint(pure.VERSION)\n'
    )
    done = yard.tool(source, "mirror", script, "-o", "mirror")
    assert (done.returncode, done.stdout, done.stderr) == (0, "pure-1.0-py3-none-any.whl\n", "")
    done = run(yard, f"index:{nginx.url}/simple/", script)
    assert (done.returncode, done.stdout) == (0, "1.0\n"), done.stderr
    with urllib.request.urlopen(f"{nginx.url}/simple/") as page:
        assert b'<a href="pure/">pure</a>' in page.read()
