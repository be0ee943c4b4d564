"""The batch files, run by cmd: what they fetch, check and put in place, and the words that they pass on."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.e2e.shims.checkout import package
from tests.e2e.shims.depot import Depot
from tests.e2e.windows.desk import TELL, Told
from tests.e2e.windows.machine import windows_path
from tests.support.harness import BUILT, TOP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.e2e.windows.desk import Desk

PACKAGE = "tools/vpython/all"
BYPASS = {"VPYTHON_BYPASS": "manually managed python not supported by chrome operations"}

# Stands for vpython, and is run by a Python as that is; its number is its exit code.
STAND_IN = """
import json, sys
print(json.dumps([@VERSION@, sys.argv]))
sys.exit(@VERSION@)
"""


class Checkout:
    """A directory with both batch files and a manifest that pins a package of the depot."""

    def __init__(self, desk: Desk, depot: Depot, place: Path) -> None:
        self.desk, self.depot, self.place = desk, depot, place
        self.place.mkdir()
        for name in ("vpython.bat", "vpython3.bat"):
            shutil.copyfile(TOP / "shims" / name, self.place / name)
        self.bin = self.place / ".vpython_bin"

    def pin(self, version: int, body: bytes | None = None) -> str:
        body = STAND_IN.replace("@VERSION@", str(version)).encode() if body is None else body
        launcher = (TOP / "shims" / "launch.bat").read_bytes()
        files = {
            name + end: data
            for name in ("vpython", "vpython3")
            for end, data in (("", body), (".bat", launcher))
        }
        instance_id, data = package(files, PACKAGE)
        self.depot.put(PACKAGE, instance_id, data)
        self.write(version, instance_id)
        return instance_id

    def write(self, version: int, instance_id: str) -> None:
        manifest = (
            f"# What runs here.\n$ServiceURL {self.depot.url}\n$ResolvedVersions cipd_manifest.versions\n\n"
        )
        (self.place / "cipd_manifest.txt").write_text(f"{manifest}{PACKAGE} version:{version}\n")
        text = f"# Made.\n\n{PACKAGE}\n\tversion:{version}\n\t{instance_id}\n"
        # Sizes tell one from the other: cmd knows the time to a minute.
        (self.place / "cipd_manifest.versions").write_text(text + "# " + "x" * version + "\n")

    def run(
        self, *words: str, name: str = "vpython3.bat", env: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Run a batch file as any program is run: (exit code, stdout, stderr)."""
        return self.desk.exactly(windows_path(self.place / name), *words, changed=env)

    def said(self, *words: str, name: str = "vpython3.bat") -> tuple[int, list[str]]:
        """The stand-in's version, and the words that reached it, behind the manifest's."""
        code, out, err = self.run(*words, name=name)
        assert err == ""
        version, argv = json.loads(out)
        assert code == version
        assert argv[1:3] == ["-vpython-manifest", windows_path(self.place / "cipd_manifest.txt")]
        return version, argv[3:]


@pytest.fixture
def depot() -> Iterator[Depot]:
    made = Depot()
    yield made
    made.stop()


@pytest.fixture
def checkout(desk: Desk, depot: Depot, tmp_path: Path) -> Checkout:
    return Checkout(desk, depot, tmp_path / "check out")


def test_fetches_once_then_only_finds(checkout: Checkout) -> None:
    instance_id = checkout.pin(5)
    assert checkout.said("a", "b c") == (5, ["a", "b c"])
    asked = len(checkout.depot.asked)
    assert asked > 0
    place = checkout.bin / "cipd_manifest.txt"
    assert sorted(path.name for path in place.iterdir()) == sorted([instance_id, "pin-windows"])
    assert checkout.said("x") == (5, ["x"])
    assert checkout.said("x", name="vpython.bat") == (5, ["x"])
    assert len(checkout.depot.asked) == asked


def test_another_pin_is_another_vpython(checkout: Checkout) -> None:
    checkout.pin(5)
    checkout.said()
    checkout.pin(6)
    assert checkout.said() == (6, [])
    assert len(list((checkout.bin / "cipd_manifest.txt").iterdir())) == 3


def test_other_bytes_than_the_pinned_are_refused(checkout: Checkout) -> None:
    instance_id = checkout.pin(5)
    path = f"/dl/{PACKAGE}/+/{instance_id}"
    data = checkout.depot.files[path]
    checkout.depot.files[path] = data[:-1] + bytes([data[-1] ^ 1])
    code, out, err = checkout.run("a")
    assert (code, out) == (1, "")
    assert err.startswith("vpython: refused the download from ")
    assert instance_id in err or hashlib.sha256(data).hexdigest() in err.lower()
    assert list((checkout.bin / "cipd_manifest.txt").iterdir()) == []
    checkout.depot.files[path] = data
    assert checkout.said("a") == (5, ["a"])


