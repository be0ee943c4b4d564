"""`add`: requirements into the spec of a script or project, once they are resolved."""

from __future__ import annotations

from bootstrap.shown import printable
from vpy.commands.support import spec_edits
from vpy.errors import UserError, VpythonError
from vpy.spec import edit, edit_text
from vpy.spec.text import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from bootstrap.request import Request
    from vpy.commands.support.spec_edits import Target
    from vpy.operations.context import Context


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Edit the spec in place, all or nothing; print each requirement as it stands there now."""
    from vpy.commands.support import text_output

    file, wanted = spec_edits.split(arguments.items, request, context)
    if not wanted:
        raise UserError("`add` needs a requirement", hint="write `vpython-tool add s.py requests`")
    target = spec_edits.find(file, request, arguments, context)
    if target.is_text:
        if arguments.dev:
            raise UserError("`--dev` is for PEP 723 blocks and vpython.toml: a text spec has one list")
        text, added = _into_text(target, wanted, context)
    else:
        text, added = _into_tables(
            target, wanted, spec_edits.DEV if arguments.dev else spec_edits.DEPENDENCIES, context
        )
    spec_edits.finish(target, text, context)
    if arguments.json:
        text_output.show_json({"file": target.path, "added": added})
    else:
        text_output.show("\n".join(f"{printable(target.path)}: {entry}" for entry in added))
    return 0


def _into_tables(target: Target, wanted: Sequence[str], key: str, context: Context) -> tuple[str, list[str]]:
    """Return the changed text and the requirements in it; one without a version gets what it came to."""
    names = [_checked(entry) for entry in wanted]
    edits = [edit.Edit(key, name, entry) for name, entry in zip(names, wanted, strict=True)]
    pins = spec_edits.resolve(target, spec_edits.changed(target, edits, context), context)
    versions = {edit.project(pin.name): pin.version for pin in pins}
    added = [_with_bound(entry, versions.get(name)) for name, entry in zip(names, wanted, strict=True)]
    edits = [edit.Edit(key, name, entry) for name, entry in zip(names, added, strict=True)]
    text = spec_edits.changed(target, edits, context)
    spec_edits.parse(target, text)
    return text, added


def _checked(entry: str) -> str:
    """Return the project of a requirement; raise UserError where it is none."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return edit.project(Requirement(entry).name)
    except InvalidRequirement as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"not a requirement: {quoted(entry)}: {quoted(reason, 120).strip('`')}") from None


def _with_bound(entry: str, version: str | None) -> str:
    """Return a requirement that says nothing of versions with the resolved one as its lower bound."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    requirement = Requirement(entry)
    if version is None or requirement.specifier or requirement.url:
        return entry
    requirement.specifier = SpecifierSet(f">={version.partition('+')[0]}")
    return str(requirement)


def _into_text(target: Target, wanted: Sequence[str], context: Context) -> tuple[str, list[str]]:
    """Return the changed text of a file with a text spec, and the packages that were added."""
    assert target.source is not None
    inner, added = target.source.text, []
    for entry in wanted:
        inner, name = _with_package(target, inner, entry, context)
        added.append(name)
    return spec_edits.whole(target, inner), added


def _with_package(target: Target, inner: str, entry: str, context: Context) -> tuple[str, str]:
    """Add a package: `NAME@VERSION`, or `PROJECT==VERSION` by the first of its names that resolves."""
    name, at, version = entry.partition("@")
    names = [name]
    if not at or not version:
        project, equals, wanted = entry.partition("==")
        if not equals or not wanted.strip():
            hint = f"`vpython-tool find {printable(edit.project(entry))}` lists its versions"
            raise UserError(
                f"a text spec pins versions: give {quoted(entry)} as NAME==VERSION or PACKAGE@VERSION",
                hint=hint,
            )
        version = f"version:{wanted.strip()}"
        stem = f"{context.config.wheel_prefix}{edit.project(project).replace('-', '_')}"
        names = [f"{stem}-py3", f"{stem}-py2_py3", f"{stem}/${{vpython_platform}}"]
    known = spec_edits.parse(target, spec_edits.whole(target, inner)).wheels
    failure: VpythonError | None = None
    for candidate in names:
        text = inner
        for number, wheel in reversed(list(enumerate(known))):
            if wheel.name == candidate:
                text = edit_text.with_version(text, number, wheel.version, version)
                break
        else:
            text = edit_text.with_entry(text, candidate, version)
        try:
            spec_edits.resolve(target, spec_edits.whole(target, text), context)
        except VpythonError as error:
            failure = failure or error
            continue
        return text, f"{candidate}@{version}"
    assert failure is not None
    raise failure
