"""`remove`: requirements out of the spec of a script or project."""

from __future__ import annotations

from bootstrap.shown import printable
from vpy.commands.support import spec_edits
from vpy.errors import UserError
from vpy.spec import edit, edit_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from bootstrap.request import Request
    from vpy.commands.support.spec_edits import Target
    from vpy.operations.context import Context


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Edit the spec in place, all or nothing; print what went."""
    from vpy.commands.support import text_output

    file, names = spec_edits.split(arguments.items, request, context)
    if not names:
        raise UserError("`remove` needs a name", hint="write `vpython-tool remove s.py requests`")
    target = spec_edits.find(file, request, arguments, context)
    if target.source is None:
        raise UserError(f"`{printable(target.path)}` has no spec")
    text, removed = _from_text(target, names) if target.is_text else _from_tables(target, names, context)
    spec_edits.parse(target, text)
    spec_edits.finish(target, text, context)
    if arguments.json:
        text_output.show_json({"file": target.path, "removed": removed})
    else:
        text_output.show("\n".join(f"{printable(target.path)}: no {entry}" for entry in removed))
    return 0


def _from_tables(target: Target, names: Sequence[str], context: Context) -> tuple[str, list[str]]:
    spec = spec_edits.parse(target, target.text)
    lists = {spec_edits.DEPENDENCIES: spec.dependencies, spec_edits.DEV: spec.dev_dependencies}
    edits, removed = [], []
    for name in names:
        project = edit.project(name)
        found = [
            (key, entry)
            for key, entries in lists.items()
            for entry in entries
            if edit.project(entry) == project
        ]
        if not found:
            raise _unknown(
                target, name, [edit.project(entry) for entries in lists.values() for entry in entries]
            )
        edits += [edit.Edit(key, project, None) for key in dict.fromkeys(key for key, _ in found)]
        removed += [entry for _, entry in found]
    return spec_edits.changed(target, edits, context), removed


def _from_text(target: Target, names: Sequence[str]) -> tuple[str, list[str]]:
    assert target.source is not None
    wheels = spec_edits.parse(target, target.text).wheels
    numbers: set[int] = set()
    for name in names:
        found = {number for number, wheel in enumerate(wheels) if name in edit_text.names_of(wheel.name)}
        if not found:
            raise _unknown(
                target, name, [known for wheel in wheels for known in edit_text.names_of(wheel.name)]
            )
        numbers |= found
    inner = edit_text.without_entries(target.source.text, numbers)
    return spec_edits.whole(target, inner), [wheels[number].name for number in sorted(numbers)]


def _unknown(target: Target, name: str, known: Sequence[str]) -> UserError:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    more = f": did you mean `{near[0]}`?" if near else ""
    return UserError(f"`{printable(target.path)}` does not name `{printable(name)}`{more}")
