"""Parser of specs of any format: a Spec, or one error with every mistake in it."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.model import Spec
from vpy.spec.text import excerpt
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.model import SpecSource


def read(source: SpecSource, default: SpecSource | None = None) -> Spec:
    """Parse a spec; where it is a text spec without `python_version`, that of `default` counts.

    Raises UserError with the syntax error, or else with every mistake, as `path:line:column: fact`.
    """
    try:
        return _read(source, default)
    except UserError as error:
        error.excerpt = excerpt(source, error.message)
        raise


def _read(source: SpecSource, default: SpecSource | None) -> Spec:
    if source.format == "empty":
        return Spec()
    if source.format == "toml":
        from vpy.spec.toml import parse_vpython_toml

        return parse_vpython_toml(source.text, source.path)
    if source.format == "requirements":
        from vpy.spec import requirements_file

        return requirements_file.parse(source)
    if source.format == "pylock":
        from vpy.spec.lockfile import pylock_spec

        return pylock_spec.parse(source)
    if source.format == "script":
        from vpy.spec.toml import parse_script

        base = "" if source.is_fetched else source.path
        return parse_script(source.text, source.path, source.first_line, source.column, base=base)

    spec = _read_text(source)
    if not spec.python_version and default is not None and default.format == "text":
        spec = replace(spec, python_version=_read_text(default).python_version)
    return spec


def _read_text(source: SpecSource) -> Spec:
    from vpy.spec.select import check
    from vpy.spec.settings import source_of_text
    from vpy.spec.text import format_mistake, mistakes_error
    from vpy.spec.textproto import locate, parse

    spec = parse(source.text, source.path, first_line=source.first_line, column=source.column)
    mistakes = check(spec)
    if not mistakes:
        named = source_of_text(source.text)
        return replace(spec, source=named, path=source.path) if named else spec

    positions = locate(source.text, source.path, {mistake.field for mistake in mistakes})
    lines = []
    for mistake in mistakes:
        line, column = positions[mistake.field]
        line, column = line + source.first_line - 1, column + source.column
        lines.append(format_mistake(source.path, line, column, mistake.fact))
    raise mistakes_error(lines)
