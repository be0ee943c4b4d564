"""The POSIX shim: what is pinned is fetched once, checked, put in place and run."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.e2e.shims import python
from tests.e2e.shims.checkout import (
    ALL,
    CUT,
    HASH,
    PACKAGE,
    PLAIN,
    Checkout,
    deflated,
    identified,
    package,
    stand_in,
)

SHELLS = (("dash",), ("bash",), ("bash", "--posix"), ("busybox", "sh"), ("mksh",))


def shell_of(words: tuple[str, ...]) -> tuple[str, ...]:
    found = shutil.which(words[0])
    if found is None:
        pytest.skip(f"`{words[0]}` is not installed")
    return (found, *words[1:])


@pytest.mark.parametrize("words", SHELLS, ids=" ".join)
def test_fetched_once_then_found(checkout: Checkout, words: tuple[str, ...]) -> None:
    shell = shell_of(words)
    found = checkout.pin()
    checkout.settle()
    cold = checkout.run("s.py", "a b", "", "*", shell=shell, tools=checkout.tools(ALL))
    assert (cold.returncode, cold.stderr) == (0, "")
    assert cold.stdout == "vpython3 1\ns.py\na b\n\n*\n"
    assert checkout.depot.asked == [f"/dl/{PACKAGE}/+/{found}", f"/bytes/dl/{PACKAGE}/+/{found}"]
    assert checkout.kept() == [
        found,
        f"{found}/cipd_manifest.txt",
        f"{found}/vpython",
        f"{found}/vpython3",
        "pin",
    ]
    nothing = checkout.tools(("true",))
    warm = checkout.run("-u", "s.py", shell=shell, tools=nothing)
    assert (warm.returncode, warm.stdout, warm.stderr) == (0, "vpython3 1\n-u\ns.py\n", "")
    legacy = checkout.run(shim=checkout.top / "vpython", shell=shell, tools=nothing)
    assert legacy.stdout == "vpython 1\n"
    assert len(checkout.depot.asked) == 2


@pytest.mark.parametrize(
    "tools",
    [
        pytest.param((*PLAIN, "curl", *HASH, "unzip"), id="curl-unzip"),
        pytest.param((*PLAIN, "wget", *HASH, "unzip"), id="wget-unzip"),
        pytest.param((*PLAIN, "curl", "shasum", "perl", *CUT), id="shasum-tail"),
        pytest.param((*PLAIN, "curl", "openssl", *CUT), id="openssl-tail"),
        pytest.param((*PLAIN, "wget", *HASH, "tar", *CUT), id="wget-gnutar-tail"),
    ],
)
def test_whichever_the_machine_has(checkout: Checkout, tools: tuple[str, ...]) -> None:
    missing = [name for name in tools if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    checkout.pin()
    done = checkout.run("x", tools=checkout.tools(tools))
    assert (done.returncode, done.stdout, done.stderr) == (0, "vpython3 1\nx\n", "")


def test_busybox_alone(checkout: Checkout) -> None:
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("`busybox` is not installed")
    checkout.pin()
    box = checkout.tools(())
    for name in (*PLAIN, *CUT, "wget", "unzip", "sha256sum"):
        (box / name).symlink_to(busybox)
    done = checkout.run("x", shell=(busybox, "sh"), tools=box)
    assert (done.returncode, done.stdout, done.stderr) == (0, "vpython3 1\nx\n", "")
    (box / "unzip").unlink()
    checkout.pin("2")
    done = checkout.run("x", shell=(busybox, "sh"), tools=box)
    assert (done.returncode, done.stdout, done.stderr) == (0, "vpython3 2\nx\n", "")


def test_tar_that_reads_zips(checkout: Checkout) -> None:
    bsdtar = shutil.which("bsdtar")
    if bsdtar is None:
        pytest.skip("`bsdtar` is not installed")
    checkout.pin()
    box = checkout.tools((*PLAIN, "curl", *HASH))
    (box / "tar").symlink_to(bsdtar)
    assert checkout.run(tools=box).stdout == "vpython3 1\n"


def test_compressed_entries_need_an_unzipper(checkout: Checkout) -> None:
    _, data = package({"vpython": stand_in() * 50, "vpython3": stand_in()})
    found, data = identified(deflated(data))
    checkout.depot.put(PACKAGE, found, data)
    checkout.write(f"{PACKAGE} latest", {(PACKAGE, "latest"): found})
    done = checkout.run(tools=checkout.tools((*PLAIN, "curl", *HASH, *CUT)))
    assert done.returncode == 1
    assert done.stderr == (
        f"vpython: cannot take `vpython` out of `{PACKAGE}`: install `unzip`, or free some space\n"
    )
    assert checkout.kept() == []
    assert checkout.run(tools=checkout.tools(ALL)).stdout.startswith("vpython3 1\n")


def test_a_package_that_only_has_the_other_name(checkout: Checkout) -> None:
    name = "tools/vpython3/linux-amd64"
    found, data = package({"vpython3": stand_in("go"), "zzz": b""}, name)
    checkout.depot.put(name, found, data)
    checkout.write(
        "tools/vpython3/${os=linux}-${arch=amd64} git_revision:0", {(name, "git_revision:0"): found}
    )
    box = checkout.tools([tool for tool in ALL if tool != "uname"], uname="#!/bin/sh\necho Linux x86_64\n")
    assert checkout.run(tools=box).stdout == "vpython3 go\n"


def test_called_in_every_way(checkout: Checkout) -> None:
    checkout.pin()
    assert checkout.run("a").stdout == "vpython3 1\na\n"
    path = {"PATH": f"{checkout.top}:{os.defpath}"}
    assert checkout.run("a", shim=Path("vpython3"), env=path).stdout == "vpython3 1\na\n"
    for cwd, name in (
        (checkout.top, "./vpython3"),
        (checkout.top.parent, "checkout/vpython3"),
        (checkout.top, "../checkout/vpython"),
    ):
        done = checkout.run("a", shell=("sh", name), shim=Path("a"), cwd=cwd)
        assert done.stdout == f"{os.path.basename(name)} 1\na\na\n"
    done = checkout.run(shell=("sh",), shim=Path("vpython3"), cwd=checkout.top)
    assert done.stdout == "vpython3 1\n"
    link = checkout.place / "bin" / "vpython"
    link.parent.mkdir()
    link.symlink_to(checkout.shim)
    assert checkout.run("a", shim=link).stdout == "vpython 1\na\n"
    assert len(checkout.depot.asked) == 2


def test_in_a_directory_called_shims(checkout: Checkout) -> None:
    checkout.pin()
    (checkout.top / "shims").mkdir()
    shim = checkout.shim.rename(checkout.top / "shims" / "vpython3")
    assert checkout.run(shim=shim).stdout == "vpython3 1\n"


def test_odd_paths(tmp_path: Path, checkout: Checkout) -> None:
    checkout.pin()
    for name in ("with blanks  and 'quotes\"", "$(touch x)`touch y`", "-n", "a\nb", "%s%n", "é"):
        top = tmp_path / name
        shutil.copytree(checkout.top, top, symlinks=True)
        for _ in range(2):
            done = checkout.run("w", shim=top / "vpython3")
            assert (done.stdout, done.stderr) == ("vpython3 1\nw\n", "")
    assert not (tmp_path / "x").exists()


def test_the_environment_arrives_as_it_was(checkout: Checkout) -> None:
    body = b"#!/bin/sh\nenv\n"
    found, data = package({"vpython": body})
    checkout.depot.put(PACKAGE, found, data)
    checkout.write(f"{PACKAGE} latest", {(PACKAGE, "latest"): found})
    odd = {"id": "1", "place": "2", "file": "3", "name": "4", "LC_ALL": "C.UTF-8", "line": "a", "os": "b"}
    for _ in range(2):
        told = dict(
            row.split("=", 1) for row in checkout.run(env=odd).stdout.splitlines() if not row.startswith("_=")
        )
        given = checkout.environ(env=odd)
        for name in ("PWD", "OLDPWD", "SHLVL", "_"):
            told.pop(name, None)
            given.pop(name, None)
        assert told == given


def test_a_rolled_manifest_is_noticed(checkout: Checkout) -> None:
    checkout.pin("1")
    assert checkout.run().stdout == "vpython3 1\n"
    second = checkout.pin("2")
    assert checkout.run().stdout == "vpython3 2\n"
    first = checkout.pin("1")
    asked = len(checkout.depot.asked)
    assert checkout.run().stdout == "vpython3 1\n"
    assert len(checkout.depot.asked) == asked
    assert {first, second} < set(checkout.kept())


def test_versions_replaced_a_week_ago_go(checkout: Checkout) -> None:
    first = checkout.pin("1")
    checkout.run()
    second = checkout.pin("2")
    checkout.run()
    place = checkout.top / ".vpython_bin" / checkout.manifest.name
    assert (place / first / "replaced").is_file()
    assert not (place / second / "replaced").exists()
    os.utime(place / first / "replaced", (0, 0))
    stale = place / ".new-abcdefgh"
    stale.mkdir()
    os.utime(stale, (0, 0))
    third = checkout.pin("3")
    checkout.run()
    assert sorted(path.name for path in place.iterdir()) == sorted([second, third, "pin"])


def test_a_canary(checkout: Checkout) -> None:
    checkout.pin("canary")
    canary = checkout.manifest.rename(checkout.top / "canary.txt")
    text = canary.read_text().replace("cipd_manifest.versions", "canary.versions")
    canary.write_text(text)
    checkout.versions.rename(checkout.top / "canary.versions")
    checkout.pin("1")
    assert checkout.run().stdout == "vpython3 1\n"
    for name in (str(canary), "checkout/canary.txt"):
        assert checkout.run(env={"VPYTHON_MANIFEST": name}).stdout == "vpython3 canary\n"
    assert checkout.run().stdout == "vpython3 1\n"
    done = checkout.run(env={"VPYTHON_MANIFEST": "/nonexistent/m.txt"})
    assert (done.returncode, done.stderr) == (
        1,
        "vpython: the manifest `/nonexistent/m.txt` does not exist\n",
    )


def test_the_service_can_be_another(checkout: Checkout) -> None:
    checkout.pin(service="https://packages.invalid")
    done = checkout.run("x", env={"CIPD_SERVICE_URL": checkout.depot.url})
    assert done.stdout == "vpython3 1\nx\n"


def test_an_instance_id_as_the_version(checkout: Checkout) -> None:
    found = checkout.pin()
    checkout.manifest.write_text(f"$serviceurl {checkout.depot.url}\n\n{PACKAGE}\t{found}\n")
    assert checkout.run().stdout == "vpython3 1\n"


def test_the_manifest_is_read_as_an_ensure_file(checkout: Checkout) -> None:
    found = checkout.pin()
    windows = checkout.manifest.read_text()
    checkout.manifest.write_bytes(
        b"$PARANOIDMODE CheckPresence\r\n"
        + windows.replace("\n", "\r\n").encode().replace(b" version:1", b" \\\r\n   version:1")
    )
    assert checkout.run().stdout == "vpython3 1\n"
    checkout.manifest.write_text(
        "$verifiedplatform linux-amd64 mac-arm64\n"
        + windows.replace(
            PACKAGE,
            "@Subdir x\nother/tool/${platform} latest\ntools/vpython/${os=plan9} version:9\n"
            "tools/vpython/${bogus=}".replace("${bogus=}", "all"),
        )
    )
    assert checkout.run().stdout == "vpython3 1\n"
    assert len([path for path in checkout.depot.asked if found in path]) == 2


RUNS_PYTHON = """#!/bin/sh
exec "${0%/*}/python/bin/python3" -I -S -c 'import json; print(json.dumps(1))'
"""


@pytest.mark.parametrize("how", ["unzip", "bsdtar", "busybox"])
def test_where_no_python_is_the_pinned_one_comes_too(
    checkout: Checkout, bundle: tuple[str, bytes], how: str
) -> None:
    program = shutil.which(how)
    if program is None:
        pytest.skip(f"`{how}` is not installed")
    body = RUNS_PYTHON.encode()
    found, data = package({"vpython": body})
    checkout.depot.put(PACKAGE, found, data)
    checkout.depot.put(python.NAME, bundle[0], bundle[1])
    pins = {(PACKAGE, "x"): found, (python.NAME, python.TAG): bundle[0]}
    checkout.write(f"{PACKAGE} x\n{python.NAME.replace('linux-amd64', '${platform}')} {python.TAG}", pins)
    checkout.settle()
    box = checkout.tools((*PLAIN, "curl", *HASH))
    (box / ("tar" if how == "bsdtar" else "unzip")).symlink_to(program)
    for _ in range(2):
        done = checkout.run("x", tools=box)
        assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert len(checkout.depot.asked) == 4
    place = checkout.top / ".vpython_bin" / checkout.manifest.name
    assert os.readlink(place / found / "python") == f"../{bundle[0]}"
    assert not [path for path in place.rglob("*") if path.name in ("package", "replaced")]


def test_a_python_that_is_there_is_taken(checkout: Checkout, bundle: tuple[str, bytes]) -> None:
    found = checkout.pin()
    line = f"{PACKAGE} version:1\n{python.NAME} {python.TAG}"
    checkout.write(line, {(PACKAGE, "version:1"): found, (python.NAME, python.TAG): bundle[0]})
    box = checkout.tools(ALL, python3=f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    assert checkout.run("x", tools=box).stdout == "vpython3 1\nx\n"
    assert not [path for path in checkout.depot.asked if bundle[0] in path]
    assert not (checkout.top / ".vpython_bin" / checkout.manifest.name / found / "python").exists()
