"""Child processes: nothing else imports `subprocess`."""

from __future__ import annotations

import os

from vpy.value import value

TYPE_CHECKING = False
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
    started; a child that is still running after `timeout` seconds is killed, with all that it
    started itself, and ends with -9.
    """
    import subprocess

    with subprocess.Popen(
        command,
        env=dict(environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if quiet else None,
        cwd=cwd,
        start_new_session=timeout is not None,
    ) as child:
        try:
            stdout, stderr = child.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            _kill_group(child.pid)
            stdout, stderr = child.communicate()
        except BaseException:
            if timeout is None:
                child.kill()
            else:
                _kill_group(child.pid)
            raise
    return Finished(child.returncode, stdout, stderr or b"")


def clean_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without what would steer a Python child."""
    return {
        name: text
        for name, text in environ.items()
        if not name.startswith("PYTHON") and name != "__PYVENV_LAUNCHER__"
    }


def _kill_group(leader: int) -> None:
    import signal

    if os.name == "posix":
        os.killpg(leader, signal.SIGKILL)
    else:
        os.kill(leader, signal.SIGTERM)
