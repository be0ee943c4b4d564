"""Text specs that become tables: a common file a `vpython.toml`, that of a script a PEP 723 block in it."""

from __future__ import annotations

import os
import stat

from bootstrap.shown import printable
from vpy.errors import UserError
from vpy.model import SpecSource
from vpy.operations import legacy_tables, spec_files
from vpy.spec import edit, edit_text, inline, read, toml_text
from vpy.spec.lockfile.find import LOCK_SUFFIX
from vpy.spec.text import decode
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.config import Config
    from vpy.model import Spec
    from vpy.operations.legacy_tables import Written


@value
class Conversion:
    """Change of files: `target` gets the text `after`, and what is `removed` goes: path and text of each.

    That is the text spec `path`, if it is a file of its own, and its lockfile. `before` is the text of
    `target`, None where it is not there yet; `mode` is that of a new one. `notes` say what the tables do not.
    """

    path: str
    target: str
    before: str | None
    after: str
    mode: int
    removed: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


class Converter:
    """Converter of text specs, one file after another; `keeps` them where the caller wants them kept.

    `pending` are the texts of files as they will be, None for one that goes: of those that are not
    written but shown.
    """

    def __init__(self, config: Config, *, keeps: bool) -> None:
        self.pending: dict[str, str | None] = {}
        self._config = config
        self._writer = legacy_tables.Writer(config)
        self._keeps = keeps

    def convert(self, path: str) -> Conversion | None:
        """Return what becomes of a file; None where it has no text spec, or nothing is left to do.

        Raises UserError for a text spec that must stay as it is.
        """
        suffix = self._suffix_of(path)
        if suffix is None:
            return self._inline(path)
        script = path.removesuffix(suffix)
        if not os.path.basename(script):
            return self._to_file(path, script + self._config.toml_name)
        if os.path.isdir(script):
            raise UserError(f"it is the spec of everything in `{printable(script)}`, which a block cannot be")
        if os.path.lexists(script):
            return self._into_script(path, script)
        return self._to_file(path, f"{script}.{self._config.toml_name}")

    def apply(self, conversion: Conversion) -> None:
        """Write the one file, then remove the others: whatever happens in between, one spec is whole."""
        if conversion.after != conversion.before:
            edit.write(conversion.target, conversion.after, mode=conversion.mode)
        for path, _ in conversion.removed:
            edit.remove(path)

    def pretend(self, conversion: Conversion) -> None:
        """Remember the change for the files that are still to come."""
        self.pending[conversion.target] = conversion.after
        self.pending.update((path, None) for path, _ in conversion.removed)

    def _suffix_of(self, path: str) -> str | None:
        suffixes = (self._config.suffix, self._config.legacy_suffix)
        return next((suffix for suffix in suffixes if path.endswith(suffix)), None)

    def _to_file(self, path: str, target: str) -> Conversion | None:
        """Return what makes a text spec a file of tables beside it."""
        text, before = self._text(path), self._text_or_none(target)
        written, spec = self._written(SpecSource("common", "text", path, _decoded(text, path)), target)
        if before is not None:
            source = SpecSource("common", "toml", target, _decoded(before, target))
            return self._removal(path, target, before, _is_same(spec, read.read(source)))
        self._check_turn(path)
        after = written.text.replace("\n", "\r\n") if "\r\n" in text else written.text
        mode = stat.S_IMODE(os.stat(path).st_mode)
        return Conversion(path, target, None, after, mode, self._removed(path, text), written.notes)

    def _into_script(self, path: str, script: str) -> Conversion | None:
        """Return what puts the spec of one script into the script."""
        if os.path.islink(script) or not spec_files.is_script(script):
            raise UserError(
                f"`{printable(script)}` cannot hold a block: it is a link, or not a text of Python"
            )
        text, before = self._text(path), self._text(script)
        written, spec = self._written(SpecSource("partner", "text", path, _decoded(text, path)), script)
        source = inline.find(_encoded(before), script)
        if source is not None and source.kind == "script":
            return self._removal(path, script, before, _is_same(spec, read.read(source)))
        self._check_turn(path)
        after = _with_block(before, source, written, spec, script)
        return Conversion(path, script, before, after, 0o644, self._removed(path, text), written.notes)

    def _inline(self, path: str) -> Conversion | None:
        """Return what makes the text spec in a script a block; None where it has none, or one beside it."""
        # A lockfile has gone with its spec.
        if not self._exists(path) or not spec_files.is_script(path) or self._has_partner(path):
            return None
        before = self._text(path)
        if inline.BEGIN not in before:
            return None
        source = inline.find(_encoded(before), path)
        if source is None:
            return None
        if source.kind == "script":
            if any(line.strip().endswith(inline.BEGIN) for line in before.split("\n")):
                raise UserError("its text spec is not used: its PEP 723 block comes first")
            return None
        written, spec = self._written(source, path)
        after = _with_block(before, source, written, spec, path)
        return Conversion(path, path, before, after, 0o644, self._removed(path), written.notes)

    def _written(self, source: SpecSource, target: str) -> tuple[Written, Spec]:
        """Return a text spec as tables, and these parsed."""
        written = self._writer.write(read.read(source), source)
        return written, read.read(SpecSource("common", "toml", target, written.text))

    def _removal(self, path: str, target: str, text: str, is_same: bool) -> Conversion | None:
        """Return what removes a text spec whose tables are there already, as after a crash."""
        if not is_same:
            raise UserError(f"`{printable(target)}` already has tables, which say something else")
        removed = self._removed(path, self._text(path))
        return Conversion(path, target, text, text, 0o644, removed, ()) if removed else None

    def _removed(self, path: str, text: str | None = None) -> tuple[tuple[str, str], ...]:
        """Return what goes with the text spec at a path: its own file, if it has this text, and its lockfile.

        The lockfile pins packages, of which nothing is asked for any more.
        """
        if self._keeps:
            return ()
        own = ((path, text),) if text is not None else ()
        lockfile = f"{path}{LOCK_SUFFIX}"
        return (*own, (lockfile, self._text(lockfile))) if self._exists(lockfile) else own

    def _check_turn(self, path: str) -> None:
        """Raise UserError for a `.vpython` whose `.vpython3` has not become tables."""
        newer = path.removesuffix(self._config.legacy_suffix) + self._config.suffix
        if newer != path and not path.endswith(self._config.suffix) and self._exists(newer):
            raise UserError(f"`{printable(newer)}` comes before it")

    def _has_partner(self, path: str) -> bool:
        suffixes = (self._config.suffix, self._config.legacy_suffix)
        return any(self._exists(path + suffix) for suffix in suffixes)

    def _exists(self, path: str) -> bool:
        return self.pending[path] is not None if path in self.pending else os.path.isfile(path)

    def _text(self, path: str) -> str:
        return self.pending.get(path) or edit.read(path)

    def _text_or_none(self, path: str) -> str | None:
        is_there = path in self.pending or os.path.lexists(path)
        return self._text(path) if is_there else None


