"""The Pythons of this machine."""

from __future__ import annotations

import functools
import glob
import os
import shutil
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
# A shim of pyenv, as it writes them.
PYENV = """#!/usr/bin/env bash
set -e
program="${0##*/}"
export PYENV_ROOT="/home/u/.pyenv"
exec "/home/u/.pyenv/libexec/pyenv" exec "$program" "$@"
"""


@functools.cache
def python(version: str) -> str:
    """The real binary of a Python X.Y of this machine; skips the test where there is none."""
    home = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    places = glob.glob(os.path.join(home, "versions", f"{version}.*", "bin", f"python{version}"))
    for path in [*sorted(places), shutil.which(f"python{version}"), sys.executable]:
        if path and run(path, "import sys; print('%d.%d' % sys.version_info[:2])") == version:
            return os.path.realpath(path)
    pytest.skip(f"no Python {version} on this machine")


def run(executable: str, code: str, *options: str) -> str:
    """What `code` prints under this Python, "" where it fails."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [executable, *options, "-c", code], check=False, capture_output=True, text=True, env=environ
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def script(path: str, text: str) -> str:
    """Write an executable script, with the directories above it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o755)
    return path


def wrapper(path: str, executable: str) -> str:
    """A script that is another name for this Python."""
    return script(path, f'#!/bin/sh\nexec "{executable}" "$@"\n')


def link(path: str, executable: str) -> str:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(executable, path)
    return path
