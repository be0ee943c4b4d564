"""The wheel's commands, put into a venv by a real pip: the file as it is, and launchers that lead to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from builder import wheel
from builder.release import project
from tests.support.harness import BASE, BUILT, TOP, Harness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("vpython", "vpython-tool", "vpython3")
TELL = "import sys; print(sys.base_prefix, sys.argv[1:])"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    name = wheel.file_name("vpython-pyz", project()["version"], wheel.ANY)
    path = tmp_path_factory.mktemp("dist") / name
    path.write_bytes(wheel.wheel(BUILT.read_bytes(), "vpython-pyz", project(), wheel.ANY, b"{}"))
    return path


def pip(python: Path, *words: str | Path) -> None:
    """Run the vendored pip for another Python, without an index."""
    command = [str(BASE), "-m", "pip", "--python", str(python), "--quiet", "--no-cache-dir", *map(str, words)]
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PIP_")}
    environ |= {"PYTHONPATH": str(TOP / "build" / "vendor"), "PIP_CONFIG_FILE": os.devnull}
    subprocess.run([*command, "--no-input"], env=environ, check=True)


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def venv(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With a space in its path. At the end pip takes the wheel out, and leaves nothing of it."""
    venv = tmp_path_factory.mktemp("a place") / "venv"
    subprocess.run([str(BASE), "-m", "venv", "--without-pip", str(venv)], check=True)
    before = files(venv)
    pip(venv / "bin" / "python3", "install", "--no-index", archive)
    yield venv
    pip(venv / "bin" / "python3", "uninstall", "--yes", "vpython-pyz")
    assert files(venv) == before


@pytest.fixture
def script(harness: Harness) -> Path:
    path = harness.place / "s.py"
    path.write_text(TELL)
    return path


def test_the_command_is_the_file(venv: Path) -> None:
    assert (venv / "bin" / "vpython").read_bytes() == BUILT.read_bytes()
    assert (venv / "share" / "man" / "man1" / "vpython.1").is_file()
    for name in NAMES:
        head = (venv / "bin" / name).read_bytes()[:10]
        assert (head, os.access(venv / "bin" / name, os.X_OK)) == (b"#!/bin/sh\n", True)


def test_each_name_does_as_a_link_to_the_file_would(venv: Path, harness: Harness, script: Path) -> None:
    """By the shell and by Python, cold and warm, and through a link that stands somewhere else."""
    (harness.place / "s.py.vpython").write_text('python_version: "3.9999"\n')
    (harness.place / "links").mkdir()
    seen = (0, f"{sys.base_prefix} ['a b']\n", "")
    for name in NAMES:
        (harness.place / "links" / name).symlink_to(venv / "bin" / name)
    for command in (
        [venv / "bin" / "vpython3"],
        [harness.place / "links" / "vpython3"],
        [sys.executable, venv / "bin" / "vpython3"],
        [sys.executable, harness.place / "links" / "vpython3"],
    ):
        for _ in range(2):
            done = harness.run_command(*command, script, "a b")
            assert (done.returncode, done.stdout, done.stderr) == seen
    legacy = harness.run_command(venv / "bin" / "vpython", script)
    assert "3.9999" in legacy.stderr
    tool = harness.run_command(harness.place / "links" / "vpython-tool", "version")
    assert tool.stdout.startswith(f"vpython {project()['version']} ")


def test_its_venv_is_not_what_scripts_run_on(venv: Path, harness: Harness, script: Path) -> None:
    """Active, it leads to the Python that it was made of; that serves too where PATH has none."""
    active = {"PATH": f"{venv / 'bin'}:{harness.environ['PATH']}", "VIRTUAL_ENV": str(venv)}
    done = harness.run_command("sh", "-c", 'vpython3 "$0"', script, env=active)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{sys.base_prefix} []\n", "")
    found = harness.run_command(venv / "bin/vpython-tool", "explain", "--json", script, env=active)
    assert not json.loads(found.stdout)["python"]["executable"].startswith(str(venv))

    (harness.place / "few").mkdir()
    (harness.place / "few" / "readlink").symlink_to(shutil.which("readlink") or "")
    (harness.place / "few" / "vpython-tool").symlink_to(venv / "bin" / "vpython-tool")
    alone = {"PATH": str(harness.place / "few"), "VPYTHON_VIRTUALENV_ROOT": str(harness.place / "other")}
    done = harness.run_command("/bin/sh", "-c", "vpython-tool self --json", env=alone)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["python"]["version"] == ".".join(map(str, sys.version_info[:3]))


def test_the_code_of_a_launcher_is_repaired(venv: Path, harness: Harness) -> None:
    """Code that is damaged in the root is taken from the file that it leads to."""
    (app,) = (path for path in (harness.root / "app-1").iterdir() if path.is_dir())
    damaged = app / "vpy" / "cli.pyc"
    damaged.unlink()
    damaged.write_bytes(b"")
    done = harness.run_command(venv / "bin" / "vpython-tool", "version")
    assert done.stderr == f"vpython: its own code in `{app}` was damaged: unpacked again\n"
    assert done.stdout.startswith("vpython ")


def test_a_launcher_alone(venv: Path, harness: Harness) -> None:
    file = harness.place / "vpython3"
    shutil.copy(venv / "bin" / "vpython3", file)
    message = (
        f"vpython: `{harness.place / 'vpython'}`, which holds the code, is no vpython: install it again\n"
    )
    done = harness.run_command(file, "-c", "", env={"VPYTHON_VIRTUALENV_ROOT": str(harness.place / "new")})
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


def test_self_leaves_it_to_its_installer(venv: Path, harness: Harness) -> None:
    for name in NAMES:
        file = venv / "bin" / name
        words = ("self", "update") if name == "vpython-tool" else ("-vpython-tool", "self", "update")
        done = harness.run_command(file, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            f"vpython: `{file}` is kept by pip, not by itself\n\n"
            f"hint: `'{venv}/bin/python3' -m pip install --upgrade WHEEL` brings another version\n"
        )
    shown = harness.run_command(venv / "bin" / "vpython-tool", "self", "--json")
    account = json.loads(shown.stdout)
    assert account["checked_by"].endswith(".dist-info/RECORD")
    assert (shown.returncode, account["damaged"], account["installed"]["by"]) == (0, [], "pip")
    broken = venv / "bin" / "vpython3"
    whole = broken.read_bytes()
    broken.write_bytes(whole + b" ")
    try:
        shown = harness.run_command(venv / "bin" / "vpython-tool", "self", "--json")
    finally:
        broken.write_bytes(whole)
    assert (shown.returncode, json.loads(shown.stdout)["damaged"]) == (1, [str(broken)])
