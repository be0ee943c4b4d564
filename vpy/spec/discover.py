"""Discovery of the spec of an invocation: the first that exists, and what that depends on.

The order: the option, the partner file, the inline block, the common file, the default spec, none.
"""

from __future__ import annotations

import os
import stat

from bootstrap.shown import printable
from vpy.errors import UserError
from vpy.model import Discovery, SpecSource
from vpy.spec import inline
from vpy.spec.look import FileObserver, cannot_open, mode
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from vpy.config import Config
    from vpy.model import SpecFormat, SpecKind

DEFAULT_VARIABLE = "VPYTHON_DEFAULT_SPEC"


@value
class Invocation:
    """Program to run, as the command line names it.

    `target` is the script's path as given, the module's name or the `-c` string; `cwd` is None where
    it was deleted; `spec` is the path behind `-vpython-spec`; `legacy` is whether vpython was called
    by the name `vpython`, for which the `.vpython` names count. `stdin` is what a script on stdin begins
    with, where that may have a spec inside. `is_fetched`: the script came from an address, and only what is
    in it counts, not what lies around the file that is kept of it.
    """

    kind: Literal["script", "module", "command", "stdin", "none"]
    target: str = ""
    cwd: str | None = None
    spec: str | None = None
    legacy: bool = False
    stdin: bytes = b""
    is_fetched: bool = False


def discover(invocation: Invocation, *, environ: Mapping[str, str], config: Config) -> Discovery:
    """Find the spec and read its text, which is not parsed.

    Raises UserError for a script that does not exist, a spec that cannot be read or is not UTF-8,
    and an inline block that is broken.
    """
    observer = FileObserver()
    source = _Search(invocation, config, observer).run() or _default(invocation, environ, observer)
    if _may_lack_version(source):
        _default(invocation, environ, observer)
    return Discovery(
        source=source,
        searched=tuple(observer.searched),
        observations=observer.observations,
        warnings=tuple(observer.warnings),
    )


def fallback(found: Discovery, invocation: Invocation, environ: Mapping[str, str]) -> SpecSource | None:
    """Return the default spec where a text spec that was found leaves its `python_version` to it.

    The observations of `found` cover what this depends on.
    """
    if not _may_lack_version(found.source):
        return None
    source = _default(invocation, environ, FileObserver())
    return source if source.kind == "default" else None


