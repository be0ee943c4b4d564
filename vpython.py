"""vpython's front door in Python: words -> record -> the environment's Python; standard library only.

A start whose record is there becomes the environment's Python at once. Any other one goes the long
way through `vpy`, which makes the environment and the record, and is started through that record.
"""

from __future__ import annotations

import os
import sys

from vpython_command import VALUED, CommandError, Options, parse_options, parse_python
from vpython_root import fail, locate, remove_temporary, straight, working_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from vpython_command import PythonCommand

BUILD = "source"
RECORDS = "records-1"
APP = "app-1"
BYPASS = "manually managed python not supported by chrome operations"
# In VPYTHON_RECORD: vpython's own code failed, so look whether the unpacked copy is whole.
DOUBTED = "!own"


class Request:
    """One start: what was asked for, and from where. Made here and nowhere else.

    `caller` is the absolute path of vpython as it was called, `words` go to Python, `record` is
    where the record of this start lies ("" where there can be none), `direct` says that it decides
    the start, `forced` that a hook sent us to decide anew, `doubted` that the copy of our own code
    did; `gate` is the lock that keeps others like it waiting, where this one has it. `root` is ""
    while a temporary one is not made yet.
    """

    def __init__(self, caller: str, words: Sequence[str], environ: dict[str, str]) -> None:
        self.caller = caller
        self.environ = environ
        told = environ.pop("VPYTHON_RECORD", "")
        self.forced, self.doubted = told != "", told == DOUBTED
        self.legacy = os.path.basename(caller).lower() in ("vpython", "vpython.exe", "vpython.bat")
        self.options: Options = parse_options(words, environ)
        self.command: PythonCommand = parse_python(self.options.python_words)
        self.cwd = working_directory(environ)
        if self.command.kind == "script" and self.cwd is not None:
            self.command.target = straight(self.command.target, self.cwd)
        self.root, self.temporary = locate(self.options, environ, self.cwd)
        self.record = _record_path(self)
        self.gate = ""
        asked = self.options.get("log-level") == "debug" or self.options.get("local-venv")
        self.direct = bool(self.record) and not (asked or self.options.help or self.options.tool)


class Ready:
    """What the long way made: the environment, its landmark, and whether the record was written."""

    def __init__(self, environment: str, landmark: str, recorded: bool) -> None:
        self.environment = environment
        self.landmark = landmark
        self.recorded = recorded


def main() -> NoReturn:
    environ = dict(os.environ)
    if environ.get("PYTHONPATH"):
        import vpython_path

        vpython_path.leave(environ["PYTHONPATH"])
    if environ.get("VPYTHON_BYPASS") == BYPASS:
        import vpython_bypass

        environ.pop("VPYTHON_RECORD", None)
        vpython_bypass.run(_caller(), sys.argv[1:], environ)
    doubted = os.environ.pop("VPYTHON_RECORD", "") == DOUBTED
    try:
        request = Request(_caller(), sys.argv[1:], environ)
        if request.direct and not request.forced:
            start_from_record(request)
        import vpython_long

        vpython_long.go(request)
    except CommandError as error:
        fail(str(error), 2)
    except KeyboardInterrupt:
        remove_temporary()
        os._exit(130)
    except Exception as error:
        import vpython_unpack

        vpython_unpack.begin_again(error, environ, doubted=doubted)


def _caller() -> str:
    """This file as it was called: the archive, or the source tree's own vpython.py."""
    name = sys.argv[0] or __file__
    return name if os.path.isabs(name) else os.path.join(os.getcwd(), name)


def _record_path(request: Request) -> str:
    """Where a start like this one is recorded; "" where it has no record."""
    command, cwd = request.command, request.cwd
    if cwd is None or request.temporary or _hangs_on_cwd(request.environ):
        return ""
    if command.kind == "command" and "# /// script" in command.target:
        return ""
    kind = "script" if command.kind == "script" else "cwd"
    place = os.path.normpath(os.path.join(cwd, command.target)) if kind == "script" else cwd
    name = f"@{kind}-{BUILD}-{2 if request.legacy else 3}{_options_suffix(request.options, cwd)}"
    if "\n" in place + request.root + request.caller + " ".join(request.options.words):
        return ""
    if os.name == "nt":
        place, name = "/" + _short(os.path.normcase(place)), f"@{kind}-{BUILD}-{_short(name)}"
    if len(os.fsencode(name)) > 255:
        return ""
    return f"{request.root}/{RECORDS}{place.rstrip('/')}/{name}"


