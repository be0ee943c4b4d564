"""Wheels that a spec refuses: those with code that runs at every start, and those with native code."""

from __future__ import annotations

import re

from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.model import StoredWheel
    from vpy.operations.context import Context
    from vpy.operations.plan import Plan
    from vpy.operations.wheel_set import WheelSet

_NATIVE = re.compile(r"\.(so|pyd|dll|dylib)(\.[\d.]+)?$", re.IGNORECASE)
_KEYS = {"startup-code": "allow-startup-code", "native-code": "allow-native-code"}


def check(plan: Plan, wheels: WheelSet, context: Context) -> None:
    """Raise one UserError for all wheels, stored by now, that the spec refuses."""
    forbidden = plan.spec.forbidden
    if not forbidden:
        return
    from vpy.operations import wheel_set

    trees = wheel_set.trees(wheels, plan.interpreter, context.layout)
    lines = _startup_code(trees, plan) if "startup-code" in forbidden else []
    lines += _native_code(trees) if "native-code" in forbidden else []
    if lines:
        keys = " and ".join(f"`{_KEYS[each]} = false`" for each in forbidden)
        raise UserError(lines, hint=f"{keys} of `[tool.vpython]` in the spec")


def _startup_code(trees: Sequence[StoredWheel], plan: Plan) -> list[str]:
    from vpy.wheels import startup

    rows = zip(trees, startup.code_of(trees, plan.interpreter), strict=True)
    return [
        f"`{tree.filename}` has code that runs at every start, which the spec forbids: {code[0]}"
        for tree, code in rows
        if code
    ]


def _native_code(trees: Sequence[StoredWheel]) -> list[str]:
    """Return a line for each wheel for a platform, and for each that has a library in it."""
    from vpy.wheels import store

    lines = []
    for tree in trees:
        platform = tree.filename.removesuffix(".whl").rpartition("-")[2]
        paths = [file[4] for file in store.read_file_list(tree).files]
        native = [path for path in paths if _NATIVE.search(path)]
        if platform != "any" or native:
            what = f"`{native[0].rpartition('/')[2]}`" if native else f"it is for `{platform}`"
            lines.append(f"`{tree.filename}` has native code, which the spec forbids: {what}")
    return lines
