"""Making of one wheel's tree for the store: checked, installed by pip, looked at, sealed, renamed into place.

It runs in the process of `pip_install`, for many wheels side by side.
"""

from __future__ import annotations

import os

from vpy.errors import RefusedError, ToolError, VpythonError
from vpy.system import files
from vpy.wheels import contents, launchers, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    # Installs the open wheel of a row by pip's code; returns what went wrong, "" for nothing.
    Install = Callable[[Mapping[str, Any], contents.OpenWheel], str]

OK, REFUSED, PIP, FAILED = "", "refused", "pip", "failed"


def make(row: Mapping[str, Any], install: Install) -> dict[str, str]:
    """Make the tree that a row asks for; return {number, kind, fact, hint} of what went wrong.

    A row is {number, name, filename, path, sha256, directory, final, scheme}: the wheel at `path` is put
    below `directory`, which is not there yet, and that is renamed to `final`. `scheme` maps pip's keys to
    paths relative to a prefix. `kind` is "" where all is well, "refused" where the wheel must not be
    installed, "pip" where pip could not do it, "failed" for anything else.
    """
    answer = {"number": row["number"], "kind": OK, "fact": "", "hint": ""}
    try:
        fault = _make(row, install)
    except RefusedError as error:
        return {**answer, "kind": REFUSED, "fact": error.summary}
    except VpythonError as error:
        return {**answer, "kind": FAILED, "fact": error.message, "hint": error.hint or ""}
    except OSError as error:
        fault = str(error.strerror or error)
    return {**answer, "kind": PIP, "fact": fault} if fault else answer


def _make(row: Mapping[str, Any], install: Install) -> str:
    _check_hash(row)
    tree = os.path.join(row["directory"], store.TREE)
    os.makedirs(tree)
    with contents.OpenWheel(row["path"], filename=row["filename"]) as wheel:
        fault = install({**row, "scheme": _absolute(row, tree)}, wheel)
        if fault:
            return fault
        wheel.finish()
    if fault := launchers.fault_in_tree(tree, row["scheme"]):
        return fault
    with files.disk_errors("write", row["directory"]):
        store.seal(row["directory"], row["scheme"]["scripts"])
        files.move_into_place(row["directory"], row["final"])
    return ""


def _check_hash(row: Mapping[str, Any]) -> None:
    """Raise ToolError where the wheel's bytes are not those that were chosen."""
    with files.disk_errors("read", row["path"]):
        found = files.sha256_of(row["path"])
    if found != row["sha256"]:
        raise ToolError(
            f"`{row['filename']}` has changed: sha256 `{found}`, not `{row['sha256']}`: `{row['path']}`",
            hint="remove that file and run again",
        )


def _absolute(row: Mapping[str, Any], tree: str) -> dict[str, str]:
    scheme = {key: os.path.normpath(os.path.join(tree, path)) for key, path in row["scheme"].items()}
    scheme["headers"] = os.path.join(scheme["headers"], row["name"])
    return scheme
