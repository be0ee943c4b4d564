"""`-vpython-tool version [--json]`: what this file is and what it carries."""

from __future__ import annotations

import json
import sys

from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vpy.context import Context
    from vpython import Request


def run(request: Request, context: Context) -> int:
    words = request.options.tool_words
    if words not in ([], ["--json"]):
        raise UserError(f"`version` takes `--json` or nothing, got `{' '.join(words)}`")
    told = facts(context)
    if words:
        print(json.dumps(told, indent=1))
        return 0
    print(f"vpython {told['version']} (build {told['build']}) on Python {told['python']}")
    for row in told["vendored"]:
        print(f"  {row['name']} {row['version']}")
    return 0


def facts(context: Context) -> dict[str, Any]:
    """Version, build and every vendored wheel with its sha256 as hex."""
    import vpython

    rows = [{"name": name, "version": version, "sha256": sha256} for name, version, sha256 in vendored()]
    return {
        "version": context.config.version,
        "build": vpython.BUILD,
        "python": ".".join(map(str, sys.version_info[:3])),
        "vendored": rows,
    }


def vendored() -> tuple[tuple[str, str, str], ...]:
    """(name, version, sha256 as hex) of each wheel inside; nothing in a source tree."""
    try:
        from vpy import _baked
    except ImportError:
        return ()
    return tuple(_baked.VENDORED)
