"""`VPYTHON_BYPASS`: plain Python, no environment; a user has said that they look after it themselves."""

from __future__ import annotations

import os

from bootstrap.command_line import PLAIN
from bootstrap.root import fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn


def run(caller: str, words: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Become the `python3`, else the `python`, of PATH; a tool does nothing and succeeds."""
    rest = python_words(words)
    if rest is None:
        os._exit(0)
    python = _find(environ.get("PATH", os.defpath), os.path.realpath(caller))
    if python is None:
        fail("`VPYTHON_BYPASS` is set, and PATH has no Python", 1)
    command = [python, *rest]
    if os.name == "posix":
        try:
            os.execve(python, command, environ)
        except OSError as error:
            fail(f"cannot start `{python}`: {error.strerror}", 1)
    import subprocess

    os._exit(subprocess.call(command))


def _find(path: str, own: str) -> str | None:
    names = ("python3.exe", "python.exe") if os.name == "nt" else ("python3", "python")
    for name in names:
        for directory in path.split(os.pathsep):
            python = os.path.join(directory, name)
            if os.path.isfile(python) and os.access(python, os.X_OK) and os.path.realpath(python) != own:
                return python
    return None


def python_words(words: Sequence[str]) -> list[str] | None:
    """Return the arguments without vpython's own options, as depot_tools drops them; None for a tool."""
    rest = list(words)
    ours = False
    while rest and rest[0].startswith("-") and rest[0].lstrip("-").startswith("vpython-"):
        name, equals, _ = rest[0].lstrip("-").partition("=")
        if name == "vpython-tool":
            return None
        alone = bool(equals) or name.removeprefix("vpython-") in PLAIN
        rest = rest[1 if alone else 2 :]
        ours = True
    return rest[1:] if ours and rest[:1] == ["--"] else rest
