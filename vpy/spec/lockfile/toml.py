"""TOML of a lockfile, within bounds."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.spec.text import quoted
from vpy.spec.toml import MAX_DOTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def load_toml(text: str, where: str) -> dict[str, Any]:
    """Parse TOML; raise UserError `where: fact` for what is none, or would take too long."""
    import tomllib

    if any(line.count(".") > MAX_DOTS for line in text.split("\n")):
        raise UserError(f"{where}: more than {MAX_DOTS} dots in one line")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not TOML: {quoted(str(error), 120).strip('`')}") from None
