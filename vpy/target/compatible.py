"""The tags of a Python that is not our own, from what it said of itself."""

from __future__ import annotations

from vpy.model import Tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# PEP 513, PEP 571, PEP 599: the older names of three C library versions.
_LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}


def tags_for(facts: dict[str, Any]) -> tuple[Tag, ...]:
    """Return the PEP 425 tags of the CPython that gave `facts`, best first.

    `packaging.tags.sys_tags` run by that Python itself would say the same.
    """
    from packaging import tags

    version = tuple(facts["version"][:2])
    platforms = list(platforms_for(facts))
    found = [
        *tags.cpython_tags(version, abis_for(facts), platforms),
        *tags.compatible_tags(version, f"cp{facts['nodot'] or ''.join(map(str, version))}", platforms),
    ]
    return tuple(Tag(tag.interpreter, tag.abi, tag.platform) for tag in found)


def abis_for(facts: dict[str, Any]) -> list[str]:
    """The ABIs of a CPython 3.8 or newer: a debug build also loads what the plain build loads."""
    own = f"cp{facts['version'][0]}{facts['version'][1]}" + ("t" if facts["threaded"] else "")
    return [f"{own}d", own] if facts["debug"] else [own]


def platforms_for(facts: dict[str, Any]) -> Iterator[str]:
    """The platforms, best first, that a wheel for this Python may name."""
    from packaging import tags

    system = facts["markers"]["platform_system"]
    platform = facts["platform"].replace(".", "_").replace("-", "_").replace(" ", "_")
    if system == "Darwin":
        release, architecture = facts["mac"]
        major, minor = (*map(int, release.split(".")[:2]), 0)[:2]
        if facts["bits"] == 32:
            architecture = "ppc" if architecture.startswith("ppc") else "i386"
        yield from tags.mac_platforms((major, minor), architecture)
    elif system == "Linux" and platform.startswith("linux_"):
        yield from _linux(platform.partition("_")[2], facts)
    else:
        yield platform


def _linux(architecture: str, facts: dict[str, Any]) -> Iterator[str]:
    if facts["bits"] == 32:
        architecture = {"x86_64": "i686", "aarch64": "armv8l"}.get(architecture, architecture)
    architectures = ["armv8l", "armv7l"] if architecture == "armv8l" else [architecture]
    for name in architectures:
        yield f"linux_{name}"
    version = _glibc(facts["glibc"])
    if version is None:
        yield from _musllinux(architectures, facts["executable"])
    elif _abi_fits(architectures, facts["executable"]):
        for name in architectures:
            yield from manylinux(name, architectures, version)


def manylinux(architecture: str, architectures: list[str], version: tuple[int, int]) -> Iterator[str]:
    """PEP 600: every C library version from the Python's own down to the oldest there was."""
    oldest = 5 if {"x86_64", "i686"} & set(architectures) else 17
    for minor in range(version[1], oldest - 1, -1):
        yield f"manylinux_2_{minor}_{architecture}"
        if (2, minor) in _LEGACY:
            yield f"{_LEGACY[2, minor]}_{architecture}"


def _glibc(text: str | None) -> tuple[int, int] | None:
    """(2, 36) of `glibc 2.36`; a vendor's suffix is dropped. No C library but glibc 2 is known."""
    name, _, version = (text or "").partition(" ")
    major, _, rest = version.partition(".")
    minor = ""
    for letter in rest:
        if not letter.isdigit():
            break
        minor += letter
    return (2, int(minor)) if name == "glibc" and major == "2" and minor else None


def _abi_fits(architectures: list[str], executable: str) -> bool:
    """Whether the binary is of an ABI that manylinux covers: no x32, no soft-float ARM."""
    from packaging import _manylinux

    return _manylinux._have_compatible_abi(executable, architectures)  # noqa: SLF001  pinned


def _musllinux(architectures: list[str], executable: str) -> Iterator[str]:
    """PEP 656: asked of the musl loader that the binary names."""
    from packaging import _musllinux as musl

    version = musl._get_musl_version(executable)  # noqa: SLF001  pinned
    if version is not None:
        for architecture in architectures:
            for minor in range(version.minor, -1, -1):
                yield f"musllinux_{version.major}_{minor}_{architecture}"
