"""What a wheel brings besides modules, read from its list of members: programs and start-up files."""

from __future__ import annotations

import configparser
import zipfile

from vpy.wheels.index_client.errors import UncoveredError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LARGEST = 1 << 20
_SECTIONS = ("console_scripts", "gui_scripts")


def of_wheel(file: Any) -> dict[str, list[str]]:
    """Return the names of a wheel's scripts and of its `.pth` files, sorted; `file` is an open archive.

    Raises UncoveredError where it cannot be read.
    """
    try:
        with zipfile.ZipFile(file) as wheel:
            names = wheel.namelist()
            return {"scripts": sorted(_scripts(wheel, names)), "pth": sorted(filter(_is_startup, names))}
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, configparser.Error) as error:
        raise UncoveredError(f"a wheel that cannot be read: {error}") from error


def _is_startup(name: str) -> bool:
    """Return whether a member lands in site-packages as a `.pth`: at the top, or in a `.data` directory."""
    parts = name.split("/")
    in_data = len(parts) == 3 and parts[0].endswith(".data") and parts[1] in ("purelib", "platlib")
    return name.endswith(".pth") and (len(parts) == 1 or in_data)


def _scripts(wheel: zipfile.ZipFile, names: list[str]) -> set[str]:
    found = set()
    for name in names:
        directory, _, base = name.rpartition("/")
        if directory.endswith(".data/scripts") and base:
            found.add(base)
        if base == "entry_points.txt" and directory.endswith(".dist-info") and "/" not in directory:
            if wheel.getinfo(name).file_size > _LARGEST:
                raise UncoveredError("a large entry_points.txt")
            parser = configparser.RawConfigParser(delimiters=("=",))
            parser.optionxform = str  # type: ignore[method-assign,assignment]
            parser.read_string(wheel.read(name).decode("utf-8", "replace"))
            found.update(script for section in _SECTIONS if parser.has_section(section)
                         for script in parser[section])  # fmt: skip
    return found
