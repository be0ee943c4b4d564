"""TOML forms of a spec: `vpython.toml` and the metadata of a PEP 723 `script` block."""

from __future__ import annotations

import re

from vpy.model import Spec
from vpy.spec.text import MAX_SHOWN, check_size, format_mistake, mistakes_error, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from vpy.errors import UserError

    # A line and a column of the text, from 1.
    Position = tuple[int, int]
    # The key that it is about, the entry of the key's list or "", the fact.
    Mistake = tuple[str, str, str]
    # Formats a mistake at a position.
    Formatter = Callable[[Position, str], str]

_KEYS = ("requires-python", "dependencies", "source", "tool")
# Of `[tool.vpython]`.
_TOOL_KEYS = ("source", "dev-dependencies")
# In one line. `tomllib` takes quadratic time over a key's parts.
MAX_DOTS = 5000
_EXPECTED = {
    "Invalid value": "expected a value: a text in quotes, a number, true, false, a list or a table",
    "Invalid statement": "expected `name = value` or `[table]`",
    "Expected '=' after a key in a key/value pair": "expected `=` behind the name",
    "Expected newline or end of document after a statement": "expected the end of the line",
    "Unclosed array": "expected `,` or `]`",
    "Cannot overwrite a value": "this name has a value already",
}
_TOMLLIB_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def parse_vpython_toml(text: str, path: str) -> Spec:
    """Parse a `vpython.toml`: `requires-python`, `dependencies` (PEP 508), `source`, `[tool]`.

    Raises UserError `path:line:column: fact`, one line for each mistake; an unknown key is one.
    Unknown keys of `[tool.vpython]` are named in `Spec.warnings`.
    """
    return _parse(text, path, first_line=1, column=0, strict=True)


def parse_script(text: str, path: str, first_line: int, column: int = 2) -> Spec:
    """Parse PEP 723 metadata that begins on `first_line` of `path`, behind `column` characters.

    This is `parse_vpython_toml`, but an unknown key is a warning: the PEP reserves them for its
    successors, and other tools run the same script.
    """
    return _parse(text, path, first_line=first_line, column=column, strict=False)


def _parse(text: str, path: str, *, first_line: int, column: int, strict: bool) -> Spec:
    check_size(len(text), path)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")

    def formatted(position: Position, fact: str) -> str:
        return format_mistake(path, position[0] + first_line - 1, position[1] + column, fact)

    tables = load(text, formatted)
    mistakes = list(_mistakes(tables))
    keys = _KEYS if strict else tuple(key for key in _KEYS if key != "source")
    unknown = [(key, "", f"unknown key {quoted(key)}") for key in tables if key not in keys]
    if strict:
        mistakes = [*unknown, *mistakes]
        unknown = []
    if mistakes:
        raise _error(mistakes, text, formatted)

    unknown += _unknown_tool_keys(tables)
    own = tables.get("tool", {}).get("vpython", {})
    source = (tables.get("source", "") if strict else "") or own.get("source", "")
    shown = sorted((position_of_key(text, key), fact) for key, _, fact in unknown[:MAX_SHOWN])
    return Spec(
        requires_python=tables.get("requires-python", ""),
        dependencies=tuple(tables.get("dependencies", ())),
        dev_dependencies=tuple(own.get("dev-dependencies", ())),
        no_build=_no_build(tables.get("tool", {}).get("uv", {})),
        source=source,
        path=path if source else "",
        warnings=tuple(formatted(position, f"{fact} is ignored") for position, fact in shown),
    )


def _error(mistakes: list[Mistake], text: str, formatted: Formatter) -> UserError:
    # A position takes a search of the text, so only mistakes that are shown get one.
    shown = sorted((position_of_key(text, key, entry), fact) for key, entry, fact in mistakes[:MAX_SHOWN])
    lines = [formatted(position, fact) for position, fact in shown]
    lines += [fact for *_, fact in mistakes[MAX_SHOWN:]]

    unknown = any(fact.startswith("unknown key") for *_, fact in mistakes)
    hint = f"the keys here are {', '.join(map(quoted, _KEYS))}" if unknown else None
    return mistakes_error(lines, hint=hint)


def load(text: str, formatted: Formatter) -> dict[str, Any]:
    """Return the tables of a TOML text; raise UserError for what is none."""
    import tomllib

    for number, line in enumerate(text.split("\n"), 1):
        try:
            line.encode()
        except UnicodeEncodeError as error:
            fact = "not UTF-8: a lone surrogate"
            raise mistakes_error([formatted((number, error.start + 1), fact)]) from None
        if line.count(".") > MAX_DOTS:
            raise mistakes_error([formatted((number, 1), f"more than {MAX_DOTS} dots in one line")])

    try:
        return tomllib.loads(text)
    except RecursionError:
        raise mistakes_error([formatted((1, 1), "values nested too deeply")]) from None
    except ValueError as error:
        position, fact = _syntax_mistake(str(error), text)
        raise mistakes_error([formatted(position, fact)]) from None


