"""Launchers, scripts and other files that a wheel puts beside Python, and the names that none may have.

A launcher called `python` or `activate` would replace the environment's own; a `pyvenv.cfg` beside
Python changes where it finds its library. Case does not count, nor does a suffix such as `.exe`.

What a wheel announces is refused before pip opens it; what pip then put there is looked at, too.
"""

from __future__ import annotations

import os
import re

from vpy.system.layout import HOOK, HOOK_PTH, OWN_FILES
from vpy.system.zip import names as names_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vpy.system.zip.archive import Archive

LARGEST_TEXT = 1 << 20  # bytes of an `entry_points.txt`
SECTIONS = ("console_scripts", "gui_scripts")
_RESERVED = ("activate", "activate_this", "deactivate", "pyvenv", "pyvenv.cfg", "pybuilddir.txt")
_SUFFIXES = (
    *(".exe", ".bat", ".cmd", ".com", ".dll", "._pth"),
    *(".ps1", ".csh", ".fish", ".nu", ".xsh", ".sh", ".py"),
)
_SCRIPT_DIRECTORIES = ("bin", "scripts")
# An object reference, with extras: https://packaging.python.org/en/latest/specifications/entry-points/
_REFERENCE = re.compile(r"\w+(\.\w+)*(:\w+(\.\w+)*)?\s*(\[[^\[\]]*\])?")


def names(archive: Archive, dist_info: str) -> tuple[str, ...]:
    """Return the names of a wheel's launchers and scripts, sorted; raise ToolError for a reserved name."""
    return tuple(sorted([*_entry_point_names(archive, dist_info), *_script_names(archive)]))


def _entry_point_names(archive: Archive, dist_info: str) -> Iterator[str]:
    entry = archive.find(f"{dist_info}/entry_points.txt")
    if entry is None:
        return
    for name, reference in entry_points(archive.text(entry.name, LARGEST_TEXT)):
        if reason := fault(name, reference):
            raise archive.refused(f"the entry point `{name[:80]}` {reason}")
        yield name


def _script_names(archive: Archive) -> Iterator[str]:
    """Yield the names of the scripts in `.data`; refuse the environment's own names everywhere."""
    for entry in archive.entries:
        parts = entry.name.split("/")
        is_data = parts[0].endswith(".data")
        if entry.kind == "directory" or not (is_data or _is_of_hook(parts)):
            continue
        if own := _own_name(_placed(parts) if is_data else parts):
            raise archive.refused(f"`{entry.name}` would stand in for the environment's own `{own}`")
        if parts[1] == "scripts":
            yield "/".join(parts[2:])


def _placed(parts: list[str]) -> list[str]:
    """Return where in an environment a member of `.data` lies, as far as it counts here."""
    if parts[1] == "scripts":
        return ["bin", *parts[2:]]
    return parts[2:] if parts[1] == "data" else ["lib", *parts[2:]]


def _own_name(parts: list[str]) -> str | None:
    """Return the name of the environment's own that a path in it takes, or None."""
    if _is_of_hook(parts):
        return HOOK
    if parts[0].casefold() in OWN_FILES:
        return parts[0]
    beside_python = len(parts) > 1 and parts[0].casefold() in _SCRIPT_DIRECTORIES
    name = parts[1] if beside_python else parts[0]
    return name if is_reserved(name) else None


def _is_of_hook(parts: list[str]) -> bool:
    return any(part.casefold().startswith((HOOK, HOOK_PTH)) for part in parts)


def fault_in_tree(tree: str, scheme: Mapping[str, str]) -> str:
    """Return why a wheel, installed at `tree`, must not come into an environment, "" where it may.

    Only the directories are listed in which the environment has files of its own. `scheme` has their paths.
    """
    libraries = [path.replace("lib", "lib64", 1) for path in scheme.values() if path.startswith("lib")]
    for directory in {"", *_SCRIPT_DIRECTORIES, *scheme.values(), *libraries}:
        place = os.path.normpath(os.path.join(tree, directory))
        for name in os.listdir(place) if os.path.isdir(place) else ():
            path = os.path.relpath(os.path.join(place, name), tree).replace(os.sep, "/")
            if own := _own_name(path.split("/")):
                return f"it brings `{path}`, and `{own}` is the environment's own"
    return ""


def fault(name: str, reference: str = "x:x") -> str:
    """Return why an entry point must not have this name and object reference, "" where it may.

    Whatever two readers of entry points could read differently is refused.
    """
    if "/" in name or "\\" in name:
        return "is a path"
    if reason := names_module.fault(name):
        return reason
    if is_reserved(name):
        return "is the environment's own"
    if name[0] in "#;" or any(character.isspace() or character in "[]" for character in name):
        return "is not one plain name"
    return "" if _REFERENCE.fullmatch(reference) else f"names no object of a module: `{reference[:80]}`"


def is_reserved(name: str) -> bool:
    """Return whether the name is Python's or the environment's own: `python`, `python3.11`, `activate`."""
    folded = name.casefold().rstrip(". ")
    for suffix in _SUFFIXES:
        folded = folded.removesuffix(suffix)
    if folded in _RESERVED:
        return True

    rest = folded.removeprefix("pythonw" if folded.startswith("pythonw") else "python")
    # The suffixes of a debug build and of a free-threaded one (PEP 703).
    version = rest.removesuffix("d").removesuffix("t")
    return rest != folded and not version.replace(".", "").strip("0123456789")


def entry_points(content: str) -> tuple[tuple[str, str], ...]:
    """Return the names and object references in the sections that become launchers.

    As `importlib.metadata` reads them, with which pip does: any number of brackets around a section's
    name, comments with `#` alone.
    """
    found = []
    section = ""
    for line in map(str.strip, content.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line.strip("[]").strip()
        elif line and not line.startswith("#") and section in SECTIONS:
            name, _, reference = line.partition("=")
            found.append((name.strip(), reference.strip()))
    return tuple(found)
