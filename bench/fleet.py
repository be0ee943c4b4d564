#!/usr/bin/env vpython3
# /// script
# requires-python = ">=3.11"
# dependencies = ["uv==0.13.8"]
# ///
"""Measure what an OCI registry in front of the index brings, and let many machines start at once from one.

    dist/vpython.pyz bench/fleet.py [--rounds N] [--bots N] [--at-once N] [--output DIR]

Cold starts of the locked script of `index_sides.MANY`, by turns: from the index, from a registry as the
store, from a kit, and uv from the index by its own lockfile. Then many roots, each a machine of its own,
start a locked script of a few wheels with the registry as their store, which is killed and restarted; once
more behind nginx, which limits requests. `docker-registry` and `nginx` must be here (both are Debian's).
The table is printed, and drawn to DIR/fleet.svg.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chart import Bar, bars
from contestants import inline
from index_sides import FEW, MANY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TOP = Path(__file__).resolve().parents[1]
BUILT = TOP / "dist" / "vpython.pyz"
LIMIT = 600.0
CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {place}/data}}}}
http: {{addr: 127.0.0.1:{port}, secret: bench}}
"""
NGINX = """\
daemon off; error_log stderr crit; pid {place}/nginx.pid; worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log {place}/nginx.log combined; client_max_body_size 0; client_body_temp_path {place}/body;
  proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u;
  scgi_temp_path {place}/s;
  limit_req_zone $server_addr zone=all:1m rate=6r/s; limit_req_status 429;
  server {{ listen 127.0.0.1:{port};
    location / {{ limit_req zone=all burst=12 nodelay; proxy_pass http://127.0.0.1:{behind}; }} }}
}}
"""
LOG = re.compile(r'"(GET|HEAD) \S*/blobs/(sha256:[0-9a-f]+) [^"]*" (\d+) (\d+) "[^"]*" "bot(\d+)/')


class Registry:
    """A `docker-registry` on loopback that can be killed and started again with what it has."""

    def __init__(self, place: Path) -> None:
        place.mkdir(parents=True)
        self.port = free_port()
        self._config = place / "config.yml"
        self._config.write_text(CONFIG.format(place=place, port=self.port))
        self.log = place / "log"
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                ["docker-registry", "serve", str(self._config)], stdout=log, stderr=subprocess.DEVNULL
            )
        wait_for(self.port)

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()


class Served(NamedTuple):
    """What a log says: answers by status, bytes, and the most that one machine got one blob whole."""

    statuses: dict[str, int]
    bytes: int
    most: int


def main() -> int:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="rounds of cold starts")
    parser.add_argument("--bots", type=int, default=200, metavar="N", help="machines that start")
    parser.add_argument("--at-once", type=int, default=8, metavar="N", help="how many of them at once")
    parser.add_argument("--output", type=Path, default=TOP / "docs", metavar="DIR", help="where to draw")
    arguments = parser.parse_args()
    if not shutil.which("docker-registry"):
        sys.exit("fleet: there is no `docker-registry` on PATH (Debian has it)")
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        registry = Registry(place / "registry")
        try:
            if arguments.rounds:
                draw(cold_starts(place, registry, arguments.rounds), arguments.output)
            if arguments.bots:
                crowd(place, registry, arguments)
        finally:
            registry.kill()
    return 0