def _with_block(before: str, source: SpecSource | None, written: Written, spec: Spec, path: str) -> str:
    """Return a script with the tables in it: where its text spec was, else behind its first comments."""
    block = toml_text.as_block(written.text)
    edit.check_encoding(before, block, path)
    if source is None:
        after = edit.with_block(before, block, path)
    elif edit_text.are_comments(before, source):
        after = edit_text.replace_guards(before, source, block)
    else:
        raise UserError("its text spec is not in a comment")
    if not _declares(after, spec, path):
        raise UserError("the comments around its text spec would become part of a block")
    return after


def _declares(script: str, spec: Spec, path: str) -> bool:
    """Return whether a script has a block that declares what a spec does."""
    try:
        found = inline.find(_encoded(script), path)
        return found is not None and found.kind == "script" and _is_same(spec, read.read(found))
    except UserError:
        return False


def _is_same(spec: Spec, other: Spec) -> bool:
    """Return whether two specs declare one environment, however they spell it."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    def meaning(each: Spec) -> tuple[object, ...]:
        return SpecifierSet(each.requires_python), {str(Requirement(entry)) for entry in each.dependencies}

    return meaning(spec) == meaning(other)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _decoded(text: str, path: str) -> str:
    """Return the text of a spec; raise UserError where it is not UTF-8."""
    return decode(_encoded(text), path)
