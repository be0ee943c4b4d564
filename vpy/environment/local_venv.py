"""Local venv: the directory `.venv` beside a spec, by which other tools find the environment in the root.

It has a `python` and scripts of its own, and one `.pth` file that leads to the environment's packages. So
its Python's `sys.prefix` is `.venv`, and what is written there stays there.
"""

from __future__ import annotations

import os
import time

from vpy.errors import ToolError, UserError
from vpy.system import files
from vpy.system.layout import ENVIRONMENTS, OWN_FILES
from vpy.system.lean import contextlib, json
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FORMAT = 1
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
MARKER = "vpython.json"  # only a `.venv` with this file is ever replaced
PTH = "_vpython.pth"
STAGE = ".venv.new-"
ABANDONED = 3600  # seconds after which no start is still making a `.venv`
# In paths that `activate` scripts may hold: no shell reads more into them, but for the blank.
_PLAIN = frozenset("/\\._-+@:,=~ ")

# `site` runs a venv's `.pth` files twice, with one set of known paths. The order is that of a start:
# `used` is written before `complete` is looked for (see `system/usage_lock.py`).
_START = """
if '_vpython_local' not in known_paths:
    known_paths.add('_vpython_local')
    try:
        os.utime({used})
    except OSError:
        pass
    if not os.path.exists({complete}):
        os.write(2, {gone})
        os._exit(1)
    site.addsitedir({packages}, known_paths)
"""


@value
class Origin:
    """What a `.venv` is made from, as its marker says.

    `options` is a digest of the options that shape the environment; `again` is the command that makes it.
    """

    path: str
    environment: str
    spec: str | None
    options: str
    again: str


def _python(venv: str) -> str:
    return os.path.join(venv, SCRIPTS, "python.exe" if os.name == "nt" else "python")


def beside(path: str) -> str:
    """Return the path of `.venv` beside the file `path`, or in the directory `path`."""
    return os.path.join(path if os.path.isdir(path) else os.path.dirname(path), ".venv")


def read(venv: str) -> Origin | None:
    """Return what a `.venv` of this version was made from; None where there is none."""
    data = _marker(venv)
    if data is None or data.pop("format") != FORMAT:
        return None
    try:
        return Origin(**data)
    except TypeError:
        return None


def _marker(venv: str) -> dict[str, Any] | None:
    """Return the marker of a `.venv` that vpython made; None for any other, and for none."""
    if os.path.islink(venv):
        return None
    try:
        data = json.loads(files.read_bytes(os.path.join(venv, MARKER)))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) and "format" in data else None


def ensure(origin: Origin, purelib: str, retarget: Callable[[bytes, str, str], bytes]) -> None:
    """Make the `.venv` of `origin`, or replace one of ours that is made from something else.

    `purelib` is relative to an environment, with `/`. `retarget` turns a script of one Python into that of
    another. Raises UserError where something that vpython has not made is there.
    """
    venv = origin.path
    if read(venv) == origin and os.path.exists(_python(venv)):
        return
    if os.path.lexists(venv) and not _is_ours(venv):
        raise UserError(
            f"`{venv}` already exists, and vpython did not make it",
            hint="move it away or remove it, then run again",
        )

    parent = os.path.dirname(venv)
    try:
        _remove_abandoned(parent)
        with files.staging_directory(parent, STAGE) as stage:
            built = os.path.join(stage, "venv")
            _Builder(origin, built, retarget).build(purelib)
            # What was there before is in the stage then, and goes with it.
            files.exchange(built, venv, os.path.join(stage, "before"))
    except OSError as error:
        raise ToolError(
            f"cannot make `{venv}`: {error.strerror}",
            hint="end the programs that run in it, then run again" if os.name == "nt" else None,
        ) from error


def _is_ours(venv: str) -> bool:
    """Return whether a `.venv` has our marker, or links to an environment, as earlier versions did."""
    if os.path.islink(venv):
        return os.path.basename(os.path.dirname(os.readlink(venv))) == ENVIRONMENTS
    return _marker(venv) is not None


def _remove_abandoned(parent: str) -> None:
    """Remove what a killed process left beside `.venv`."""
    for name in os.listdir(parent):
        path = os.path.join(parent, name)
        if not name.startswith(STAGE):
            continue
        with contextlib.suppress(FileNotFoundError):  # its process has just ended
            if time.time() - os.lstat(path).st_mtime > ABANDONED:
                files.remove_tree(path)


