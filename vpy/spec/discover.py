"""Finds the spec of an invocation, first that exists wins, and keeps what the choice hung on.

The order: the option, the partner file, the inline block, the common file, the default spec, none.
"""

from __future__ import annotations

import os
import stat

from vpy.errors import UserError
from vpy.model import Discovery, SpecSource
from vpy.spec import inline
from vpy.spec.look import Look, cannot_open, mode
from vpy.spec.text import printable
from vpy.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from vpy.config import Config
    from vpy.model import SpecFormat

DEFAULT_VARIABLE = "VPYTHON_DEFAULT_SPEC"


@value
class Invocation:
    """What is to be run, as the command line says it.

    `target` is the script's path as given, the module's name or the `-c` string; `spec` the path
    behind `-vpython-spec`; `cwd` None where it was deleted; `legacy` whether vpython was called by
    the name `vpython`, for which the `.vpython` names count.
    """

    kind: Literal["script", "module", "command", "stdin", "none"]
    target: str = ""
    cwd: str | None = None
    spec: str | None = None
    legacy: bool = False


def discover(invocation: Invocation, *, environ: Mapping[str, str], config: Config) -> Discovery:
    """Find the spec; what was found is read, not parsed.

    Raises UserError for a script that is not there, a spec that cannot be read or is not UTF-8,
    and an inline block that is broken.
    """
    look = Look()
    source = _Search(invocation, config, look).run() or _default(invocation, environ, look)
    if _lacks_version(source):
        _default(invocation, environ, look)
    return Discovery(source=source, searched=tuple(look.searched), observations=look.observations)


def fallback(found: Discovery, invocation: Invocation, environ: Mapping[str, str]) -> SpecSource | None:
    """The default spec, where a text spec that was found leaves its `python_version` to it.

    The observations of `found` already hold what this hangs on.
    """
    if not _lacks_version(found.source):
        return None
    source = _default(invocation, environ, Look())
    return source if source.kind == "default" else None


class _Search:
    """One search, short of the default spec."""

    def __init__(self, invocation: Invocation, config: Config, look: Look) -> None:
        self.invocation = invocation
        self.suffix = config.legacy_suffix if invocation.legacy else config.suffix
        self.common_names: tuple[tuple[str, SpecFormat], ...] = (
            (config.toml_name, "toml"),
            (self.suffix, "text"),
        )
        self.barrier = config.barrier
        self.look = look

    def run(self) -> SpecSource | None:
        if self.invocation.kind == "script":
            return self._of_script()
        return self._option() or self._of_directory()

    def _option(self) -> SpecSource | None:
        path = self.invocation.spec
        if not path:
            return None
        return self.look.spec(_pinned(path, self.invocation.cwd, self.look), "option", _format(path))

    def _of_script(self) -> SpecSource | None:
        given = absolute(self.invocation.target, self.invocation.cwd)
        found = _script_mode(given)
        directory = stat.S_ISDIR(found)
        if source := self._option():
            return source
        real, source = self._partner(given, directory)
        if source is not None:
            return source
        main = os.path.join(real, "__main__.py") if directory else real
        if directory or stat.S_ISREG(found):
            source = inline.find(self.look.script(main), main)
        else:
            # A pipe can be read only once, and not by us.
            self.look.saw("exists", real)
            self.look.saw("no-file", real)
        return source or self._common(os.path.dirname(main))

    def _of_directory(self) -> SpecSource | None:
        """For what is no file: the current directory stands for the script."""
        source = None
        cwd = self.invocation.cwd
        real = None
        if cwd is not None:
            real = os.path.realpath(cwd)
            for name in dict.fromkeys((cwd, real)):
                if source := self.look.partner(name + self.suffix):
                    return source
            self.look.real(cwd, real)
        if self.invocation.kind == "command":
            self.look.searched.append(inline.COMMAND_PATH)
            source = inline.find_in_command(self.invocation.target)
        return source or (self._common(real) if real is not None else None)

    def _partner(self, given: str, directory: bool) -> tuple[str, SpecSource | None]:
        """The real path, and the partner of the name as given, of the real file, of their packages."""
        real = given
        if not directory:
            if source := self.look.partner(given + self.suffix):
                return real, source
            real = self._real(given)
            if real != given and (source := self.look.partner(real + self.suffix)):
                return real, source
            names = os.path.dirname(given), os.path.dirname(real)
        else:
            real = os.path.realpath(given)
            names = given, real
        for name in dict.fromkeys(names):
            if name == real:
                self.look.real(given, real)
            if source := self._package(name):
                return real, source
        self.look.real(given, real)
        return real, None

    def _real(self, given: str) -> str:
        real = os.path.realpath(given)
        self.look.real(given, real)
        return real

    def _package(self, directory: str) -> SpecSource | None:
        """The partner of a package's directory, or of a package it is in."""
        while self.look.exists(os.path.join(directory, "__init__.py")):
            above = os.path.dirname(directory)
            if above == directory:
                break
            if source := self.look.partner(directory + self.suffix):
                return source
            directory = above
        return None

    def _common(self, directory: str) -> SpecSource | None:
        """The common file of `directory` or one above, up to the one that holds the barrier."""
        while True:
            for name, form in self.common_names:
                path = os.path.join(directory, name)
                self.look.searched.append(path)
                found = mode(path)
                if found is None:
                    self.look.saw("absent", path)
                elif stat.S_ISDIR(found):
                    # As in the original: it is no spec, yet nothing above it counts.
                    self.look.saw("exists", path)
                    self.look.saw("no-file", path)
                    return None
                else:
                    return self.look.spec(path, "common", form, found)
            above = os.path.dirname(directory)
            if self.look.exists(os.path.join(directory, self.barrier)) or above == directory:
                return None
            directory = above