def _short(text: str) -> str:
    """A name for a text where a path may not be long (Windows)."""
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:26]


def _hangs_on_cwd(environ: dict[str, str]) -> bool:
    """Whether a variable names a file in the cwd, so that a script's start elsewhere is another one."""
    source = environ.get("VPYTHON_PACKAGE_SOURCE", "")
    places = [environ.get("VPYTHON_INTERPRETER", ""), environ.get("VPYTHON_MANIFEST", "")]
    if source.startswith("directory:") and "://" not in source:
        places.append(source.removeprefix("directory:"))
    return any(place and not os.path.isabs(place) for place in places)


def _options_suffix(options: Options, cwd: str) -> str:
    """The options on the command line that shape a choice, spelt so that they fit in a file name."""
    words = " ".join(options.words)
    if not words:
        return ""
    parts = []
    for name in VALUED:
        text = options.get(name)
        if text is not None and name in words and name not in ("root", "log-level"):
            if name in ("spec", "interpreter", "manifest"):
                text = os.path.join(cwd, text)
            elif text.startswith("directory:") and "://" not in text:
                text = "directory:" + os.path.join(cwd, text.removeprefix("directory:"))
            parts.append(f"{name}={text}")
    quoted = "&".join(parts).replace("%", "%25").replace("/", "%2F").replace("\\", "%5C")
    return f"-{quoted}" if parts else ""


def start_from_record(request: Request) -> None:
    """Become the environment's Python where a record says which; return where that is in doubt."""
    try:
        with open(request.record, "rb", 0) as file:
            head = file.read(16384).split(b"\n", 2)
        environment, landmark = os.fsdecode(head[0]), os.fsdecode(head[1])
    except (OSError, IndexError):
        return
    stamp(environment)
    python = python_of(environment)
    needed = (environment + "/complete", environment + "/pyvenv.cfg", landmark)
    if not (all(map(os.path.exists, needed)) and os.access(python, os.X_OK)):
        return
    if request.command.skips_site() or os.name == "nt":
        import vpython_long

        if not vpython_long.is_sound(request, environment):
            return
    start(request, environment, "+")


def stamp(environment: str) -> None:
    """Say that the environment is used now; a root that cannot be written is never pruned either."""
    try:
        os.close(os.open(environment + "/used", os.O_WRONLY | os.O_TRUNC))
        os.utime(environment + "/used")
    except OSError:
        pass


def python_of(environment: str) -> str:
    return environment + ("\\Scripts\\python.exe" if os.name == "nt" else "/bin/python")


def start(request: Request, environment: str, mark: str) -> NoReturn:
    """Become the environment's Python: `mark` is `+` (to be checked), `=` (checked), "" (no record)."""
    environ = dict(request.environ)
    scripts = os.path.dirname(python_of(environment))
    environ["PATH"] = scripts + (os.pathsep + environ["PATH"] if environ.get("PATH") else "")
    environ["VIRTUAL_ENV"] = environment
    environ["PYTHONNOUSERSITE"] = "1"
    for name in ("PYTHONHOME", "__PYVENV_LAUNCHER__"):
        environ.pop(name, None)
    if request.command.skips_site():
        import vpython_long

        vpython_long.hold_for(request, environment)
    elif mark and os.name != "nt":
        lines = [mark + request.caller, _host(), request.record, *request.options.words]
        environ["VPYTHON_RECORD"] = "\n".join(lines)
    python = python_of(environment)
    words = [python, "-s", *request.options.python_words]
    try:
        if request.temporary or os.name == "nt":
            import vpython_long

            vpython_long.load_app(request)
            from vpy.system import child

            child.run_and_exit(words, environ, remove=request.root if request.temporary else None)
        remove_temporary()
        os.execve(python, words, environ)
    except OSError as error:
        fail(f"cannot start `{python}`: {error.strerror}", 1)


def _host() -> str:
    """What runs this file: this Python, where it knows where it lies."""
    return sys.executable if os.access(sys.executable or "", os.X_OK) else "/bin/sh"


if __name__ == "__main__":
    main()
