"""`upgrade`: what has changed is locked again; text specs become PEP 723 blocks and `vpython.toml`."""

from __future__ import annotations

import os

from bootstrap.shown import printable
from vpy.errors import ToolError, UserError, VpythonError
from vpy.operations.legacy_tables import OldPythonError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from bootstrap.request import Request
    from vpy.operations.context import Context
    from vpy.operations.legacy_specs import Conversion
    from vpy.operations.lock_files import Relocked

    # A file that stays as it is, and why.
    Left = tuple[str, VpythonError]
    Outcome = tuple[list[Conversion], list[Left]]


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Upgrade each file by itself; one error at the end names all that stay as they are."""
    from vpy.commands.support import invocation

    for path in arguments.paths:
        invocation.check_local(path, request, context)
    paths = [_existing(path, request) for path in arguments.paths]
    if arguments.legacy:
        keeps = arguments.keep_legacy or request.options.get("keep-legacy") == "1"
        outcome = _convert(_legacy_files(paths, context), context, arguments, keeps=keeps)
        _report(outcome, request.cwd or "/", arguments)
        _tell(outcome, context)
        return 0
    specs, left = _specs(paths, context, takes_all=arguments.all)
    if not (specs or left or arguments.all):
        context.terminal.warning("git finds no script or spec changed: `-all` takes every one")
    if arguments.dry_run:
        _list(specs, arguments)
    else:
        left += _relock(specs, request, context, arguments)
    _tell(([], left), context)
    return 0


def _existing(path: str, request: Request) -> str:
    whole = os.path.normpath(os.path.join(request.cwd or "/", path))
    if not os.path.exists(whole):
        raise UserError(f"there is no `{printable(path)}`")
    return whole


def _legacy_files(paths: Sequence[str], context: Context) -> list[str]:
    """Return the files that may have a text spec; a `.vpython` after the `.vpython3` that comes before it."""
    from vpy.operations import spec_files

    found: set[str] = set()
    for path in paths:
        below = spec_files.all_below(path, context.environ)
        if not below and not os.path.isdir(path):
            raise UserError(f"`{printable(path)}` is a link, or git ignores it")
        found.update(below)
    return sorted(found, key=lambda path: (path.endswith(context.config.legacy_suffix), path))


def _specs(paths: Sequence[str], context: Context, *, takes_all: bool) -> tuple[list[str], list[Left]]:
    """Return the files with requirements: those named, and of directories what has changed, or all."""
    from vpy.operations import spec_files

    below = spec_files.all_below if takes_all else spec_files.changed_below
    found: list[str] = []
    left: list[Left] = []
    for path in _each(paths, lambda path: below(path, context.environ)):
        try:
            if spec_files.has_requirements(path, context.config):
                found.append(path)
            elif path in paths:
                raise UserError("it declares no requirements")
        except (VpythonError, OSError) as error:
            left.append((path, _as_ours(error)))
    return found, left


def _each(paths: Sequence[str], below: Callable[[str], list[str]]) -> list[str]:
    """Return the files that are named, and those below the directories, each once; raise for a link."""
    found: set[str] = set()
    for path in paths:
        if os.path.isdir(path):
            found.update(below(path))
        elif os.path.islink(path):
            raise UserError(f"`{printable(path)}` is a link")
        else:
            found.add(path)
    return sorted(found)


def _as_ours(error: VpythonError | OSError) -> VpythonError:
    return error if isinstance(error, VpythonError) else ToolError(f"cannot read it: {error.strerror}")


def _list(specs: Sequence[str], arguments: Namespace) -> None:
    from vpy.commands.support import text_output

    if arguments.json:
        text_output.show_json({"dry_run": True, "specs": specs})
    elif specs:
        text_output.show("\n".join(map(printable, specs)))


def _relock(specs: Sequence[str], request: Request, context: Context, arguments: Namespace) -> list[Left]:
    """Lock each spec again and print what changed; return those that cannot be locked."""
    from vpy.commands import lock
    from vpy.commands.support import text_output
    from vpy.operations.root import open_root

    open_root(context)
    done: list[Relocked] = []
    left: list[Left] = []
    for path in specs:
        try:
            done.append(_lock(path, request, context))
        except VpythonError as error:
            left.append((path, error))
    for each in done:
        for warning in each.warnings:
            context.terminal.warning(f"{printable(each.path)}: {warning}")
    if arguments.json:
        text_output.show_json({"dry_run": False, "locked": [lock.account(each) for each in done]})
    elif done:
        text_output.show("\n".join(line for each in done for line in lock.lines(each)))
    return left


def _lock(path: str, request: Request, context: Context) -> Relocked:
    """Lock a script or spec with the newest versions that it allows; a new lockfile is as the original's."""
    from vpy.commands import lock
    from vpy.commands.support import invocation
    from vpy.operations.lock_files import Asked

    (asked,) = invocation.for_files(request, [path], context)
    return lock.lock(asked, Asked(upgrade=True, kind="uv-requirements"), context)