def _default(invocation: Invocation, environ: Mapping[str, str], look: Look) -> SpecSource:
    """The spec that the variable names, else the empty one."""
    path = environ.get(DEFAULT_VARIABLE)
    if path is None:
        look.saw("unset", DEFAULT_VARIABLE)
    else:
        look.saw("variable", DEFAULT_VARIABLE, path)
    if not path:
        return SpecSource(kind="empty", format="empty", path="", text="")
    look.searched.append(path)
    try:
        return look.spec(_pinned(path, invocation.cwd, look), "default", _format(path))
    except UserError as error:
        raise UserError(error.message, hint=error.hint or f"{DEFAULT_VARIABLE} names it") from error


def _lacks_version(source: SpecSource) -> bool:
    """Whether a text spec that was found may have no `python_version` of its own."""
    searched = source.kind in ("partner", "inline", "common")
    return searched and source.format == "text" and not _names_version(source.text)


def _names_version(text: str) -> bool:
    """Whether a line of a text spec begins with `python_version`."""
    field = "python_version"
    starts = (line.lstrip(" \t") for line in text.split("\n")) if field in text else ()
    behind = (line[len(field) : len(field) + 1] for line in starts if line.startswith(field))
    return any(not (one.isalnum() or one == "_") for one in behind)


def _script_mode(path: str) -> int:
    try:
        found = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise cannot_open(path, error) from error
    if stat.S_ISDIR(found):
        main = mode(os.path.join(path, "__main__.py"))
        if main is None or not stat.S_ISREG(main):
            raise UserError(f"cannot run directory `{printable(path)}`: no `__main__.py` in it")
    return found


def _format(path: str) -> SpecFormat:
    return "toml" if path.endswith(".toml") else "text"


def _pinned(path: str, cwd: str | None, look: Look) -> str:
    """The absolute path; that a relative one means this file is kept, as it hangs on the directory."""
    whole = absolute(path, cwd)
    if not os.path.isabs(path):
        look.same(path, whole)
    return whole


def absolute(path: str, cwd: str | None) -> str:
    """The path from the root, without `.` and `//`; `..` stays, since a link may stand before it."""
    if cwd is None and not os.path.isabs(path):
        raise UserError(
            f"cannot open `{printable(path)}`: the current directory is gone", hint="cd to one that exists"
        )
    whole = os.path.join(cwd or "", path)
    return whole if ".." in whole.split(os.sep) else os.path.normpath(whole)
