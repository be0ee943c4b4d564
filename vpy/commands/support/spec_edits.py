"""Specs that `add` and `remove` edit: found, changed in memory, resolved, and only then written."""

from __future__ import annotations

import os

from bootstrap.shown import printable
from vpy.errors import UserError
from vpy.spec import edit, edit_text
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from bootstrap.request import Request
    from vpy.model import Pin, Spec, SpecSource
    from vpy.operations.context import Context
    from vpy.spec.edit import Edit

DEPENDENCIES = "dependencies"
DEV = "tool.vpython.dev-dependencies"


@value
class Target:
    """Spec to edit: the request of a start with it, its file and that file's text, and where it stands.

    `source` is None where the script has no spec yet.
    """

    request: Request
    path: str
    text: str
    source: SpecSource | None

    @property
    def is_text(self) -> bool:
        """Whether it is a text spec."""
        return self.source is not None and self.source.format == "text"


def split(items: Sequence[str], request: Request, context: Context) -> tuple[str | None, list[str]]:
    """Split the file, where the first word is one, from the requirements."""
    from vpy.commands.support import invocation

    endings = (".py", ".toml", context.config.suffix, context.config.legacy_suffix)
    first = items[0]
    invocation.check_local(first, request, context)
    path = os.path.join(request.cwd or "/", first)
    if os.path.isfile(path):
        return first, list(items[1:])
    if first.endswith(endings) or first.startswith((".", "/")):
        raise UserError(
            f"there is no `{printable(first)}`", hint=f"`vpython-tool init {printable(first)}` makes it"
        )
    return None, list(items)


def find(file: str | None, request: Request, arguments: Namespace, context: Context) -> Target:
    """Return the spec of a script or directory; raise UserError where the directory has none."""
    from vpy.commands.support import invocation
    from vpy.operations import plan

    if file is None:
        asked = invocation.of_words(request, [])
    else:
        (asked,) = invocation.for_files(request, [file], context)
    source = plan.discover_spec(asked, context)[0].source
    if source.kind in ("empty", "default"):
        if file is None:
            fact = f"there is no {context.config.toml_name} here or above"
            raise UserError(
                fact, hint=f"`vpython-tool init {context.config.toml_name}` makes one; or name a script"
            )
        path = os.path.join(request.cwd or "/", file)
        return Target(asked, path, edit.read(path), None)
    if source.format in ("requirements", "pylock"):
        kind = "requirements file" if source.format == "requirements" else "lockfile"
        raise UserError(
            f"`{printable(source.path)}` is a {kind}, which `add` and `remove` do not edit",
            hint=f"`vpython-tool init {context.config.toml_name}` makes a spec that is",
        )
    return Target(asked, source.path, edit.read(source.path), source)


def requires_this_python(request: Request, context: Context) -> str:
    """Return the `requires-python` of a new spec: the Python that a start without a spec takes, or newer."""
    from vpy.model import Spec
    from vpy.operations import plan

    found = plan.find_interpreter(request, context, Spec()).interpreter
    return f">={found.version[0]}.{found.version[1]}"


def whole(target: Target, spec_text: str) -> str:
    """Return the text of the file with this text spec in it, which is all of it or a guarded block."""
    assert target.source is not None
    if target.source.kind == "inline":
        return edit_text.put_back(target.text, target.source, spec_text)
    return spec_text


def changed(target: Target, edits: Sequence[Edit], context: Context) -> str:
    """Return the text of the file with requirements changed; a script without a spec gets a block."""
    if target.source is None:
        block = edit.new_block(requires_this_python(target.request, context))
        return edit.change_block(edit.with_block(target.text, block, target.path), edits)
    if target.source.format == "script":
        return edit.change_block(target.text, edits)
    return edit.change_tables(target.text, edits)


def source_in(target: Target, text: str) -> SpecSource:
    """Return the spec in the changed text of a file."""
    from vpy.model import SpecSource
    from vpy.spec import inline

    if target.source is None or target.source.kind in ("script", "inline"):
        source = inline.find(text.encode("utf-8", "surrogateescape"), target.path)
        assert source is not None
        return source
    source = target.source
    return SpecSource(kind=source.kind, format=source.format, path=source.path, text=text)


def parse(target: Target, text: str) -> Spec:
    """Parse the spec in the changed text of a file; raise UserError for mistakes in it."""
    from vpy.spec import read

    return read.read(source_in(target, text))


def resolve(target: Target, text: str, context: Context) -> tuple[Pin, ...]:
    """Resolve the changed spec on the Python that it would run on; raise what a start would."""
    from vpy.operations import expansion, plan, settings, source_setting, sources, spec_settings
    from vpy.operations.root import open_root
    from vpy.target import template

    open_root(context)
    spec = parse(target, text)
    spec = replace(spec, dependencies=(*spec.dependencies, *spec.dev_dependencies))
    found = plan.find_interpreter(target.request, context, spec).interpreter
    packages, _ = expansion.expand(spec, template.target_for(found), target.path)
    setting = settings.source(target.request, context, spec)
    spec = spec_settings.for_target(spec_settings.without_replaced(spec, setting), found)
    asked = source_setting.of_setting(setting, spec, context.environ)
    if not packages and not spec.dependencies:
        return ()
    return sources.loader(asked, found, context, spec).resolve(packages, spec.dependencies).pins


def finish(target: Target, text: str, context: Context) -> None:
    """Write the file; say so where its lockfile is stale now."""
    edit.write(target.path, text)
    if target.source is not None:
        from vpy.spec.lockfile import find as lockfile_search

        found, _ = lockfile_search.of_requirements(target.source, parse(target, text))
        if found is not None:
            context.terminal.warning(
                f"`{printable(found[0])}` does not have this change yet: "
                "`vpython-tool lock` brings it up to date"
            )