class _Search:
    """Search for a spec, without the default spec."""

    def __init__(self, invocation: Invocation, config: Config, observer: FileObserver) -> None:
        self.invocation = invocation
        self.suffix = config.legacy_suffix if invocation.legacy else config.suffix
        self.common_names: tuple[tuple[str, SpecFormat], ...] = (
            (config.toml_name, "toml"),
            (self.suffix, "text"),
        )
        self.barrier = config.barrier
        self.observer = observer

    def run(self) -> SpecSource | None:
        if self.invocation.kind == "script":
            return self._for_script()
        return self._option() or self._for_directory()

    def _option(self) -> SpecSource | None:
        path = self.invocation.spec
        if not path:
            return None
        if source := self._converted(path):
            return source
        whole = _absolute_observed(path, self.invocation.cwd, self.observer)
        return _read_named(path, whole, "option", self.observer)

    def _converted(self, path: str) -> SpecSource | None:
        """Return what `upgrade` made of a text spec that is gone: who names that need not change a word."""
        whole = absolute(path, self.invocation.cwd)
        name = whole.removesuffix(self.suffix)
        if name == whole or os.path.lexists(whole):
            return None
        toml_name = self.common_names[0][0]
        tables = f"{name}.{toml_name}" if os.path.basename(name) else f"{name}{toml_name}"
        is_file = os.path.isfile(tables)
        if not is_file and not os.path.isfile(name):
            return None
        if not os.path.isabs(path):
            self.observer.observe_same(os.path.dirname(path) or ".", os.path.dirname(whole))
        self.observer.observe("absent", whole)
        if is_file:
            return self.observer.read_spec(tables, "option", "toml")
        self.observer.observe("absent", tables)
        return inline.find(self.observer.read_script(name), name)

    def _for_script(self) -> SpecSource | None:
        given = absolute(self.invocation.target, self.invocation.cwd)
        try:
            found = _script_mode(given)
        except UserError as error:
            if "://" in self.invocation.target:
                error.hint = "an address begins with https://"
            raise
        is_directory = stat.S_ISDIR(found)
        if source := self._option():
            return source
        if self.invocation.is_fetched:
            source = self._inline(self.observer.read_script(given), given)
            return source and replace(source, is_fetched=True)
        real, source = self._partner(given, is_directory)
        if source is not None:
            return source

        main = os.path.join(real, "__main__.py") if is_directory else real
        if is_directory or stat.S_ISREG(found):
            source = self._inline(self.observer.read_script(main), main)
        else:
            # What a pipe holds can be read only once, by Python itself.
            self.observer.observe("exists", real)
            self.observer.observe("no-file", real)
        return source or self._common(os.path.dirname(main))

    def _for_directory(self) -> SpecSource | None:
        """Return the spec of a program that is not a script: the current directory stands for it."""
        source = None
        cwd = self.invocation.cwd
        real = None
        if cwd is not None:
            real = os.path.realpath(cwd)
            if source := self.observer.read_partner(cwd + self.suffix):
                return source
            self.observer.observe_real(cwd, real)
            if real != cwd and (source := self.observer.read_partner(real + self.suffix)):
                return source

        if self.invocation.kind == "command":
            self.observer.searched.append(inline.COMMAND_PATH)
            source = inline.find_in_command(self.invocation.target)
        elif self.invocation.stdin:
            self.observer.searched.append(inline.STDIN_PATH)
            source = self._inline(self.invocation.stdin, inline.STDIN_PATH)
        return source or (self._common(real) if real is not None else None)

    def _inline(self, data: bytes, path: str) -> SpecSource | None:
        """Return the spec inside a script; warn of a PEP 723 block that is none."""
        source = inline.find(data, path)
        if (source is None or source.kind != "script") and inline.may_have_near_miss(data):
            from vpy.spec import near_miss

            self.observer.warnings += near_miss.warnings(data, path)
        return source

    def _partner(self, given: str, is_directory: bool) -> tuple[str, SpecSource | None]:
        """Return the real path, and the partner of the given path, the real file, or their packages."""
        real = given
        if not is_directory:
            if source := self.observer.read_partner(given + self.suffix):
                return real, source
            real = os.path.realpath(given)
            self.observer.observe_real(given, real)
            if real != given and (source := self.observer.read_partner(real + self.suffix)):
                return real, source
            directories = os.path.dirname(given), os.path.dirname(real)
        else:
            real = os.path.realpath(given)
            directories = given, real

        for directory in dict.fromkeys(directories):
            if directory == real:
                self.observer.observe_real(given, real)
            if source := self._package(directory):
                return real, source
        self.observer.observe_real(given, real)
        return real, None

    def _package(self, directory: str) -> SpecSource | None:
        """Return the partner of a package's directory, or of a package it is in."""
        while self.observer.exists(os.path.join(directory, "__init__.py")):
            parent = os.path.dirname(directory)
            if parent == directory:
                break
            if source := self.observer.read_partner(directory + self.suffix):
                return source
            directory = parent
        return None

    def _common(self, directory: str) -> SpecSource | None:
        """Return the common file of `directory` or of one above, up to the one that holds the barrier."""
        while True:
            for name, spec_format in self.common_names:
                path = os.path.join(directory, name)
                self.observer.searched.append(path)
                found = mode(path)
                if found is None:
                    self.observer.observe("absent", path)
                elif stat.S_ISDIR(found):
                    # As in the original: it is no spec, yet nothing above it counts.
                    self.observer.observe("exists", path)
                    self.observer.observe("no-file", path)
                    return None
                else:
                    return self.observer.read_spec(path, "common", spec_format, found)

            parent = os.path.dirname(directory)
            if self.observer.exists(os.path.join(directory, self.barrier)) or parent == directory:
                return None
            directory = parent


