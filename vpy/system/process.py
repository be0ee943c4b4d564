"""Child processes: nothing else imports `subprocess`."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from vpy.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@value
class Finished:
    """How a child ended: its exit code (negative: the signal) and what it printed."""

    code: int
    stdout: bytes
    stderr: bytes


def run(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    stdin: bytes = b"",
    timeout: float | None = None,
    cwd: str | None = None,
    quiet: bool = True,
) -> Finished:
    """Run `command` to its end and return what it printed.

    With `quiet` false its stderr goes to ours as it comes. Raises OSError where it cannot be
    started; a child that is still running after `timeout` seconds is killed and ends with -9.
    """
    with subprocess.Popen(
        command,
        env=dict(environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if quiet else None,
        cwd=cwd,
    ) as child:
        try:
            stdout, stderr = child.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            stdout, stderr = child.communicate()
        except BaseException:
            child.kill()
            raise
    return Finished(child.returncode, stdout, stderr or b"")


def clean_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without what would steer a Python child."""
    return {
        name: text
        for name, text in environ.items()
        if not name.startswith("PYTHON") and name != "__PYVENV_LAUNCHER__"
    }


def null_device() -> str:
    return os.devnull