class _Builder:
    """Fills a new `.venv` at `built`, which will be renamed to `origin.path`."""

    def __init__(self, origin: Origin, built: str, retarget: Callable[[bytes, str, str], bytes]) -> None:
        self._origin = origin
        self._environment = origin.environment
        self._built = built
        self._retarget = retarget
        self._gone = (
            f"vpython: the environment of `{origin.path}` has been removed: `{origin.again}` makes it again"
        )

    def build(self, purelib: str) -> None:
        os.mkdir(self._built)
        self._write(".gitignore", b"*\n")
        for name in sorted(set(os.listdir(self._environment)) - OWN_FILES):
            path, target = os.path.join(self._environment, name), os.path.join(self._built, name)
            if os.path.islink(path):
                os.symlink(os.readlink(path), target)
            elif name == "pyvenv.cfg":
                self._write(name, self._moved(name, files.read_bytes(path)))
            elif name == SCRIPTS:
                self._scripts()
            elif name != purelib.partition("/")[0] and os.path.isdir(path):
                # Data such as `share/jupyter`: copied, since a link could be written through.
                import shutil

                shutil.copytree(path, target, symlinks=True)

        os.makedirs(os.path.join(self._built, *purelib.split("/")))
        self._write(os.path.join(*purelib.split("/"), PTH), self._pth(purelib))
        marker = {"format": FORMAT, **{name: getattr(self._origin, name) for name in Origin.__annotations__}}
        self._write(MARKER, json.dumps(marker).encode())

    def _pth(self, purelib: str) -> bytes:
        """Return lines for `site`, and for tools that read paths in `.pth` files and run nothing.

        ASCII alone: in what encoding `site` reads them depends on the locale.
        """
        environment = self._environment
        packages = os.path.join(environment, *purelib.split("/"))
        code = _START.format(
            used=ascii(os.path.join(environment, "used")),
            complete=ascii(os.path.join(environment, "complete")),
            gone=os.fsencode(self._gone + "\n"),
            packages=ascii(packages),
        )
        lines = [f"import os, site; exec({code!a})", *([packages] if packages.isascii() else [])]
        return "\n".join([*lines, ""]).encode()

    def _scripts(self) -> None:
        os.mkdir(os.path.join(self._built, SCRIPTS))
        for entry in list(os.scandir(os.path.join(self._environment, SCRIPTS))):
            name = os.path.join(SCRIPTS, entry.name)
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), os.path.join(self._built, name))
            elif not _is_pip(entry.name):
                self._script(name, entry.path)
        self._pip()

    def _script(self, name: str, path: str) -> None:
        data = files.read_bytes(path)
        is_program = os.name == "nt" or os.access(path, os.X_OK)
        if data[:2] == b"#!" or (os.name == "nt" and data[:2] == b"MZ"):
            data = self._retarget(data, _python(self._environment), _python(self._origin.path))
            self._write(name, data, mode=0o755)
        elif is_program and os.name == "posix":
            self._write(name, self._wrapper(path), mode=0o755)
        elif os.fsencode(self._environment) not in data or _is_plain(self._origin.path):
            self._write(name, self._moved(name, data))

    def _wrapper(self, path: str) -> bytes:
        """Return a script that runs a program of the environment, which is too big to be copied."""
        import shlex

        program, used = shlex.quote(path), shlex.quote(os.path.join(self._environment, "used"))
        missing = f"printf '%s\\n' {shlex.quote(self._gone)} >&2; exit 1"
        return os.fsencode(
            f"#!/bin/sh\n[ -x {program} ] || {{ {missing}; }}\n"
            f'[ ! -w {used} ] || : >{used}\nexec {program} "$@"\n'
        )

    def _moved(self, name: str, data: bytes) -> bytes:
        """Return a text with the path of `.venv` for the environment's, quoted where a shell needs it."""
        old, new = os.fsencode(self._environment), os.fsencode(self._origin.path)
        if b" " in new and not name.endswith((".bat", ".cfg")):
            import re

            data = re.sub(rb"(?<![\"'])" + re.escape(old), lambda _: b"'" + new + b"'", data)
        return data.replace(old, new)

    def _pip(self) -> None:
        """Write commands `pip` that say how a package is added."""
        spec = os.path.basename(self._origin.spec or "")
        text = f"vpython: `.venv` is made from the spec: `vpython-tool add {spec} NAME` adds a package to it"
        text = text.replace("add  ", "add ")
        if os.name == "nt":
            escaped = "".join(f"^{letter}" if letter in "&|<>^" else letter for letter in text)
            data = f"@>&2 echo {escaped.replace('%', '%%')}\r\n@exit /b 1\r\n".encode()
            for name in ("pip.cmd", "pip3.cmd"):
                self._write(os.path.join(SCRIPTS, name), data)
            return
        import shlex

        data = os.fsencode(f"#!/bin/sh\necho {shlex.quote(text)} >&2\nexit 1\n")
        versions = [name for name in os.listdir(os.path.join(self._built, SCRIPTS)) if _is_version(name)]
        for name in {"pip", "pip3", *(f"pip{name.removeprefix('python')}" for name in versions)}:
            self._write(os.path.join(SCRIPTS, name), data, mode=0o755)

    def _write(self, name: str, data: bytes, *, mode: int = 0o644) -> None:
        files.write_new(os.path.join(self._built, name), [data], mode)


def _is_version(name: str) -> bool:
    return name.startswith("python") and "." in name and name[-1:].isdigit()


def _is_pip(name: str) -> bool:
    return (
        not name.lower().removeprefix("pip").removesuffix(".exe").strip("0123456789.") and name[:3] == "pip"
    )


def _is_plain(path: str) -> bool:
    return all(letter.isalnum() or letter in _PLAIN for letter in path)
