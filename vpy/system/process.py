"""Child processes: nothing else imports `subprocess`."""

from __future__ import annotations

import os

from vpy.system import scope
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from subprocess import Popen

KILLED = -9


@value
class Finished:
    """How a child ended: its exit code (negative: the signal) and what it printed."""

    code: int
    stdout: bytes
    stderr: bytes


@scope.contextmanager
def waiting(
    command: Sequence[str], environ: Mapping[str, str]
) -> Iterator[Callable[[bytes], Finished] | None]:
    """Start a child that waits for its stdin; what is yielded gives it that and waits for its end.

    It can do so once. A child that was given nothing is ended; None for one that cannot be started.
    """
    let_go = _hold_signals()
    child: Popen[bytes] | None = None
    try:
        try:
            child = _started(command, environ)
        except OSError:
            pass
        finally:
            let_go()
        if child is None:
            yield None
        else:
            made = child
            yield lambda stdin: Finished(*_finish(made, stdin, None, lambda: None))
    finally:
        if child is not None and child.returncode is None:
            with child:
                child.kill()


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
    let_go = _hold_signals()
    try:
        made = _started(command, environ, quiet=quiet, cwd=cwd, alone=timeout is not None)
    except BaseException:
        let_go()
        raise
    code, stdout, stderr = _finish(made, stdin, timeout, let_go)
    return Finished(code, stdout, stderr)


def _started(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    quiet: bool = True,
    cwd: str | None = None,
    alone: bool = False,
) -> Popen[bytes]:
    import subprocess

    return subprocess.Popen(
        command,
        env=dict(environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if quiet else None,
        cwd=cwd,
        start_new_session=alone,
    )


def _finish(
    made: Popen[bytes], stdin: bytes, timeout: float | None, let_go: Callable[[], None]
) -> tuple[int, bytes, bytes]:
    """Wait for the child's end; whatever ends the waiting ends the child."""
    import subprocess

    with made as child:
        try:
            let_go()
            stdout, stderr = child.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            _kill_group(child.pid)
            stdout, stderr = child.communicate()
            return KILLED, stdout, stderr or b""
        except BaseException:
            if timeout is None:
                child.kill()
            else:
                _kill_group(child.pid)
            raise
    return child.returncode, stdout, stderr or b""


def _hold_signals() -> Callable[[], None]:
    """Keep signals waiting that would raise here; what is returned lets them go again.

    One that comes while a child is being started would leave it behind: its number is not known yet.
    """
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    came: list[int] = []
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [getattr(signal, name) for name in names]
    before = {number: signal.getsignal(number) for number in numbers if callable(signal.getsignal(number))}
    for number in before:
        signal.signal(number, lambda received, _: came.append(received))

    def let_go() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)

    return let_go


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
