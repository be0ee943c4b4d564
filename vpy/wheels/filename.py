"""Wheel file names (PEP 427): the distribution, its version and its tags."""

from __future__ import annotations

from vpy.errors import ToolError
from vpy.model import Tag
from vpy.system.lean.dataclasses import value

SUFFIX = ".whl"

# Each stage of a first start parses the same names, and `packaging` is slow at it.
_parsed: dict[str, WheelName] = {}


@value
class WheelName:
    """Parsed file name of a wheel: `name` is normalized (PEP 503), `version` is as PEP 440 writes it.

    `distribution` and `version_text` are as they stand in the file name; `build` is the build tag,
    "" for none; `pythons`, `abis` and `platforms` are the parts of the compressed tag set (PEP 425),
    in their order.
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
        """Tags that the compressed tag set stands for."""
        return tuple(
            Tag(python, abi, platform)
            for python in self.pythons
            for abi in self.abis
            for platform in self.platforms
        )


def parse(filename: str) -> WheelName:
    """Parse a wheel's file name; raise ToolError for any other name."""
    if filename not in _parsed:
        _parsed[filename] = _parse(filename)
    return _parsed[filename]


def _parse(filename: str) -> WheelName:
    from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

    try:
        name, version, build, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        raise _not_a_wheel(filename) from None
    python, abi, platform = filename[: -len(SUFFIX)].rsplit("-", 3)[1:]
    # `packaging` accepts any text as a tag.
    tag_set = f"{python}{abi}{platform}".replace(".", "").replace("_", "")
    if not tag_set.isalnum() or not filename.isascii():
        raise _not_a_wheel(filename)

    distribution, version_text = filename.split("-")[:2]
    return WheelName(
        filename=filename,
        distribution=distribution,
        version_text=version_text,
        name=str(canonicalize_name(name)),
        version=str(version),
        build=f"{build[0]}{build[1]}" if build else "",
        pythons=tuple(python.split(".")),
        abis=tuple(abi.split(".")),
        platforms=tuple(platform.split(".")),
    )


def _not_a_wheel(filename: str) -> ToolError:
    shown = filename if filename.isprintable() else repr(filename)
    return ToolError(
        f"not a wheel's file name: `{shown}`",
        hint="a wheel is named NAME-VERSION-PYTHON-ABI-PLATFORM.whl",
    )
