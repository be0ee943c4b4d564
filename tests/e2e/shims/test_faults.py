"""The POSIX shim when something is wrong: one clear line, nothing half-made, and the next good run works."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.shims.checkout import ALL, CUT, HASH, PACKAGE, PLAIN, Checkout, package

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.shims.depot import Depot, Handler

FETCHERS = pytest.mark.parametrize("fetcher", ["curl", "wget"])


def refused(checkout: Checkout, *words: str, **how: object) -> str:
    """Run to a failure: its one line; nothing is left in the place."""
    done = checkout.run(*words, **how)  # type: ignore[arg-type]
    assert done.returncode == 1, done
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("vpython: ")
    assert [path for path in checkout.kept() if not path.startswith("replaced")] == []
    return lines[0].removeprefix("vpython: ")


UNAME = "#!/bin/sh\necho Linux x86_64\n"


def works(checkout: Checkout) -> None:
    checkout.depot.fault = None
    done = checkout.run("x")
    assert (done.returncode, done.stdout, done.stderr) == (0, "vpython3 1\nx\n", "")


def url_of(checkout: Checkout, found: str) -> str:
    return f"{checkout.depot.url}/dl/{PACKAGE}/+/{found}"


@FETCHERS
def test_a_wrong_digest(checkout: Checkout, fetcher: str) -> None:
    found = checkout.pin()
    good = checkout.depot.files[f"/dl/{PACKAGE}/+/{found}"]
    box = checkout.tools((*PLAIN, fetcher, *HASH, "unzip"))
    for bad in (good.replace(b"bin/sh", b"bin/sx"), good[:-1], good + b"\0", b"", b"<html>"):
        checkout.depot.put(PACKAGE, found, bad)
        line = refused(checkout, tools=box)
        assert line.startswith(f"refused the download from `{url_of(checkout, found)}`: its sha256 is `")
    checkout.depot.put(PACKAGE, found, good)
    works(checkout)


@FETCHERS
def test_what_is_not_there(checkout: Checkout, fetcher: str) -> None:
    found = checkout.pin()
    del checkout.depot.files[f"/dl/{PACKAGE}/+/{found}"]
    line = refused(checkout, tools=checkout.tools((*PLAIN, fetcher, *HASH, "unzip")))
    assert line.startswith(f"cannot fetch `{url_of(checkout, found)}`: ")
    assert "404" in line


@FETCHERS
def test_nobody_listens(checkout: Checkout, fetcher: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        service = f"http://127.0.0.1:{closed.getsockname()[1]}"
        found = checkout.pin(service=service)
        line = refused(checkout, tools=checkout.tools((*PLAIN, fetcher, *HASH, "unzip")))
    assert line.startswith(f"cannot fetch `{service}/dl/{PACKAGE}/+/{found}`: ")
    assert "refused" in line or "connect" in line


@FETCHERS
def test_a_connection_that_breaks(checkout: Checkout, fetcher: str) -> None:
    found = checkout.pin()

    def cut(handler: Handler) -> None:
        handler.close_connection = True
        handler.answer(200, b"PK\3\4", {}, length=1000)

    checkout.depot.fault = cut
    line = refused(checkout, tools=checkout.tools((*PLAIN, fetcher, *HASH, "unzip")))
    assert line.startswith(f"cannot fetch `{url_of(checkout, found)}`: ") or "its sha256 is" in line
    works(checkout)


def test_only_https_unless_on_loopback(checkout: Checkout) -> None:
    for service in (
        "http://packages.invalid",
        "ftp://x",
        "file:///etc/passwd?",
        "http://127.0.0.1.invalid",
        "",
    ):
        checkout.pin(service=service or "x")
        assert refused(checkout).startswith("refused to fetch what is not https: `")


def test_a_proxy_is_used(checkout: Checkout, depot: Depot) -> None:
    found = checkout.pin(service="http://127.0.0.1:9")
    for fetcher in ("curl", "wget"):
        shutil.rmtree(checkout.top / ".vpython_bin", ignore_errors=True)
        depot.asked.clear()
        box = checkout.tools((*PLAIN, fetcher, *HASH, "unzip"))
        done = checkout.run(tools=box, env={"http_proxy": depot.url, "no_proxy": ""})
        assert done.stdout == "vpython3 1\n", done.stderr
        assert depot.asked[0] == f"http://127.0.0.1:9/dl/{PACKAGE}/+/{found}"


def test_a_proxy_that_is_away(checkout: Checkout) -> None:
    checkout.pin(service="https://packages.invalid")
    line = refused(checkout, env={"https_proxy": "http://127.0.0.1:9"})
    assert line.startswith("cannot fetch `https://packages.invalid/dl/")


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        ((), {"VPYTHON_OFFLINE": "1"}),
        (("-vpython-offline", "s.py"), {}),
        (("-vpython-spec", "f", "--vpython-offline=true", "s.py"), {}),
    ],
)
def test_offline(checkout: Checkout, words: tuple[str, ...], environ: dict[str, str]) -> None:
    checkout.pin()
    line = refused(checkout, *words, env=environ)
    assert line == f"not downloaded yet, and network access is disabled: `{PACKAGE}` at `version:1`"
    assert checkout.depot.asked == []
    works(checkout)
    assert checkout.run(*words, env=environ).returncode == 0


def test_a_word_of_the_script_is_not_ours(checkout: Checkout) -> None:
    checkout.pin()
    assert checkout.run("s.py", "-vpython-offline").returncode == 0


@pytest.mark.parametrize(
    ("system", "line"),
    [
        ("Plan9 mips", "no vpython is pinned for this system: `Plan9 mips`"),
        ("Linux vax", "no vpython is pinned for this machine: `Linux vax`"),
        ("", "no vpython is pinned for this system: ``"),
    ],
)
def test_an_unknown_platform(checkout: Checkout, system: str, line: str) -> None:
    checkout.pin()
    box = checkout.tools([name for name in ALL if name != "uname"], uname=f"#!/bin/sh\necho {system}\n")
    assert refused(checkout, tools=box) == line


@pytest.mark.parametrize(
    ("system", "platform"),
    [
        ("Linux x86_64", "linux-amd64"),
        ("Linux aarch64", "linux-arm64"),
        ("Linux i686", "linux-386"),
        ("Linux armv7l", "linux-armv6l"),
        ("Linux riscv64", "linux-riscv64"),
        ("Darwin arm64", "mac-arm64"),
        ("Darwin x86_64", "mac-amd64"),
    ],
)
def test_known_platforms(checkout: Checkout, system: str, platform: str) -> None:
    checkout.pin(template="tools/vpython/${platform}")
    box = checkout.tools([name for name in ALL if name != "uname"], uname=f"#!/bin/sh\necho {system}\n")
    line = refused(checkout, tools=box)
    assert line == f"`{checkout.versions}` does not pin `tools/vpython/{platform}` at `version:1`"


@pytest.mark.parametrize(
    ("manifest", "line"),
    [
        ("", "`@M` pins no vpython for `linux-amd64`"),
        ("other/tool latest\n", "`@M` pins no vpython for `linux-amd64`"),
        ("tools/vpython/${os=mac} latest\n", "`@M` pins no vpython for `linux-amd64`"),
        ("tools/vpython/${bogus} latest\n", "`@M`: unknown variable `bogus` in `tools/vpython/${bogus}`"),
        (
            "tools/vpython/all latest\n",
            "`@M` has no `$ResolvedVersions`, which would pin `tools/vpython/all`",
        ),
        (
            "$ResolvedVersions none.versions\ntools/vpython/all latest\n",
            "the file `@D/none.versions` that `@M` names does not exist",
        ),
        (
            "$ResolvedVersions cipd_manifest.versions\ntools/vpython/all other\n",
            "`@D/cipd_manifest.versions` does not pin `tools/vpython/all` at `other`",
        ),
    ],
)
def test_a_manifest_that_pins_nothing(checkout: Checkout, manifest: str, line: str) -> None:
    checkout.pin()
    checkout.manifest.write_text(manifest)
    box = checkout.tools([name for name in ALL if name != "uname"], uname=UNAME)
    wanted = line.replace("@M", str(checkout.manifest)).replace("@D", str(checkout.top))
    assert refused(checkout, tools=box) == wanted


@pytest.mark.parametrize(
    "found", ["a" * 40, "A" * 43 + "B", "A" * 43, "../" * 14 + "xC", "A" * 42 + "/C", "*"]
)
def test_what_is_no_sha256_instance(checkout: Checkout, found: str) -> None:
    checkout.write(f"{PACKAGE} latest", {(PACKAGE, "latest"): found})
    assert refused(checkout) == f"not an instance id with a SHA-256 hash: `{found}` for `{PACKAGE}`"


def test_no_manifest(checkout: Checkout) -> None:
    assert refused(checkout) == f"no `cipd_manifest.txt` beside `{checkout.shim}`"


@pytest.mark.parametrize(
    ("gone", "line"),
    [
        (("curl",), "neither `curl` nor `wget` is on PATH"),
        (HASH, "no program here computes SHA-256: install `sha256sum`, `shasum` or `openssl`"),
        (("unzip",), "cannot take `vpython` out of `tools/vpython/all`: install `unzip`, or free some space"),
    ],
)
def test_a_tool_that_is_missing(checkout: Checkout, gone: tuple[str, ...], line: str) -> None:
    checkout.pin()
    assert refused(checkout, tools=checkout.tools([name for name in ALL if name not in gone])).endswith(line)
    works(checkout)


def test_a_package_without_vpython(checkout: Checkout) -> None:
    found, data = package({"other": b"x", "zzz": b"vpython"})
    checkout.depot.put(PACKAGE, found, data)
    checkout.write(f"{PACKAGE} latest", {(PACKAGE, "latest"): found})
    for tools in (ALL, (*PLAIN, "curl", *HASH, *CUT)):
        assert refused(checkout, tools=checkout.tools(tools)).startswith("cannot take `vpython` out of")


def waited_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_interrupted(checkout: Checkout, number: signal.Signals) -> None:
    checkout.pin()
    stalled: list[Handler] = []

    def stall(handler: Handler) -> None:
        stalled.append(handler)
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.flush()
        time.sleep(5)

    checkout.depot.fault = stall
    started = subprocess.Popen(
        [str(checkout.shim), "x"],
        env=checkout.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    waited_for(lambda: bool(stalled))
    os.killpg(started.pid, number)
    out, said = started.communicate(timeout=20)
    assert started.returncode != 0
    assert out == ""
    if number != signal.SIGKILL:
        assert said == "vpython: interrupted while fetching the pinned vpython\n"
        assert checkout.kept() == []
    assert not any(
        path.endswith(("pin", "/vpython")) for path in checkout.kept() if not path.startswith(".new-")
    )
    works(checkout)


def test_many_at_once(checkout: Checkout) -> None:
    checkout.pin()
    started = [
        subprocess.Popen(
            [str(checkout.shim), str(number)],
            env=checkout.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for number, one in enumerate(started):
        assert one.communicate(timeout=60) == (f"vpython3 1\n{number}\n", "")
    assert not any(path.startswith(".new-") for path in checkout.kept())


def as_nobody(checkout: Checkout) -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("`setpriv` is not installed, and root may write anywhere")
    for directory in (checkout.place, *checkout.place.parents):
        if not directory.stat().st_mode & 0o001:
            directory.chmod(directory.stat().st_mode | 0o011)
    return (setpriv, "--reuid=65534", "--regid=65534", "--clear-groups")


def test_a_checkout_that_cannot_be_written(checkout: Checkout) -> None:
    found = checkout.pin()
    checkout.settle()
    before = as_nobody(checkout)
    checkout.top.chmod(0o555)
    home = checkout.place / "home"
    home.chmod(0o777)
    done = checkout.run("x", before=before)
    place = f"{checkout.cache}/vpython-bin{checkout.manifest}"
    assert done.stderr == (
        f"vpython: `{checkout.top}` cannot be written: the pinned vpython is kept in `{place}`\n"
    )
    assert done.stdout == "vpython3 1\nx\n"
    asked = len(checkout.depot.asked)
    warm = checkout.run("x", before=before, tools=checkout.tools(("true",)))
    assert (warm.stdout, warm.stderr) == ("vpython3 1\nx\n", "")
    assert len(checkout.depot.asked) == asked
    assert os.readlink(f"{place}/{found}/cipd_manifest.txt") == str(checkout.manifest)
    checkout.top.chmod(0o755)


def test_nowhere_to_write(checkout: Checkout) -> None:
    checkout.pin()
    before = as_nobody(checkout)
    checkout.top.chmod(0o555)
    (checkout.place / "home").chmod(0o555)
    line = refused(checkout, before=before)
    assert line == (
        f"cannot write to `{checkout.top}`, nor to `{checkout.cache}/vpython-bin`:"
        " no place for the pinned vpython"
    )
    checkout.top.chmod(0o755)


def test_a_full_disk(checkout: Checkout, tmp_path: Path) -> None:
    checkout.pin()
    limit = tmp_path / "limited"
    limit.write_text(f"#!/bin/sh\nulimit -f 0\nexec {checkout.shim} x\n")
    limit.chmod(0o755)
    done = checkout.run(shim=limit)
    assert done.returncode == 1
    assert done.stderr.startswith("vpython: cannot ")
    assert done.stderr.count("\n") == 1
    assert checkout.kept() == []
    works(checkout)


def test_a_manifest_from_the_future_is_read_again(checkout: Checkout) -> None:
    checkout.pin()
    later = time.time() + 1000
    os.utime(checkout.manifest, (later, later))
    works(checkout)
    works(checkout)
    assert len(checkout.depot.asked) == 2


def test_a_file_that_went_is_fetched_again(checkout: Checkout) -> None:
    found = checkout.pin()
    works(checkout)
    place = checkout.top / ".vpython_bin" / checkout.manifest.name / found
    for gone in ("vpython", "vpython3", "cipd_manifest.txt"):
        (place / gone).unlink()
        works(checkout)
    (place.parent / "pin").write_text("nonsense")
    works(checkout)
    stand = place / "vpython"
    stand.chmod(0o644)
    works(checkout)


@pytest.mark.parametrize(
    ("shell", "names"), [(("bash",), ("command", "read", "exec")), (("bash", "--posix"), ("command", "read"))]
)
def test_exported_functions_are_not_taken(
    checkout: Checkout, shell: tuple[str, ...], names: tuple[str, ...]
) -> None:
    checkout.pin()
    env = {f"BASH_FUNC_{name}%%": "() { echo HIJACKED; exit 9; }" for name in names}
    for _ in range(2):
        assert checkout.run("x", shell=shell, env=env).stdout == "vpython3 1\nx\n"
