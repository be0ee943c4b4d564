"""Names in an archive that some system would put elsewhere, or not at all.

One rule for every system: an archive that unpacks here unpacks the same on Windows and macOS.
"""

from __future__ import annotations

LONGEST_NAME = 1024
LONGEST_COMPONENT = 255

_FORBIDDEN = frozenset(map(chr, range(32))) | frozenset("\x7f\\:")
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", "conin$", "conout$")
    + tuple(f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³")
)


def fault(name: str, sound: set[str]) -> str:
    """Say what is wrong with an entry's name (without its closing slash), "" where nothing is.

    `sound` holds components seen to be good, and is added to: directories recur.
    """
    if len(name) > LONGEST_NAME:
        return f"has more than {LONGEST_NAME} characters"
    for component in name.split("/"):
        if component not in sound:
            reason = _component_fault(component)
            if reason:
                return reason
            sound.add(component)
    return ""


def _component_fault(component: str) -> str:
    if component in ("", ".", ".."):
        return "is absolute or has an empty, `.` or `..` part"
    if not _FORBIDDEN.isdisjoint(component):
        return "has a backslash, a colon or a control character"
    if component[-1] in ". ":
        return "has a part that ends in a dot or a blank"
    if len(component.encode("utf-8", "surrogatepass")) > LONGEST_COMPONENT:
        return f"has a part of more than {LONGEST_COMPONENT} bytes"
    if component.split(".", 1)[0].rstrip(" ").lower() in _DEVICES:
        return "is a device on Windows"
    return ""


def folded(name: str) -> str:
    """Equal for two names that are one file where case or Unicode's composition does not count."""
    if name.isascii():
        return name.lower()
    import unicodedata

    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
