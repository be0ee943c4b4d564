"""Child process that vpython waits for, where it cannot become it: Windows, a temporary root."""

from __future__ import annotations

import contextlib
import os
import signal

from vpy.system.files import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

FORWARDED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT")


def run_and_exit(words: Sequence[str], environ: Mapping[str, str], *, remove: str | None) -> NoReturn:
    """Run the child, remove the directory `remove`, and end as the child did.

    Signals from the terminal reach the child by themselves; those sent to this process are passed on.
    Ignored signals stay ignored in the child; it inherits the descriptors.
    """
    mask = None
    if os.name == "posix":
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        code = _run(words, environ, mask)
    else:
        code = _run_on_windows(words, environ)
    if remove is not None:
        with contextlib.suppress(OSError):
            remove_tree(remove)
    if code < 0 and mask is not None:
        with contextlib.suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.kill(os.getpid(), -code)
        code = 128 - code
    os._exit(code)


def _run(words: Sequence[str], environ: Mapping[str, str], mask: set[signal.Signals | int]) -> int:
    """Return how the child ended, as `subprocess` tells it.

    Signals are blocked and then waited for, the child's end among them: a handler could come just
    before a wait, and be called only after it.
    """
    numbers = [getattr(signal, name) for name in ("SIGINT", *FORWARDED)]
    waited = {signal.SIGCHLD, *(number for number in numbers if signal.getsignal(number) != signal.SIG_IGN)}
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    child = os.posix_spawn(words[0], list(words), dict(environ), setsigmask=mask)
    while True:
        number = signal.sigwait(waited)
        if number == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
        elif number != signal.SIGINT:
            os.kill(child, number)


def _run_on_windows(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Return how the child ended, as a number that `os._exit` takes.

    Ctrl-C and Ctrl-Break reach all that share the console, the child among them: only it decides what
    they mean. Whatever ends us, even without a word, ends the child.
    """
    import subprocess

    from vpy.system import windows

    for name in ("SIGINT", "SIGBREAK"):
        signal.signal(getattr(signal, name), lambda *_: None)
    job = windows.job_of_children()
    child = subprocess.Popen(list(words), env=dict(environ), close_fds=False)
    windows.assign(job, child)
    code = child.wait()
    return code - (1 << 32) if code >= 1 << 31 else code
