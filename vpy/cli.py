"""Command line of the long way: settings, what was asked for, and the one handler of errors."""

from __future__ import annotations

import os
import time

from vpy import config
from vpy.errors import UserError, VpythonError
from vpy.operations.context import Context
from vpy.system.layout import Layout
from vpy.system.lean.dataclasses import value
from vpy.system.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bootstrap.request import Request
    from vpy.operations.start import Started


class DamagedError(Exception):
    """Damage in the unpacked copy of vpython's own code: the door starts again with another copy."""


@value
class Outcome:
    """Result of one start: an exit code, or the file of another vpython, or an environment to become.

    With `is_fetched` it is none of them: the request runs what was fetched, and is one like others now.
    """

    exit_code: int | None = None
    other_vpython: str | None = None
    started: Started | None = None
    is_fetched: bool = False


def run(request: Request, app: str) -> Outcome:
    """Do what was asked for; print every error, and return its exit code."""
    outcome = _answered(request, app)
    if outcome.started is None and not outcome.is_fetched:  # a start has done so itself, or will do
        _settle(request)
    return outcome


def _answered(request: Request, app: str) -> Outcome:
    """Do what was asked for; turn every error into a line on stderr and an exit code."""
    terminal = Terminal(request.options.get("log-level") or "warning", request.environ)
    try:
        return _run(request, app, terminal)
    except VpythonError as error:
        if error.exit_code == 1:
            _check_app(request, app)
        terminal.error(error)
        return Outcome(exit_code=error.exit_code)
    except KeyboardInterrupt:
        terminal.interrupted()
        return Outcome(exit_code=130)
    except BrokenPipeError:
        return Outcome(exit_code=141)
    except RecursionError:
        terminal.error(UserError("the input is nested too deeply"))
        return Outcome(exit_code=2)
    except OSError as error:
        from vpy.system import files

        _check_app(request, app)
        what = f"cannot access `{error.filename}`" if error.filename else "the system failed"
        hint = files.disk_hint(error)
        terminal.error(VpythonError(f"{what}: {error.strerror or error}", hint=hint))
        return Outcome(exit_code=1)
    except Exception as error:
        if request.environ.get("VPYTHON_DEBUG_TRACEBACK"):
            raise
        if isinstance(error, ImportError):  # another process may be replacing the copy right now
            raise DamagedError from error
        _check_app(request, app)
        position = _position_of(error)
        terminal.error(VpythonError(f"internal error: {type(error).__name__} at {position}: {error}"))
        return Outcome(exit_code=1)


def _settle(request: Request) -> None:
    """See to disk what a command or a start that failed has made."""
    from bootstrap import unsettled

    if unsettled.ours() and not request.temporary:
        from vpy.operations import settle

        settle.in_background(Layout(root=request.root))


def _check_app(request: Request, app: str) -> None:
    """Raise DamagedError where an error may come from damage in the copy of vpython's own code."""
    from bootstrap import app as own_app

    is_copy = os.path.exists(os.path.join(app, "complete"))
    if is_copy and not request.doubted and not own_app.is_whole(request.caller, app):
        raise DamagedError


def _position_of(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "?"


def _run(request: Request, app: str, terminal: Terminal) -> Outcome:
    from vpy.operations import bootstrap_manifest, pinned_packages

    settings = config.load()
    # `ensure` mends manifests, so it must run where one is broken.
    is_ensure = request.options.tool == "ensure"
    context = Context(
        config=settings,
        layout=Layout(root=request.root),
        environ=request.environ,
        terminal=terminal,
        app=app,
        offline=bool(request.options.get("offline")),
        builds=not request.options.get("no-build"),
        now=time.time,
        fresh_since=time.time() if request.options.get("refresh") else 0.0,
        manifest=None if is_ensure else bootstrap_manifest.read(request, settings),
    )
    if vpython := pinned_packages.other_vpython(request, context):
        return Outcome(other_vpython=vpython)
    if request.options.help:
        from vpy.commands import help as help_command

        (help_command.show_commands if request.options.as_tool else help_command.show)(context)
        return Outcome(exit_code=0)
    if request.options.tool is not None:
        return Outcome(exit_code=_run_command(request, context))

    if request.address:
        from vpy.operations import remote_script

        remote_script.take(request, context, request.address, request.options.get("sha256"))
        return Outcome(is_fetched=True)

    from vpy.operations import start

    return Outcome(started=start.start(request, context))


def _run_command(request: Request, context: Context) -> int:
    """Run the command that `-vpython-tool` names, or show its help; return its exit code."""
    import importlib

    from vpy.commands import help as help_command
    from vpy.commands import parser
    from vpy.system import locks
    from vpy.system.lean import contextlib

    command = parser.find_command(request.options.tool or "")
    arguments = parser.parse(command, request.options.tool_words)
    if arguments.help:
        help_command.show_command(command, context)
        return 0

    module = importlib.import_module(f"vpy.commands.{command.name}")
    shares = command.shares_store and os.path.exists(context.layout.cachedir_tag)
    with locks.shared(context.layout.store_lock) if shares else contextlib.nullcontext():
        code: int = module.run(request, context, arguments)
    return code
