"""The TOML forms of a spec: `vpython.toml` and the metadata of a PEP 723 `script` block."""

from __future__ import annotations

import re

from vpy.model import Spec
from vpy.spec.text import MOST_SHOWN, at, quoted, refuse_oversize, together

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    # The key that it is about, the entry of its list (or ""), the fact.
    Mistake = tuple[str, str, str]

_KEYS = ("requires-python", "dependencies", "tool")
# The standard library's parser takes time by the square of a key's length in parts.
_MOST_DOTS = 5000
_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def parse_vpython_toml(text: str, path: str) -> Spec:
    """Read a `vpython.toml`: `requires-python`, `dependencies` (PEP 508), `[tool]`.

    Raises UserError `path:line:column: fact`, one line for each mistake; a key that is not known
    is one. Keys of `[tool.vpython]` are not known yet either, and named in `Spec.warnings`.
    """
    return _read(text, path, first_line=1, column=0, strict=True)


def parse_script(text: str, path: str, first_line: int, column: int = 2) -> Spec:
    """Read PEP 723 metadata that begins on `first_line` of `path`, behind `column` characters.

    As `parse_vpython_toml`, but a key that is not known is a warning: the PEP reserves them for
    its successors, and other tools run the same script.
    """
    return _read(text, path, first_line=first_line, column=column, strict=False)


def _read(text: str, path: str, *, first_line: int, column: int, strict: bool) -> Spec:
    refuse_oversize(len(text), path)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")

    def told(place: tuple[int, int], fact: str) -> str:
        return at(path, place[0] + first_line - 1, place[1] + column, fact)

    tables = _tables(text, told)
    mistakes = [*_mistakes(tables)]
    strange = [(key, "", f"unknown key {quoted(key)}") for key in tables if key not in _KEYS]
    if strict:
        mistakes, strange = [*strange, *mistakes], []
    if mistakes:
        # Places are searched for, so only of what is shown.
        shown = sorted((_place(text, key, entry), fact) for key, entry, fact in mistakes[:MOST_SHOWN])
        lines = [told(place, fact) for place, fact in shown] + [fact for *_, fact in mistakes[MOST_SHOWN:]]
        unknown = any(fact.startswith("unknown key") for *_, fact in mistakes)
        raise together(lines, hint=f"the keys here are {', '.join(map(quoted, _KEYS))}" if unknown else None)
    strange += _own_keys(tables)
    shown = sorted((_place(text, key), fact) for key, _, fact in strange[:MOST_SHOWN])
    return Spec(
        requires_python=tables.get("requires-python", ""),
        dependencies=tuple(tables.get("dependencies", ())),
        warnings=tuple(told(place, f"{fact} is ignored") for place, fact in shown),
    )


def _tables(text: str, told: Callable[[tuple[int, int], str], str]) -> dict[str, Any]:
    import tomllib

    for number, line in enumerate(text.split("\n"), 1):
        try:
            line.encode()
        except UnicodeEncodeError as error:
            raise together([told((number, error.start + 1), "not UTF-8: a lone surrogate")]) from None
        if line.count(".") > _MOST_DOTS:
            raise together([told((number, 1), f"more than {_MOST_DOTS} dots in one line")])
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise together([told((1, 1), "values nested too deeply")]) from None
    except ValueError as error:
        raise together([_syntax_mistake(str(error), text, told)]) from None


def _syntax_mistake(message: str, text: str, told: Callable[[tuple[int, int], str], str]) -> str:
    where = _WHERE.search(message)
    fact = message[: where.start()] if where else "a value that cannot be read"
    if where and where[1]:
        place = int(where[1]), int(where[2])
    else:
        *before, last = text.rstrip("\n").split("\n")
        place = len(before) + 1, len(last) + 1
    return told(place, f"not TOML: {quoted(fact, 120).strip('`')}")


def _mistakes(tables: dict[str, Any]) -> Iterator[Mistake]:
    tool = tables.get("tool", {})
    for fact in _python_facts(tables.get("requires-python", "")):
        yield "requires-python", "", fact
    for entry, fact in _dependency_facts(tables.get("dependencies", [])):
        yield "dependencies", entry, fact
    if not isinstance(tool, dict):
        yield "tool", "", "`tool` is not a table"
    elif not isinstance(tool.get("vpython", {}), dict):
        yield "vpython", "", "`tool.vpython` is not a table"


def _own_keys(tables: dict[str, Any]) -> Iterator[Mistake]:
    for key in tables.get("tool", {}).get("vpython", {}):
        yield key, "", f"unknown key {quoted(key)} of `[tool.vpython]`"


def _python_facts(requires: Any) -> Iterator[str]:
    """What is wrong with `requires-python` (PEP 440's version specifiers)."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if not isinstance(requires, str):
        yield "`requires-python` is not a string"
        return
    try:
        SpecifierSet(requires)
    except InvalidSpecifier:
        yield f"`requires-python` is no version specifier: {quoted(requires)}"


def _dependency_facts(dependencies: Any) -> Iterator[tuple[str, str]]:
    """Each bad entry of `dependencies`, as written, and what is wrong with it (PEP 508)."""
    from packaging.requirements import InvalidRequirement, Requirement

    if not isinstance(dependencies, list):
        yield "", "`dependencies` is not a list"
        return
    for number, entry in enumerate(dependencies, 1):
        if not isinstance(entry, str):
            yield "", f"entry {number} of `dependencies` is not a string"
        elif not entry.isprintable():
            yield entry, f"no requirement: {quoted(entry)}"
        else:
            try:
                requirement = Requirement(entry)
            except InvalidRequirement as error:
                reason = str(error).partition("\n")[0]
                yield entry, f"no requirement: {quoted(entry)}: {quoted(reason, 120).strip('`')}"
                continue
            except RecursionError:
                yield entry, f"no requirement: {quoted(entry)}: nested too deeply"
                continue
            if requirement.url and (reason := _url_fact(requirement.url)):
                yield entry, f"{reason}: {quoted(entry, 120)}"


def _url_fact(url: str) -> str:
    """Why a direct reference (PEP 508 `name @ URL`) cannot be installed; "" where it can.

    Environments are made of wheels, never of sources, and their bytes are pinned when first
    resolved: so a URL must name a wheel, and over a plain connection its hash too. A relative path
    means nothing once the answer is kept for every directory.
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


def _place(text: str, key: str, entry: str = "") -> tuple[int, int]:
    """Line and column of `entry` behind `key`, else of `key`, else of the beginning.

    The standard library's parser tells no places of values; this finds them as they are usually written.
    """
    bare = re.escape(key)
    found = re.search(rf"""^[ \t]*(?:\[[ \t]*)?(?=["']?{bare}["']?[ \t]*[=.\]])""", text, re.MULTILINE)
    start = found.end() if found else 0
    if entry:
        for mark in "'\"":
            inside = text.find(mark + entry + mark, start)
            if inside >= 0:
                start = inside
                break
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
