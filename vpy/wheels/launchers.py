"""What a wheel puts beside Python, and the names there that are not a wheel's to give.

A launcher called `python` or `activate` would stand in for the environment's own; `pyvenv.cfg`
beside Python makes it look for its library elsewhere. Case does not count, nor does `.exe`.
"""

from __future__ import annotations

from vpy.system import entryname

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.system.archive import Archive

LARGEST_TEXT = 1 << 20
SECTIONS = ("console_scripts", "gui_scripts")
_TAKEN = ("activate", "activate_this", "deactivate", "pyvenv", "pyvenv.cfg")
_SUFFIXES = (".exe", ".bat", ".cmd", ".com", ".ps1", ".csh", ".fish", ".nu", ".xsh", ".sh", ".py")
_PLACES = ("bin", "scripts")


def names(archive: Archive, dist_info: str) -> tuple[str, ...]:
    """The launchers and scripts of a wheel, sorted; refused where one may not be there."""
    found = []
    entry = archive.find(f"{dist_info}/entry_points.txt")
    if entry is not None:
        for name in entry_points(archive.text(entry.name, LARGEST_TEXT)):
            reason = fault(name)
            if reason:
                raise archive.refused(f"the entry point {name[:80]!r} {reason}")
            found.append(name)
    for entry in archive.entries:
        parts = entry.name.split("/")
        if entry.kind == "directory" or not parts[0].endswith(".data"):
            continue
        name = _beside_python(parts)
        if not name:
            continue
        if is_taken(name):
            raise archive.refused(f"`{entry.name}` would stand in for the environment's own `{name}`")
        if parts[1] == "scripts":
            found.append("/".join(parts[2:]))
    return tuple(sorted(found))


def _beside_python(parts: list[str]) -> str:
    """The name that this member of `.data` would have beside Python or at the environment's top, or ""."""
    if parts[1] == "scripts":
        return parts[2]
    if parts[1] != "data":
        return ""
    return parts[3] if len(parts) > 3 and parts[2].lower() in _PLACES else parts[2]


def fault(name: str) -> str:
    """Why an entry point may not have this name, "" where it may."""
    if "/" in name or "\\" in name:
        return "is a path"
    return entryname.fault(name) or ("is the environment's own" if is_taken(name) else "")


def is_taken(name: str) -> bool:
    """Whether it is a name of Python's or of the environment's own: `python`, `python3.11`, `activate`."""
    folded = name.casefold().rstrip(". ")
    for suffix in _SUFFIXES:
        folded = folded.removesuffix(suffix)
    if folded in _TAKEN:
        return True
    rest = folded.removeprefix("pythonw" if folded.startswith("pythonw") else "python")
    return rest != folded and not rest.removesuffix("d").removesuffix("t").replace(".", "").strip(
        "0123456789"
    )


def entry_points(content: str) -> tuple[str, ...]:
    """The names in the sections that become launchers (the entry points specification)."""
    found = []
    section = ""
    for raw in content.splitlines():
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif line and line[0] not in "#;" and section in SECTIONS:
            found.append(line.partition("=")[0].strip())
    return tuple(found)
