"""Cold start: import vpython's own code, let it make what is missing, become the environment's Python."""

from __future__ import annotations

import os
import sys

from bootstrap import start_lock
from bootstrap.app import load_app
from bootstrap.launch import start, start_from_record
from bootstrap.root import elsewhere, fail, make_temporary, remove_temporary

OWN_FILES = ("add", "init", "mirror", "pack", "remove")  # commands that write files of the user's own
RARELY = 50_000  # objects made between two looks for garbage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from bootstrap.request import Request


class EndedBySignal(BaseException):
    """Raised by a signal that ends processes, so that children are ended and temporary files removed."""

    def __init__(self, number: int) -> None:
        self.number = number


def listen() -> None:
    """Raise EndedBySignal for what would end us without a word, until this process becomes another."""
    # The module behind `signal`, which itself loads `enum` and more to give the numbers names.
    import _signal as signal  # type: ignore[import-not-found]

    def end(number: int, _: object) -> None:
        raise EndedBySignal(number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, end)


def _spare_the_collector() -> None:
    """Look for garbage rarely: most of what a long way makes is code, which stays."""
    import gc

    gc.set_threshold(RARELY)


def end_by(number: int) -> NoReturn:
    """End as the signal would have ended us."""
    import signal

    remove_temporary()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)


def go(request: Request) -> NoReturn:
    """Do what was asked, and end; or become the environment's Python."""
    listen()
    _spare_the_collector()
    # `sysconfig` reads these under `-I` too; the script gets them as they were.
    for name in [name for name in os.environ if name.startswith("_PYTHON_")]:
        del os.environ[name]
    try:
        _leave_unwritable_root(request)
        _enter(request)
        _go(request)
    except EndedBySignal as error:
        end_by(error.number)


def _enter(request: Request) -> None:
    """Wait for a start like this one that is at work, and start from the record that it leaves."""
    if request.direct and start_lock.enter(request):
        start_from_record(request)


def _leave_unwritable_root(request: Request) -> None:
    """Take a root among the temporary files where nobody named one and the user's cache cannot be."""
    if request.temporary or not request.has_default_root:
        return
    root = elsewhere(request.root, request.environ)
    if root != request.root:
        request.move_to(root)
        if request.direct and not request.forced:
            start_from_record(request)


def _go(request: Request) -> NoReturn:
    if request.temporary and not request.root:
        request.root = make_temporary()
    given = os.umask(0o022)
    # What is made in the root is for its owner to write; what these tools make elsewhere is the caller's.
    os.umask(given if request.options.tool in OWN_FILES else given | 0o022)
    try:
        app = load_app(request)
        from vpy import cli

        outcome = cli.run(request, app)
    except Exception:
        os.umask(given)
        raise
    if outcome.exit_code is not None:
        end(outcome.exit_code)
    os.umask(given)
    if outcome.is_fetched:
        if request.direct:
            start_from_record(request)
        _enter(request)
        _go(request)
    if outcome.other_vpython is not None:
        from bootstrap import handover

        handover.hand_over(request, outcome.other_vpython)
    assert outcome.started is not None
    start(request, outcome.started.environment, "=" if outcome.started.recorded else "")


def end(code: int) -> NoReturn:
    """End with `code`, or with another one where what was printed cannot be written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        code = code or 141
    except (OSError, ValueError) as error:
        if not code:
            fail(f"cannot write to stdout: {getattr(error, 'strerror', None) or error}", 1)
    remove_temporary()
    os._exit(code)
