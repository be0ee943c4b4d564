"""Launchers that `link` puts on PATH: small shell scripts that start a script by this vpython."""

from __future__ import annotations

import os
import shlex

from vpy.errors import ToolError, UserError
from vpy.system import files
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = "# Made by vpython-tool link: "
LARGEST = 16 * 1024


@value
class Launcher:
    """Launcher on PATH: its path, and the script that it starts."""

    path: str
    script: str

    @property
    def name(self) -> str:
        """Return the command that it is."""
        return os.path.basename(self.path)


def default_directory(environ: Mapping[str, str]) -> str:
    """Return `~/.local/bin`; raise UserError where there is no home."""
    home = environ.get("HOME", "")
    if not os.path.isabs(home):
        raise UserError(
            "there is no home directory to put the launcher in", hint="name a directory with --directory DIR"
        )
    return os.path.join(home, ".local", "bin")


def read(path: str) -> Launcher | None:
    """Return the launcher at a path; None where that is something else, or nothing."""
    try:
        with open(path, "rb") as file:
            head = os.fsdecode(file.read(LARGEST))
    except OSError:
        return None
    lines = head.splitlines()
    if len(lines) < 2 or not lines[1].startswith(MARK):
        return None
    words = shlex.split(lines[1].removeprefix(MARK))
    return Launcher(path, words[0]) if len(words) == 1 else None


def installed(directory: str) -> list[Launcher]:
    """Return the launchers in a directory, by name."""
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []
    found = (read(os.path.join(directory, name)) for name in names)
    return [launcher for launcher in found if launcher is not None]


def write(launcher: Launcher, vpython: str) -> None:
    """Write a launcher; raise UserError where another file has its name."""
    if os.path.lexists(launcher.path) and read(launcher.path) is None:
        hint = "remove it, or choose another name with --name"
        raise UserError(
            f"`{launcher.path}` already exists, and is not a launcher that vpython made", hint=hint
        )
    quoted = shlex.quote(launcher.script)
    text = f'#!/bin/sh\n{MARK}{quoted}\nexec {shlex.quote(vpython)} {quoted} "$@"\n'
    try:
        os.makedirs(os.path.dirname(launcher.path), exist_ok=True)
        files.write_bytes(launcher.path, os.fsencode(text), mode=0o755)
    except OSError as error:
        raise ToolError(f"cannot write `{launcher.path}`: {error.strerror}") from None


def starter(caller: str) -> str:
    """Return a file that starts scripts: vpython as it was called, unless by its name for commands."""
    if not os.path.basename(caller).startswith("vpython-tool"):
        return caller
    for name in ("vpython3", "vpython"):
        path = os.path.join(os.path.dirname(caller), name)
        if os.path.isfile(path):
            return path
    real = os.path.realpath(caller)
    if os.path.basename(real).startswith("vpython-tool"):
        raise UserError(f"there is no `vpython3` beside `{caller}`", hint="link that name to the file, too")
    return real
