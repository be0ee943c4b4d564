"""`self` shows vpython's own file, looks for a newer one, and replaces it whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.builder.readonly import read_only
from tests.e2e.own.place import NEWER, OLDER, OWN, another, build_id, row
from tests.support.harness import BUILT, TOP
from vpy.system import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from tests.e2e.own.conftest import Home

LINKED = ["vpython", "vpython-tool", "vpython3"]
OTHER = os.getuid() == 0 and (4321, 1234)  # who else may own a file, where that can be set


def test_it_is_shown(home: Home) -> None:
    digest = hashlib.sha256(home.file.read_bytes()).hexdigest()
    beside = home.bin / "vpython.sha256"
    beside.write_text(f"{digest}  vpython.pyz\n")
    done = home.self()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"version      {OWN}  (build {build_id(OWN)})\n"
        "file         ~/.local/bin/vpython\n"
        "             called as ~/.local/bin/vpython-tool\n"
        f"sha256       {digest}\n"
        "             as ~/.local/bin/vpython.sha256 has it\n"
        "installed    as a file\n"
        f"runs on      Python {platform.python_version()}  {os.path.realpath(sys.executable)}\n"
        f"releases     {home.place.url}  (~/.config/vpython/config.toml)\n"
    )
    beside.write_text(f"{'0' * 64}  vpython\n")
    done = home.self("--json")
    assert (done.returncode, json.loads(done.stdout)["damaged"]) == (1, [str(home.file)])
    assert done.stderr == (
        f"vpython: `{home.file}` is not as `{beside}` has it\n\nhint: copy the file again\n"
    )
    assert home.place.asked == []


def test_a_newer_one_is_seen(home: Home) -> None:
    rows = [row(version, b"-") for version in (OLDER, OWN, NEWER, "9.5rc1")]
    home.place.offer(*rows, data=b"-")
    done = home.self("--check")
    assert (done.returncode, done.stdout, done.stderr) == (1, f"{NEWER} is there, this is {OWN}\n", "")
    home.place.offer(*rows[:2], data=b"-")
    done = home.self("--check", "--json")
    assert json.loads(done.stdout) == {"version": OWN, "newest": OWN, "is_newest": True}
    assert (done.returncode, done.stderr) == (0, "")
    assert set(home.place.asked) == {"/releases/releases.json"}


def test_it_is_replaced(home: Home) -> None:
    """Mode and owner stay, links and the sha256 beside it follow; a script that runs goes on."""
    home.file.chmod(0o751)
    if OTHER:
        os.chown(home.file, *OTHER)
    beside = home.bin / "vpython.sha256"
    beside.write_text(f"{hashlib.sha256(home.file.read_bytes()).hexdigest()}  vpython\n")
    abandoned = home.bin / ".vpython-new-1-2"
    abandoned.write_bytes(b"half a file")
    home.place.offer(row(NEWER))
    script = home.harness.place / "s.py"
    script.write_text("input(); import json; print('on')")
    with subprocess.Popen(
        [home.bin / "vpython3", script],
        env=home.harness.surroundings(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        done = home.self("update")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{OWN} -> {NEWER}: ~/.local/bin/vpython\n"
        assert running.communicate("\n")[0] == "on\n"
    assert home.file.read_bytes() == another(NEWER)
    found = home.file.stat()
    assert found.st_mode & 0o7777 == 0o751
    assert not OTHER or (found.st_uid, found.st_gid) == OTHER
    assert home.names() == sorted([*LINKED, beside.name])
    assert os.readlink(home.bin / "vpython3") == "vpython"
    assert json.loads(home.self("--json").stdout)["version"] == NEWER
    again = home.self("update", "--json")
    assert json.loads(again.stdout)["replaced"] == []


def test_from_a_directory_to_a_named_version(home: Home, tmp_path: Path) -> None:
    """An older one where it is named; copies under the other names go along, by a link where they are one."""
    for name in ("vpython3", "vpython-tool"):
        (home.bin / name).unlink()
    shutil.copy(BUILT, home.bin / "vpython-tool")
    os.link(home.bin / "vpython-tool", home.bin / "vpython3")
    releases = tmp_path / "releases"
    (releases / OLDER).mkdir(parents=True)
    (releases / OLDER / "vpython.pyz").write_bytes(another(OLDER))
    (releases / "releases.json").write_text(json.dumps({"releases": [row(OLDER)]}))
    done = home.self("update", OLDER, "--releases", "releases", "--json", env={"VPYTHON_OFFLINE": "1"})
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["from"] == {"version": OWN, "build": build_id(OWN)}
    assert report["to"] == {"version": OLDER, "build": build_id(OLDER)}
    assert sorted(report["replaced"]) == [str(home.bin / name) for name in LINKED]
    assert {(home.bin / name).read_bytes() for name in LINKED} == {another(OLDER)}
    assert (home.bin / "vpython3").samefile(home.bin / "vpython-tool")
    assert home.names() == LINKED


def state(home: Home) -> tuple[str, ...]:
    """What changes with the file; not when it was read."""
    return files.signature_fields(home.file.stat())


def cut(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(another(NEWER))))
    handler.end_headers()
    handler.wfile.write(another(NEWER)[:100_000])


def other_bytes(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"?" * len(another(NEWER)))


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(bytes(1 << 20))


def elsewhere(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "http://releases.test/vpython.pyz")
    handler.end_headers()


FILE = f"/releases/{NEWER}/vpython.pyz"
LIST = "/releases/releases.json"
SHORT = "the connection to `{host}` broke: its body is shorter than announced"
NOT_LISTED = (
    f"`{NEWER}/vpython.pyz` at `{{host}}` is not the file that is listed: "
    "its sha256 is {sha256}, not {listed}"
)
AWAY = "`{host}` redirects to `http://releases.test`, which is refused"
HOSTILE: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "other bytes": ({}, {FILE: other_bytes}, NOT_LISTED),
    "cut short": ({}, {FILE: cut}, SHORT),
    "shorter": ({}, {FILE: b"?"}, "`{host}` sent 1 of the {size} bytes that are listed"),
    "endless": ({}, {FILE: endless}, "`{host}` sent more than the {size} bytes that are listed"),
    "elsewhere": ({}, {FILE: elsewhere}, AWAY),
    "missing": ({}, {FILE: None}, "`{host}` answered with status 404"),
    "list elsewhere": ({}, {LIST: elsewhere}, AWAY),
    "no list": ({}, {LIST: b"[]"}, "`releases.json` at `{host}` is not a list of releases"),
    "outside": ({"file": "../x"}, {}, "`releases.json` at `{host}` is not a list of releases"),
    "absurd size": ({"size": 1 << 40}, {}, "`releases.json` at `{host}` is not a list of releases"),
    "older": (
        {"version": OLDER}, {}, f"{OLDER}, the newest at `{{host}}`, is older than this, {OWN}",
    ),
    "another build": (
        {"build": "zzz"}, {},
        f"vpython {NEWER} does not run here: it is {NEWER} (build {build_id(NEWER)}), "
        f"not {NEWER} (build zzz)",
    ),
}  # fmt: skip
ORDINARY = ("other bytes", "endless", "elsewhere", "older", "another build")


@pytest.mark.parametrize(
    "case", [name if name in ORDINARY else pytest.param(name, marks=pytest.mark.thorough) for name in HOSTILE]
)
def test_what_is_not_as_listed_is_refused(home: Home, case: str) -> None:
    fields, answers, message = HOSTILE[case]
    home.place.offer(row(NEWER) | fields, data=another(NEWER))
    home.place.answers |= {path: answer for path, answer in answers.items() if answer is not None}
    for path in (path for path, answer in answers.items() if answer is None):
        del home.place.answers[path]
    before = state(home)
    done = home.self("update")
    sha256 = hashlib.sha256(b"?" * len(another(NEWER))).hexdigest()
    listed = row(NEWER)["sha256"]
    size = len(another(NEWER))
    expected = message.format(host=home.place.host, size=size, sha256=sha256, listed=listed)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == f"vpython: {expected}"
    assert (state(home), home.names()) == (before, LINKED)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http://releases.test/", "plain http to another machine is refused: `http://releases.test`"),
        ("", "nothing says where releases of vpython are"),
    ],
)
def test_where_nobody_is_asked(home: Home, text: str, message: str) -> None:
    config = home.harness.place / "home" / ".config" / "vpython" / "config.toml"
    config.write_text(f'releases = "{text}"\n' if text else "")
    done = home.self("--check")
    assert (done.returncode, done.stdout, done.stderr.splitlines()[0]) == (2, "", f"vpython: {message}")


def killed_while_it_tries(home: Home) -> None:
    """Offer what never ends when it is tried out, and kill the update meanwhile."""
    mark = home.harness.place / "tried"
    data = b"import time\nopen(%r, 'w').close()\ntime.sleep(60)\n" % str(mark).encode()
    home.place.offer(row(NEWER, data), data=data)
    with subprocess.Popen(
        [home.bin / "vpython-tool", "self", "update"], env=home.harness.surroundings(), start_new_session=True
    ) as update:
        while not mark.exists():
            assert update.poll() is None
        (child,) = (int(pid) for pid in os.listdir("/proc") if pid.isdecimal() and _parent(pid) == update.pid)
        os.kill(update.pid, signal.SIGKILL)
        os.killpg(child, signal.SIGKILL)


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def test_killed_on_the_way(home: Home) -> None:
    """The old file is there, and runs; what is left is taken away by the next update."""
    before = state(home)
    killed_while_it_tries(home)
    assert state(home) == before
    left = set(home.names()) - set(LINKED)
    assert len(left) == 1
    home.place.offer(row(NEWER))
    assert home.self("update").returncode == 0
    assert (home.file.read_bytes() == another(NEWER), home.names()) == (True, LINKED)


def test_changed_meanwhile(home: Home) -> None:
    """What somebody else has put there stays."""
    changed = BUILT.read_bytes().replace(b"#!/bin/sh\n# vpython's", b"#!/bin/sh\n# VPYTHON's", 1)

    def change(handler: BaseHTTPRequestHandler) -> None:
        (home.bin / "new").write_bytes(changed)
        (home.bin / "new").chmod(0o755)
        (home.bin / "new").rename(home.file)
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(another(NEWER))

    home.place.offer(row(NEWER))
    home.place.answers[FILE] = change
    done = home.self("update")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"vpython: `{home.file}` was changed by another process meanwhile\n\nhint: run it again\n"
    )
    assert (home.file.read_bytes() == changed, home.names()) == (True, LINKED)


def test_where_nobody_may_write(home: Home) -> None:
    with read_only(home.bin):
        done = home.self("update")
    assert (done.returncode, home.place.asked) == (2, [])
    assert done.stderr == (
        f"vpython: cannot replace `{home.file}`: its directory cannot be written\n\n"
        "hint: run it as a user who may write there\n"
    )


def refused(file: Path, home: Home, command: str, keeper: str) -> None:
    """What somebody else keeps is left alone; the way to another version is named."""
    done = home.harness.run_command(file, "-vpython-tool", "self", "update")
    assert (done.returncode, home.place.asked) == (2, [])
    assert done.stderr == (
        f"vpython: `{file}` is kept by {keeper}, not by itself\n\nhint: `{command}` brings another version\n"
    )


def test_cipd_and_manifests(home: Home, tmp_path: Path) -> None:
    """A deployment, in both modes, and the directory that a shim or a manifest names for an instance."""
    from vpy.model import Pin
    from vpy.packages.cipd import package_writer
    from vpy.packages.cipd.deployment import Deployment
    from vpy.packages.cipd.manifest import Manifest

    member = package_writer.Member("bin/vpython3", str(BUILT), executable=True)
    package = tmp_path / "vpython.cipd"
    instance_id = package_writer.write(str(package), Manifest("a/vpython", install_mode="copy"), [member])
    for mode in ("copy", "symlink"):
        top = tmp_path / mode
        pin = Pin("a/vpython", "a/vpython", "latest", instance_id, "-")
        Deployment(str(top)).deploy("", pin, str(package), install_mode=mode)
        file = (top / "bin" / "vpython3").resolve()
        refused(file, home, f"cipd ensure -root {top} -ensure-file FILE", "CIPD")
    (tmp_path / instance_id).mkdir()
    file = tmp_path / instance_id / "vpython3"
    shutil.copy(BUILT, file)
    refused(file, home, "vpython-tool ensure FILE --resolve", "a manifest")


def test_a_checkout(home: Home) -> None:
    done = home.harness.run_command(sys.executable, TOP / "vpython.py", "-vpython-tool", "self", "update")
    assert (done.returncode, home.place.asked) == (2, [])
    assert done.stderr == (
        f"vpython: `{TOP / 'vpython.py'}` is kept by the checkout that it is in, not by itself\n\n"
        "hint: `git pull` brings another version\n"
    )


def of_system() -> Callable[[str], Any]:
    from types import SimpleNamespace

    from vpy.operations import own_file

    context: Any = SimpleNamespace(environ=dict(os.environ))
    return lambda path: own_file._of_system(path, context)


def test_a_package_of_the_system() -> None:
    if shutil.which("dpkg-query") is None:
        pytest.skip("no dpkg here")
    found = of_system()(os.path.realpath("/usr/bin/env"))
    assert (found.way, found.upgrade) == ("dpkg", "apt-get install --only-upgrade coreutils")
    assert of_system()("/usr/bin/of nobody") is None
    assert of_system()("/home/me/env") is None
