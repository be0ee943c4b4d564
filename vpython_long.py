"""The long way: put vpython's own code on the path, let it make what is missing, start that."""

from __future__ import annotations

import os
import sys

import vpython_gate
from vpython import APP, BUILD, start, start_from_record
from vpython_root import fail, make_temporary, remove_temporary

RARELY = 50_000  # objects made between two looks for garbage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from vpython import Request


class EndedBySignal(BaseException):
    """A signal that ends processes has come: children are to be ended, what is half-made removed."""

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
    try:
        if request.direct and vpython_gate.enter(request):
            start_from_record(request)
        _go(request)
    except EndedBySignal as error:
        end_by(error.number)


def _go(request: Request) -> NoReturn:
    if request.temporary:
        request.root = make_temporary()
    given = os.umask(0o022)
    # What is made in the root is for its owner to write; what these tools make elsewhere is the caller's.
    os.umask(given if request.options.tool in ("mirror", "pack") else given | 0o022)
    try:
        app = load_app(request)
        from vpy import cli

        outcome = cli.run(request, app)
    except Exception:
        os.umask(given)
        raise
    if isinstance(outcome, int):
        end(outcome)
    os.umask(given)
    if isinstance(outcome, str):
        import vpython_manifest

        vpython_manifest.hand_over(request, outcome)
    start(request, outcome.environment, "=" if outcome.recorded else "")


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


def is_sound(request: Request, environment: str) -> bool:
    """Whether the record holds, asked here: under `-S` no hook runs, and on Windows we stay beside the child.

    There the environment is held from now on, since who waits for the child lives as long as that.
    """
    load_app(request)
    from vpy.environment import hook

    held = os.name != "nt" or hook.hold(hook.lock_path(environment))
    path = request.environ.get("PATH")
    return held and hook.is_fit(environment) and hook.holds(request.record, path, environment)


def hold_for(request: Request, environment: str) -> None:
    """Under `-S` no hook runs: the script inherits the lock as an open descriptor instead."""
    if os.name == "posix":
        import fcntl

        load_app(request)
        from vpy.environment import hook

        try:
            descriptor = os.open(hook.lock_path(environment), os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            os.set_inheritable(descriptor, True)
        except OSError as error:
            fail(f"cannot lock the environment `{environment}`: {error.strerror}", 1)


def load_app(request: Request) -> str:
    """Put `vpy` and the vendored code on the path; return the directory that holds them."""
    here = os.path.dirname(os.path.abspath(__file__))
    if BUILD == "source":
        app, vendor = here, os.path.join(here, "build", "vendor")
    else:
        import vpython_unpack

        archive = here if os.path.isfile(here) else request.caller
        name = f"{APP}/{BUILD}-{sys.implementation.cache_tag}"
        app = vpython_unpack.app_of(archive, request.root, name, doubted=request.doubted)
        vendor = os.path.join(app, "vendor")
    for entry in (vendor, app):
        if entry not in sys.path:
            sys.path.insert(0, entry)
    return app
