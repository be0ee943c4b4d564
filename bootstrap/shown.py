"""Text from outside as a terminal may get it: no control characters, no passwords, no endless lines."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST = 1000  # characters of a line that are shown
MOST_LINES = 100  # of one message


def printable(text: str) -> str:
    """Return the text with what is not printable escaped: controls, line ends, changes of direction.

    The surrogates that file names have (PEP 383) stay.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or "\udc80" <= character <= "\udcff"
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def line(text: str, longest: int = LONGEST) -> str:
    """Return one line: printable, without the user name and password of a URL, its middle cut if long."""
    shown = printable(without_passwords(text))
    if len(shown) <= longest:
        return shown
    tail = longest // 5
    return f"{shown[: longest - tail - 1]}…{shown[-tail:]}"


def lines(texts: list[str]) -> list[str]:
    """Return several lines, of which those beyond `MOST_LINES` are counted."""
    shown = [line(text) for text in texts[:MOST_LINES]]
    rest = len(texts) - MOST_LINES
    return [*shown, f"and {rest} more"] if rest > 0 else shown


def page(text: str) -> str:
    """Return a text of many lines of any length: printable, without the passwords of URLs."""
    rows = without_passwords(text).split("\n")
    return "\n".join("\t".join(map(printable, row.split("\t"))) for row in rows)


def value(item: Any) -> Any:
    """Return a value of JSON without the passwords of URLs in its texts."""
    if isinstance(item, str):
        return without_passwords(item)
    if isinstance(item, dict):
        return {without_passwords(name): value(each) for name, each in item.items()}
    if isinstance(item, (list, tuple)):
        return [value(each) for each in item]
    return item


def has_password(text: str) -> bool:
    """Return whether a URL in the text has a user name or password."""
    return without_passwords(text) != text


def without_passwords(text: str) -> str:
    """Return the text without user names and passwords of URLs (RFC 3986, `userinfo`)."""
    if "://" not in text or "@" not in text:
        return text
    from vpy.environment.hook import without_passwords as strip

    return strip(text)
