"""PEP 425 tags: those of a probed Python, the one that names its packages, and a tag's platform in CIPD."""

from __future__ import annotations

from vpy.model import Tag, Tags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

# PEP 513, PEP 571, PEP 599: the older names of three C library versions.
_LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}

# CIPD architectures by the architecture in a tag; `arm…` not named here is `armv6l`.
_LINUX = {
    "i386": "386",
    "i486": "386",
    "i586": "386",
    "i686": "386",
    "x86_64": "amd64",
    "amd64": "amd64",
    "arm64": "arm64",
    "aarch64": "arm64",
    "mips": "mips32",
    "mipsel": "mips32",
    "mips64": "mips64",
    "riscv64": "riscv64",
    "ppc64": "ppc64",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "loongarch64": "loong64",
}
_MAC = {
    "x86_64": "amd64",
    "intel": "amd64",
    "fat64": "amd64",
    "fat3": "amd64",
    "universal": "amd64",
    "arm64": "arm64",
    "i386": "386",
    "fat": "386",
    "fat32": "386",
}
_WINDOWS = {"win32": "386", "win_amd64": "amd64", "win_arm64": "arm64"}


def compatible_tags(facts: dict[str, Any]) -> tuple[Tag, ...]:
    """Return the PEP 425 tags of the Python that reported `facts` (see `probe`), best first.

    They are those that `packaging.tags.sys_tags` returns in that Python.
    """
    from packaging import tags

    version = tuple(facts["version"][:2])
    platforms = list(compatible_platforms(facts))
    if facts.get("implementation") == "pypy":
        found = [
            *tags.generic_tags(f"pp{version[0]}{version[1]}", [_pypy_abi(facts["suffix"])], platforms),
            *tags.compatible_tags(version, "pp3", platforms),
        ]
        return tuple(Tag(tag.interpreter, tag.abi, tag.platform) for tag in found)
    found = [
        *tags.cpython_tags(version, compatible_abis(facts), platforms),
        *tags.compatible_tags(version, f"cp{facts['nodot'] or ''.join(map(str, version))}", platforms),
    ]
    return tuple(Tag(tag.interpreter, tag.abi, tag.platform) for tag in found)


def _pypy_abi(suffix: str) -> str:
    """Return the ABI of a PyPy, `pypy39_pp73`, from its extensions' suffix: `.pypy39-pp73-x86_64-….so`."""
    return "_".join(suffix.lstrip(".").split("-")[:2])


def compatible_abis(facts: dict[str, Any]) -> list[str]:
    """Return the ABIs of a CPython 3.8 or newer: a debug build also loads what the plain build loads."""
    own = f"cp{facts['version'][0]}{facts['version'][1]}" + ("t" if facts["threaded"] else "")
    return [f"{own}d", own] if facts["debug"] else [own]


def compatible_platforms(facts: dict[str, Any]) -> Iterator[str]:
    """Yield the platforms, best first, of the wheels that a Python can install."""
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
        yield from _linux_platforms(platform.partition("_")[2], facts)
    else:
        yield platform


def _linux_platforms(architecture: str, facts: dict[str, Any]) -> Iterator[str]:
    if facts["bits"] == 32:
        architecture = {"x86_64": "i686", "aarch64": "armv8l"}.get(architecture, architecture)
    architectures = ["armv8l", "armv7l"] if architecture == "armv8l" else [architecture]
    for name in architectures:
        yield f"linux_{name}"

    glibc = _glibc_version(facts["glibc"])
    if glibc is None:
        yield from _musllinux_platforms(architectures, facts["executable"])
    elif _has_manylinux_abi(architectures, facts["executable"]):
        for name in architectures:
            yield from manylinux_platforms(name, architectures, glibc)


def manylinux_platforms(architecture: str, architectures: list[str], glibc: tuple[int, int]) -> Iterator[str]:
    """Yield the manylinux platforms of an architecture from `glibc` down to the oldest that wheels name.

    PEP 600. `architectures` are all that the Python can load; they decide what the oldest is.
    """
    oldest = 5 if {"x86_64", "i686"} & set(architectures) else 17
    for minor in range(glibc[1], oldest - 1, -1):
        yield f"manylinux_2_{minor}_{architecture}"
        if (2, minor) in _LEGACY:
            yield f"{_LEGACY[2, minor]}_{architecture}"


def _glibc_version(text: str | None) -> tuple[int, int] | None:
    """Return (2, 36) for `glibc 2.36`, with or without a vendor's suffix; None for any other C library."""
    name, _, version = (text or "").partition(" ")
    major, _, rest = version.partition(".")
    minor = ""
    for letter in rest:
        if not letter.isdigit():
            break
        minor += letter
    return (2, int(minor)) if name == "glibc" and major == "2" and minor else None


def _has_manylinux_abi(architectures: list[str], executable: str) -> bool:
    """Return whether the binary has an ABI that manylinux covers: no x32, no soft-float ARM."""
    from packaging import _manylinux

    return _manylinux._have_compatible_abi(executable, architectures)  # noqa: SLF001  pinned


