"""`-vpython-tool verify [--json] [SCRIPT | SPEC]…`: does the spec work on every platform?

For each platform of its `verify_pep425_tag`, or of the default list: every package resolves, and offers a
wheel for the tag. The packages are fetched and looked into; an index is only asked. Prints a table of
packages by platforms; whatever is missing anywhere comes as one error, and the exit code is 1.
"""

from __future__ import annotations

import json

from vpy.errors import ToolError, UserError, VpythonError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vpy.context import Context
    from vpy.tools.coverage import Cell, Sheet
    from vpython import Request

WORDS = {"ok": "ok", "skipped": "-", "missing": "missing", "failed": "?"}
BAD = {"missing": "missing", "?": "not known"}


def run(request: Request, context: Context) -> int:
    """Print the table of each spec; then raise what is wrong, all together."""
    from vpy import cli
    from vpy.tools import coverage, page, subject

    words = request.options.tool_words
    as_json = words[:1] == ["--json"]
    cli.open_root(context)
    sheets: list[Sheet] = []
    wrong: list[VpythonError] = []
    for asked in subject.each(request, words[1:] if as_json else words, context.config):
        try:
            sheets.append(coverage.sheet(asked, context))
        except UserError as error:
            wrong.append(error)
    if as_json:
        page.show(json.dumps([account(sheet) for sheet in sheets], indent=1))
    elif sheets:
        short = page.shortener(context.environ)
        page.show("\n\n".join(table(sheet, short(sheet.path)) for sheet in sheets))
    warn(sheets, context)
    complain(sheets, wrong)
    return 0


def complain(sheets: Sequence[Sheet], wrong: Sequence[VpythonError] = ()) -> None:
    """Raise what is missing in any of the sheets, and what else was `wrong`, as one error."""
    lines = [error.message for error in wrong]
    hints = [error.hint for error in wrong if error.hint]
    for sheet in sheets:
        before = f"{sheet.path}: " if len(sheets) + len(wrong) > 1 else ""
        lines += [f"{before}{line}" for line in _failures(sheet)]
        hints += [cell.hint for row in sheet.cells for cell in row if cell.hint]
        hints += [error.hint for _, error in sheet.faults if error.hint]
    if lines:
        family = UserError if all(sheet.whole for sheet in sheets) else ToolError
        raise family("\n".join(lines), hint=hints[0] if hints else None)


def warn(sheets: Sequence[Sheet], context: Context) -> None:
    """Say where no platform is verified for the Python that the spec runs on."""
    from vpy.target import verified
    from vpy.target.demand import parse_version

    for sheet in sheets:
        minor = parse_version(sheet.spec.python_version)[:2]
        pythons = {verified.python_of(one.tag): one.tag.python for one in sheet.columns}
        if len(minor) == 2 and minor not in pythons:
            listed = ", ".join(f"`{name}`" for name in pythons.values())
            context.terminal.warning(
                f"{sheet.path}: python_version `{sheet.spec.python_version}` is verified nowhere: "
                f"its verify_pep425_tag are of {listed}"
            )


def account(sheet: Sheet) -> dict[str, Any]:
    """The sheet as JSON has it."""
    return {
        "path": sheet.path,
        "source": sheet.source,
        "whole": sheet.whole,
        "platforms": [
            {"tag": str(one.tag), "platform": dict(one.template).get("platform")} for one in sheet.columns
        ],
        "packages": [
            {"name": name, "version": version, "platforms": [_cell(cell) for cell in cells]}
            for (name, version), cells in zip(sheet.rows, sheet.cells)
        ],
        "faults": [{"tag": str(one.tag), "reason": error.message} for one, error in sheet.faults],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "state": cell.state,
        "package": cell.package or None,
        "instance_id": cell.instance_id or None,
        "wheels": list(cell.wheels),
        "reason": cell.reason,
    }


def table(sheet: Sheet, path: str) -> str:
    """The sheet as a page: a row for each package, a column for each platform."""
    from vpy.tools import page, platforms

    named = platforms.names(sheet.columns)
    rows = [("", "", *(name for name, _ in named)), ("", "", *(python for _, python in named))]
    rows += [
        (name.partition(";")[0].rstrip(), version, *(WORDS[cell.state] for cell in cells))
        for (name, version), cells in zip(sheet.rows, sheet.cells)
    ]
    words = [WORDS[cell.state] for row in sheet.cells for cell in row]
    bad = [f"{words.count(word)} {told}" for word, told in BAD.items() if word in words]
    shown = "\n".join(page.columns(rows)) if sheet.rows else "it names no package"
    result = ", ".join(bad) or ("ok" if sheet.whole else "not whole")
    before = page.render([("spec", [path]), ("source", [sheet.source])])
    return f"{before}\n\n{shown}\n\n{page.render([('result', [result])])}"


def _failures(sheet: Sheet) -> list[str]:
    """A line for each entry and reason, with the platforms that it concerns."""
    from vpy.tools import platforms

    named = [f"{name} {python}" for name, python in platforms.names(sheet.columns)]
    where: dict[tuple[str, str], list[str]] = {}
    for (name, version), cells in zip(sheet.rows, sheet.cells):
        entry = f"`{name}` {version}".strip()
        for column, cell in zip(named, cells):
            if cell.state in ("missing", "failed") and cell.reason:
                where.setdefault((entry, cell.reason.replace("\n", "; ")), []).append(column)

    def among(columns: Sequence[str]) -> str:
        return "every platform" if len(columns) == len(named) else ", ".join(columns)

    lines = [f"{entry}, on {among(columns)}: {reason}" for (entry, reason), columns in where.items()]
    faults: dict[str, list[str]] = {}
    for one, error in sheet.faults:
        faults.setdefault(error.message.replace("\n", "; "), []).append(named[sheet.columns.index(one)])
    return lines + [f"{among(columns)}: {reason}" for reason, columns in faults.items()]