def test_a_service_that_does_not_answer(checkout: Checkout) -> None:
    checkout.pin(5)
    checkout.depot.files.clear()
    code, out, err = checkout.run()
    assert (code, out) == (1, "")
    assert err.startswith("vpython: cannot fetch ")
    code, out, err = checkout.run(env={"VPYTHON_OFFLINE": "1"})
    assert (code, out) == (1, "")
    assert err.startswith("vpython: not downloaded yet, and network access is disabled")
    assert checkout.run("-vpython-offline", "x") == (code, out, err)
    plain = {"CIPD_SERVICE_URL": "http://192.0.2.1:80"}
    assert checkout.run(env=plain)[2].startswith("vpython: refused to fetch what is not https")
    assert list((checkout.bin / "cipd_manifest.txt").iterdir()) == []


def test_what_is_wrong_with_a_manifest(checkout: Checkout) -> None:
    code, out, err = checkout.run()
    assert (code, out) == (1, "")
    assert err.startswith("vpython: the manifest ")
    checkout.pin(5)
    checkout.write(5, "c" * 44)
    assert checkout.run()[2].startswith("vpython: not an instance id")


# No `%`: cmd puts in variables before any batch file is asked.
WORDS = ("a b", "", "c:\\x y\\", "k=v", "a,b;c", "(x)", "-c", "don't", "a'b", "!x!", "--", "a&b c", "/?", "*")


def test_words_to_the_letter(checkout: Checkout) -> None:
    checkout.pin(5)
    assert checkout.said(*WORDS) == (5, list(WORDS))
    assert checkout.said(*WORDS) == (5, list(WORDS))


def test_bypass(checkout: Checkout) -> None:
    """Nothing is fetched or made: plain Python, without the words that are vpython's."""
    show = "import sys; print(sys.argv[1:], sys.prefix); sys.exit(8)"
    checkout.desk.put("show.py", show)
    for words, rest in (
        (("show.py", *WORDS), list(WORDS)),
        (("-vpython-root", "x y", "show.py", "a b", "c"), ["a b", "c"]),
        (("-vpython-spec=x", "show.py", "--", "-vpython-root", "r"), ["--", "-vpython-root", "r"]),
    ):
        assert checkout.run(*words, env=BYPASS) == (8, f"{rest} C:\\Python311\n", "")
    assert checkout.run("-vpython-tool", "install", "show.py", env=BYPASS) == (0, "", "")
    assert not checkout.bin.exists()


def test_the_built_file_by_its_batch_file(checkout: Checkout) -> None:
    """The whole way: fetched, checked, put in place, a script run in its environment."""
    checkout.desk.put("s.py", TELL + "sys.exit(9)\n")
    checkout.pin(5, BUILT.read_bytes())
    for _ in ("cold", "warm"):
        code, out, err = checkout.run("s.py", "a b", "c")
        assert (code, err) == (9, "")
        told = Told(json.loads(out))
        assert told.words == ["a b", "c"]
        assert told.prefix.startswith(windows_path(checkout.desk.root))


def test_the_launcher_passes_over_the_stores_alias(desk: Desk, tmp_path: Path) -> None:
    place = tmp_path / "package"
    place.mkdir()
    shutil.copyfile(TOP / "shims" / "launch.bat", place / "vpython3.bat")
    (place / "vpython3").write_text(STAND_IN.replace("@VERSION@", "4"))
    alias = tmp_path / "Microsoft" / "WindowsApps"
    alias.mkdir(parents=True)
    (alias / "python.exe").write_bytes(b"")
    path = f"{windows_path(alias)};C:\\Python311;C:\\windows\\system32"
    code, out, err = desk.exactly(windows_path(place / "vpython3.bat"), "a b", changed={"PATH": path})
    assert (code, err) == (4, "")
    assert json.loads(out)[1][1:] == ["a b"]
    path = f"{windows_path(alias)};C:\\windows\\system32"
    code, out, err = desk.exactly(windows_path(place / "vpython3.bat"), changed={"PATH": path})
    assert (code, out) == (1, "")
    assert err.startswith("vpython: no Python 3.11 or newer on PATH")


def test_py_cannot_run_the_file_and_python_can(desk: Desk) -> None:
    """Its first line is a shell's, which is what `py` and a double click go by; Python passes over it."""
    assert BUILT.read_bytes().startswith(b"#!/bin/sh\n")
    assert desk.must("-c", "print('run')") == "run\n"
    text = (TOP / "docs" / "windows.md").read_text(encoding="utf-8")
    assert "py vpython.pyz" in text
