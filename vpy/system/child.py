"""A child that is waited for, where a start cannot become its Python: Windows, a temporary root."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

from vpy.system.files import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

FORWARDED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT")


def run_and_exit(words: Sequence[str], environ: Mapping[str, str], *, remove: str | None) -> NoReturn:
    """Run the child to its end, remove the directory `remove`, and end as the child did.

    Signals from the terminal reach the child by themselves; those sent to us are passed on.
    """
    child = subprocess.Popen(list(words), env=dict(environ))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in FORWARDED:
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, lambda received, _: child.send_signal(received))
    code = child.wait()
    if remove is not None:
        with contextlib.suppress(OSError):
            remove_tree(remove)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)