def _musllinux_platforms(architectures: list[str], executable: str) -> Iterator[str]:
    """Yield the platforms of PEP 656, by the version that the binary's musl loader prints."""
    from packaging import _musllinux as musl

    version = musl._get_musl_version(executable)  # noqa: SLF001  pinned
    if version is not None:
        for architecture in architectures:
            for minor in range(version.minor, -1, -1):
                yield f"musllinux_{version.major}_{minor}_{architecture}"


def preferred(tags: Iterable[Tag]) -> Tag:
    """Return the tag that stands for a Python in package names; raise ValueError where there are no tags.

    These are the rules of the original's selector (luci-go's `vpython/wheel`), which reads the tags in
    order and keeps the better of two each time: first one with an ABI (or any platform) over one with
    neither, a specific platform over `any`, an ABI over `none`, the Python's own ABI over `abi3`, the
    better platform unless that costs the implementation, a specific implementation (`cp`) over `py`.
    """
    rows = (tags if isinstance(tags, Tags) else Tags.of(tags)).rows
    platforms = dict.fromkeys(platform for row in rows for platform in row[2])
    order = _platform_order(platforms)
    ranks = {platform: _platform_rank(platform, order) for platform in platforms}

    best: tuple[str, str, str] | None = None
    for python, abi, names in rows:
        for platform in names:
            if best is None or _is_better(python, abi, platform, best, ranks):
                best = (python, abi, platform)
    if best is None:
        raise ValueError("no tags to choose from")
    return Tag(*best)


def _is_better(
    python: str, abi: str, platform: str, best: tuple[str, str, str], ranks: Mapping[str, tuple[int, ...]]
) -> bool:
    best_python, best_abi, best_platform = best
    if _weight(abi, platform) > _weight(best_abi, best_platform):
        return True
    if best_platform == "any" != platform:
        return True
    if best_abi == "none" != abi:
        return True
    if best_abi in ("abi3", "none") and abi.startswith("cp3"):
        return True

    generic, best_generic = python.startswith("py"), best_python.startswith("py")
    if ranks[platform] < ranks[best_platform]:
        return best_generic or not generic
    return best_generic and not generic


def _weight(abi: str, platform: str) -> int:
    """Return how specific a tag is by the original's count, in which `any` and an empty field count too."""
    return (abi != "none") + (platform == "any")


def _platform_order(platforms: Iterable[str]) -> str:
    """Return the system whose order of platforms holds (`linux`, `mac`): the first platform's of either."""
    for platform in platforms:
        if platform.startswith(("linux_", "manylinux1_")):
            return "linux"
        if _mac_version(platform) is not None:
            return "mac"
    return ""


def _platform_rank(platform: str, order: str) -> tuple[int, ...]:
    """Return the rank of a platform, smaller is better.

    `manylinux1` comes before `linux`; on macOS arm64 before intel, and an older version before a newer.
    """
    if order == "linux":
        return (0 if platform.startswith("manylinux1_") else 1 if platform.startswith("linux_") else 2,)

    version = _mac_version(platform) if order == "mac" else None
    if version is None:
        return (9,)
    architecture = platform.split("_", 3)[3]
    return ({"arm64": 0, "intel": 1}.get(architecture, 2), *version)


def _mac_version(platform: str) -> tuple[int, int] | None:
    """Return (major, minor) of a platform `macosx_<major>_<minor>_<architecture>`, else None."""
    parts = platform.split("_", 3)
    if len(parts) != 4 or parts[0] != "macosx":
        return None
    major, minor = parts[1:3]
    if not (major + minor).isascii() or not (major.isdigit() and minor.isdigit()) or len(major + minor) > 9:
        return None
    return int(major), int(minor)


def cipd_platform(tag: Tag) -> str | None:
    """Return CIPD's platform (`linux-amd64`) for a tag; None where it names none.

    `universal2` is Intel where it claims a macOS before 11 (which had no arm64), else arm64.
    """
    kind, _, rest = tag.platform.partition("_")
    if kind == "linux" or kind.startswith(("manylinux", "musllinux")):
        return _join("linux", _linux_architecture(kind, rest))
    if kind == "macosx":
        return _join("mac", _mac_architecture(tag.platform, rest))
    return _join("windows", _WINDOWS.get(tag.platform))


def _join(system: str, architecture: str | None) -> str | None:
    return f"{system}-{architecture}" if architecture else None


def _linux_architecture(kind: str, rest: str) -> str | None:
    if kind in ("manylinux", "musllinux"):  # PEP 600, PEP 656: the C library's version comes first
        parts = rest.split("_", 2)
        rest = parts[2] if len(parts) == 3 else ""
    return _LINUX.get(rest) or ("armv6l" if rest.startswith("arm") else None)


def _mac_architecture(platform: str, rest: str) -> str | None:
    if rest.endswith("universal2"):
        version = _mac_version(platform)
        return "arm64" if version and version >= (11, 0) else "amd64"
    if rest.endswith("x86_64"):
        return "amd64"
    return _MAC.get(rest.rpartition("_")[2])
