"""Request of one start, read from the command line and the variables."""

from __future__ import annotations

import os

from bootstrap import BUILD
from bootstrap.command_line import (
    VALUED,
    CommandError,
    Options,
    is_address,
    parse_options,
    parse_python,
    split_sources,
)
from bootstrap.root import locate, straight, working_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootstrap.command_line import PythonCommand

RECORDS = "records-1"
DIGITS = 64  # hexadecimal ones of a sha256
# In VPYTHON_RECORD: vpython's own code failed, so look whether the unpacked copy is whole.
DOUBTED = "!own"


class Request:
    """Request of one start: what was asked for, and from where. Only the doors make one.

    `caller` is the absolute path of vpython as it was called. `record` is the path of this start's
    record ("" where it has none); `direct` says that the record alone may decide the start. `forced`:
    a hook found that the record does not hold. `doubted`: the copy of vpython's own code failed. `gate`
    is the lock that makes others like this start wait, where this process has it. `stdin` is what a script
    on stdin begins with, where it may have a spec inside. `root` is "" until a temporary one is made.
    `is_start`: these are the words of a start, whatever vpython is called.
    `additions` are variables that Python gets where it has none of that name. `address` is what the script is
    to be fetched from, "" where it is a file, as it is after `run_kept`: `came_from` is that address then,
    and its pin.
    """

    def __init__(
        self, caller: str, words: Sequence[str], environ: dict[str, str], *, is_start: bool = False
    ) -> None:
        self.caller = caller
        self.environ = environ
        recorded = environ.pop("VPYTHON_RECORD", "")
        self.forced, self.doubted = recorded != "", recorded == DOUBTED
        name = os.path.basename(caller).lower()
        self.legacy = name in ("vpython", "vpython.exe", "vpython.bat")
        self.options: Options = parse_options(
            words, environ, as_tool=name.startswith("vpython-tool") and not is_start
        )
        self.command: PythonCommand = parse_python(self.options.python_words)
        self.cwd = working_directory(environ)
        self.address = ""
        self.came_from: tuple[str, str | None] | None = None
        if self.command.kind == "script":
            if is_address(self.command.target):
                self.address = self.command.target
            elif self.cwd is not None:
                self.command.target = straight(self.command.target, self.cwd)
        _check_pin(self)
        self.additions: dict[str, str] = {}
        if env_file := self.options.get("env-file"):
            from bootstrap import env_file as env_files

            self.additions = env_files.read(os.path.join(self.cwd or "/", env_file))
        self.root, self.temporary = locate(self.options, environ, self.cwd)
        self.has_default_root = self.options.get("root") is None and "VPYTHON_VIRTUALENV_ROOT" not in environ
        self.gate = ""
        self.stdin = b""
        asked = self.options.get("log-level") == "debug" or self.options.get("local-venv")
        asked = asked or self.options.get("refresh")
        self._is_plain = not (asked or self.options.help or self.options.tool)
        self.record = _record_path(self)
        self.direct = bool(self.record) and self._is_plain

    def move_to(self, root: str) -> None:
        """Take another root."""
        self.root = root
        self.record = _record_path(self)

    def run_kept(self, path: str) -> None:
        """Run the file that is kept of the script's address, from now on as any other script."""
        if self.address:
            self.came_from = self.address, self.options.get("sha256")
        words = self.options.python_words
        words[len(words) - len(self.command.rest) - 1] = path
        self.command.target = path
        self.address = ""
        self.options.drop("sha256")  # the file is the one that was asked for
        self.record = _record_path(self)
        self.direct = bool(self.record) and self._is_plain


def _check_pin(request: Request) -> None:
    """Put a pin into the spelling that it is compared in; refuse what is none, or is of a file.

    Where a command was asked for, it is for the start that the command is about.
    """
    options = request.options
    pin = options.get("sha256")
    if pin is None or options.tool is not None or options.help:
        return
    digest = pin.lower().removeprefix("sha256:")
    if len(digest) != DIGITS or digest.strip("0123456789abcdef"):
        raise CommandError(f"`-vpython-sha256` takes {DIGITS} hexadecimal digits, got `{pin}`")
    if not request.address:
        raise CommandError(
            "`-vpython-sha256` pins a script that is named by its address, and this one is not"
        )
    options.values["sha256"] = digest


def _record_path(request: Request) -> str:
    """Return the path of the record of a start like this one; "" where it has no record."""
    command, cwd = request.command, request.cwd
    if cwd is None or request.temporary or request.address or _hangs_on_cwd(request.environ):
        return ""
    if command.kind == "command" and "# /// script" in command.target:
        return ""
    kind = "script" if command.kind == "script" else "cwd"
    path = os.path.normpath(os.path.join(cwd, command.target)) if kind == "script" else cwd
    name = f"@{kind}-{BUILD}-{2 if request.legacy else 3}{_options_suffix(request.options, cwd)}"
    if "\n" in path + request.root + request.caller + " ".join(request.options.words):
        return ""
    if os.name == "nt":
        path, name = "/" + _short(os.path.normcase(path)), f"@{kind}-{BUILD}-{_short(name)}"
    if len(os.fsencode(name)) > 255:
        return ""
    return f"{request.root}/{RECORDS}{path.rstrip('/')}/{name}"


def _short(text: str) -> str:
    """Return a short name for a text: paths are limited on Windows, and not every text may be a name."""
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:26]


def _hangs_on_cwd(environ: dict[str, str]) -> bool:
    """Return whether a variable names a file relative to the cwd, on which the plan then depends."""
    paths = [environ.get("VPYTHON_INTERPRETER", ""), environ.get("VPYTHON_MANIFEST", "")]
    sources = split_sources(environ.get("VPYTHON_PACKAGE_SOURCE", ""))
    paths += [source.removeprefix("directory:") for source in sources if _is_folder(source)]
    return any(path and not os.path.isabs(path) for path in paths)


def _is_folder(source: str) -> bool:
    """Return whether a package source is a local directory."""
    return source.startswith("directory:") and "://" not in source


def _absolute_sources(text: str, cwd: str) -> str:
    """Return package sources with absolute paths."""
    return ",".join(
        "directory:" + os.path.join(cwd, source.removeprefix("directory:")) if _is_folder(source) else source
        for source in split_sources(text)
    )


def _options_suffix(options: Options, cwd: str) -> str:
    """Return the options that shape a plan, encoded for a file name."""
    words = " ".join(options.words)
    if not words:
        return ""
    parts = []
    for name in VALUED:
        text = options.get(name)
        if text is not None and name in words and name not in ("root", "log-level", "env-file"):
            if name in ("spec", "interpreter", "manifest") or (name == "python" and "/" in text):
                text = os.path.join(cwd, text)
            elif name == "source":
                text = _absolute_sources(text, cwd)
            parts.append(f"{name}={text}")
    parts += [name for name in ("locked", "frozen", "dev") if options.get(name)]
    joined = "&".join(parts)
    if "://" in joined and "@" in joined:  # there may be a password in it
        joined = _short(joined)
    quoted = joined.replace("%", "%25").replace("/", "%2F").replace("\\", "%5C")
    return f"-{quoted}" if parts else ""