def cold_starts(place: Path, registry: Registry, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each way to start the script of many requirements, where nothing is stored."""
    script = place / "many.py"
    script.write_text(inline(MANY))
    ours, uv = place / "ours", shutil.which("uv") or sys.exit("fleet: uv is not on PATH")
    store = f"oci://127.0.0.1:{registry.port}/bench/many"
    environ = environment(ours)
    done(
        [str(BUILT), "-vpython-source", "index", "-vpython-tool", "lock", "--format", "uv", str(script)],
        environ,
    )
    done(
        [str(BUILT), "-vpython-source", "index", "-vpython-tool", "push", str(script), f"{store}:1"], environ
    )
    kit = place / "kit.tar"
    done(
        [str(BUILT), "-vpython-source", "index", "-vpython-tool", "bundle", str(script), "-o", str(kit)],
        environ,
    )
    rival = place / "rival.py"
    rival.write_text(script.read_text())
    cache = place / "uv-cache"
    uv_environ = {**environ, "UV_CACHE_DIR": str(cache), "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
    if "PIP_INDEX_URL" in environ:
        uv_environ["UV_DEFAULT_INDEX"] = environ["PIP_INDEX_URL"]
    done([uv, "lock", "--quiet", "--script", str(rival)], uv_environ)

    ways = {
        "vpython, index": ([str(BUILT), "-vpython-source", "index", str(script)], environ),
        "vpython, store": (
            [str(BUILT), "-vpython-source", "index", str(script)],
            {**environ, "VPYTHON_STORE": store},
        ),
        "vpython, kit": ([str(BUILT), "-vpython-source", f"oci:{kit}", str(script)], environ),
        "uv, index": ([uv, "run", "--quiet", "--script", str(rival)], uv_environ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (words, surroundings) in ways.items():
            shutil.rmtree(ours, ignore_errors=True)
            shutil.rmtree(cache, ignore_errors=True)
            begun = time.perf_counter()
            done(words, surroundings)
            seconds[name].append(time.perf_counter() - begun)
    return seconds


def draw(seconds: dict[str, list[float]], output: Path) -> None:
    """Print the medians, and the ratios to uv's of the same round; draw them."""
    print("| cold start, nothing stored | median | to uv of the same round |\n| --- | --- | --- |")
    for name, values in seconds.items():
        ratios = [own / uv for own, uv in zip(values, seconds["uv, index"], strict=True)]
        print(f"| {name} | {statistics.median(values):.2f} s | {statistics.median(ratios):.2f} x |")
    rows = [
        Bar(label=name, value=middle, spread=(low, high), ours=name.startswith("vpython"))
        for name, (low, middle, high) in ((name, quartiles(values)) for name, values in seconds.items())
    ]
    (output / "fleet.svg").write_text(bars("Cold start of a locked script of 30 requirements", rows))


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the quartiles of samples, be it one alone."""
    low, middle, high = statistics.quantiles([*values, *values], n=4, method="inclusive")
    return low, middle, high


def crowd(place: Path, registry: Registry, arguments: argparse.Namespace) -> None:
    """Let many machines start; print what the registry was asked, plain and behind nginx."""
    script = place / "few.py"
    script.write_text(inline(FEW))
    environ = environment(place / "publisher")
    done([str(BUILT), "-vpython-source", "index", "-vpython-tool", "lock", str(script)], environ)
    address = f"127.0.0.1:{registry.port}/bench/few"
    done(
        [str(BUILT), "-vpython-source", "index", "-vpython-tool", "push", str(script), f"oci://{address}:1"],
        environ,
    )
    print("\n| store | starts | failed | answers by status | bytes | most often one blob to one machine |")
    print("| --- | --- | --- | --- | --- | --- |")
    registry.log.write_bytes(b"")
    failed = start_all(place / "plain", script, f"oci://{address}", arguments, registry)
    report("registry, killed and restarted half way", arguments.bots, failed, served(registry.log))
    with limited(place / "nginx", registry.port) as (port, log):
        failed = start_all(place / "limited", script, f"oci://127.0.0.1:{port}/bench/few", arguments, None)
        report("behind nginx: 6 requests a second", arguments.bots, failed, served(log))


def start_all(
    place: Path, script: Path, store: str, arguments: argparse.Namespace, registry: Registry | None
) -> int:
    """Start the script once in each of many roots; return how many failed."""
    begun = 0
    lock = threading.Lock()

    def start(number: int) -> bool:
        nonlocal begun
        with lock:
            begun += 1
            if registry is not None and begun == arguments.bots // 2:
                registry.kill()
                threading.Timer(3.0, registry.start).start()
        root = place / str(number)
        environ = {
            **environment(root),
            "VPYTHON_STORE": store,
            "CIPD_HTTP_USER_AGENT_PREFIX": f"bot{number}/1",
        }
        words = [str(BUILT), "-vpython-source", "index", str(script)]
        ended = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=LIMIT, check=False)
        shutil.rmtree(root, ignore_errors=True)
        if ended.returncode:
            print(ended.stderr, file=sys.stderr)
        return ended.returncode == 0

    with ThreadPoolExecutor(arguments.at_once) as pool:
        return list(pool.map(start, range(arguments.bots))).count(False)


def served(log: Path) -> Served:
    """Return what the log of a registry, or of nginx in front of it, says of blobs."""
    statuses: collections.Counter[str] = collections.Counter()
    whole: collections.Counter[tuple[str, str]] = collections.Counter()
    count = 0
    for method, digest, status, size, bot in LOG.findall(log.read_text()):
        statuses[f"{method} {status}"] += 1
        if method == "GET" and status == "200":
            whole[bot, digest] += 1
            count += int(size)
    return Served(dict(sorted(statuses.items())), count, max(whole.values(), default=0))


def report(name: str, starts: int, failed: int, found: Served) -> None:
    statuses = ", ".join(f"{status}: {count}" for status, count in found.statuses.items())
    print(f"| {name} | {starts} | {failed} | {statuses} | {found.bytes / 1e6:.0f} MB | {found.most} |")


@contextlib.contextmanager
def limited(place: Path, behind: int) -> Iterator[tuple[int, Path]]:
    """Yield the port of an nginx in front of the registry, and its log."""
    place.mkdir()
    port = free_port()
    config = place / "nginx.conf"
    config.write_text(NGINX.format(place=place, port=port, behind=behind))
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or sys.exit(
        "fleet: there is no nginx"
    )
    child = subprocess.Popen([program, "-p", str(place), "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port, place / "nginx.log"
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()


def environment(root: Path) -> dict[str, str]:
    own = {
        name: text for name, text in os.environ.items() if not name.startswith(("VPYTHON_", "PYTHON", "UV_"))
    }
    return own | {"VPYTHON_VIRTUALENV_ROOT": str(root)}


def done(words: Sequence[str], environ: dict[str, str]) -> None:
    """Run a command to its end; exit where it fails."""
    ended = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=LIMIT, check=False)
    if ended.returncode:
        sys.exit(f"fleet: {' '.join(words)}\n{ended.stderr}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
