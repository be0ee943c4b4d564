"""The batch files, as text: cmd is not at hand, but labels, line ends and promises can be looked at."""

from __future__ import annotations

import itertools
import re

import pytest

from tests.support.harness import TOP

FILES = ("vpython3.bat", "vpython.bat", "launch.bat")


@pytest.mark.parametrize("name", FILES)
def test_cmd_can_read_it(name: str) -> None:
    data = (TOP / "shims" / name).read_bytes()
    text = data.decode("ascii")
    assert data.count(b"\n") == data.count(b"\r\n") == data.count(b"\r")
    labels = re.findall(r"(?m)^:(\w+)\r$", text)
    assert len(labels) == len(set(labels))
    used = set(re.findall(r"(?i)\b(?:goto|call) :(\w+)", text))
    assert used == set(labels) - fallen_into(text)
    assert text.count("(") - text.count("^(") >= 0
    for line in text.split("\r\n"):
        assert len(line) < 8191
        assert not line.endswith(" ")
    assert text.startswith("@echo off\r\n")
    assert "setlocal EnableExtensions DisableDelayedExpansion\r\n" in text


def fallen_into(text: str) -> set[str]:
    """Labels that nothing jumps to are only for a reader."""
    return {
        label for label in re.findall(r"(?m)^:(\w+)\r$", text) if len(re.findall(rf":{label}\b", text)) == 1
    }


@pytest.mark.parametrize("name", FILES)
def test_every_part_ends(name: str) -> None:
    """No label is run into from above by a part that should have ended."""
    lines = [line for line in (TOP / "shims" / name).read_bytes().decode("ascii").split("\r\n") if line]
    entered = {"fetch", "look", "word", "rest", "plain", "have_place", "start"}
    for before, line in itertools.pairwise(lines):
        if line.startswith(":") and line[1:] not in entered and not before.startswith("rem "):
            assert before.startswith(("exit /b", "endlocal &", "goto ", "endlocal")), line


def test_both_names_are_one_text() -> None:
    shims = TOP / "shims"
    assert (shims / "vpython.bat").read_bytes() == (shims / "vpython3.bat").read_bytes()


def test_what_the_posix_shim_promises() -> None:
    text = (TOP / "shims" / "vpython3.bat").read_bytes().decode("ascii")
    posix = (TOP / "shims" / "vpython3").read_text(encoding="utf-8")
    for promise in (
        "manually managed python not supported by chrome operations",
        "https://chrome-infra-packages.appspot.com",
        "VPYTHON_MANIFEST",
        "VPYTHON_OFFLINE",
        "CIPD_SERVICE_URL",
        "/dl/",
        "cipd_manifest.txt",
        ".vpython_bin",
    ):
        assert promise in text
        assert promise in posix
    for line in re.findall(r"echo (vpython: .*)", text):
        assert line.rstrip("\r").endswith("1>&2")


def test_the_launcher_and_the_doors_know_one_name() -> None:
    text = (TOP / "shims" / "launch.bat").read_bytes().decode("ascii")
    assert '"%~dp0%~n0" %*' in text
