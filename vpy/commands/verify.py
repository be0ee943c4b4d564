"""`-vpython-tool verify`: check that every package of a spec has a wheel for every platform, or an sdist."""

from __future__ import annotations

from vpy.errors import ToolError, UserError, VpythonError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import Any

    from bootstrap.request import Request
    from vpy.commands.support.lock_matrix import LockMatrix
    from vpy.commands.support.platform_matrix import Cell, Matrix
    from vpy.operations.context import Context

SHOWN = {"ok": "ok", "sdist": "sdist", "skipped": "-", "missing": "missing", "failed": "?"}
FAILED = {"missing": "missing", "?": "not known"}


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Print the table of each spec, then raise one error for all that is missing.

    Packages of a service or a directory are fetched and unpacked; an index is only asked. Where a lockfile
    lies beside the spec, that is what is checked.
    """
    from vpy.commands.support import invocation, lock_matrix, platform_matrix, text_output
    from vpy.operations.root import open_root

    open_root(context)
    matrices: list[Matrix] = []
    locked: list[LockMatrix] = []
    errors: list[VpythonError] = []
    for asked in invocation.each(request, arguments, context):
        try:
            if (of_lockfile := _locked(asked, context)) is not None:
                locked.append(of_lockfile)
            else:
                matrices.append(platform_matrix.matrix_of(asked, context, may_build=True))
        except UserError as error:
            errors.append(error)

    if arguments.json:
        text_output.show_json([*map(account, matrices), *map(lock_matrix.account, locked)])
    elif matrices or locked:
        shorten = text_output.shortener(context.environ)
        tables = [table(matrix, shorten(matrix.path)) for matrix in matrices]
        text_output.show("\n\n".join([*tables, *(lock_matrix.table(each, shorten) for each in locked)]))
    warn(matrices, context)
    if lines := [line for each in locked for line in lock_matrix.failures(each)]:
        errors.append(
            UserError(lines, hint="build the wheel and name it in the spec, or narrow its platforms")
        )
    raise_failures(matrices, errors)
    return 0


def _locked(request: Request, context: Context) -> LockMatrix | None:
    """Return the matrix of the lockfile that a start would follow; None where there is none."""
    from vpy.commands.support import lock_matrix, locking
    from vpy.operations import plan

    _, spec = plan.read_spec(request, context)
    return lock_matrix.find(locking.read(request, context), context) if spec.dependencies else None


def raise_failures(matrices: Sequence[Matrix], errors: Sequence[VpythonError] = ()) -> None:
    """Raise one error for all that is missing in the matrices, and for the `errors` of other specs."""
    lines = [line for error in errors for line in error.lines]
    hints = [error.hint for error in errors if error.hint]
    for matrix in matrices:
        prefix = f"{matrix.path}: " if len(matrices) + len(errors) > 1 else ""
        lines += [f"{prefix}{line}" for line in _failures(matrix)]
        hints += [cell.hint for row in matrix.cells for cell in row if cell.hint]
        hints += [error.hint for _, error in matrix.faults if error.hint]
    if lines:
        family = UserError if all(matrix.is_whole for matrix in matrices) else ToolError
        raise family(lines, hint=hints[0] if hints else None)


def warn(matrices: Sequence[Matrix], context: Context) -> None:
    """Warn where no platform is verified for the Python that the spec runs on."""
    from vpy.target import platforms
    from vpy.target.python_requirement import parse_version

    for matrix in matrices:
        minor = parse_version(matrix.spec.python_version)[:2]
        pythons = {platforms.version_of(target.tag): target.tag.python for target in matrix.columns}
        if len(minor) == 2 and minor not in pythons:
            listed = ", ".join(f"`{name}`" for name in pythons.values())
            context.terminal.warning(
                f"{matrix.path}: python_version `{matrix.spec.python_version}` is not verified: "
                f"its verify_pep425_tag are for {listed}"
            )


def account(matrix: Matrix) -> dict[str, Any]:
    """Return the matrix as JSON has it."""
    return {
        "path": matrix.path,
        "source": str(matrix.sources),
        "whole": matrix.is_whole,
        "platforms": [
            {"tag": str(target.tag), "platform": dict(target.template).get("platform")}
            for target in matrix.columns
        ],
        "packages": [
            {"name": name, "version": version, "platforms": [_cell(cell) for cell in cells]}
            for (name, version), cells in zip(matrix.rows, matrix.cells)
        ],
        "faults": [{"tag": str(target.tag), "reason": error.message} for target, error in matrix.faults],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "state": cell.state,
        "package": cell.package or None,
        "instance_id": cell.instance_id or None,
        "wheels": list(cell.wheels),
        "reason": cell.reason,
    }


def table(matrix: Matrix, path: str) -> str:
    """Return the matrix as text: a row for each package, a column for each platform."""
    from vpy.commands.support import platform_matrix, text_output

    named = platform_matrix.column_names(matrix.columns)
    rows = [("", "", *(name for name, _ in named)), ("", "", *(python for _, python in named))]
    rows += [
        (name.partition(";")[0].rstrip(), version, *(SHOWN[cell.state] for cell in cells))
        for (name, version), cells in zip(matrix.rows, matrix.cells)
    ]
    body = "\n".join(text_output.columns(rows)) if matrix.rows else "it names no packages"

    cells = [SHOWN[cell.state] for row in matrix.cells for cell in row]
    failed = [f"{cells.count(shown)} {meaning}" for shown, meaning in FAILED.items() if shown in cells]
    result = ", ".join(failed) or ("ok" if matrix.is_whole else "not whole")
    head = text_output.render([("spec", [path]), ("source", [str(matrix.sources)])])
    return f"{head}\n\n{body}\n\n{text_output.render([('result', [result])])}"


def _failures(matrix: Matrix) -> list[str]:
    """Return a line for each entry and reason, with the platforms that it concerns."""
    from vpy.commands.support import platform_matrix

    named = [f"{name} {python}" for name, python in platform_matrix.column_names(matrix.columns)]
    failed: dict[tuple[str, str], list[str]] = {}
    for (name, version), cells in zip(matrix.rows, matrix.cells):
        entry = f"`{name}` {version}".strip()
        for column, cell in zip(named, cells):
            if cell.state in ("missing", "failed") and cell.reason:
                failed.setdefault((entry, cell.reason.replace("\n", "; ")), []).append(column)

    faults: dict[str, list[str]] = {}
    for target, error in matrix.faults:
        column = named[matrix.columns.index(target)]
        faults.setdefault(error.summary, []).append(column)

    def listed(columns: Sequence[str]) -> str:
        return "every platform" if len(columns) == len(named) else ", ".join(columns)

    lines = [f"{entry}, on {listed(columns)}: {reason}" for (entry, reason), columns in failed.items()]
    return lines + [f"{listed(columns)}: {reason}" for reason, columns in faults.items()]
