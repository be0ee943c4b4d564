"""Settings beside an environment's declaration: keys of `[tool.vpython]`, and the user's own file."""

from __future__ import annotations

import re

from vpy.spec.text import MAX_SHOWN, decode, format_mistake, mistakes_error, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STORE_TRUST = ("files", "resolutions")
# Comment of a text spec that names its source; to other readers of the format it is a comment.
_SOURCE_COMMENT = re.compile(r"^[ \t]*#[ \t]*vpython-source:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)


def source_of_text(text: str) -> str:
    """Return the source that a text spec names, `# vpython-source: index`; "" where it names none."""
    if "vpython-source:" not in text:
        return ""
    found = _SOURCE_COMMENT.search(text)
    return found[1] if found else ""


def without_source(text: str) -> str:
    """Return a text spec without the comment that names its source."""
    return _SOURCE_COMMENT.sub("", text, count=1)


def parse_user_file(data: bytes, path: str, keys: Sequence[str]) -> Mapping[str, str]:
    """Parse the user's configuration file: strings by `keys`; raise UserError for anything else.

    A truth value counts as its word, `build = false` as "false".
    """
    from vpy.spec.toml import load, position_of_key
    from vpy.spec.tool_vpython import age_fact

    def formatted(position: tuple[int, int], fact: str) -> str:
        return format_mistake(path, *position, fact)

    text = decode(data, path).replace("\r\n", "\n")
    tables = load(text, formatted)
    mistakes = []
    tables = {key: str(value).lower() if isinstance(value, bool) else value for key, value in tables.items()}
    for key, value in tables.items():
        fact = "" if isinstance(value, str) and value else f"`{key}` is not a text, or is empty"
        if key == "build" and value not in ("true", "false"):
            fact = "`build` is not true or false"
        if key == "store-trust" and value not in STORE_TRUST:
            fact = f"`store-trust` is neither {' nor '.join(map(quoted, STORE_TRUST))}"
        if key == "refresh-after" and not fact and (wrong := age_fact(value)):
            fact = f"`refresh-after` is {wrong}"
        fact = fact if key in keys else f"unknown key {quoted(key)}"
        if fact:
            mistakes.append(formatted(position_of_key(text, key), fact))
    if mistakes:
        raise mistakes_error(mistakes[:MAX_SHOWN], hint=f"the keys here are {', '.join(map(quoted, keys))}")
    return tables
