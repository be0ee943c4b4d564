"""A child that is waited for, where a start cannot become its Python: Windows, a temporary root."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

from vpy.system.files import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import NoReturn

FORWARDED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT")


def run_and_exit(words: Sequence[str], environ: Mapping[str, str], *, remove: str | None) -> NoReturn:
    """Run the child to its end, remove the directory `remove`, and end as the child did.

    Signals from the terminal reach the child by themselves; those sent to us are passed on. What we
    were told to ignore, the child ignores too; its descriptors are ours.
    """
    running: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def forward(number: int, _: object) -> None:
        if running:
            running[0].send_signal(number)
        else:
            early.append(number)

    _handle("SIGINT", lambda *_: None)
    for name in FORWARDED:
        _handle(name, forward)
    running.append(subprocess.Popen(list(words), env=dict(environ), close_fds=os.name == "nt"))
    for number in early:
        running[0].send_signal(number)
    code = running[0].wait()
    if remove is not None:
        with contextlib.suppress(OSError):
            remove_tree(remove)
    if code < 0:
        with contextlib.suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
        code = 128 - code
    os._exit(code)


def _handle(name: str, handler: Callable[[int, object], None]) -> None:
    number = getattr(signal, name, None)
    if number is not None and signal.getsignal(number) != signal.SIG_IGN:
        signal.signal(number, handler)