def _default(invocation: Invocation, environ: Mapping[str, str], observer: FileObserver) -> SpecSource:
    """Return the spec that the variable names, else the empty one."""
    path = environ.get(DEFAULT_VARIABLE)
    if path is None:
        observer.observe("unset", DEFAULT_VARIABLE)
    else:
        observer.observe("variable", DEFAULT_VARIABLE, path)
    if not path:
        return SpecSource(kind="empty", format="empty", path="", text="")

    observer.searched.append(path)
    try:
        whole = _absolute_observed(path, invocation.cwd, observer)
        return _read_named(path, whole, "default", observer)
    except UserError as error:
        raise UserError(error.lines, hint=error.hint or f"{DEFAULT_VARIABLE} names it") from error


def _may_lack_version(source: SpecSource) -> bool:
    """Return whether this is a discovered text spec without a line of `python_version`."""
    discovered = source.kind in ("partner", "inline", "common")
    return discovered and source.format == "text" and not _has_version_line(source.text)


def _has_version_line(text: str) -> bool:
    field = "python_version"
    if field not in text:
        return False
    lines = (line.lstrip(" \t") for line in text.split("\n"))
    following = (line[len(field) : len(field) + 1] for line in lines if line.startswith(field))
    return any(not (character.isalnum() or character == "_") for character in following)


def _script_mode(path: str) -> int:
    """Return the mode of a script, or of a directory with a `__main__.py`; raise UserError for others."""
    try:
        found = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise cannot_open(path, error) from error
    if stat.S_ISDIR(found):
        main = mode(os.path.join(path, "__main__.py"))
        if main is None or not stat.S_ISREG(main):
            raise UserError(f"cannot run directory `{printable(path)}`: no `__main__.py` in it")
    return found


def is_spec(path: str, config: Config) -> bool:
    """Return whether a path is a spec's by its name, and not a script's."""
    return path.endswith((config.suffix, config.legacy_suffix)) or _format(path) != "text"


def _format(path: str) -> SpecFormat:
    """Return the format of a spec that is named by its path."""
    if path.endswith(".toml"):
        name = os.path.basename(path)
        return "pylock" if name == "pylock.toml" or name.startswith("pylock.") else "toml"  # PEP 751
    if path.endswith((".txt", ".lock")):
        from vpy.spec import requirements_file

        if requirements_file.is_named_like_one(path):
            return "requirements"
    return "text"


def _read_named(path: str, whole: str, kind: SpecKind, observer: FileObserver) -> SpecSource:
    """Read the spec that an option or a variable names, and what a requirements file names in turn."""
    source = observer.read_spec(whole, kind, _format(path))
    if source.format != "requirements":
        return source
    from vpy.spec import requirements_file

    texts: dict[str, str] = {whole: source.text}
    waiting = [whole]
    while waiting:
        naming = waiting.pop(0)
        for line, each in requirements_file.references(texts[naming], naming):
            if each in texts:
                continue
            try:
                texts[each] = observer.read_spec(each, kind, "requirements").text
            except UserError as error:
                raise UserError([f"{printable(naming)}:{line}:1: {error.lines[0]}"]) from error
            waiting.append(each)
    del texts[whole]
    return replace(source, included=tuple(texts.items()))


def _absolute_observed(path: str, cwd: str | None, observer: FileObserver) -> str:
    """Return the absolute path; observe what a relative one means, since that depends on the directory."""
    whole = absolute(path, cwd)
    if not os.path.isabs(path):
        observer.observe_same(path, whole)
    return whole


def absolute(path: str, cwd: str | None) -> str:
    """Return the absolute path, without `.` and `//`; `..` stays, since a link may stand before it."""
    if cwd is None and not os.path.isabs(path):
        raise UserError(
            f"cannot open `{printable(path)}`: the current directory is gone", hint="cd to one that exists"
        )
    whole = os.path.join(cwd or "", path)
    return whole if ".." in whole.split(os.sep) else os.path.normpath(whole)