def _convert(paths: Iterable[str], context: Context, arguments: Namespace, *, keeps: bool) -> Outcome:
    """Convert each file that has a text spec, or only find out what would become of it."""
    from vpy.operations.legacy_specs import Converter

    converter = Converter(context.config, keeps=keeps)
    take = converter.pretend if arguments.dry_run else converter.apply
    done: list[Conversion] = []
    left: list[Left] = []
    for path in paths:
        try:
            conversion = converter.convert(path)
            if conversion is not None:
                take(conversion)
                done.append(conversion)
        except (VpythonError, OSError) as error:
            left.append((path, _as_ours(error)))
    return done, left


def _report(outcome: Outcome, cwd: str, arguments: Namespace) -> None:
    from vpy.commands.support import text_output

    done, left = outcome
    diffs = [_diff(each, cwd) for each in done] if arguments.dry_run else []
    if arguments.json:
        account: dict[str, Any] = {
            "dry_run": arguments.dry_run,
            "converted": [_account(each) for each in done],
            "left": [{"path": path, "reason": error.message} for path, error in left],
        }
        text_output.show_json({**account, "diff": "\n".join(diffs)} if arguments.dry_run else account)
    elif done:
        text_output.show("\n".join(diffs or map(_line, done)))


def _diff(conversion: Conversion, cwd: str) -> str:
    from vpy.commands.support import file_diff

    parts = [file_diff.unified(conversion.target, conversion.before, conversion.after, cwd)]
    parts += [file_diff.unified(path, text, None, cwd) for path, text in conversion.removed]
    return "\n".join(part for part in parts if part)


def _account(conversion: Conversion) -> dict[str, Any]:
    return {
        "from": conversion.path,
        "to": conversion.target,
        "removed": [path for path, _ in conversion.removed],
        "notes": list(conversion.notes),
    }


def _line(conversion: Conversion) -> str:
    path, target = printable(conversion.path), printable(conversion.target)
    lockfiles = [printable(each) for each, _ in conversion.removed if each != conversion.path]
    more = f"; its lockfile {lockfiles[0]} is removed, `vpython-tool lock` makes another" if lockfiles else ""
    if conversion.before == conversion.after:
        return f"{path}: removed, {target} says the same{more}"
    if conversion.before is None:
        return f"{path}: now {target}{more}"
    block = "now a PEP 723 block" if path == target else f"now a PEP 723 block in {target}"
    return f"{path}: {block}{more}"


def _tell(outcome: Outcome, context: Context) -> None:
    """Warn of what is not in the tables; raise one error for all that stays as it is.

    That a spec is for a Python which is too old is nobody's mistake.
    """
    done, left = outcome
    warnings = [f"{printable(each.path)}: {note}" for each in done for note in each.notes]
    lines: list[str] = []
    for path, error in left:
        shown = printable(path)
        kind = warnings if isinstance(error, OldPythonError) else lines
        # A mistake in a spec begins with its place already.
        kind += [text if text.startswith(f"{shown}:") else f"{shown}: {text}" for text in error.lines]
    for warning in warnings:
        context.terminal.warning(warning)
    if lines:
        raise ToolError(lines)