def _syntax_mistake(message: str, text: str) -> tuple[Position, str]:
    """Return the position and the fact of an error message of `tomllib`."""
    match = _TOMLLIB_POSITION.search(message)
    fact = message[: match.start()] if match else "a value that cannot be read"
    if match and match[1]:
        position = int(match[1]), int(match[2])
    else:
        *before, last = text.rstrip("\n").split("\n")
        position = len(before) + 1, len(last) + 1
    return position, f"not TOML: {_EXPECTED.get(fact) or quoted(fact, 120).strip('`')}"


def _mistakes(tables: dict[str, Any]) -> Iterator[Mistake]:
    for fact in _python_facts(tables.get("requires-python", "")):
        yield "requires-python", "", fact
    for entry, fact in _dependency_facts(tables.get("dependencies", []), "dependencies"):
        yield "dependencies", entry, fact
    if not isinstance(tables.get("source", ""), str):
        yield "source", "", "`source` is not a string"

    tool = tables.get("tool", {})
    if not isinstance(tool, dict):
        yield "tool", "", "`tool` is not a table"
    elif not isinstance(tool.get("vpython", {}), dict):
        yield "vpython", "", "`tool.vpython` is not a table"
    else:
        own = tool.get("vpython", {})
        if not isinstance(own.get("source", ""), str):
            yield "source", "", "`source` is not a string"
        for entry, fact in _dependency_facts(own.get("dev-dependencies", []), "dev-dependencies"):
            yield "dev-dependencies", entry, fact


def _no_build(uv: object) -> tuple[str, ...]:
    """Return the projects that `[tool.uv]` forbids to build from their source; `*` for all of them.

    https://docs.astral.sh/uv/reference/settings/#no-build
    """
    if not isinstance(uv, dict):
        return ()
    named = uv.get("no-build-package", ())
    projects = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    return ("*", *projects) if uv.get("no-build") is True else tuple(projects)


def _unknown_tool_keys(tables: dict[str, Any]) -> Iterator[Mistake]:
    for key in tables.get("tool", {}).get("vpython", {}):
        if key not in _TOOL_KEYS:
            yield key, "", f"unknown key {quoted(key)} of `[tool.vpython]`"


def _python_facts(requires: Any) -> Iterator[str]:
    """Yield what is wrong with `requires-python` (PEP 440's version specifiers)."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if not isinstance(requires, str):
        yield "`requires-python` is not a string"
        return

    try:
        SpecifierSet(requires)
    except InvalidSpecifier:
        yield f"`requires-python` is no version specifier: {quoted(requires)}"


def _dependency_facts(dependencies: Any, key: str) -> Iterator[tuple[str, str]]:
    """Yield each bad entry of a list of requirements, as written, and what is wrong with it (PEP 508)."""
    if not isinstance(dependencies, list):
        yield "", f"`{key}` is not a list"
        return

    for number, entry in enumerate(dependencies, 1):
        if not isinstance(entry, str):
            yield "", f"entry {number} of `{key}` is not a string"
        elif fact := requirement_fact(entry):
            yield entry, fact


def requirement_fact(entry: str) -> str:
    """Return what is wrong with one requirement (PEP 508); "" where it can be installed."""
    from packaging.requirements import InvalidRequirement, Requirement

    if not entry.isprintable():
        return f"no requirement: {quoted(entry)}"
    try:
        requirement = Requirement(entry)
    except InvalidRequirement as error:
        reason = str(error).partition("\n")[0]
        return f"no requirement: {quoted(entry)}: {quoted(reason, 120).strip('`')}"
    except RecursionError:
        return f"no requirement: {quoted(entry)}: nested too deeply"

    reason = _url_fact(requirement.url) if requirement.url else ""
    return f"{reason}: {quoted(entry, 120)}" if reason else ""


def _url_fact(url: str) -> str:
    """Return why a direct reference (PEP 508 `name @ URL`) cannot be installed; "" where it can.

    Environments are built of wheels, never of sources, and pinned when first resolved: so a URL must
    name a wheel, and with `http` its hash too. A relative path means nothing, since a resolution is
    cached for every directory.
    """
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
    except ValueError:
        return "not a URL"
    if parts.scheme == "http" and "sha256=" not in parts.fragment:
        return "`http` needs `#sha256=` behind the URL"
    if parts.scheme == "file" and not (parts.path.startswith("/") and parts.netloc in ("", "localhost")):
        return "a file URL must be absolute"
    if parts.scheme not in ("https", "http", "file"):
        return "only `https`, `http` and `file` URLs are installed from"
    if not parts.path.endswith(".whl"):
        return "the URL must name a wheel"
    return ""


def position_of_key(text: str, key: str, entry: str = "") -> Position:
    """Return the position of `entry` behind `key`, else that of `key`, else that of the text.

    `tomllib` has no positions of values; this finds them where they are written in the usual way.
    """
    bare = re.escape(key)
    match = re.search(rf"""^[ \t]*(?:\[[ \t]*)?(?=["']?{bare}["']?[ \t]*[=.\]])""", text, re.MULTILINE)
    start = match.end() if match else 0
    if entry:
        for quote in "'\"":
            index = text.find(quote + entry + quote, start)
            if index >= 0:
                start = index
                break
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
