"""Wheel file names (PEP 427): the distribution, its version and the tags it serves."""

from __future__ import annotations

from vpy.errors import ToolError
from vpy.model import Tag
from vpy.value import value

SUFFIX = ".whl"


@value
class WheelName:
    """A wheel's file name, read: `name` is normalized (PEP 503), `version` is as PEP 440 writes it.

    `distribution` and `version_text` are as they stand in the file name; `pythons`, `abis` and
    `platforms` are the parts of its compressed tag set (PEP 425), in their order.
    """

    filename: str
    distribution: str
    version_text: str
    name: str
    version: str
    build: str
    pythons: tuple[str, ...]
    abis: tuple[str, ...]
    platforms: tuple[str, ...]

    @property
    def tags(self) -> tuple[Tag, ...]:
        """Every tag of the set."""
        return tuple(
            Tag(python, abi, platform)
            for python in self.pythons
            for abi in self.abis
            for platform in self.platforms
        )


_known: dict[str, WheelName] = {}  # each stage of a first environment asks for the same names


def parse(filename: str) -> WheelName:
    """Read a wheel's file name; ToolError where it is none."""
    if filename not in _known:
        _known[filename] = _parse(filename)
    return _known[filename]


def _parse(filename: str) -> WheelName:
    from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

    try:
        name, version, build, _ = parse_wheel_filename(filename)
        python, abi, platform = filename[: -len(SUFFIX)].rsplit("-", 3)[1:]
        sound = f"{python}{abi}{platform}".replace(".", "").replace("_", "").isalnum() and filename.isascii()
    except InvalidWheelFilename:
        sound = False
    if not sound:
        shown = filename if filename.isprintable() else repr(filename)
        raise ToolError(
            f"not a wheel's file name: `{shown}`",
            hint="a wheel is named NAME-VERSION-PYTHON-ABI-PLATFORM.whl",
        )
    parts = filename.split("-")
    return WheelName(
        filename=filename,
        distribution=parts[0],
        version_text=parts[1],
        name=str(canonicalize_name(name)),
        version=str(version),
        build=f"{build[0]}{build[1]}" if build else "",
        pythons=tuple(python.split(".")),
        abis=tuple(abi.split(".")),
        platforms=tuple(platform.split(".")),
    )
