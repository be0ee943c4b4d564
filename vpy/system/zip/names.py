"""Names in an archive that some system would put elsewhere, or not at all.

One rule for every system: an archive that unpacks here unpacks the same on Windows and macOS.
"""

from __future__ import annotations

from vpy.system.zip.format import FormatError

LONGEST_NAME = 1024
LONGEST_COMPONENT = 255

_FORBIDDEN = frozenset(map(chr, range(32))) | frozenset("\x7f\\:")
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [port + digit for port in ("com", "lpt") for digit in "0123456789¹²³"]
)


class Names:
    """Names of one archive, added in turn; raises FormatError for the first that is not allowed."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}
        self._directories: set[str] = {""}
        self._files: set[str] = set()
        self._sound: set[str] = {""}

    def add(self, name: str, directory: bool) -> None:
        """Take an entry's name, without the slash that ends a directory's."""
        parent = name.rpartition("/")[0]
        reason = "" if parent in self._sound else fault(parent)
        reason = reason or fault(name[len(parent) + 1 :] if parent else name)
        if reason or len(name) > LONGEST_NAME:
            raise FormatError(f"the name `{name[:200]}` {reason or 'is too long'}")
        self._sound.add(parent)
        folded = name.lower() if name.isascii() else _folded(name)
        if folded in self._seen:
            raise FormatError(f"`{self._seen[folded]}` and `{name}` are one name on some systems")
        self._seen[folded] = name
        if directory:
            self._directories.add(folded)
        else:
            self._files.add(folded)
        parent = folded.rpartition("/")[0]
        while parent not in self._directories:
            self._directories.add(parent)
            parent = parent.rpartition("/")[0]

    def finish(self) -> None:
        """Check that nothing lies below a file."""
        both = self._directories & self._files
        if both:
            raise FormatError(f"`{self._seen[min(both)]}` is a file, and other names lie below it")


def fault(name: str) -> str:
    """Say what is wrong with a relative path of `/` and components, "" where nothing is."""
    for component in name.split("/"):
        reason = _component_fault(component)
        if reason:
            return reason
    return ""


def _component_fault(component: str) -> str:
    if component in ("", ".", ".."):
        return "is absolute or has an empty, `.` or `..` part"
    if not _FORBIDDEN.isdisjoint(component):
        return "has a backslash, a colon or a control character"
    if component[-1] in ". ":
        return "has a part that ends in a dot or a blank"
    if len(component) * 4 > LONGEST_COMPONENT and len(component.encode()) > LONGEST_COMPONENT:
        return f"has a part of more than {LONGEST_COMPONENT} bytes"
    if component.split(".", 1)[0].rstrip(" ").lower() in _DEVICES:
        return "is a device on Windows"
    return ""


def _folded(name: str) -> str:
    """Equal for two names that are one file where case or Unicode's composition does not count."""
    import unicodedata

    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
