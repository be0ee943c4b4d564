"""A spec source of any format becomes a Spec, or one error that tells all that is wrong with it."""

from __future__ import annotations

from vpy.model import Spec
from vpy.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.model import SpecSource


def read(source: SpecSource, default: SpecSource | None = None) -> Spec:
    """Read `source`; where it is a text spec without `python_version`, that of `default` counts.

    Raises UserError: the syntax error, or else every mistake, each as `path:line:column: fact`.
    """
    if source.format == "empty":
        return Spec()
    if source.format == "toml":
        from vpy.spec.toml import parse_vpython_toml

        return parse_vpython_toml(source.text, source.path)
    if source.format == "script":
        from vpy.spec.toml import parse_script

        return parse_script(source.text, source.path, source.first_line, source.column)
    spec = _read_text(source)
    if not spec.python_version and default is not None and default.format == "text":
        spec = replace(spec, python_version=_read_text(default).python_version)
    return spec


def _read_text(source: SpecSource) -> Spec:
    from vpy.spec.normal import check
    from vpy.spec.text import at, together
    from vpy.spec.textproto import locate, parse

    spec = parse(source.text, source.path, first_line=source.first_line, column=source.column)
    mistakes = check(spec)
    if mistakes:
        places = locate(source.text, source.path, {mistake.field for mistake in mistakes})
        lines = []
        for mistake in mistakes:
            row, place = places[mistake.field]
            lines.append(at(source.path, row + source.first_line - 1, place + source.column, mistake.fact))
        raise together(lines)
    return spec
