"""`-vpython-tool version`: the version, the build, and the packages that this file carries."""

from __future__ import annotations

import sys

from vpy.commands.support import text_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from bootstrap.request import Request
    from vpy.operations.context import Context


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Print a line for vpython, then one for each package in it."""
    facts = account(context)
    if arguments.json:
        text_output.show_json(facts)
        return 0
    text_output.show(f"vpython {facts['version']} (build {facts['build']}) on Python {facts['python']}")
    for row in facts["vendored"]:
        text_output.show(f"  {row['name']} {row['version']}")
    return 0


def account(context: Context) -> dict[str, Any]:
    """Return version, build, Python and every vendored wheel with its sha256 as hex."""
    from bootstrap import BUILD

    rows = [{"name": name, "version": version, "sha256": sha256} for name, version, sha256 in vendored()]
    return {
        "version": context.config.version,
        "build": BUILD,
        "python": ".".join(map(str, sys.version_info[:3])),
        "vendored": rows,
    }


def vendored() -> tuple[tuple[str, str, str], ...]:
    """Return (name, version, sha256 as hex) of each wheel inside; none in a source tree."""
    try:
        from vpy import _baked
    except ImportError:
        return ()
    return tuple(_baked.VENDORED)
