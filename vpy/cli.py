"""One start from the long way's side: settings, stages, and the one handler of errors."""

from __future__ import annotations

import os

from vpy import config as configuration
from vpy.context import Context
from vpy.errors import ToolError, UserError, VpythonError
from vpy.system.layout import Layout
from vpy.system.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpython import Ready, Request

ATTEMPTS = 3
TOOLS = (
    "doctor", "ensure", "explain", "find", "install", "mirror", "pack", "prune", "tags", "verify", "version"
)  # fmt: skip


class DamagedError(Exception):
    """The unpacked copy of our own code is not as it was made: the door begins again with another."""


def run(request: Request, app: str) -> int | str | Ready:
    """Do what was asked: an exit code where that is all, another vpython's file, the environment to start."""
    terminal = Terminal(request.options.get("log-level") or "warning")
    try:
        return _run(request, app, terminal)
    except VpythonError as error:
        if error.exit_code == 1:
            _doubt_own_code(request, app)
        terminal.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141
    except RecursionError:
        terminal.error(UserError("the input is nested too deeply"))
        return 2
    except OSError as error:
        from vpy.system import files

        _doubt_own_code(request, app)
        where = f" `{error.filename}`" if error.filename else ""
        hint = files.way_out(error)
        terminal.error(VpythonError(f"the system refused{where}: {error.strerror or error}", hint=hint))
        return 1
    except Exception as error:
        if request.environ.get("VPYTHON_DEBUG_TRACEBACK"):
            raise
        if isinstance(error, ImportError):  # one that replaces the copy may be at it
            raise DamagedError from error
        _doubt_own_code(request, app)
        place = _place_of(error)
        terminal.error(VpythonError(f"an unforeseen {type(error).__name__} at {place}: {error}"))
        return 1


def _doubt_own_code(request: Request, app: str) -> None:
    """Raise DamagedError where what failed may have failed because our own code is damaged."""
    import vpython_unpack

    is_copy = os.path.exists(os.path.join(app, "complete"))
    if is_copy and not request.doubted and not vpython_unpack.is_whole(request.caller, app):
        raise DamagedError


def _place_of(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "?"


def _run(request: Request, app: str, terminal: Terminal) -> int | str | Ready:
    import time

    settings = configuration.load()
    context = Context(
        config=settings,
        layout=Layout(root=request.root),
        environ=request.environ,
        terminal=terminal,
        app=app,
        offline=bool(request.options.get("offline")),
        now=time.time,
    )
    if file := _pinned_vpython(request, context):
        return file
    if request.options.help:
        from vpy.tools import help as help_tool

        return help_tool.run(context)
    if request.options.tool is not None:
        return _tool(request, context)
    return start(request, context)


def _pinned_vpython(request: Request, context: Context) -> str | None:
    """The file of another vpython, where the manifest pins one; what mends a manifest needs none."""
    from vpy import manifest
    from vpy.system import locks

    if request.options.tool == "ensure":
        return None
    found = manifest.read(request, context)
    if found.vpython is None or manifest.is_us(found.vpython, request):
        return None
    open_root(context)
    with locks.shared(context.layout.store_lock):
        return manifest.vpython_file(found, request, context)


def start(request: Request, context: Context) -> Ready:
    """The main job: an environment for what the request runs."""
    from vpy import story
    from vpy.environment import hold, sweep
    from vpy.system import locks
    from vpython import BUILD, Ready

    open_root(context)
    for _ in range(ATTEMPTS):
        with locks.shared(context.layout.store_lock):
            made = story.ensure(request, context)
        # A temporary root is nobody else's, and what is open in it could not be removed on Windows.
        if request.temporary or hold.keep(context.layout, made.environment):
            break
    else:
        raise ToolError(f"the environment `{made.environment}` is taken away again and again")
    if request.options.get("local-venv"):
        from vpy.environment import pointer

        pointer.point(made.spec or request.cwd or "", made.environment)
    if not request.temporary:
        sweep.after(context, built=made.built, build=BUILD)
    return Ready(made.environment, made.landmark, made.recorded)


def open_root(context: Context) -> None:
    """Make sure of the root, and mark it as a cache that backups pass over."""
    from vpy.system import files
    from vpython_root import check

    check(context.layout.root)
    if not os.path.exists(context.layout.cachedir_tag):
        text = b"Signature: 8a477f597d28d172789f06886806bc55\n# Made by vpython.\n"
        with files.disk_errors("write", context.layout.cachedir_tag):
            files.write_bytes(context.layout.cachedir_tag, text)


def _tool(request: Request, context: Context) -> int:
    name = request.options.tool or ""
    if name not in TOOLS:
        raise UserError(f"unknown tool `{name}`: there are {', '.join(TOOLS)}")
    from vpy.system import locks, scope

    shares = name not in ("doctor", "prune") and os.path.exists(context.layout.cachedir_tag)
    with locks.shared(context.layout.store_lock) if shares else scope.nullcontext():
        if name == "pack":
            return _pack(request, context)
        import importlib

        code: int = importlib.import_module(f"vpy.tools.{name}").run(request, context)
    return code


def _pack(request: Request, context: Context) -> int:
    from vpy import supply
    from vpy.system import files
    from vpy.tools import pack

    open_root(context)
    with files.staging_directory(context.layout.staging, "pack-") as aside:
        return pack.run(
            request.options.tool_words,
            pack.PackContext(
                config=context.config,
                terminal=context.terminal,
                environ=context.environ,
                layout=context.layout,
                download=lambda requirements: supply.download(requirements, request, aside, context),
            ),
        )
