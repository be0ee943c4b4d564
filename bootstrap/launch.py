"""Launch of the environment's Python, by the record of an earlier start or after a cold one."""

from __future__ import annotations

import os
import sys

from bootstrap.root import fail, is_private, remove_temporary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from bootstrap.request import Request


def start_from_record(request: Request) -> None:
    """Become the environment's Python as the record says; return where it may not hold."""
    # Nothing of a root is believed before it is known to be this user's alone.
    if not is_private(request.root, request.record):
        return
    try:
        with open(request.record, "rb", 0) as file:
            head = file.read(16384).split(b"\n", 2)
        environment, landmark = os.fsdecode(head[0]), os.fsdecode(head[1])
    except (OSError, IndexError):
        return
    python = python_of(environment)
    if not is_private(environment, os.path.dirname(python)):
        return
    stamp(environment)
    needed = (environment + "/complete", environment + "/pyvenv.cfg", landmark)
    if not (all(map(os.path.exists, needed)) and os.access(python, os.X_OK)):
        return
    without_hook = request.command.skips_site() or os.name == "nt"
    if without_hook and not is_sound(request, environment):
        return
    start(request, environment, "+")


def stamp(environment: str) -> None:
    """Mark the environment as used now; a root that cannot be written is never pruned either."""
    try:
        os.close(os.open(environment + "/used", os.O_WRONLY | os.O_TRUNC))
        os.utime(environment + "/used")
    except OSError:
        pass


def python_of(environment: str) -> str:
    """Return the path of an environment's Python."""
    return environment + ("\\Scripts\\python.exe" if os.name == "nt" else "/bin/python")


def start(request: Request, environment: str, mark: str) -> NoReturn:
    """Become the environment's Python.

    `mark` tells the hook whether to check the record: `+` yes, `=` it was checked just now, "" no record.
    """
    environ = {**request.additions, **request.environ}
    scripts = os.path.dirname(python_of(environment))
    environ["PATH"] = scripts + (os.pathsep + environ["PATH"] if environ.get("PATH") else "")
    environ["VIRTUAL_ENV"] = environment
    environ["PYTHONNOUSERSITE"] = "1"
    for name in ("PYTHONHOME", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__"):
        environ.pop(name, None)
    if request.command.skips_site():
        hold_for(request, environment)
    elif mark and os.name != "nt":
        lines = [mark + request.caller, _host(), request.record, *request.options.words]
        environ["VPYTHON_RECORD"] = "\n".join(lines)
    python = python_of(environment)
    words = [python, "-s", *request.options.python_words]
    try:
        if request.temporary or os.name == "nt":
            from bootstrap.app import load_app

            load_app(request)
            from vpy.system import foreground_child

            foreground_child.run_and_exit(words, environ, remove=request.root if request.temporary else None)
        remove_temporary()
        os.execve(python, words, environ)
    except OSError as error:
        fail(f"cannot start `{python}`: {error.strerror}", 1)


def _host() -> str:
    """Return the program that can run this file again."""
    return sys.executable if os.access(sys.executable or "", os.X_OK) else "/bin/sh"


def is_sound(request: Request, environment: str) -> bool:
    """Check the record here, where no hook can: under `-S`, and on Windows, where this process waits.

    On Windows the environment is held from now on, since this process lives as long as its child.
    """
    from bootstrap.app import load_app

    load_app(request)
    from vpy.environment import hook

    held = os.name != "nt" or hook.hold(hook.lock_path(environment))
    path = request.environ.get("PATH")
    return held and hook.is_fit(environment) and hook.holds(request.record, path, environment)


def hold_for(request: Request, environment: str) -> None:
    """Hold the environment's lock by a descriptor that the script inherits, since under `-S` no hook runs."""
    if os.name == "posix":
        import fcntl

        from bootstrap.app import load_app

        load_app(request)
        from vpy.environment import hook

        try:
            descriptor = os.open(hook.lock_path(environment), os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            os.set_inheritable(descriptor, True)
        except OSError as error:
            fail(f"cannot lock the environment `{environment}`: {error.strerror}", 1)
